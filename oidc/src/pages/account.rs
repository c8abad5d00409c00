//! The pages of an account.

pub mod factors;

use axum::http::StatusCode;
use axum::response::Response;
use umoja_look::texts::{account as say, addresses};
use umoja_look::{Page, Text};

use super::{SignIn, View, sign_in_form};

/// The pages of an account, in order, each with its path.
pub const SECTIONS: [(&str, Text); 9] = [
    ("/account", say::OVERVIEW),
    ("/account/profile", say::PROFILE),
    ("/account/addresses", addresses::TITLE),
    ("/account/sessions", say::SESSIONS),
    ("/account/apps", say::APPS),
    ("/account/password", say::PASSWORD),
    ("/account/factors", umoja_look::texts::factors::FACTORS),
    ("/account/export", say::EXPORT),
    ("/account/erase", say::ERASE),
];

/// The page of a person of whom no company is known.
pub fn no_company(view: &View) -> Response {
    let page = view.page(say::ACCOUNT).alert(Some(say::NO_COMPANY.into()));
    view.answer(page.status(StatusCode::BAD_REQUEST))
}

/// The page on which a person signs in to its account, or signs in again before it changes something.
pub fn sign_in(view: &View, on: &SignIn<'_>, is_again: bool) -> Response {
    let page = view.page(say::ACCOUNT);
    let page = if is_again { page.text(say::AGAIN) } else { page };
    view.answer(sign_in_form(page, on))
}

/// A page about what has ended or is done for good.
pub fn over(view: &View, title: Text, text: Text) -> Page<'_> {
    view.page(title).text(text)
}
