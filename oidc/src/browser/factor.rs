//! `POST /factor`: the form by which a person shows a second factor: after its password, before a session begins; or in a session that has
//! begun with one factor, because a client wants two.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;

use super::asked::Asked;
use super::connect::connected;
use super::proceed::{Done, Going};
use super::second::{self, NotFinished};
use super::send::Cookies;
use super::stop::Stop;
use super::visit::Visit;
use crate::Provider;
use crate::assurance::Class;
use crate::request::NoReturn;
use crate::steps::{OnPage, Passed, ShownTo};

/// The path.
pub(super) const PATH: &str = "/factor";

pub(super) async fn factor(State(provider): State<Arc<Provider>>, request: Request) -> Result<Response, Stop> {
    let asked = Asked::read(request).await?;
    let browser = asked.browser(&provider.issuer).ok_or(NoReturn::Page)?;
    let text = asked.form.get("step").unwrap_or_default();
    let step = OnPage::open(&provider.accounts.secrets, text, Some(&browser), provider.now());
    let OnPage { request, shown_to, passed, unconnected, .. } = step.ok_or(NoReturn::Page)?;
    let registered = provider.registered(request.client.as_str()).await?;
    let mut going = Going::of(&provider, registered.as_deref(), &asked, request)?;
    going.unconnected = unconnected;
    match (passed, shown_to) {
        (Some(passed), _) => after_password(going, passed, (text, browser)).await,
        (None, Some(shown_to)) => in_session(&going, shown_to, text).await,
        (None, None) => Err(NoReturn::Page.into()),
    }
}

async fn after_password(
    mut going: Going<'_>,
    passed: Passed,
    (text, browser): (&str, String),
) -> Result<Response, Stop> {
    let (provider, registered, asked) = (going.provider, going.registered, going.asked);
    let rejected = if asked.chosen().is_some() {
        None
    } else {
        match second::finish(provider, registered, &passed, (&asked.form, text, asked.agent())).await {
            Ok((cookie, standing)) => {
                let login = going.unconnected.take();
                if let Err(rejected) = connected(provider, &registered.client, login.as_ref(), &cookie).await? {
                    return going.again(Some(rejected)).await;
                }
                let session = cookie.seal(&provider.accounts.secrets, &*provider.accounts.home.entropy);
                let cookies = Cookies { browser: Some(browser), session: Some(session) };
                let visit = Visit::with(provider, cookie, standing);
                return going.on(visit, Done { signed_in: true, consented: false }, cookies).await;
            }
            Err(NotFinished::StartOver) => return going.again(None).await,
            Err(NotFinished::Rejected(rejected)) => Some(rejected),
        }
    };
    match second::standing(provider, registered, &passed).await {
        Ok(Some(standing)) => Ok(going.factor_page((Some(passed), None), &standing, rejected)),
        Ok(None) => going.again(None).await,
        Err(rejected) => going.again(Some(rejected)).await,
    }
}

async fn in_session(going: &Going<'_>, shown_to: ShownTo, text: &str) -> Result<Response, Stop> {
    let Going { provider, registered, asked, .. } = going;
    let visit = Visit::of(provider, &asked.headers).await?.and_then(|visit| visit.at(&registered.company.id));
    let done = Done { signed_in: shown_to.for_this, consented: false };
    // Only who saw the page can answer it: another person may have signed in with this browser since.
    let Some(mut visit) = visit.filter(|visit| visit.cookie.session == shown_to.session) else {
        return going.on(None, Done::default(), Cookies::default()).await;
    };
    if Class::of_sign_in(&visit.cookie.signed_in) == Class::Two {
        return going.on(Some(visit), done, Cookies::default()).await;
    }
    if asked.chosen().is_some() {
        return Ok(going.factor_page((None, Some(shown_to)), &visit.standing, None));
    }
    let before = &visit.cookie.signed_in.amr;
    match second::shown(provider, registered, &visit.standing, (before, &asked.form, text)).await {
        Ok(amr) => {
            visit.cookie = second::raised(&visit.cookie, amr);
            let (people, cookie) = (&provider.accounts.people, &visit.cookie);
            let proved = (&*cookie.signed_in.amr, Class::Two.as_str());
            people.raise_session(cookie.user, &cookie.session, proved).await?;
            let session = cookie.seal(&people.secrets, &*people.home.entropy);
            going.on(Some(visit), done, Cookies { session: Some(session), ..Cookies::default() }).await
        }
        Err(rejected) => Ok(going.factor_page((None, Some(shown_to)), &visit.standing, Some(rejected))),
    }
}
