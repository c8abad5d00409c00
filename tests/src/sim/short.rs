//! The rules about counts and idempotency keys that can be disabled: see [`super::rules`].

use std::sync::Arc;

use async_trait::async_trait;
use umoja_schema::Millis;
use umoja_store::ports::{Attempts, Begun, Counted, Limit, Outcome, Requests, StoreError, Tally};

use super::rules::Rule;
use crate::world::Short;

/// The short-lived rows of a region that lacks a rule.
pub(super) fn without(rule: Option<Rule>, short: Short) -> Short {
    match rule {
        Some(Rule::Counted) => Short { attempts: Arc::new(Uncounted(Arc::clone(&short.attempts))), ..short },
        Some(Rule::Withdrawn) => Short { requests: Arc::new(Kept(Arc::clone(&short.requests))), ..short },
        Some(Rule::Outcomes) => Short { requests: Arc::clone(&short.raw_requests), ..short },
        _ => short,
    }
}

/// Admits every attempt without a count.
struct Uncounted(Arc<dyn Attempts>);

#[async_trait]
impl Attempts for Uncounted {
    async fn count(&self, _: &[u8; 32], limit: &Limit, now: Millis) -> Result<Counted, StoreError> {
        Ok(Counted::Let(Tally { count: 1, locked_until: Millis(0), expires_at: now.plus(limit.window_ms) }))
    }

    async fn count_known(&self, key: &[u8; 32], most: u32, now: Millis) -> Result<Option<Tally>, StoreError> {
        self.0.count_known(key, most, now).await
    }

    async fn tally(&self, key: &[u8; 32], now: Millis) -> Result<Option<Tally>, StoreError> {
        self.0.tally(key, now).await
    }

    async fn give_back(&self, key: &[u8; 32], counted: &Tally) -> Result<(), StoreError> {
        self.0.give_back(key, counted).await
    }

    async fn forget(&self, key: &[u8; 32]) -> Result<(), StoreError> {
        self.0.forget(key).await
    }

    async fn remember(&self, key: &[u8; 32], until: Millis) -> Result<(), StoreError> {
        self.0.remember(key, until).await
    }

    async fn add(&self, key: &[u8; 32], amount: u32, until: Millis) -> Result<u64, StoreError> {
        self.0.add(key, amount, until).await
    }
}

/// Keeps the idempotency keys of rejected requests.
struct Kept(Arc<dyn Requests>);

#[async_trait]
impl Requests for Kept {
    async fn first_use(&self, hash: &[u8; 32], now: Millis, expires_at: Millis) -> Result<bool, StoreError> {
        self.0.first_use(hash, now, expires_at).await
    }

    async fn begin(
        &self,
        key: &[u8; 32],
        outcome: Outcome,
        now: Millis,
        expires_at: Millis,
    ) -> Result<Begun, StoreError> {
        self.0.begin(key, outcome, now, expires_at).await
    }

    async fn finish(&self, key: &[u8; 32], outcome: &Outcome, expires_at: Millis) -> Result<(), StoreError> {
        self.0.finish(key, outcome, expires_at).await
    }

    async fn withdraw(&self, _: &[u8; 32], _: &Outcome, _: Millis) -> Result<(), StoreError> {
        Ok(())
    }
}
