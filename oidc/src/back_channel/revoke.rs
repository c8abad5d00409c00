//! The end of a token that a client asks for (RFC 7009).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use umoja_accounts::Error;
use umoja_schema::{Client, UserId};

use super::granted::{Granted, OnBehalf};
use super::paths::REVOKE;
use super::request::read;
use crate::client_auth::authenticate;
use crate::form::Form;
use crate::problem::{Problem, never_stored};
use crate::{Provider, access_token};

/// Ends the family of a token, whichever of its tokens it is. A text that is no live token is no error.
pub(super) async fn revoke(State(provider): State<Arc<Provider>>, request: Request) -> Result<Response, Problem> {
    let (headers, form) = read(request).await?;
    let client = authenticate(&provider, REVOKE, &headers, &form).await?;
    ended(&provider, &client, &form).await.inspect_err(|problem| problem.log(REVOKE, Some(&client.id)))
}

async fn ended(provider: &Provider, client: &Client, form: &Form) -> Result<Response, Problem> {
    let text = form.get("token").ok_or(Problem::Request("token is missing"))?;
    let secrets = &provider.accounts.secrets;
    let (owner, family) = if text.contains('.') {
        let keys = provider.keys().await?;
        let access = access_token::read(&keys.signing, &provider.issuer, text, provider.now().secs());
        let Some(access) = access else { return Ok(done()) };
        let on_behalf = OnBehalf::open(secrets, &access).map(|one| (one.user, one.family));
        (access.client_id, on_behalf)
    } else {
        let Some(granted) = Granted::open(secrets, text) else { return Ok(done()) };
        (granted.client.to_string(), Some((granted.user, granted.family)))
    };
    if owner != client.id.as_str() {
        return Err(Problem::Grant);
    }
    // A token of a client by itself has no family, and ends within minutes.
    let (user, family) = family.ok_or(Problem::TokenType)?;
    end(provider, user, &family).await?;
    Ok(done())
}

async fn end(provider: &Provider, user: UserId, family: &str) -> Result<(), Problem> {
    match provider.accounts.people.end_family(user, family).await {
        // Who was erased has no token. Who has not arrived may have one.
        Err(Error::NotFound) if provider.accounts.people.has_arrived(user).await? => Ok(()),
        Err(Error::NotFound) => Err(Problem::Unavailable),
        done => Ok(done?),
    }
}

fn done() -> Response {
    let mut response = StatusCode::OK.into_response();
    never_stored(response.headers_mut());
    response
}
