//! Seen requests and idempotency keys, and the housekeeping that removes expired rows.

use async_trait::async_trait;
use rusqlite::{OptionalExtension as _, params};
use umoja_schema::Millis;
use umoja_schema::names::table;
use umoja_store::ports::{Begun, Outcome, Requests, StoreError};

use super::RegionStore;
use super::json::{from_json, json};
use crate::codec::int;
use crate::engine::Tx;

#[async_trait]
impl Requests for RegionStore {
    async fn first_use(&self, hash: &[u8; 32], now: Millis, expires_at: Millis) -> Result<bool, StoreError> {
        self.0.seen.first_use(hash, now, expires_at).map_err(|error| {
            tracing::error!(%error, "the ids of requests cannot be written");
            StoreError::Unavailable("the ids of requests cannot be written".into())
        })
    }

    async fn begin(
        &self,
        key: &[u8; 32],
        outcome: Outcome,
        now: Millis,
        expires_at: Millis,
    ) -> Result<Begun, StoreError> {
        let (key, document, now, expires_at) = (*key, json(&outcome)?, int(now.0), int(expires_at.0));
        let begin = move |tx: &Tx<'_>| {
            let stored: Option<String> = tx
                .prepare_cached("SELECT document FROM idempotency WHERE key = ?1 AND expires_at > ?2")?
                .query_row(params![key, now], |row| row.get(0))
                .optional()?;
            match stored {
                Some(stored) => Ok(Some(from_json(&stored)?)),
                None => put(tx, &key, &document, expires_at).map(|()| None),
            }
        };
        let earlier = self.0.main.write(table::IDEMPOTENCY, begin).await?;
        Ok(earlier.map_or(Begun::First(outcome), Begun::Earlier))
    }

    async fn finish(&self, key: &[u8; 32], outcome: &Outcome, expires_at: Millis) -> Result<(), StoreError> {
        let (key, document, expires_at) = (*key, json(outcome)?, int(expires_at.0));
        self.0.main.write(table::IDEMPOTENCY, move |tx| put(tx, &key, &document, expires_at)).await
    }

    async fn withdraw(&self, key: &[u8; 32], outcome: &Outcome, _: Millis) -> Result<(), StoreError> {
        let (key, document) = (*key, json(outcome)?);
        let withdraw = move |tx: &Tx<'_>| {
            tx.prepare_cached("DELETE FROM idempotency WHERE key = ?1 AND document = ?2")?
                .execute(params![key, document])?;
            Ok(())
        };
        self.0.main.write(table::IDEMPOTENCY, withdraw).await
    }
}

fn put(tx: &Tx<'_>, key: &[u8; 32], document: &str, expires_at: i64) -> Result<(), crate::engine::Fault> {
    let put = "INSERT OR REPLACE INTO idempotency (key, document, expires_at) VALUES (?1, ?2, ?3)";
    tx.change_one(put, params![key, document, expires_at])
}

/// What housekeeping removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Housekept {
    /// Expired idempotency keys.
    pub idempotency: usize,
    /// Expired documents of the inbox.
    pub inbox: usize,
    /// Expired counts of attempts.
    pub attempts: usize,
    /// Changes that all cursors have passed.
    pub changes: usize,
}

impl Housekept {
    /// True if one call may have left rows of some kind because of its limit.
    pub const fn may_have_more(&self, limit: usize) -> bool {
        self.idempotency >= limit || self.inbox >= limit || self.attempts >= limit || self.changes >= limit
    }
}

impl RegionStore {
    /// Passes the counts of attempts to the database, and removes expired rows and changes that all cursors have passed: at most `limit` rows of each kind, so that
    /// writers never wait long. The pump calls this periodically, and again at once while there is more.
    pub async fn housekeep(&self, limit: usize) -> Result<Housekept, StoreError> {
        let (now, most) = (self.0.clock.now(), int(limit as u64));
        self.0.counters.settle(now).await?;
        let idempotency = move |tx: &Tx<'_>| expired(tx, table::IDEMPOTENCY, now, most);
        let inbox = move |tx: &Tx<'_>| expired(tx, table::INBOX, now, most);
        let attempts = move |tx: &Tx<'_>| expired(tx, table::ATTEMPTS, now, most);
        Ok(Housekept {
            idempotency: self.0.main.write(table::IDEMPOTENCY, idempotency).await?,
            inbox: self.0.main.write(table::INBOX, inbox).await?,
            attempts: self.0.short.write(table::ATTEMPTS, attempts).await?,
            changes: self.trim_changes(limit).await?,
        })
    }
}

/// How far ahead the expiry of a row can be, in milliseconds. Known devices are remembered longest.
const MAX_LIFE_MS: u64 = 2 * 366 * 24 * 3_600_000;

/// Removes rows that have expired, and rows that would never expire: in SQLite's order, a text or a blob is behind every
/// number.
fn expired(tx: &Tx<'_>, table: &str, now: Millis, limit: i64) -> Result<usize, crate::engine::Fault> {
    let mut removed = 0;
    for (is_over, bound) in [("<=", int(now.0)), (">", int(now.plus(MAX_LIFE_MS).0))] {
        let delete = format!(
            "DELETE FROM {table} WHERE key IN
             (SELECT key FROM {table} WHERE expires_at {is_over} ?1 ORDER BY expires_at LIMIT ?2)"
        );
        removed += tx.prepare_cached(&delete)?.execute([bound, limit])?;
    }
    Ok(removed)
}
