use async_trait::async_trait;
use umoja_schema::Millis;

use super::Faulty;
use crate::ports::{Attempts, Counted, Limit, StoreError, Tally};

#[async_trait]
impl Attempts for Faulty<dyn Attempts> {
    async fn count(&self, key: &[u8; 32], limit: &Limit, now: Millis) -> Result<Counted, StoreError> {
        self.faults.call("count", self.inner.count(key, limit, now)).await
    }

    async fn count_known(&self, key: &[u8; 32], most: u32, now: Millis) -> Result<Option<Tally>, StoreError> {
        self.faults.call("count_known", self.inner.count_known(key, most, now)).await
    }

    async fn tally(&self, key: &[u8; 32], now: Millis) -> Result<Option<Tally>, StoreError> {
        self.faults.call("tally", self.inner.tally(key, now)).await
    }

    async fn give_back(&self, key: &[u8; 32], counted: &Tally) -> Result<(), StoreError> {
        self.faults.call("give_back", self.inner.give_back(key, counted)).await
    }

    async fn forget(&self, key: &[u8; 32]) -> Result<(), StoreError> {
        self.faults.call("forget", self.inner.forget(key)).await
    }

    async fn remember(&self, key: &[u8; 32], until: Millis) -> Result<(), StoreError> {
        self.faults.call("remember", self.inner.remember(key, until)).await
    }

    async fn add(&self, key: &[u8; 32], amount: u32, until: Millis) -> Result<u64, StoreError> {
        self.faults.call("add", self.inner.add(key, amount, until)).await
    }
}
