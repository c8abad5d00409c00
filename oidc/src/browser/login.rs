//! `POST /login`: the form by which a person signs in, with a password or with a passkey. `GET /sign-in` shows it to who came by another page
//! of the same request, such as the one on which a person makes an account.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;

use super::asked::Asked;
use super::proceed::Going;
use super::sign_in::{self, Right};
use super::stop::Stop;
use crate::Provider;
use crate::request::NoReturn;
use crate::steps::OnPage;

pub(super) async fn login(State(provider): State<Arc<Provider>>, request: Request) -> Result<Response, Stop> {
    let asked = Asked::read(request).await?;
    let text = asked.form.get("step").unwrap_or_default();
    let browser = asked.browser(&provider.issuer).ok_or(NoReturn::Page)?;
    let step = OnPage::open(&provider.accounts.secrets, text, Some(&browser), provider.now());
    let step = step.ok_or(NoReturn::Page)?;
    let registered = provider.registered(step.request.client.as_str()).await?;
    let mut going = Going::of(&provider, registered.as_deref(), &asked, step.request)?;
    going.unconnected = step.unconnected;
    if !asked.is_post || asked.chosen().is_some() {
        return going.again(None).await;
    }
    let form = (&asked, &*browser);
    match sign_in::by_form(&provider, going.registered, form, &going.request.acr_values).await? {
        Ok(Right::Begun(cookie, standing)) => going.begun((cookie, standing), browser).await,
        Ok(Right::Passed(passed, standing)) => Ok(going.first_factor_page(passed, &standing)),
        Err(rejected) => going.again(Some(rejected)).await,
    }
}
