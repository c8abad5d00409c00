//! `/account/erase`: the person is erased, for every company and in every region. It types a word first.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header;
use axum::response::Response;
use umoja_accounts::{Erase, Error, Rule as _};
use umoja_look::texts::account as say;
use umoja_look::{Field, Form, Language, Phrase};
use umoja_schema::api::Selector;

use super::enter::{Entered, Inside, Section};
use crate::Provider;
use crate::browser::stop::Stop;
use crate::cookie::Cookie;
use crate::pages::account::over;

pub(super) const SECTION: Section = Section { path: "/account/erase", title: say::ERASE, needs_recent: true };

pub(super) async fn erase(State(provider): State<Arc<Provider>>, request: Request) -> Result<Response, Stop> {
    let inside = match Inside::enter(provider, SECTION, request).await? {
        Entered::Inside(inside) => inside,
        Entered::Page(response) => return Ok(response),
    };
    let is_post = inside.asked.is_post;
    let mut held = None;
    if is_post && is_word(inside.asked.form.get("word").unwrap_or_default()) {
        match erased(&inside).await {
            Err(Failed::Held(until)) => held = Some(until),
            Err(Failed::Stop(stop)) => return Err(stop),
            Ok(response) => return Ok(response),
        }
    }
    let label = say::ERASE_TYPE.with(&[("word", say::ERASE_WORD.words(inside.view().language))]);
    let form = Form::post(SECTION.path)
        .hidden("step", &inside.step())
        .field(Field::name("word", label, "off").faulty(is_post && held.is_none()))
        .button(say::ERASE_DO);
    let alert = match held {
        Some(until) => Some(say::ERASE_HELD.with(&[("date", &until)])),
        None => is_post.then(|| Phrase::from(say::ERASE_NOT_TYPED)),
    };
    let back = inside.path(super::overview::SECTION.path);
    Ok(inside.answer(|page| page.alert(alert).text(say::ERASE_IS).form(&form).link(&back, say::ERASE_BACK)))
}

/// Whether this is the word of one of the languages, in capitals or not.
fn is_word(typed: &str) -> bool {
    Language::ALL.into_iter().any(|language| say::ERASE_WORD.words(language).eq_ignore_ascii_case(typed.trim()))
}

/// Why nothing was erased.
enum Failed {
    /// The operator holds the person until this day.
    Held(String),
    Stop(Stop),
}

async fn erased(inside: &Inside) -> Result<Response, Failed> {
    let rule = Erase { selector: Selector::Id(inside.user()), reason: None, min_version: None };
    match rule.run(&inside.provider.accounts, &inside.context()).await {
        Err(Error::Held { until }) => return Err(Failed::Held(until.date().unwrap_or_default())),
        Err(error) => return Err(Failed::Stop(error.into())),
        Ok(_) => {}
    }
    let view = inside.view();
    let mut response = view.answer(over(view, say::ERASED, say::ERASED_IS));
    for cookie in [Cookie::Session, Cookie::Browser] {
        if let Some(removed) = cookie.remove(&inside.provider.issuer) {
            response.headers_mut().append(header::SET_COOKIE, removed);
        }
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_of_any_language_confirms_and_no_other_does() {
        for word in ["erase", " ERASE ", "effacer", "apagar", "محو", "futa"] {
            assert!(is_word(word), "{word}");
        }
        for word in ["", "yes", "erase me"] {
            assert!(!is_word(word), "{word}");
        }
    }
}
