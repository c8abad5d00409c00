//! What was learnt of providers: their metadata and their keys.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use umoja_crypto::jws::Jwk;
use umoja_schema::Millis;
use umoja_store::ports::{Call, Method, Outbound};

use super::Fault;
use super::metadata::{Metadata, url};
use crate::published::usable;

/// How long what was learnt is used, in milliseconds.
pub const FRESH_MS: u64 = 10 * 60_000;
/// How long it is used while the provider does not answer, in milliseconds.
const STALE_MS: u64 = 24 * 60 * 60_000;
/// The shortest time between two questions to a provider, in milliseconds, for all callers and whatever a token names as its key.
pub const ASKED_MS: u64 = 10_000;
/// The most providers of which something is known.
const MAX_KNOWN: usize = 256;

/// A provider, as its issuer describes it.
pub struct Learnt {
    /// Its endpoints.
    pub metadata: Metadata,
    /// Its keys.
    pub keys: Vec<Jwk>,
    at: Millis,
}

impl Learnt {
    /// When it was learnt.
    pub const fn at(&self) -> Millis {
        self.at
    }
}

#[derive(Clone)]
struct Known {
    learnt: Option<Arc<Learnt>>,
    asked_at: Millis,
}

/// What was learnt of all providers, by issuer.
#[derive(Default)]
pub struct Upstreams(Mutex<BTreeMap<String, Known>>);

impl Upstreams {
    /// What is known of an issuer, not older than `max_age_ms` where the provider answers. It is asked once in [`ASKED_MS`] at most.
    ///
    /// # Errors
    /// [`Fault::Provider`] if it does not answer, and nothing is known of it.
    pub async fn learn(
        &self,
        outbound: &dyn Outbound,
        issuer: &str,
        now: Millis,
        max_age_ms: u64,
    ) -> Result<Arc<Learnt>, Fault> {
        let known = self.known(issuer);
        let learnt = known.as_ref().and_then(|known| known.learnt.clone());
        if let Some(learnt) = learnt.as_ref().filter(|learnt| learnt.at.is_within(max_age_ms, now)) {
            return Ok(Arc::clone(learnt));
        }
        let usable = learnt.filter(|learnt| learnt.at.is_within(STALE_MS, now));
        if known.is_some_and(|known| known.asked_at.is_within(ASKED_MS, now)) {
            return usable.ok_or(Fault::Provider("it did not answer some seconds ago"));
        }
        let asked = asked(outbound, issuer, now).await.map(Arc::new);
        let (learnt, answer) = match (asked, usable) {
            (Ok(learnt), _) => (Some(Arc::clone(&learnt)), Ok(learnt)),
            (Err(fault), Some(usable)) => {
                tracing::warn!(%fault, "a provider cannot be asked, and what was known of it is used");
                (Some(Arc::clone(&usable)), Ok(usable))
            }
            (Err(fault), None) => (None, Err(fault)),
        };
        self.remember(issuer, Known { learnt, asked_at: now });
        answer
    }

    fn known(&self, issuer: &str) -> Option<Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(issuer).cloned()
    }

    fn remember(&self, issuer: &str, known: Known) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_KNOWN && !all.contains_key(issuer) {
            all.clear();
        }
        all.insert(issuer.to_owned(), known);
    }
}

async fn asked(outbound: &dyn Outbound, issuer: &str, now: Millis) -> Result<Learnt, Fault> {
    let metadata = Metadata::read(issuer, &read(outbound, &url(issuer)).await?)?;
    let keys = read(outbound, &metadata.jwks).await?;
    let keys = serde_json::from_slice(&keys).map(|set| usable(&set));
    let keys = keys.map_err(|_| Fault::Provider("the keys are no JSON"))?;
    Ok(Learnt { metadata, keys, at: now })
}

async fn read(outbound: &dyn Outbound, url: &str) -> Result<Vec<u8>, Fault> {
    let call = Call { method: Method::Get, url, headers: &[("accept", "application/json")], body: &[] };
    let answered = outbound.call(&call).await.map_err(|error| Fault::Provider(error.fault()))?;
    if answered.is_success() { Ok(answered.body) } else { Err(Fault::Provider("it answered with another status")) }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use async_trait::async_trait;
    use serde_json::json;
    use umoja_store::ports::{Answered, OutboundError};

    use super::*;

    const ISSUER: &str = "https://accounts.example";

    #[derive(Default)]
    struct Provider {
        calls: AtomicUsize,
        is_down: AtomicBool,
    }

    #[async_trait]
    impl Outbound for Provider {
        async fn call(&self, call: &Call<'_>) -> Result<Answered, OutboundError> {
            self.calls.fetch_add(1, Ordering::SeqCst);
            if self.is_down.load(Ordering::SeqCst) {
                return Err(OutboundError::Unavailable("down"));
            }
            let body = if call.url.ends_with("configuration") {
                json!({ "issuer": ISSUER, "authorization_endpoint": "https://accounts.example/a",
                    "token_endpoint": "https://accounts.example/t", "jwks_uri": "https://accounts.example/k" })
            } else {
                json!({ "keys": [] })
            };
            Ok(Answered { status: 200, headers: Vec::new(), body: body.to_string().into_bytes() })
        }
    }

    #[tokio::test]
    async fn a_provider_is_asked_once_in_ten_minutes_and_for_new_keys_once_in_ten_seconds() {
        let (provider, all) = (Provider::default(), Upstreams::default());
        let learn = |now, max_age_ms| all.learn(&provider, ISSUER, Millis(now), max_age_ms);
        let calls = || provider.calls.load(Ordering::SeqCst);
        let now = 1_000_000;
        for at in [now, now + 1, now + FRESH_MS - 1] {
            assert!(learn(at, FRESH_MS).await.is_ok());
        }
        assert_eq!(calls(), 2);
        let later = now + 60_000;
        for _ in 0..5 {
            assert!(learn(later, 0).await.is_ok());
        }
        assert_eq!(calls(), 4);
    }

    #[tokio::test]
    async fn what_is_known_serves_while_the_provider_is_down() {
        let (provider, all) = (Provider::default(), Upstreams::default());
        let learn = |now| all.learn(&provider, ISSUER, Millis(now), FRESH_MS);
        assert!(learn(1_000_000).await.is_ok());
        provider.is_down.store(true, Ordering::SeqCst);
        assert!(learn(1_000_000 + 2 * FRESH_MS).await.is_ok());
        assert!(learn(1_000_000 + 2 * STALE_MS).await.is_err());
        let calls = provider.calls.load(Ordering::SeqCst);
        assert!(learn(1_000_001 + 2 * STALE_MS).await.is_err());
        assert_eq!(provider.calls.load(Ordering::SeqCst), calls);
    }
}
