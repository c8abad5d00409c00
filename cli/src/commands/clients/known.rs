//! A client for people and for programs, and its secrets.

use serde_json::{Map, Value, json};
use umoja_crypto::ClientSecret;
use umoja_schema::client::ClientSecretHash;
use umoja_schema::{Client, ClientAuthMethod, ClientId, ClientKind, CompanyId, GrantType, OidcAlgorithm, SubjectType};

use crate::CliError;
pub(super) use crate::commands::known::{change_known, known};
use crate::commands::listed::rows;
use crate::deployment::{Regions, newest_of};

/// A client before what is said of it.
pub(in crate::commands) fn new_client(id: &ClientId, company: &CompanyId, is_public: bool) -> Client {
    let (kind, method) = if is_public {
        (ClientKind::Public, ClientAuthMethod::None)
    } else {
        (ClientKind::Confidential, ClientAuthMethod::SecretBasic)
    };
    Client {
        id: id.clone(),
        revision: 0,
        company: company.clone(),
        name: id.to_string(),
        kind,
        first_party: false,
        redirect_uris: Vec::new(),
        post_logout_redirect_uris: Vec::new(),
        backchannel_logout_uri: None,
        backchannel_logout_session_required: false,
        grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        token_endpoint_auth_method: method,
        secrets: Vec::new(),
        jwks: None,
        jwks_uri: None,
        id_token_signed_response_alg: OidcAlgorithm::Es256,
        dpop_bound_access_tokens: false,
        require_pushed_authorization_requests: false,
        scopes: ["openid", "profile", "email", "phone", "offline_access"].map(str::to_owned).to_vec(),
        audience: None,
        subject_type: SubjectType::Public,
        sector_identifier: None,
        default_max_age: None,
        require_mfa: None,
        access_token_secs: Client::ACCESS_SECS,
        refresh_token_secs: Client::REFRESH_SECS,
        providers: Vec::new(),
        enabled: true,
        ends: 0,
        removed: false,
        unknown: Map::new(),
    }
}

/// A new secret, and what is stored of it.
pub(in crate::commands) fn new_secret(deployment: &Regions) -> (ClientSecret, ClientSecretHash) {
    let secret = ClientSecret::new(deployment.entropy.array());
    let hash = ClientSecretHash { sha256: secret.hash(), ends_at: None };
    (secret, hash)
}

/// A client for programs, without hashes of secrets.
pub(super) fn settings(client: &Client, now_secs: u64) -> Value {
    let mut value = serde_json::to_value(client).unwrap_or_default();
    let secrets: Vec<Value> =
        client.live_secrets(now_secs).map(|secret| json!({ "ends_at": secret.ends_at })).collect();
    value["secrets"] = secrets.into();
    if let Some(members) = value.as_object_mut() {
        members.retain(|name, _| !["removed", "ends"].contains(&name.as_str()));
    }
    value
}

/// Rejects an audience that is of another company: clients of an audience are shown the state of its tokens.
pub(super) async fn check_audience(
    deployment: &Regions,
    company: &CompanyId,
    audience: Option<&str>,
) -> Result<(), CliError> {
    let Some(audience) = audience else { return Ok(()) };
    let regions = rows::<Client>(deployment).await?;
    let clients = newest_of(regions.iter().flat_map(|(_, rows)| rows));
    let has_it = |client: &&&Client| {
        !client.is_ended() && client.company != *company && client.audience.as_deref() == Some(audience)
    };
    match clients.values().find(has_it) {
        None => Ok(()),
        Some(other) => Err(CliError::Failed(format!(
            "the audience {audience} is that of {}, which is a client of {}: a client of {company} would be shown the state of \
             its tokens; choose another audience",
            other.id, other.company
        ))),
    }
}

/// A client in a word.
pub(super) const fn state(client: &Client) -> &'static str {
    if client.enabled { "on" } else { "DISABLED" }
}
