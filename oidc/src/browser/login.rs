//! `POST /login`: the form by which a person signs in, with a password or with a passkey.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;

use super::asked::Asked;
use super::proceed::Going;
use super::sign_in::{self, Entered, Right};
use super::stop::Stop;
use crate::Provider;
use crate::passkey::Sent;
use crate::request::NoReturn;
use crate::steps::OnPage;

/// The path.
pub(super) const PATH: &str = "/login";

pub(super) async fn login(State(provider): State<Arc<Provider>>, request: Request) -> Result<Response, Stop> {
    let asked = Asked::read(request).await?;
    let browser = asked.browser(&provider.issuer).ok_or(NoReturn::Page)?;
    let secrets = &provider.accounts.secrets;
    let given = |name| asked.form.get(name).unwrap_or_default();
    let step = OnPage::open(secrets, given("step"), Some(&browser), provider.now()).ok_or(NoReturn::Page)?;
    let registered = provider.registered(step.request.client.as_str()).await?;
    let mut going = Going::of(&provider, registered.as_deref(), &asked, step.request)?;
    going.unconnected = step.unconnected;
    if asked.chosen().is_some() {
        return going.again(None).await;
    }
    let begun = if let Some(answer) = asked.form.get("answer") {
        match Sent::read(answer) {
            Some(sent) => {
                let begun =
                    sign_in::by_passkey(&provider, going.registered, (&sent, given("step"), asked.agent())).await;
                begun.inspect_err(|rejected| rejected.log(&going.registered.client))
            }
            None => return Err(NoReturn::Unreadable.into()),
        }
    } else {
        let (identifier, password) = (given("identifier"), given("password"));
        let entered = Entered { identifier, password, browser: &browser, address: asked.address, agent: asked.agent() };
        match sign_in::attempt(&provider, going.registered, entered, &going.request.acr_values).await {
            Ok(Right::Begun(cookie, standing)) => Ok((cookie, standing)),
            Ok(Right::Passed(passed, standing)) => return Ok(going.first_factor_page(passed, &standing)),
            Err(rejected) => Err(rejected),
        }
    };
    let (cookie, standing) = match begun {
        Ok(begun) => begun,
        Err(rejected) => return going.again(Some(rejected)).await,
    };
    going.begun((cookie, standing), browser).await
}
