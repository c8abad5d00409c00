//! The routes that the back end of a client calls.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_body_util::{BodyExt as _, Limited};
use umoja_schema::{Client, ClientKind, GrantType};

use crate::client_auth::authenticate;
use crate::dpop::Expected;
use crate::form::{Form, MAX_FORM};
use crate::possession::proven;
use crate::problem::Problem;
use crate::tokens::{Access, Confirmation, Issued, State as TokenState};
use crate::{Provider, access_token, claims};

/// The path of the token endpoint.
pub const TOKEN: &str = "/oauth2/token";
/// The path at which a resource server asks for the state of a token.
pub const INTROSPECT: &str = "/oauth2/introspect";
/// The path of the keys.
pub const JWKS: &str = "/oauth2/jwks";
/// The grants of the token endpoint, for the metadata of the provider.
pub const GRANTS: [GrantType; 1] = [GrantType::ClientCredentials];

/// The routes of the back ends of clients.
pub fn router(provider: Arc<Provider>) -> Router {
    Router::new()
        .route(TOKEN, post(token))
        .route(INTROSPECT, post(introspect))
        .route(JWKS, get(jwks))
        .with_state(provider)
}

async fn jwks(State(provider): State<Arc<Provider>>, headers: HeaderMap) -> Result<Response, Problem> {
    Ok(provider.keys().await?.document.answer(&headers))
}

/// The headers and the form of a request.
async fn read(request: Request) -> Result<(HeaderMap, Form), Problem> {
    const KIND: Problem = Problem::Request("the body has to be application/x-www-form-urlencoded, of 64 KiB at most");
    let (parts, body) = request.into_parts();
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(KIND);
    }
    let body = Limited::new(body, MAX_FORM).collect().await.map_err(|_| KIND)?;
    Ok((parts.headers, Form::parse(&body.to_bytes())?))
}

async fn token(State(provider): State<Arc<Provider>>, request: Request) -> Result<Issued, Problem> {
    let (headers, form) = read(request).await?;
    let client = authenticate(&provider, TOKEN, &headers, &form).await?;
    let grant = form.get("grant_type").ok_or(Problem::Request("grant_type is missing"))?;
    let grant = GrantType::from_name(grant).filter(|grant| GRANTS.contains(grant)).ok_or(Problem::GrantType)?;
    if !client.may_use(grant) || client.kind != ClientKind::Confidential {
        return Err(Problem::UnauthorizedClient);
    }
    let scopes = by_itself(&client, form.get("scope"))?;
    let url = provider.url(TOKEN);
    let expected = Expected { method: "POST", url: &url, access_token: None, bound_to: None };
    let key = proven(&provider, &headers, &expected).await?;
    if client.dpop_bound_access_tokens && key.is_none() {
        return Err(Problem::DpopProof);
    }
    let (now_secs, id) = (provider.now().secs(), client.id.to_string());
    let access = Access {
        iss: provider.issuer.clone(),
        aud: audience(&provider, &client).to_owned(),
        sub: id.clone(),
        client_id: id,
        iat: now_secs,
        exp: now_secs.saturating_add(client.access_token_secs),
        jti: URL_SAFE_NO_PAD.encode(provider.accounts.home.entropy.array::<16>()),
        scope: crate::tokens::scope(&scopes),
        cnf: key.map(|jkt| Confirmation { jkt }),
        signed_in: None,
    };
    let keys = provider.keys().await?;
    Ok(Issued::new(access_token::sign(&keys.signing, &client, &access), &access))
}

/// The scopes that a client gets by itself (RFC 6749 section 4.4): those that it asks for, or all of its own. Scopes that stand for a
/// person are never among them.
fn by_itself(client: &Client, asked: Option<&str>) -> Result<BTreeSet<String>, Problem> {
    let is_of_a_person = |scope: &str| {
        ["openid", "offline_access"].contains(&scope) || claims::SCOPES.iter().any(|(name, _)| *name == scope)
    };
    let own = client.scopes.iter().filter(|scope| !is_of_a_person(scope)).cloned().collect::<BTreeSet<_>>();
    let Some(asked) = asked else { return Ok(own) };
    let asked = asked.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect::<BTreeSet<_>>();
    if asked.is_subset(&own) { Ok(asked) } else { Err(Problem::Scope) }
}

/// Who accepts the access tokens of a client.
fn audience<'a>(provider: &'a Provider, client: &'a Client) -> &'a str {
    client.audience.as_deref().unwrap_or(&provider.issuer)
}

/// Says of a token whether it is live, to the client that it is of and to those of its audience (RFC 7662).
async fn introspect(State(provider): State<Arc<Provider>>, request: Request) -> Result<Response, Problem> {
    let (headers, form) = read(request).await?;
    let client = authenticate(&provider, INTROSPECT, &headers, &form).await?;
    if client.kind != ClientKind::Confidential {
        return Err(Problem::Client { basic: false });
    }
    let text = form.get("token").ok_or(Problem::Request("token is missing"))?;
    let keys = provider.keys().await?;
    let Some(access) = access_token::read(&keys.signing, &provider.issuer, text, provider.now().secs()) else {
        return Ok(TokenState::inactive().into_response());
    };
    let is_own = access.client_id == client.id.as_str();
    let may_see = is_own || client.audience.as_deref() == Some(access.aud.as_str());
    if !may_see || provider.client(&access.client_id).await?.is_none() {
        return Ok(TokenState::inactive().into_response());
    }
    Ok(TokenState::of(&access).into_response())
}
