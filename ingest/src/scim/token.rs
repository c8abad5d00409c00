//! The bearer token of a request (RFC 6750): an API key of the company's source.
//!
//! # Danger
//!
//! The answer must not show whether the company exists, so every rejection is the same one.

use std::sync::Arc;

use async_trait::async_trait;
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
        let sources = documents.filter_map(|(name, document)| {
            IngestSource::read(name.strip_prefix(IngestSource::SETTINGS)?, document).ok()
        });
        let sources = sources.filter(|source| source.company == company.id).collect();
        Ok(Some((Arc::new(company), sources)))
    }
}

/// The tokens of companies. Those of companies that requests have named within the last seconds are in a cache: to read them
/// is to read all settings, so a flood of wrong tokens must not do it for each. Names of no company do not enter it.
/// A new key is valid within seconds.
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
        let seen = if let Some(seen) = self.seen.get(&id, now) {
            seen
        } else {
            let read = (now, Arc::new(self.read(&id).await?.ok_or(UNAUTHORIZED)?));
            self.seen.remember(id.clone(), &read);
            read
        };
        let (company, sources) = &*seen.1;
        let akh = key.akh();
        let mut sources = sources.iter().filter(|source| source.kind == SourceKind::Scim && source.company == id);
        let found = sources.find(|source| source.has_api_key(&akh, now.secs()));
        let source = found.filter(|_| company.enabled).ok_or(UNAUTHORIZED)?;
        let client = Client { company: Arc::clone(company), source: Arc::new(source.clone()) };
        if client.source.enabled { Ok(client) } else { Err(PAUSED) }
    }

    async fn read(&self, company: &CompanyId) -> Result<Option<Feeding>, ScimError> {
        self.sources.of(company).await.map_err(|error| {
            tracing::error!(%error, "the sources of a company cannot be read");
            UNAVAILABLE
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::super::memory::{Acme, NOW, key};
    use super::*;

    /// Counts how often sources are read.
    struct Counting(Acme, Mutex<usize>);

    #[async_trait]
    impl Sources for Counting {
        async fn of(&self, company: &CompanyId) -> Result<Option<Feeding>, StoreError> {
            *self.1.lock().unwrap() += 1;
            self.0.of(company).await
        }
    }

    #[tokio::test]
    async fn wrong_tokens_of_a_company_read_its_sources_once() {
        let sources = Arc::new(Counting(Acme::new(), Mutex::new(0)));
        let tokens = Tokens::new(Arc::<Counting>::clone(&sources));
        let status = async |company: &str, n: u8, now: Millis| {
            let bearer = format!("Bearer {}", key(n).expose());
            tokens.client(company, Some(&bearer), now).await.map_or_else(|error| error.status, |_| 200)
        };
        for _ in 0..100 {
            assert_eq!(status("acme", 5, NOW).await, 401);
        }
        assert_eq!(status("acme", 1, NOW).await, 200, "the right token");
        assert_eq!(*sources.1.lock().unwrap(), 1);
        for n in 0..3 {
            assert_eq!(status("other", 1, NOW.plus(n)).await, 401);
        }
        assert_eq!(*sources.1.lock().unwrap(), 4, "what does not exist is not remembered");
        for n in 0..100 {
            assert_eq!(status("acme", 5, NOW.plus(6_000 + n)).await, 401);
        }
        assert_eq!(*sources.1.lock().unwrap(), 5, "once more after some seconds");
    }
}
