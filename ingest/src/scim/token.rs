//! The bearer token of a request (RFC 6750): an API key of the company's source.
//!
//! # Danger
//!
//! The answer must not show whether the company exists, so every rejection is the same one.

use std::sync::Arc;

use subtle::ConstantTimeEq as _;
use umoja_crypto::ApiKey;
use umoja_schema::{IngestSource, Millis, SourceKind};

use super::directory::{Client, Sources};
use super::error::ScimError;

/// The answer to every request without a valid token.
pub(super) const UNAUTHORIZED: ScimError = ScimError::new(401, "The bearer token is not valid for this URL.");

const UNAVAILABLE: ScimError = ScimError::new(503, "The service is not available. Try again.");

/// The client with this token.
///
/// # Errors
/// 401 without a valid token, 503 if the sources cannot be read.
pub(super) async fn client(
    sources: &dyn Sources,
    company: &str,
    authorization: Option<&str>,
    now: Millis,
) -> Result<Client, ScimError> {
    let (scheme, token) = authorization.and_then(|value| value.split_once(' ')).ok_or(UNAUTHORIZED)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(UNAUTHORIZED);
    }
    let key = ApiKey::parse(token.trim()).map_err(|_| UNAUTHORIZED)?;
    let id = company.parse().map_err(|_| UNAUTHORIZED)?;
    let known = sources.of(&id).await.map_err(|error| {
        tracing::error!(%error, "the sources of a company cannot be read");
        UNAVAILABLE
    })?;
    let (company, sources) = known.filter(|(company, _)| company.enabled).ok_or(UNAUTHORIZED)?;
    let akh = key.akh();
    // All keys are compared, so that the time does not show which one it is.
    let mut found = None;
    for source in sources.into_iter().filter(|source| source.kind == SourceKind::Scim && source.company == company.id) {
        if has_key(&source, &akh, now.secs()) {
            found = Some(source);
        }
    }
    let source = found.ok_or(UNAUTHORIZED)?;
    if !source.enabled {
        return Err(ScimError::new(503, "The source is paused."));
    }
    Ok(Client { company, source: Arc::new(source) })
}

fn has_key(source: &IngestSource, akh: &str, now_secs: u64) -> bool {
    source.api_keys.iter().fold(false, |found, key| {
        let is_same = bool::from(key.sha256.as_bytes().ct_eq(akh.as_bytes()));
        found | (is_same & key.expires_at.is_none_or(|at| now_secs < at))
    })
}
