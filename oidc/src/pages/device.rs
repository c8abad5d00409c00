//! The pages of a device (RFC 8628 section 3.3).

use axum::http::StatusCode;
use axum::response::Response;

use super::{Again, Look, Policy, escaped, page, sign_in_at};
use crate::device::PAGE;

/// Why a person has to type a code again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeFault {
    /// No device waits for this code, or it has arrived nowhere near yet.
    Wrong,
    /// Too many wrong codes were typed.
    Locked,
    /// Too many wrong codes were typed by people who are not signed in.
    SignInFirst,
}

/// The page on which a person types the code of a device. `typed` is what a link has filled in.
pub fn device_code(look: &Look, typed: &str, fault: Option<CodeFault>) -> Response {
    let (alert, status) = match fault {
        None => ("", StatusCode::OK),
        Some(CodeFault::Wrong) => {
            ("<p role=\"alert\">No device waits for this code. Look at the device, and try again.</p>", StatusCode::OK)
        }
        Some(CodeFault::Locked) => (
            "<p role=\"alert\">Too many wrong codes were typed. Try again in a quarter of an hour.</p>",
            StatusCode::TOO_MANY_REQUESTS,
        ),
        Some(CodeFault::SignInFirst) => (
            "<p role=\"alert\">Too many wrong codes were typed by others. Sign in to one of your applications with this browser, and type the \
             code again.</p>",
            StatusCode::TOO_MANY_REQUESTS,
        ),
    };
    let typed = escaped(typed);
    let main = format!(
        "{alert}<form method=\"post\" action=\"{PAGE}\"><label for=\"code\">The code that your device shows</label>\
         <input id=\"code\" name=\"user_code\" value=\"{typed}\" autocomplete=\"off\" autocapitalize=\"characters\" spellcheck=\"false\" required>\
         <button>Continue</button></form>"
    );
    page(look, status, "Connect a device", &main, &Policy::form(None))
}

/// The page on which a person signs in to let a device in.
pub fn device_sign_in(look: &Look, client: &str, step: &str, again: Option<Again>) -> Response {
    sign_in_at(look, client, (PAGE, &Policy::form(None)), step, "", again)
}

/// The page on which a person lets a device in. `code` is as the device shows it, `scopes` are in words.
pub fn device_confirm(look: &Look, client: &str, code: &str, step: &str, scopes: &[&str]) -> Response {
    let (client, code, step) = (escaped(client), escaped(code), escaped(step));
    let scopes: String =
        scopes.iter().flat_map(|scope| ["<li>".to_owned(), escaped(scope), "</li>".to_owned()]).collect();
    let main = format!(
        "<p>A device with the code <strong>{code}</strong> wants to sign in to <bdi>{client}</bdi> as you, and to have:</p>\
         <ul>{scopes}</ul>\
         <p>Allow it only if this code is on the screen of a device that you have in front of you. Reject it if another person sent you the code.</p>\
         <form method=\"post\" action=\"{PAGE}\"><input type=\"hidden\" name=\"step\" value=\"{step}\">\
         <button name=\"answer\" value=\"allow\">Allow</button> \
         <button class=\"other\" name=\"answer\" value=\"reject\">Reject</button></form>"
    );
    page(look, StatusCode::OK, "Connect a device", &main, &Policy::form(None))
}

/// The page after an answer.
pub fn device_done(look: &Look, is_allowed: bool) -> Response {
    let (title, main) = if is_allowed {
        ("The device is connected", "<p>Go on at the device. You may close this page.</p>")
    } else {
        ("The device is rejected", "<p>It gets nothing. You may close this page.</p>")
    };
    page(look, StatusCode::OK, title, main, &Policy::form(None))
}
