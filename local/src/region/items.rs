//! Versioned items.

use async_trait::async_trait;
use rusqlite::{OptionalExtension as _, params};
use umoja_schema::{ItemError, Replicated, UserId, VersionedItem};
use umoja_store::ports::{Condition, ItemPage, ItemWrite, Items, StoreError};

use super::RegionStore;
use super::changes;
use super::stored::{is_under, owner, place, readable};
use crate::codec;
use crate::engine::{Fault, Tx};

#[async_trait]
impl Items for RegionStore {
    async fn item(
        &self,
        table: &'static Replicated,
        user: UserId,
        key: &str,
    ) -> Result<Option<VersionedItem>, StoreError> {
        self.0.main.read(table.name, |connection| {
            let mut select = connection
                .prepare_cached("SELECT item, id, key FROM items WHERE table_name = ?1 AND id = ?2 AND key = ?3")?;
            let mut rows = select.query(params![table.name, user.as_bytes(), key])?;
            rows.next()?.map(|row| read(table, row)).transpose()
        })
    }

    async fn items(&self, table: &'static Replicated, user: UserId) -> Result<Vec<VersionedItem>, StoreError> {
        self.0.main.read(table.name, |connection| {
            let mut select = connection
                .prepare_cached("SELECT item, id, key FROM items WHERE table_name = ?1 AND id = ?2 ORDER BY key")?;
            let mut rows = select.query(params![table.name, user.as_bytes()])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(read(table, row)?);
            }
            Ok(found)
        })
    }

    async fn drop_items(&self, table: &'static Replicated, user: UserId) -> Result<u64, StoreError> {
        // Most users have none, and a read costs no durable write.
        let any = self.0.main.read(table.name, |connection| {
            let mut select = connection.prepare_cached("SELECT 1 FROM items WHERE table_name = ?1 AND id = ?2")?;
            Ok(select.exists(params![table.name, user.as_bytes()])?)
        })?;
        if !any {
            return Ok(0);
        }
        let drop = move |tx: &Tx<'_>| {
            let mut delete = tx.prepare_cached("DELETE FROM items WHERE table_name = ?1 AND id = ?2")?;
            Ok(delete.execute(params![table.name, user.as_bytes()])? as u64)
        };
        self.0.main.write(table.name, drop).await
    }

    /// Returns items in the order of users and keys.
    async fn scan_items(
        &self,
        table: &'static Replicated,
        after: Option<String>,
        limit: usize,
    ) -> Result<ItemPage, StoreError> {
        let after = after.as_deref().map(place).transpose()?;
        let (user, key) = after.map_or((Vec::new(), ""), |(user, key)| (user.as_bytes().to_vec(), key));
        let limit = limit.max(1);
        self.0.main.read(table.name, |connection| {
            let mut select = connection.prepare_cached(
                "SELECT item, id, key FROM items WHERE table_name = ?1 AND (id, key) > (?2, ?3)
                 ORDER BY id, key LIMIT ?4",
            )?;
            let mut found = select.query(params![table.name, user, key, i64::try_from(limit).unwrap_or(i64::MAX)])?;
            let (mut items, mut unreadable, mut last) = (Vec::new(), Vec::new(), None);
            while let Some(row) = found.next()? {
                let user = owner(row.get_ref(1)?).ok_or_else(|| StoreError::from(ItemError::new("id")))?;
                last = Some(format!("{user}/{}", row.get::<_, String>(2)?));
                match readable(read(table, row))? {
                    Some(item) => items.push(item.into()),
                    None => unreadable.push(Some(user)),
                }
            }
            let next = last.filter(|_| items.len() + unreadable.len() == limit);
            Ok(ItemPage { items, unreadable, next })
        })
    }
}

fn read(table: &'static Replicated, row: &rusqlite::Row<'_>) -> Result<VersionedItem, Fault> {
    let item = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
    let item = VersionedItem::from_item(table, codec::decode(item)?).map_err(StoreError::from)?;
    if is_under(row, item.user, &item.key)? { Ok(item) } else { Err(StoreError::from(ItemError::new("key")).into()) }
}

/// A conditional write with its item encoded.
pub(super) struct PreparedItem {
    table: &'static str,
    user: UserId,
    key: String,
    version: String,
    item: Vec<u8>,
    condition: Condition,
}

impl PreparedItem {
    pub(super) fn new(write: &ItemWrite) -> Result<Self, StoreError> {
        let ItemWrite { item, condition } = write;
        Ok(Self {
            table: item.table.name,
            user: item.user,
            key: item.key.clone(),
            version: item.version.to_string(),
            item: codec::encode(&item.to_item())?,
            condition: condition.clone(),
        })
    }

    /// Identifies the item: two writes with the same place conflict.
    pub(super) fn place(&self) -> (&'static str, UserId, &str) {
        (self.table, self.user, &self.key)
    }

    pub(super) fn condition_holds(&self, tx: &Tx<'_>) -> Result<bool, Fault> {
        let mut select =
            tx.prepare_cached("SELECT version, item FROM items WHERE table_name = ?1 AND id = ?2 AND key = ?3")?;
        let stored: Option<(String, Vec<u8>)> = select
            .query_row(params![self.table, self.user.as_bytes(), self.key], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let stored = stored.as_ref().map(|(version, item)| (version.as_str(), item.as_slice()));
        Ok(holds(&self.condition, stored, &self.version))
    }

    pub(super) fn write(&self, tx: &Tx<'_>) -> Result<(), Fault> {
        let Self { table, user, key, version, item, .. } = self;
        tx.prepare_cached(
            "INSERT OR REPLACE INTO items (table_name, id, key, version, item) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![table, user.as_bytes(), key, version, item])?;
        changes::append(tx, table, item)
    }
}

/// Whether a condition holds for the stored version and item, and the written version. The order of versions is that of
/// their texts.
pub(super) fn holds(condition: &Condition, stored: Option<(&str, &[u8])>, written: &str) -> bool {
    match (condition, stored) {
        (Condition::EtagIs(etag), stored) => stored.is_some_and(|(_, item)| item == etag.0),
        (Condition::Absent | Condition::Older, None) => true,
        (Condition::Absent, Some(_)) | (Condition::VersionIs(_), None) => false,
        (Condition::VersionIs(wanted), Some((stored, _))) => *stored == wanted.to_string(),
        (Condition::Older, Some((stored, _))) => stored < written,
    }
}
