//! `POST /consent`: the form by which a person lets a client have what it asks for, or rejects that.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;

use super::asked::Asked;
use super::proceed::{Done, Going};
use super::send::Cookies;
use super::stop::Stop;
use super::visit::Visit;
use crate::Provider;
use crate::request::{Fault, NoReturn};
use crate::steps::OnPage;

/// The path.
pub(super) const PATH: &str = "/consent";

pub(super) async fn consent(State(provider): State<Arc<Provider>>, request: Request) -> Result<Response, Stop> {
    let asked = Asked::read(request).await?;
    let browser = asked.browser(&provider.issuer).ok_or(NoReturn::Page)?;
    let given = |name| asked.form.get(name).unwrap_or_default();
    let step = OnPage::open(&provider.accounts.secrets, given("step"), Some(&browser), provider.now());
    let OnPage { request, shown_to, .. } = step.ok_or(NoReturn::Page)?;
    let registered = provider.registered(request.client.as_str()).await?;
    let going = Going::of(&provider, registered.as_deref(), &asked, request)?;
    let visit = Visit::of(&provider, &asked.headers).await?.and_then(|visit| visit.at(&going.registered.company.id));
    let cookies = Cookies::default();
    // Only who saw the page can answer it: another person may have signed in with this browser since.
    let (Some(visit), Some(shown_to)) = (visit, shown_to) else {
        return going.on(None, Done::default(), cookies).await;
    };
    if shown_to.session != visit.cookie.session {
        return going.on(Some(visit), Done::default(), cookies).await;
    }
    if asked.chosen().is_some() {
        return going.on(Some(visit), Done { signed_in: shown_to.for_this, consented: false }, cookies).await;
    }
    match given("answer") {
        "allow" => {
            let (user, client) = (visit.cookie.user, going.request.client.as_str());
            provider.accounts.consent_as(&visit.standing, user, client, &going.request.scopes).await?;
            going.on(Some(visit), Done { signed_in: shown_to.for_this, consented: true }, cookies).await
        }
        "reject" => going.fault(Fault::AccessDenied),
        _ => Err(NoReturn::Unreadable.into()),
    }
}
