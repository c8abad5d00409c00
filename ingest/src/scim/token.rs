//! The bearer token of a request (RFC 6750): an API key of the company's source.
//!
//! # Danger
//!
//! The answer must not show whether the company exists, so every rejection is the same one.

use std::sync::Arc;

use async_trait::async_trait;
use subtle::ConstantTimeEq as _;
use umoja_crypto::ApiKey;
use umoja_schema::{Company, CompanyId, IngestSource, Millis, SourceKind};
use umoja_store::ports::{Registry, StoreError};
use umoja_store::remembered::Remembered;

use super::directory::Client;
use super::error::ScimError;

/// The answer to every request without a valid token.
pub(super) const UNAUTHORIZED: ScimError = ScimError::new(401, "The bearer token is not valid for this URL.");

const UNAVAILABLE: ScimError = ScimError::new(503, "The service is not available. Try again.");
const PAUSED: ScimError = ScimError::new(503, "The source is paused.");

/// A company with its sources of every kind.
pub type Feeding = (Arc<Company>, Vec<IngestSource>);

/// Where the tokens of companies are.
#[async_trait]
pub trait Sources: Send + Sync {
    /// A company with its sources. `None` if there is no such company.
    async fn of(&self, company: &CompanyId) -> Result<Option<Feeding>, StoreError>;
}

/// The sources as the settings of a region have them. A document that cannot be read is left out.
#[async_trait]
impl Sources for Arc<dyn Registry> {
    async fn of(&self, company: &CompanyId) -> Result<Option<Feeding>, StoreError> {
        let Some(company) = self.company(company).await? else { return Ok(None) };
        let documents = self.settings(IngestSource::SETTINGS).await?.into_iter();
        let sources = documents.filter_map(|(_, document)| serde_json::from_value::<IngestSource>(document).ok());
        let sources = sources.filter(|source| source.company == company.id).collect();
        Ok(Some((Arc::new(company), sources)))
    }
}

/// The tokens of companies. Those of companies whose clients called within the last seconds are in a cache.
pub(super) struct Tokens {
    sources: Arc<dyn Sources>,
    seen: Remembered<CompanyId, Feeding>,
}

impl Tokens {
    pub(super) fn new(sources: Arc<dyn Sources>) -> Self {
        Self { sources, seen: Remembered::default() }
    }

    /// The client with this token.
    ///
    /// # Errors
    /// 401 without a valid token, 503 if the sources cannot be read.
    pub(super) async fn client(
        &self,
        company: &str,
        authorization: Option<&str>,
        now: Millis,
    ) -> Result<Client, ScimError> {
        let (scheme, token) = authorization.and_then(|value| value.split_once(' ')).ok_or(UNAUTHORIZED)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(UNAUTHORIZED);
        }
        let key = ApiKey::parse(token.trim()).map_err(|_| UNAUTHORIZED)?;
        let id: CompanyId = company.parse().map_err(|_| UNAUTHORIZED)?;
        let seen = match self.seen.get(&id, now) {
            Some(seen) => seen,
            None => (now, Arc::new(self.read(&id).await?.ok_or(UNAUTHORIZED)?)),
        };
        let (company, sources) = &*seen.1;
        let akh = key.akh();
        // All keys are compared, so that the time does not show which one it is.
        let mut found = None;
        for source in sources.iter().filter(|source| source.kind == SourceKind::Scim && source.company == id) {
            if has_key(source, &akh, now.secs()) {
                found = Some(source);
            }
        }
        let source = found.filter(|_| company.enabled).ok_or(UNAUTHORIZED)?;
        let client = Client { company: Arc::clone(company), source: Arc::new(source.clone()) };
        self.seen.remember(id, &seen);
        if client.source.enabled { Ok(client) } else { Err(PAUSED) }
    }

    async fn read(&self, company: &CompanyId) -> Result<Option<Feeding>, ScimError> {
        self.sources.of(company).await.map_err(|error| {
            tracing::error!(%error, "the sources of a company cannot be read");
            UNAVAILABLE
        })
    }
}

fn has_key(source: &IngestSource, akh: &str, now_secs: u64) -> bool {
    source.api_keys.iter().fold(false, |found, key| {
        let is_same = bool::from(key.sha256.as_bytes().ct_eq(akh.as_bytes()));
        found | (is_same & key.expires_at.is_none_or(|at| now_secs < at))
    })
}
