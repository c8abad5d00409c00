//! The pages on which a person sets a new password.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use umoja_look::texts::account::SIGN_IN_AGAIN;
use umoja_look::texts::mail as say;
use umoja_look::texts::sign_on::NAME;
use umoja_look::{Choice, Field, Form, Phrase};

use super::View;

/// What is wrong with what a person has sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetFault {
    /// What was typed can be no name.
    Name,
    /// Too many mails were asked for; another one after these seconds.
    TooMany(u32),
    /// The code is wrong, was used or has ended.
    Code,
    /// The password is shorter than this, or has characters that cannot be typed.
    Short(usize),
    /// The password is too easy to guess.
    Weak,
}

impl ResetFault {
    fn phrase(self) -> Option<Phrase> {
        match self {
            Self::Name => None,
            Self::TooMany(_) => Some(say::TOO_MANY.into()),
            Self::Code => Some(say::WRONG.into()),
            Self::Short(chars) => Some(say::SHORT.with(&[("chars", &chars.to_string())])),
            Self::Weak => Some(say::WEAK.into()),
        }
    }
}

/// The page on which a person says who it is.
pub fn reset_ask(view: &View, action: &str, step: &str, typed: &str, fault: Option<ResetFault>) -> Response {
    let name = Field::name("identifier", NAME, "username").value(typed).faulty(fault.is_some()).first();
    let form = Form::post(action).hidden("step", step).field(name).button(say::SEND);
    let page = view.page(say::NEW_PASSWORD_TITLE).text(say::ASK);
    let page = page.alert(fault.and_then(ResetFault::phrase)).form(&form).languages(Choice::Form);
    let Some(ResetFault::TooMany(secs)) = fault else { return view.answer(page) };
    let mut response = view.answer(page.status(StatusCode::TOO_MANY_REQUESTS));
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(secs));
    response
}

/// The page on which a person types the code, and the new password. It is the same for a name that no user has.
pub fn reset_code(view: &View, (action, again): (&str, &str), step: &str, fault: Option<ResetFault>) -> Response {
    let is_code = fault == Some(ResetFault::Code);
    let code = Field::code("code", say::CODE).faulty(is_code).first();
    let password = Field::new_password("new_password", say::NEW_PASSWORD).faulty(fault.is_some() && !is_code);
    let form = Form::post(action).hidden("step", step).field(code).field(password).button(say::SET);
    let minutes = (umoja_accounts::mail::LIFETIME_SECS / 60).to_string();
    let page = view.page(say::NEW_PASSWORD_TITLE).text(say::SENT.with(&[("minutes", &minutes)]));
    let page = page.alert(fault.and_then(ResetFault::phrase)).form(&form).link(again, say::SEND_AGAIN);
    view.answer(page.languages(Choice::Form))
}

/// The page of a person who has set a new password, with the link to where it came from, if that is known.
pub fn reset_done(view: &View, back: Option<&str>) -> Response {
    let page = match back {
        Some(link) => view.page(say::DONE).text(say::SIGNED_OUT).link(link, SIGN_IN_AGAIN),
        None => view.page(say::DONE).text(say::DONE_TEXT),
    };
    view.answer(page)
}
