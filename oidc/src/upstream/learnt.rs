//! What was learnt of providers: their metadata and their keys.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use umoja_crypto::jws::Jwk;
use umoja_schema::Millis;
use umoja_store::ports::{Call, Method};

use super::Fault;
use super::calls::{Caller, Reached};
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
    /// Whether it answers.
    pub reached: Arc<Reached>,
    at: Millis,
}

impl Learnt {
    /// When it was learnt.
    pub const fn at(&self) -> Millis {
        self.at
    }
}

#[derive(Clone, Default)]
struct Known {
    learnt: Option<Arc<Learnt>>,
    reached: Arc<Reached>,
    /// When it was asked last; `None` if a caller has gone before the answer.
    asked_at: Option<Millis>,
    /// Whether a caller waits for its answer.
    is_asked: bool,
}

/// What was learnt of all providers, by issuer.
#[derive(Default)]
pub struct Upstreams(Mutex<BTreeMap<String, Known>>);

/// How a caller learns of a provider.
enum Begun<'a> {
    /// It uses what is known.
    Known(Arc<Learnt>),
    /// It asks, and may use this if there is no answer.
    Asks(Asking<'a>, Option<Arc<Learnt>>),
}

impl Upstreams {
    /// What is known of an issuer, not older than `max_age_ms` where the provider answers. It is asked once in [`ASKED_MS`] at most, and by one
    /// caller at a time: the others use what is known, and wait for nothing.
    ///
    /// # Errors
    /// [`Fault::Unreachable`] if it does not answer, or has not yet, and nothing is known of it, and [`Fault::Provider`].
    pub async fn learn(&self, caller: &Caller<'_>, issuer: &str, max_age_ms: u64) -> Result<Arc<Learnt>, Fault> {
        let (asking, usable) = match self.begin(issuer, caller.clock.now(), max_age_ms)? {
            Begun::Known(learnt) => return Ok(learnt),
            Begun::Asks(asking, usable) => (asking, usable),
        };
        match (asking.ask(caller).await, usable) {
            (Ok(learnt), _) => Ok(learnt),
            (Err(fault), Some(usable)) => {
                tracing::warn!(%fault, "a provider cannot be asked, and what was known of it is used");
                Ok(usable)
            }
            (Err(fault), None) => Err(fault),
        }
    }

    fn begin(&self, issuer: &str, now: Millis, max_age_ms: u64) -> Result<Begun<'_>, Fault> {
        let known = self.change(issuer, |known| {
            let known_before = known.clone();
            let learnt = known.learnt.as_ref();
            let is_fresh = learnt.is_some_and(|learnt| learnt.at.is_within(max_age_ms, now));
            let was_asked = known.is_asked || known.asked_at.is_some_and(|at| at.is_within(ASKED_MS, now));
            if !is_fresh && !was_asked {
                (known.is_asked, known.asked_at) = (true, Some(now));
                return (known_before, true);
            }
            (known_before, false)
        });
        let (Known { learnt, reached, .. }, asks) = known;
        let usable = learnt.filter(|learnt| learnt.at.is_within(STALE_MS, now));
        if asks {
            let (all, issuer) = (self, issuer.to_owned());
            return Ok(Begun::Asks(Asking { all, issuer, reached, learnt: None, has_ended: false }, usable));
        }
        usable.map(Begun::Known).ok_or(Fault::Unreachable("it did not answer some seconds ago, or has not yet"))
    }

    fn change<T>(&self, issuer: &str, change: impl FnOnce(&mut Known) -> T) -> T {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_KNOWN && !all.contains_key(issuer) {
            all.clear();
        }
        change(all.entry(issuer.to_owned()).or_default())
    }
}

/// A caller that asks. It ends even if the caller has gone: then the next one asks.
struct Asking<'a> {
    all: &'a Upstreams,
    issuer: String,
    reached: Arc<Reached>,
    learnt: Option<Arc<Learnt>>,
    has_ended: bool,
}

impl Asking<'_> {
    async fn ask(mut self, caller: &Caller<'_>) -> Result<Arc<Learnt>, Fault> {
        let asked = asked(caller, &self.issuer, &self.reached).await.map(Arc::new);
        self.has_ended = true;
        self.learnt = asked.as_ref().ok().map(Arc::clone);
        asked
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let (learnt, has_ended) = (self.learnt.take(), self.has_ended);
        self.all.change(&self.issuer, |known| {
            known.is_asked = false;
            known.asked_at = known.asked_at.filter(|_| has_ended);
            known.learnt = learnt.or_else(|| known.learnt.take());
        });
    }
}

async fn asked(caller: &Caller<'_>, issuer: &str, reached: &Arc<Reached>) -> Result<Learnt, Fault> {
    let metadata = Metadata::read(issuer, &read(caller, reached, &url(issuer)).await?)?;
    let keys = read(caller, reached, &metadata.jwks).await?;
    let keys = serde_json::from_slice(&keys).map(|set| usable(&set));
    let keys = keys.map_err(|_| Fault::Provider("the keys are no JSON"))?;
    Ok(Learnt { metadata, keys, reached: Arc::clone(reached), at: caller.clock.now() })
}

async fn read(caller: &Caller<'_>, reached: &Reached, url: &str) -> Result<Vec<u8>, Fault> {
    let call = Call { method: Method::Get, url, headers: &[("accept", "application/json")], body: &[] };
    let answered = caller.call(reached, &call).await?;
    if answered.is_success() { Ok(answered.body) } else { Err(Fault::Provider("it answered with another status")) }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

    use async_trait::async_trait;
    use serde_json::json;
    use tokio::sync::Notify;
    use umoja_store::ports::{Answered, Clock, Outbound, OutboundError};

    use super::*;

    const ISSUER: &str = "https://accounts.example";
    const NOW: u64 = 1_000_000;

    #[derive(Default)]
    struct Provider {
        calls: AtomicUsize,
        is_down: AtomicBool,
        hangs: AtomicBool,
        answers: Notify,
    }

    #[async_trait]
    impl Outbound for Provider {
        async fn call(&self, call: &Call<'_>) -> Result<Answered, OutboundError> {
            self.calls.fetch_add(1, Ordering::SeqCst);
            if self.hangs.load(Ordering::SeqCst) {
                self.answers.notified().await;
            }
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

    struct Now(AtomicU64);

    impl Clock for Now {
        fn now(&self) -> Millis {
            Millis(self.0.load(Ordering::SeqCst))
        }
    }

    struct World {
        provider: Provider,
        all: Upstreams,
        clock: Now,
    }

    impl World {
        fn new() -> Self {
            Self { provider: Provider::default(), all: Upstreams::default(), clock: Now(AtomicU64::new(NOW)) }
        }

        async fn learn(&self, browser: &str, at: u64, max_age_ms: u64) -> Result<Arc<Learnt>, Fault> {
            self.clock.0.store(at, Ordering::SeqCst);
            let caller = Caller { outbound: &self.provider, clock: &self.clock, browser };
            self.all.learn(&caller, ISSUER, max_age_ms).await
        }

        fn calls(&self) -> usize {
            self.provider.calls.load(Ordering::SeqCst)
        }
    }

    #[tokio::test]
    async fn a_provider_is_asked_once_in_ten_minutes_and_for_new_keys_once_in_ten_seconds() {
        let world = World::new();
        for at in [NOW, NOW + 1, NOW + FRESH_MS - 1] {
            assert!(world.learn("a", at, FRESH_MS).await.is_ok());
        }
        assert_eq!(world.calls(), 2);
        for _ in 0..5 {
            assert!(world.learn("a", NOW + 60_000, 0).await.is_ok());
        }
        assert_eq!(world.calls(), 4);
    }

    #[tokio::test]
    async fn what_is_known_serves_while_the_provider_is_down() {
        let world = World::new();
        assert!(world.learn("a", NOW, FRESH_MS).await.is_ok());
        world.provider.is_down.store(true, Ordering::SeqCst);
        assert!(world.learn("a", NOW + 2 * FRESH_MS, FRESH_MS).await.is_ok());
        assert!(world.learn("a", NOW + 2 * STALE_MS, FRESH_MS).await.is_err());
        let calls = world.calls();
        assert!(world.learn("a", NOW + 1 + 2 * STALE_MS, FRESH_MS).await.is_err());
        assert_eq!(world.calls(), calls);
    }

    #[tokio::test]
    async fn one_caller_waits_for_a_provider_that_hangs_and_the_others_wait_for_nothing() {
        let world = World::new();
        world.provider.hangs.store(true, Ordering::SeqCst);
        let first = world.learn("a", NOW, FRESH_MS);
        let others = async {
            for browser in ["b", "c"] {
                let other = world.learn(browser, NOW, FRESH_MS).await.err();
                assert!(matches!(other, Some(Fault::Unreachable(_))), "{other:?}");
            }
            assert_eq!(world.calls(), 1);
            world.provider.hangs.store(false, Ordering::SeqCst);
            world.provider.answers.notify_one();
        };
        assert!(tokio::join!(first, others).0.is_ok());
        assert!(world.learn("b", NOW, FRESH_MS).await.is_ok());
        assert_eq!(world.calls(), 2);
    }

    #[tokio::test]
    async fn a_caller_that_goes_before_the_answer_leaves_the_question_to_the_next() {
        let world = World::new();
        world.provider.hangs.store(true, Ordering::SeqCst);
        {
            let mut gone = std::pin::pin!(world.learn("a", NOW, FRESH_MS));
            assert!(futures_poll(gone.as_mut()).await);
        }
        world.provider.hangs.store(false, Ordering::SeqCst);
        assert!(world.learn("b", NOW, FRESH_MS).await.is_ok());
    }

    /// Polls a future once. True if it waits.
    async fn futures_poll<F: Future>(mut future: std::pin::Pin<&mut F>) -> bool {
        std::future::poll_fn(|context| std::task::Poll::Ready(future.as_mut().poll(context).is_pending())).await
    }

    #[tokio::test]
    async fn a_provider_that_fails_at_three_browsers_is_out_for_all() {
        let world = World::new();
        let reached = Reached::default();
        world.provider.is_down.store(true, Ordering::SeqCst);
        let call = Call { method: Method::Get, url: ISSUER, headers: &[], body: &[] };
        for (browser, called) in [("a", 1), ("a", 1), ("b", 2), ("c", 3), ("d", 3)] {
            let caller = Caller { outbound: &world.provider, clock: &world.clock, browser };
            assert!(caller.call(&reached, &call).await.is_err());
            assert_eq!(world.calls(), called, "{browser}");
        }
        assert!(reached.is_out(Millis(NOW)) && !reached.is_out(Millis(NOW + 6_000)));
        world.provider.is_down.store(false, Ordering::SeqCst);
        world.clock.0.store(NOW + 6_000, Ordering::SeqCst);
        let caller = Caller { outbound: &world.provider, clock: &world.clock, browser: "d" };
        assert!(caller.call(&reached, &call).await.is_ok() && !reached.is_out(Millis(NOW + 6_000)));
    }
}
