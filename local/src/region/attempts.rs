//! Failed logins, known devices, and counted requests.

use async_trait::async_trait;
use rusqlite::{Connection, Row, params};
use umoja_schema::Millis;
use umoja_schema::names::table;
use umoja_store::ports::{Attempts, Counted, Limit, StoreError, Tally};

use super::RegionStore;
use crate::codec::{int, uint};
use crate::engine::{Fault, Tx, readable};

#[async_trait]
impl Attempts for RegionStore {
    async fn count(&self, key: &[u8; 32], limit: &Limit, now: Millis) -> Result<Counted, StoreError> {
        let (key, limit) = (*key, *limit);
        let count = move |tx: &Tx<'_>| {
            let stored = stored(tx, &key, now)?;
            let Some(next) = limit.next(stored.as_ref(), now) else {
                return Ok(Counted::Locked(stored.map_or(now, |tally| tally.locked_until)));
            };
            put(tx, &key, &next)?;
            Ok(Counted::Let(next))
        };
        self.0.short.write(table::ATTEMPTS, count).await
    }

    async fn count_known(&self, key: &[u8; 32], most: u32, now: Millis) -> Result<Option<Tally>, StoreError> {
        let key = *key;
        let count = move |tx: &Tx<'_>| {
            let Some(known) = stored(tx, &key, now)?.filter(|tally| tally.count < most) else { return Ok(None) };
            let next = Tally { count: known.count + 1, ..known };
            put(tx, &key, &next)?;
            Ok(Some(next))
        };
        self.0.short.write(table::ATTEMPTS, count).await
    }

    async fn tally(&self, key: &[u8; 32], now: Millis) -> Result<Option<Tally>, StoreError> {
        self.0.short.read(table::ATTEMPTS, |connection| stored(connection, key, now))
    }

    async fn give_back(&self, key: &[u8; 32], counted: &Tally) -> Result<(), StoreError> {
        let (key, counted) = (*key, *counted);
        let give_back = move |tx: &Tx<'_>| {
            let closed = counted.locked_until > Millis(0);
            let update = if closed {
                "UPDATE attempts SET count = count - 1, locked_until = 0 WHERE key = ?1 AND count = ?2"
            } else {
                "UPDATE attempts SET count = count - 1 WHERE key = ?1 AND count > 0 AND ?2 > 0"
            };
            tx.prepare_cached(update)?.execute(params![key, counted.count])?;
            Ok(())
        };
        self.0.short.write(table::ATTEMPTS, give_back).await
    }

    async fn forget(&self, key: &[u8; 32]) -> Result<(), StoreError> {
        let key = *key;
        let forget = move |tx: &Tx<'_>| {
            tx.prepare_cached("DELETE FROM attempts WHERE key = ?1")?.execute(params![key])?;
            Ok(())
        };
        self.0.short.write(table::ATTEMPTS, forget).await
    }

    async fn remember(&self, key: &[u8; 32], until: Millis) -> Result<(), StoreError> {
        let (key, known) = (*key, Tally { count: 0, locked_until: Millis(0), expires_at: until });
        self.0.short.write(table::ATTEMPTS, move |tx: &Tx<'_>| put(tx, &key, &known)).await
    }

    async fn add(&self, key: &[u8; 32], amount: u32, until: Millis) -> Result<u64, StoreError> {
        let (key, until) = (*key, int(until.0));
        let add = move |tx: &Tx<'_>| {
            let counted = sum(tx, &key)?.saturating_add(amount.into());
            // The first caller decides the expiry.
            let put = "INSERT INTO attempts (key, count, locked_until, expires_at) VALUES (?1, ?2, 0, ?3)
                ON CONFLICT (key) DO UPDATE SET count = ?2";
            tx.change_one(put, params![key, int(counted), until])?;
            Ok(counted)
        };
        self.0.short.write(table::ATTEMPTS, add).await
    }
}

const SELECT: &str = "SELECT count, locked_until, expires_at FROM attempts WHERE key = ?1 AND expires_at > ?2";

/// The live counter of a key. One that cannot be read is lost, and is counted from zero: who can damage it can delete it,
/// and otherwise its key would be locked for ever.
fn stored(connection: &Connection, key: &[u8; 32], now: Millis) -> Result<Option<Tally>, Fault> {
    let mut select = connection.prepare_cached(SELECT)?;
    let mut rows = select.query(params![key, int(now.0)])?;
    Ok(rows.next()?.map(|row| readable(read(row).map_err(Fault::from))).transpose()?.flatten())
}

/// The sum that is stored under a key; 0 if there is none.
fn sum(connection: &Connection, key: &[u8; 32]) -> Result<u64, Fault> {
    let mut select = connection.prepare_cached("SELECT count FROM attempts WHERE key = ?1")?;
    let mut rows = select.query([key])?;
    let sum = rows.next()?.map(|row| readable(row.get(0).map_err(Fault::from))).transpose()?.flatten();
    Ok(sum.map_or(0, uint))
}

fn read(row: &Row<'_>) -> rusqlite::Result<Tally> {
    let time = |at| Ok::<_, rusqlite::Error>(Millis(uint(row.get(at)?)));
    Ok(Tally { count: row.get(0)?, locked_until: time(1)?, expires_at: time(2)? })
}

fn put(tx: &Tx<'_>, key: &[u8; 32], tally: &Tally) -> Result<(), Fault> {
    tx.change_one(
        "INSERT OR REPLACE INTO attempts (key, count, locked_until, expires_at) VALUES (?1, ?2, ?3, ?4)",
        params![key, tally.count, int(tally.locked_until.0), int(tally.expires_at.0)],
    )
}
