//! `/account/password`: the person sets another password. Every session ends then, also this one.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use umoja_accounts::{Changed, Error, PasswordChange, Rule as _};
use umoja_crypto::Password;
use umoja_look::texts::{account as say, mail, sign_on};
use umoja_look::{Field, Form, Phrase, Text};

use super::enter::{Entered, Inside, Section};
use super::overview;
use crate::Provider;
use crate::browser::reset;
use crate::browser::stop::Stop;
use crate::cookie::Cookie;
use crate::pages::account::over;

pub(super) const SECTION: Section = Section { path: "/account/password", title: say::PASSWORD, needs_recent: true };

/// Why a password was not changed.
struct Kept {
    text: Text,
    is_current: bool,
    retry_after_secs: Option<u32>,
}

pub(super) async fn password(State(provider): State<Arc<Provider>>, request: Request) -> Result<Response, Stop> {
    let inside = match Inside::enter(provider, SECTION, request).await? {
        Entered::Inside(inside) => inside,
        Entered::Page(response) => return Ok(response),
    };
    let reset = reset::link_of_company(&inside.provider, &inside.at.company.id);
    if let Some(reset) = reset
        && !inside.provider.accounts.has_password(&inside.person).await?
    {
        return Ok(inside.answer(|page| page.text(say::NO_PASSWORD).link(&reset, mail::NEW_PASSWORD_TITLE)));
    }
    let kept = if inside.asked.is_post { change(&inside).await? } else { None };
    if inside.asked.is_post && kept.is_none() {
        return Ok(changed(&inside));
    }
    let least = inside.provider.accounts.passwords.min_chars.to_string();
    let faulty = |is_current| kept.as_ref().is_some_and(|kept| kept.is_current == is_current);
    let form = Form::post(SECTION.path)
        .hidden("step", &inside.step())
        .field(Field::password("current", say::CURRENT_PASSWORD).faulty(faulty(true)))
        .field(
            Field::new_password("new", say::NEW_PASSWORD)
                .hint(say::PASSWORD_HINT.with(&[("count", &least)]))
                .faulty(faulty(false)),
        )
        .button(say::CHANGE_PASSWORD);
    let alert = kept.as_ref().map(|kept| Phrase::from(kept.text));
    let wait = kept.and_then(|kept| kept.retry_after_secs);
    let status = if wait.is_some() { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::OK };
    let mut response = inside.answer(|page| page.alert(alert).text(say::PASSWORD_ENDS).form(&form).status(status));
    if let Some(secs) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(secs));
    }
    Ok(response)
}

/// Sets the password. The reason, if it stays.
async fn change(inside: &Inside) -> Result<Option<Kept>, Stop> {
    let accounts = &inside.provider.accounts;
    let given = |name| inside.asked.form.get(name).unwrap_or_default();
    let kept = |text, is_current| Ok(Some(Kept { text, is_current, retry_after_secs: None }));
    let Ok(new) = Password::new(given("new"), accounts.passwords.min_chars) else {
        return kept(say::PASSWORD_LENGTH, false);
    };
    let rule = PasswordChange { id: inside.user(), current: Password::attempt(given("current")), new };
    match rule.run(accounts, &inside.context()).await {
        Ok(Changed::Changed(_)) => Ok(None),
        Ok(Changed::Rejected) => kept(say::PASSWORD_WRONG, true),
        Err(Error::PasswordForm(_)) => kept(say::PASSWORD_LENGTH, false),
        Err(Error::Weak(_)) => kept(say::PASSWORD_WEAK, false),
        Err(Error::Locked { retry_after_secs }) => {
            Ok(Some(Kept { text: sign_on::LOCKED, is_current: true, retry_after_secs: Some(retry_after_secs) }))
        }
        Err(error) => Err(error.into()),
    }
}

fn changed(inside: &Inside) -> Response {
    let view = inside.view();
    let page = over(view, say::PASSWORD_CHANGED, mail::SIGNED_OUT);
    let mut response = view.answer(page.link(&inside.path(overview::SECTION.path), say::SIGN_IN_AGAIN));
    if let Some(removed) = Cookie::Session.remove(&inside.provider.issuer) {
        response.headers_mut().append(header::SET_COOKIE, removed);
    }
    response
}
