//! Failed logins, known devices, and counted requests.

use std::sync::Arc;

use async_trait::async_trait;
use umoja_schema::Millis;
use umoja_store::ports::{Attempts, Clock, Counted, Entropy, Limit, StoreError, Tally};
use umoja_store::{Home, RegionPorts};

use super::RegionStore;
use super::counters::Counter;

#[async_trait]
impl Attempts for RegionStore {
    async fn count(&self, key: &[u8; 32], limit: &Limit, now: Millis) -> Result<Counted, StoreError> {
        self.0.counters.change(key, |counter| {
            let stored = counter.and_then(|counter| counter.tally(now));
            match limit.next(stored.as_ref(), now) {
                Some(next) => (Counted::Let(next), Some(Counter::of(&next))),
                None => (Counted::Locked(stored.map_or(now, |tally| tally.locked_until)), None),
            }
        })
    }

    async fn count_known(&self, key: &[u8; 32], most: u32, now: Millis) -> Result<Option<Tally>, StoreError> {
        self.0.counters.change(key, |counter| {
            let known = counter.and_then(|counter| counter.tally(now)).filter(|tally| tally.count < most);
            let next = known.map(|known| Tally { count: known.count + 1, ..known });
            (next, next.as_ref().map(Counter::of))
        })
    }

    async fn tally(&self, key: &[u8; 32], now: Millis) -> Result<Option<Tally>, StoreError> {
        Ok(self.0.counters.get(key)?.and_then(|counter| counter.tally(now)))
    }

    async fn give_back(&self, key: &[u8; 32], counted: &Tally) -> Result<(), StoreError> {
        self.0.counters.change(key, |counter| {
            let closed = counted.locked_until > Millis(0);
            let given_back = counter.filter(|counter| {
                if closed { counter.count == u64::from(counted.count) } else { counter.count > 0 && counted.count > 0 }
            });
            let next = given_back.map(|counter| Counter {
                count: counter.count.saturating_sub(1),
                locked_until: if closed { Millis(0) } else { counter.locked_until },
                ..counter
            });
            ((), next)
        })
    }

    async fn forget(&self, key: &[u8; 32]) -> Result<(), StoreError> {
        self.0.counters.forget(key)
    }

    async fn remember(&self, key: &[u8; 32], until: Millis) -> Result<(), StoreError> {
        let known = Counter { count: 0, locked_until: Millis(0), expires_at: until };
        self.0.counters.change(key, |_| ((), Some(known)))
    }

    async fn add(&self, key: &[u8; 32], amount: u32, until: Millis) -> Result<u64, StoreError> {
        self.0.counters.change(key, |counter| {
            let sum = counter.map_or(0, |counter| counter.count).saturating_add(amount.into());
            // The first caller decides the expiry.
            let next =
                Counter { count: sum, locked_until: Millis(0), expires_at: counter.map_or(until, |c| c.expires_at) };
            (sum, Some(next))
        })
    }
}

/// The counts as a process sees them that does not serve the region, such as a command beside `umoja serve`: it looks at them, and has
/// the process that serves forget some, now or when one serves again. It counts nothing itself.
struct AttemptsElsewhere(RegionStore);

impl RegionStore {
    /// The ports for a process that does not serve the region, with these peers.
    pub fn home_elsewhere(
        &self,
        peers: impl IntoIterator<Item = RegionPorts>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Home {
        Home { attempts: Arc::new(AttemptsElsewhere(self.clone())), ..self.home(peers, clock, entropy) }
    }
}

#[async_trait]
impl Attempts for AttemptsElsewhere {
    async fn count(&self, _: &[u8; 32], _: &Limit, _: Millis) -> Result<Counted, StoreError> {
        Err(not_serving())
    }

    async fn count_known(&self, _: &[u8; 32], _: u32, _: Millis) -> Result<Option<Tally>, StoreError> {
        Err(not_serving())
    }

    async fn tally(&self, key: &[u8; 32], now: Millis) -> Result<Option<Tally>, StoreError> {
        Ok(self.0.0.counters.look(key)?.and_then(|counter| counter.tally(now)))
    }

    async fn give_back(&self, _: &[u8; 32], _: &Tally) -> Result<(), StoreError> {
        Err(not_serving())
    }

    async fn forget(&self, key: &[u8; 32]) -> Result<(), StoreError> {
        self.0.0.counters.ask_to_forget(*key).await
    }

    async fn remember(&self, _: &[u8; 32], _: Millis) -> Result<(), StoreError> {
        Err(not_serving())
    }

    async fn add(&self, _: &[u8; 32], _: u32, _: Millis) -> Result<u64, StoreError> {
        Err(not_serving())
    }
}

fn not_serving() -> StoreError {
    StoreError::Rejected("only the process that serves a region counts attempts".to_owned())
}
