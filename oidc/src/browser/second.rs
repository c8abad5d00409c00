//! The second factor of a person whose password was right, or who has signed in with one factor.

use umoja_accounts::Error;
use umoja_accounts::access::{Needed, Standing};

use super::sign_in::{Proved, Rejection, begin};
use crate::assurance::{Class, with_code, with_passkey};
use crate::form::Form;
use crate::pages::Again;
use crate::passkey::{Sent, Site, challenge};
use crate::provider::Registered;
use crate::steps::{OnPage, Passed, SessionCookie};
use crate::{Provider, steps};

/// Why no session begins.
pub(super) enum NotFinished {
    /// The password has to be entered again: it was replaced, or too long ago, or the person may not sign in any more.
    StartOver,
    /// The factor was not accepted.
    Rejected(Rejection),
}

impl From<Rejection> for NotFinished {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

/// Begins the session of a person whose password was right, if the form has a second factor. `step` is the text of the form.
pub(super) async fn finish(
    provider: &Provider,
    registered: &Registered,
    passed: &Passed,
    (form, step, agent): (&Form, &str, Option<&str>),
) -> Result<(SessionCookie, Option<Standing>), NotFinished> {
    let session = provider.accounts.new_session_id();
    let standing = known(provider, registered, passed, Some(&session)).await?.ok_or(NotFinished::StartOver)?;
    let amr = shown(provider, registered, &standing, (&passed.amr, form, step)).await?;
    let ends = passed.ends.clone();
    let proved = Proved { session, at: passed.auth_time, amr, class: Class::Two, ends, agent };
    let (cookie, standing) = begin(provider, &registered.client, (passed.user, standing), proved).await?;
    Ok((cookie, Some(standing)))
}

/// What the region knows of a person whose password was right. `None` if it has to be entered again.
pub(super) async fn standing(
    provider: &Provider,
    registered: &Registered,
    passed: &Passed,
) -> Result<Option<Standing>, Rejection> {
    known(provider, registered, passed, None).await
}

/// [`standing`], with the rows of a session.
async fn known(
    provider: &Provider,
    registered: &Registered,
    passed: &Passed,
    session: Option<&str>,
) -> Result<Option<Standing>, Rejection> {
    let needed = Needed { session, factors: true, ..Needed::default() };
    let read = Standing::read_needed(&provider.accounts.people, passed.user, &needed).await;
    let standing = read.map_err(|error| Rejection::of(&registered.client, error))?;
    Ok(standing.filter(|standing| {
        let is_replaced = standing.is_ended_by_all(passed.user, None, &passed.ends);
        passed.is_live(provider.now()) && !is_replaced && standing.may_sign_in(&registered.company.id)
    }))
}

/// The methods with which a person has proved who it is, with the factor that the form has: a code, or the answer of a passkey.
pub(super) async fn shown(
    provider: &Provider,
    registered: &Registered,
    standing: &Standing,
    (amr, form, step): (&[String], &Form, &str),
) -> Result<Vec<String>, Rejection> {
    let amr = compared(provider, registered, standing, (amr, form, step)).await;
    amr.inspect_err(|rejected| rejected.log(&registered.client))
}

async fn compared(
    provider: &Provider,
    registered: &Registered,
    standing: &Standing,
    (amr, form, step): (&[String], &Form, &str),
) -> Result<Vec<String>, Rejection> {
    let wrong = |again| Rejection { again, retry_after_secs: None };
    let unavailable = |error: Error| Rejection::of(&registered.client, error);
    let people = &provider.accounts.people;
    if let Some(answer) = form.get("answer") {
        let sent = Sent::read(answer).ok_or(wrong(Again::WrongPasskey))?;
        let answer = sent.answer().ok_or(wrong(Again::WrongPasskey))?;
        let (site, challenge) = (Site::of(&provider.issuer), challenge(step));
        let expected = (&site.expects(&challenge, false), provider.now().plus(OnPage::LIFETIME_MS));
        let used = people.use_passkey(standing, answer, expected).await.map_err(unavailable)?;
        return used.map(|used| with_passkey(amr, &used)).ok_or(wrong(Again::WrongPasskey));
    }
    let code = form.get("code").ok_or(wrong(Again::WrongCode))?;
    let used = people.use_code(standing, code).await.map_err(unavailable)?;
    used.map(|used| with_code(amr, used)).ok_or(wrong(Again::WrongCode))
}

/// The cookie of a person who has signed in, after a second factor. The session stays the same, and so its cookie of before says less.
pub(super) fn raised(cookie: &SessionCookie, amr: Vec<String>) -> SessionCookie {
    let signed_in =
        crate::tokens::SignedIn { acr: Some(Class::Two.as_str().to_owned()), amr, ..cookie.signed_in.clone() };
    steps::SessionCookie { signed_in, ..cookie.clone() }
}
