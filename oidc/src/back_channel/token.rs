//! The token endpoint.

use std::sync::Arc;

use axum::extract::{Request, State};
use umoja_schema::GrantType;

use super::paths::TOKEN;
use super::request::{TokenRequest, read};
use super::{authorization_code, client_credentials, device_code, refresh_token};
use crate::Provider;
use crate::client_auth::authenticate;
use crate::problem::Problem;
use crate::tokens::Issued;

/// The grants of the token endpoint, for the metadata of the provider.
pub const GRANTS: &[GrantType] =
    &[GrantType::AuthorizationCode, GrantType::RefreshToken, GrantType::ClientCredentials, GrantType::DeviceCode];

/// Answers a request for tokens.
pub(super) async fn token(State(provider): State<Arc<Provider>>, request: Request) -> Result<Issued, Problem> {
    let (headers, form) = read(request).await?;
    let client = authenticate(&provider, TOKEN, &headers, &form).await?;
    let request = TokenRequest { provider: &provider, client: &client, headers: &headers, form: &form };
    issued(&request).await.inspect_err(|problem| problem.log(TOKEN, Some(&client.id)))
}

async fn issued(request: &TokenRequest<'_>) -> Result<Issued, Problem> {
    let TokenRequest { client, form, .. } = request;
    let grant = form.get("grant_type").ok_or(Problem::Request("grant_type is missing"))?;
    let grant = GrantType::from_name(grant).filter(|grant| GRANTS.contains(grant)).ok_or(Problem::GrantType)?;
    if !client.may_use(grant) {
        return Err(Problem::UnauthorizedClient);
    }
    match grant {
        GrantType::AuthorizationCode => authorization_code::grant(request).await,
        GrantType::RefreshToken => refresh_token::grant(request).await,
        GrantType::ClientCredentials => client_credentials::grant(request).await,
        GrantType::DeviceCode => device_code::grant(request).await,
    }
}
