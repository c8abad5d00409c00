//! The form of a passkey, and its program.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use umoja_look::{Form, Page, Phrase};

/// The path of the program of passkeys.
pub const PROGRAM_PATH: &str = "/assets/passkey.js";
const PROGRAM: &str = include_str!("../../assets/passkey.js");

/// The program of passkeys.
pub fn passkey_program() -> Response {
    let mut response = PROGRAM.into_response();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=300"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The page with a form whose program asks a passkey, if what it asks is known: the path, the step and what is asked.
pub(super) fn with_passkey<'a>(page: Page<'a>, asks: Option<(&str, &str, &str)>, label: impl Into<Phrase>) -> Page<'a> {
    let Some((action, step, options)) = asks else { return page };
    let form = Form::post(action).hidden("step", step).hidden("options", options).hidden("answer", "");
    page.form(&form.button(label)).script(PROGRAM_PATH)
}
