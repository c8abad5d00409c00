//! The pages of second factors.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use umoja_look::texts::factors as say;
use umoja_look::texts::sign_on::{CONTINUE, CONTINUE_TO};
use umoja_look::{Choice, Field, Form, Page, Phrase};

use super::{Again, View};

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

/// What the page has on which a person shows a second factor.
#[derive(Debug, Clone, Copy)]
pub struct Factor<'a> {
    /// The name of the client into which the person signs in.
    pub client: &'a str,
    /// The path to which the forms go.
    pub action: &'a str,
    /// The URI to which the forms lead in the end.
    pub leads_to: Option<&'a str>,
    /// The value that the forms send back.
    pub step: &'a str,
    /// Whether the person has codes.
    pub codes: bool,
    /// What is asked of a passkey, if the person has one.
    pub passkey: Option<&'a str>,
    /// Why the person has to try again.
    pub again: Option<Again>,
}

/// The page on which a person shows a second factor.
pub fn factor(view: &View, on: &Factor<'_>) -> Response {
    let page =
        view.page(say::TITLE).text(CONTINUE_TO.with(&[("client", on.client)])).alert(on.again.map(Again::phrase));
    let page = if on.codes {
        let code =
            Field::code("code", say::CODE).hint(say::CODE_HINT).faulty(on.again == Some(Again::WrongCode)).first();
        page.form(&Form::post(on.action).hidden("step", on.step).field(code).button(CONTINUE))
    } else {
        page
    };
    let page = with_passkey(page, on.passkey.map(|options| (on.action, on.step, options)), say::USE_PASSKEY);
    view.answer(page.leads_to(on.leads_to).languages(Choice::Form))
}

/// The page with a form whose program asks a passkey, if that is known.
pub(super) fn with_passkey<'a>(page: Page<'a>, asks: Option<(&str, &str, &str)>, label: impl Into<Phrase>) -> Page<'a> {
    let Some((action, step, options)) = asks else { return page };
    let form = Form::post(action).hidden("step", step).hidden("options", options).hidden("answer", "");
    page.form(&form.button(label)).script(PROGRAM_PATH)
}

/// The page of a person who needs a second factor, and has none.
pub fn enrol(view: &View, client: &str) -> Response {
    view.answer(
        view.page(say::TITLE).text(say::ENROL_FIRST.with(&[("client", client)])).link("/account/factors", say::ENROL),
    )
}
