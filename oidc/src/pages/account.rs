//! The pages of an account.

pub mod factors;

use axum::http::StatusCode;
use axum::response::Response;
use umoja_look::texts::{account as say, addresses};
use umoja_look::{Choice, Page, Text};

use super::View;

/// The pages of an account, in order, each with its path.
pub const SECTIONS: [(&str, Text); 10] = [
    ("/account", say::OVERVIEW),
    ("/account/profile", say::PROFILE),
    ("/account/addresses", addresses::TITLE),
    ("/account/sessions", say::SESSIONS),
    ("/account/apps", say::APPS),
    ("/account/password", say::PASSWORD),
    ("/account/factors", umoja_look::texts::factors::FACTORS),
    ("/account/logins", umoja_look::texts::federation::LOGINS),
    ("/account/export", say::EXPORT),
    ("/account/erase", say::ERASE),
];

/// The page of a person of whom no company is known. `path` shows it again.
pub fn no_company(view: &View, path: &str) -> Response {
    let page = view.page(say::ACCOUNT).alert(Some(say::NO_COMPANY.into())).languages(Choice::Links(path));
    view.answer(page.status(StatusCode::BAD_REQUEST))
}

/// A page about what has ended or is done for good.
pub fn over(view: &View, title: Text, text: Text) -> Page<'_> {
    view.page(title).text(text)
}
