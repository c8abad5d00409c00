//! The pages of a device (RFC 8628 section 3.3).

use axum::http::StatusCode;
use axum::response::Response;
use umoja_look::texts::sign_on as say;
use umoja_look::{Choice, Field, Form, Phrase};

use super::View;
use crate::device::PAGE;

/// Why a person has to type a code again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeFault {
    /// No device waits for this code, or it has arrived nowhere near yet.
    Wrong,
    /// Too many wrong codes were typed.
    Locked,
}

/// The page on which a person types the code of a device. `typed` is what a link has filled in.
pub fn device_code(view: &View, typed: &str, fault: Option<CodeFault>) -> Response {
    let (alert, status) = match fault {
        None => (None, StatusCode::OK),
        Some(CodeFault::Wrong) => (Some(say::NO_DEVICE.into()), StatusCode::OK),
        Some(CodeFault::Locked) => (Some(say::CODES_LOCKED.into()), StatusCode::TOO_MANY_REQUESTS),
    };
    let code = Field::capitals("user_code", say::DEVICE_CODE).value(typed).faulty(fault.is_some()).first();
    let form = Form::post(PAGE).field(code).button(say::CONTINUE);
    view.answer(view.page(say::CONNECT_DEVICE).alert(alert).form(&form).status(status).languages(Choice::Form))
}

/// The page on which a person lets a device in. `code` is as the device shows it.
pub fn device_confirm(view: &View, client: &str, code: &str, step: &str, scopes: Vec<Phrase>) -> Response {
    let form = Form::post(PAGE).hidden("step", step);
    let form = form.answer("answer", "allow", say::ALLOW).other("answer", "reject", say::REJECT);
    let page = view.page(say::CONNECT_DEVICE).text(say::DEVICE_WANTS.with(&[("client", client)])).code(code);
    let page = page.text(say::DEVICE_GETS).list(scopes).text(say::DEVICE_WARNING);
    view.answer(page.form(&form).languages(Choice::Form))
}

/// The page after an answer.
pub fn device_done(view: &View, is_allowed: bool) -> Response {
    let (title, text) = if is_allowed {
        (say::DEVICE_CONNECTED, say::DEVICE_GO_ON)
    } else {
        (say::DEVICE_REJECTED, say::DEVICE_GETS_NOTHING)
    };
    view.answer(view.page(title).text(text))
}
