//! The inbox of a region.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::{Map, Value};
use umoja_schema::Millis;
use umoja_schema::names::table;
use umoja_store::ports::{Etag, Inbox, InboxDocument, InboxPage, StoreError};

use super::json::{from_json, json};
use super::{RegionStore, place, schema};
use crate::cell::Cell;
use crate::codec::{int, uint};
use crate::engine::{Fault, Tx};

#[async_trait]
impl Inbox for RegionStore {
    async fn inbox_document(&self, key: &[u8; 32], now: Millis) -> Result<Option<InboxDocument>, StoreError> {
        self.0.main.read(table::INBOX, |connection| live(connection, key, now))
    }

    async fn replace_inbox_document(
        &self,
        key: &[u8; 32],
        stored: Option<&Etag>,
        document: &Map<String, Value>,
        now: Millis,
        expires_at: Millis,
    ) -> Result<bool, StoreError> {
        let (key, stored, document, expires_at) = (*key, stored.cloned(), json(document)?, int(expires_at.0));
        let replace = move |tx: &Tx<'_>| {
            if live(tx, &key, now)?.map(|document| document.etag) != stored {
                return Ok(false);
            }
            let put = "INSERT OR REPLACE INTO inbox (key, document, expires_at) VALUES (?1, ?2, ?3)";
            tx.change_one(put, params![key, document, expires_at])?;
            Ok(true)
        };
        self.0.main.write(table::INBOX, replace).await
    }

    /// Returns documents in the order of their keys.
    async fn scan_inbox(&self, after: Option<String>, limit: usize, now: Millis) -> Result<InboxPage, StoreError> {
        self.inbox_page("inbox WHERE", after, limit, now)
    }

    /// Returns documents in the order of their keys, and reads no others.
    async fn scan_waiting(&self, after: Option<String>, limit: usize, now: Millis) -> Result<InboxPage, StoreError> {
        let waiting = format!("inbox INDEXED BY inbox_waiting WHERE {} AND", schema::waiting());
        self.inbox_page(&waiting, after, limit, now)
    }
}

impl RegionStore {
    /// A page of the documents of `from`, which is the table up to the last condition.
    fn inbox_page(
        &self,
        from: &str,
        after: Option<String>,
        limit: usize,
        now: Millis,
    ) -> Result<InboxPage, StoreError> {
        let after = match after {
            Some(after) => Cell::decode(&after).ok_or_else(place::unknown)?,
            None => Cell::LEAST,
        };
        let limit = limit.max(1);
        self.0.main.read(table::INBOX, |connection| {
            let mut select = connection.prepare_cached(&format!(
                "SELECT document, expires_at, key FROM {from}
                 key > ?1 AND typeof(expires_at) = 'integer' AND +expires_at > ?2 ORDER BY key LIMIT ?3",
            ))?;
            let mut rows = select.query(params![after, int(now.0), int(limit as u64)])?;
            let (mut documents, mut strays, mut last) = (Vec::new(), 0, None);
            while let Some(row) = rows.next()? {
                let key = Cell::from(row.get_ref(2)?);
                match key.bytes() {
                    Some(key) => documents.push((key, document(row)?)),
                    None => strays += 1,
                }
                last = Some(key.encode());
            }
            let next = last.filter(|_| documents.len() + strays == limit);
            Ok(InboxPage { documents, strays, next })
        })
    }
}

/// The document under a key if it has not expired. An expiry that is no number counts as over.
fn live(connection: &Connection, key: &[u8; 32], now: Millis) -> Result<Option<InboxDocument>, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT document, expires_at FROM inbox
         WHERE key = ?1 AND typeof(expires_at) = 'integer' AND expires_at > ?2",
    )?;
    Ok(select.query_row(params![key, int(now.0)], document).optional()?)
}

fn document(row: &rusqlite::Row<'_>) -> rusqlite::Result<InboxDocument> {
    let stored = row.get_ref(0)?;
    let members = stored.as_str().ok().and_then(|text| from_json(text).ok());
    let etag = Etag(Cell::from(stored).encode().into_bytes());
    Ok(InboxDocument { members, expires_at: Millis(uint(row.get(1)?)), etag })
}
