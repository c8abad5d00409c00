//! Append-only rows.

use async_trait::async_trait;
use rusqlite::params;
use umoja_schema::{ItemError, Log, LogRow, UserId};
use umoja_store::ports::{Logs, RowPage, StoreError};

use super::stored::{Place, end_of, is_under};
use super::{RegionStore, changes};
use crate::codec::{self, int};
use crate::engine::{Fault, Tx, readable};

#[async_trait]
impl Logs for RegionStore {
    async fn append(&self, log: Log, row: &LogRow) -> Result<bool, StoreError> {
        let row = PreparedRow::new(log, row)?;
        self.0.main.write(log.table(), move |tx| row.append(tx)).await
    }

    async fn row(&self, log: Log, user: UserId, key: &str) -> Result<Option<LogRow>, StoreError> {
        self.0.main.read(log.table(), |connection| {
            let mut select =
                connection.prepare_cached("SELECT item, id, key FROM logs WHERE log = ?1 AND id = ?2 AND key = ?3")?;
            let mut rows = select.query(params![log.table(), user.as_bytes(), key])?;
            rows.next()?.map(read).transpose()
        })
    }

    async fn rows(&self, log: Log, user: UserId) -> Result<Vec<LogRow>, StoreError> {
        self.0.main.read(log.table(), |connection| {
            let mut select =
                connection.prepare_cached("SELECT item, id, key FROM logs WHERE log = ?1 AND id = ?2 ORDER BY key")?;
            let mut rows = select.query(params![log.table(), user.as_bytes()])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                if let Some(row) = readable(read(row))? {
                    found.push(row);
                } else {
                    tracing::error!(%user, table = log.table(), "a row cannot be read");
                }
            }
            Ok(found)
        })
    }

    async fn last_row(&self, log: Log, user: UserId, prefix: &str) -> Result<Option<LogRow>, StoreError> {
        self.0.main.read(log.table(), |connection| {
            let mut select = connection.prepare_cached(
                "SELECT item, id, key FROM logs WHERE log = ?1 AND id = ?2 AND key >= ?3 AND key < ?4 ORDER BY key DESC LIMIT 1",
            )?;
            let mut rows = select.query(params![log.table(), user.as_bytes(), prefix, end_of(prefix)])?;
            rows.next()?.map(read).transpose()
        })
    }

    async fn drop_row(&self, log: Log, user: UserId, key: &str) -> Result<(), StoreError> {
        let key = key.to_owned();
        let drop = move |tx: &Tx<'_>| {
            let mut delete = tx.prepare_cached("DELETE FROM logs WHERE log = ?1 AND id = ?2 AND key = ?3")?;
            delete.execute(params![log.table(), user.as_bytes(), key])?;
            Ok(())
        };
        self.0.main.write(log.table(), drop).await
    }

    /// Returns rows in the order of users and keys.
    async fn scan_rows(&self, log: Log, after: Option<String>, limit: usize) -> Result<RowPage, StoreError> {
        let after = Place::parse(after.as_deref())?;
        let limit = limit.max(1);
        self.0.main.read(log.table(), |connection| {
            let mut select = connection.prepare_cached(
                "SELECT item, id, key FROM logs WHERE log = ?1 AND (id, key) > (?2, ?3) ORDER BY id, key LIMIT ?4",
            )?;
            let mut found = select.query(params![log.table(), after.id, after.key, int(limit as u64)])?;
            let (mut rows, mut unreadable, mut last) = (Vec::new(), Vec::new(), None);
            while let Some(row) = found.next()? {
                let place = Place::of(row)?;
                match readable(read(row))? {
                    Some(row) => rows.push(row),
                    None => unreadable.push(place.user()),
                }
                last = Some(place);
            }
            let next = last.filter(|_| rows.len() + unreadable.len() == limit).map(Place::into_text);
            Ok(RowPage { rows, unreadable, next })
        })
    }
}

fn read(row: &rusqlite::Row<'_>) -> Result<LogRow, Fault> {
    let item = row.get_ref(0)?.as_blob()?;
    let item = LogRow::from_item(codec::decode(item)?).map_err(StoreError::from)?;
    if is_under(row, item.user, &item.key)? { Ok(item) } else { Err(StoreError::from(ItemError::new("key")).into()) }
}

/// A row with its item encoded.
pub(super) struct PreparedRow {
    log: Log,
    user: UserId,
    key: String,
    item: Vec<u8>,
}

impl PreparedRow {
    pub(super) fn new(log: Log, row: &LogRow) -> Result<Self, StoreError> {
        Ok(Self { log, user: row.user, key: row.key.clone(), item: codec::encode(&row.to_item())? })
    }

    /// Identifies the row: two writes with the same place conflict.
    pub(super) fn place(&self) -> (Log, UserId, &str) {
        (self.log, self.user, &self.key)
    }

    pub(super) fn is_absent(&self, tx: &Tx<'_>) -> Result<bool, Fault> {
        let mut select = tx.prepare_cached("SELECT 1 FROM logs WHERE log = ?1 AND id = ?2 AND key = ?3")?;
        Ok(!select.exists(params![self.log.table(), self.user.as_bytes(), self.key])?)
    }

    /// Stores the row if it is absent; true if it was.
    pub(super) fn append(&self, tx: &Tx<'_>) -> Result<bool, Fault> {
        let Self { log, user, key, item } = self;
        let insert = "INSERT OR IGNORE INTO logs (log, id, key, item) VALUES (?1, ?2, ?3, ?4)";
        let is_present = || self.is_absent(tx).map(|absent| !absent);
        let added = tx.change_unless(insert, params![log.table(), user.as_bytes(), key, item], is_present)?;
        if added {
            changes::append(tx, log.table(), item)?;
        }
        Ok(added)
    }
}
