//! The state of a token, for its client and for those of its audience (RFC 7662).

use std::sync::Arc;

use axum::extract::{Request, State};
use umoja_accounts::access::Reuse;
use umoja_schema::{Client, ClientKind};

use super::granted::{Granted, OnBehalf};
use super::holder::{holder, holds};
use super::paths::INTROSPECT;
use super::request::read;
use crate::client_auth::authenticate;
use crate::form::Form;
use crate::problem::Problem;
use crate::tokens::{Access, State as TokenState, scope};
use crate::{Provider, access_token};

/// Says of a token whether it is live.
pub(super) async fn introspect(State(provider): State<Arc<Provider>>, request: Request) -> Result<TokenState, Problem> {
    let (headers, form) = read(request).await?;
    let client = authenticate(&provider, INTROSPECT, &headers, &form).await?;
    state(&provider, &client, &form).await.inspect_err(|problem| problem.log(INTROSPECT, Some(&client.id)))
}

async fn state(provider: &Provider, client: &Client, form: &Form) -> Result<TokenState, Problem> {
    if client.kind != ClientKind::Confidential {
        return Err(Problem::Client { basic: false });
    }
    let text = form.get("token").ok_or(Problem::Request("token is missing"))?;
    let state = if text.contains('.') {
        let keys = provider.keys().await?;
        match access_token::read(&keys.signing, &provider.issuer, text, provider.now().secs()) {
            Some(access) => of_access(provider, client, &access).await?,
            None => None,
        }
    } else {
        match Granted::open(&provider.accounts.secrets, text) {
            Some(granted) => of_refresh(provider, client, &granted).await?,
            None => None,
        }
    };
    Ok(state.unwrap_or_else(TokenState::inactive))
}

/// The state of an access token, if it is live and the asking client may see it.
async fn of_access(provider: &Provider, asking: &Client, access: &Access) -> Result<Option<TokenState>, Problem> {
    let is_own = access.client_id == asking.id.as_str();
    // The issuer is the audience of all clients without one, so it is no client's own.
    let is_of_audience = asking.audience.as_deref() == Some(access.aud.as_str()) && access.aud != provider.issuer;
    if !is_own && !is_of_audience {
        return Ok(None);
    }
    let Some(client) = provider.client(&access.client_id).await? else { return Ok(None) };
    if client.company != asking.company {
        return Ok(None);
    }
    if access.signed_in.is_none() {
        return Ok(holds(&client, access.client_ends)?.then(|| TokenState::of(access)));
    }
    let Some(on_behalf) = OnBehalf::open(&provider.accounts.secrets, access) else { return Ok(None) };
    let of = (&on_behalf.described(&client, access), on_behalf.client_ends);
    let standing = holder(provider, &client, of).await?;
    Ok(standing.map(|_| TokenState::of(access)))
}

/// The state of a refresh token, for its client alone.
async fn of_refresh(provider: &Provider, asking: &Client, granted: &Granted) -> Result<Option<TokenState>, Problem> {
    if granted.client != asking.id {
        return Ok(None);
    }
    let of = (&granted.described(), granted.client_ends);
    let Some(standing) = holder(provider, asking, of).await? else { return Ok(None) };
    let here = (&provider.accounts.home.own.name, provider.now());
    if standing.is_spent(&granted.family, granted.generation, Reuse::default(), here) {
        return Ok(None);
    }
    Ok(Some(TokenState::of_refresh(
        &provider.issuer,
        asking.id.as_str(),
        &granted.sub,
        &scope(&granted.scopes),
        granted.expires_at.secs(),
    )))
}
