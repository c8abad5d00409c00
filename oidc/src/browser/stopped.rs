//! `GET /stopped`: the page of a request that went nowhere, in another language. It repeats nothing of the request.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use umoja_look::Look;

use super::asked::Asked;
use super::stop::Stop;
use crate::Provider;
use crate::pages::no_return;
use crate::request::NoReturn;

pub(super) async fn stopped(State(provider): State<Arc<Provider>>, request: Request) -> Result<Response, Stop> {
    let asked = Asked::read(request).await?;
    let reason = asked.form.get("reason").and_then(NoReturn::of_code).unwrap_or(NoReturn::Form);
    Ok(no_return(&asked.view(&provider.issuer, Look::plain(), &[], None), reason))
}
