//! `POST /factor`: the form by which a person shows a second factor: after its password, before a session begins; or in a session that has
//! begun with one factor, because a client wants two. Where a code by mail is enough, a form asks for it, and the next one has it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;

use super::asked::Asked;
use super::proceed::{Done, Going};
use super::second::{self, ByMail, Outcome, Who};
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
        (Some(passed), _) => after_password(going, passed, browser).await,
        (None, Some(shown_to)) => in_session(&going, shown_to).await,
        (None, None) => Err(NoReturn::Page.into()),
    }
}

async fn after_password(going: Going<'_>, passed: Passed, browser: String) -> Result<Response, Stop> {
    let (provider, registered, asked) = (going.provider, going.registered, going.asked);
    match second::after_password(provider, registered, &passed, asked).await {
        Outcome::Begun(cookie, standing) => going.begun((cookie, standing), browser).await,
        Outcome::Page(standing, mail, rejected) => {
            Ok(going.factor_page((Some(passed), None), &standing, &mail, rejected))
        }
        Outcome::StartOver(rejected) => going.again(rejected).await,
    }
}

async fn in_session(going: &Going<'_>, shown_to: ShownTo) -> Result<Response, Stop> {
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
    let who = Who::of(&visit);
    let mail = ByMail::of(registered, who, &asked.form);
    let page = |mail, rejected| Ok(going.factor_page((None, Some(shown_to)), &visit.standing, &mail, rejected));
    if asked.chosen().is_some() {
        return page(mail, None);
    }
    if second::wants_mail(asked) {
        return match second::send(provider, registered, who, asked).await {
            Ok(Some(mail)) => page(mail, None),
            Ok(None) => going.on(Some(visit), done, Cookies::default()).await,
            Err(rejected) => page(mail, Some(rejected)),
        };
    }
    match second::shown(provider, registered, who, &asked.form).await {
        Ok(shown) => {
            let session = Some(second::raise(provider, &mut visit.cookie, shown).await?);
            going.on(Some(visit), done, Cookies { session, ..Cookies::default() }).await
        }
        Err(rejected) => page(mail, Some(rejected)),
    }
}
