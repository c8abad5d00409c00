//! `POST /login`: the form by which a person signs in.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;

use super::asked::Asked;
use super::proceed::{Done, Going};
use super::send::Cookies;
use super::sign_in::{self, Entered};
use super::stop::Stop;
use super::visit::Visit;
use crate::Provider;
use crate::request::NoReturn;
use crate::steps::OnPage;

/// The path.
pub(super) const PATH: &str = "/login";

pub(super) async fn login(State(provider): State<Arc<Provider>>, request: Request) -> Result<Response, Stop> {
    let asked = Asked::read(request).await?;
    let browser = asked.browser(&provider.issuer).ok_or(NoReturn::Page)?;
    let (secrets, entropy) = (&provider.accounts.secrets, &*provider.accounts.home.entropy);
    let given = |name| asked.form.get(name).unwrap_or_default();
    let step = OnPage::open(secrets, given("step"), Some(&browser), provider.now()).ok_or(NoReturn::Page)?;
    let registered = provider.registered(step.request.client.as_str()).await?;
    let going = Going::of(&provider, registered.as_deref(), &asked, step.request)?;
    if asked.chosen().is_some() {
        return Ok(going.again(None));
    }
    let (identifier, password) = (given("identifier"), given("password"));
    let entered = Entered { identifier, password, browser: &browser, address: asked.address };
    let (cookie, standing) = match sign_in::attempt(&provider, going.registered, entered).await {
        Ok(signed_in) => signed_in,
        Err(rejected) => return Ok(going.again(Some(rejected))),
    };
    // A browser that has signed in is known again for as long as it keeps the cookie.
    let cookies = Cookies { browser: Some(browser), session: Some(cookie.seal(secrets, entropy)) };
    let visit = Visit::with(&provider, cookie, standing);
    going.on(visit, Done { signed_in: true, consented: false }, cookies).await
}
