//! Versioned items.

use async_trait::async_trait;
use rusqlite::{Rows, params};
use umoja_schema::{ItemError, Replicated, UserId, VersionedItem};
use umoja_store::ports::{Condition, ItemPage, ItemWrite, Items, StoreError};

use super::RegionStore;
use super::changes;
use super::stored::{Place, blob, end_of, is_under};
use crate::codec::{self, int};
use crate::engine::{Fault, Snapshot, Tx, readable};

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
            let mut found = Vec::new();
            add_readable((table, user), select.query(params![table.name, user.as_bytes()])?, &mut found)?;
            Ok(found)
        })
    }

    async fn items_under(
        &self,
        table: &'static Replicated,
        user: UserId,
        prefixes: &[String],
    ) -> Result<Vec<VersionedItem>, StoreError> {
        self.0.main.read(table.name, |connection| {
            let _one = Snapshot::of(connection)?;
            let mut select = connection.prepare_cached(
                "SELECT item, id, key FROM items WHERE table_name = ?1 AND id = ?2 AND key >= ?3 AND key < ?4 ORDER BY key",
            )?;
            let mut found = Vec::new();
            for prefix in prefixes {
                let rows = select.query(params![table.name, user.as_bytes(), prefix, end_of(prefix)])?;
                add_readable((table, user), rows, &mut found)?;
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

    async fn drop_item(&self, item: &VersionedItem) -> Result<bool, StoreError> {
        let (table, user, key, version) = (item.table.name, item.user, item.key.clone(), item.version.to_string());
        let drop = move |tx: &Tx<'_>| {
            let mut delete =
                tx.prepare_cached("DELETE FROM items WHERE table_name = ?1 AND id = ?2 AND key = ?3 AND version = ?4")?;
            Ok(delete.execute(params![table, user.as_bytes(), key, version])? > 0)
        };
        self.0.main.write(table, drop).await
    }

    /// Returns items in the order of users and keys.
    async fn scan_items(
        &self,
        table: &'static Replicated,
        after: Option<String>,
        limit: usize,
    ) -> Result<ItemPage, StoreError> {
        let after = Place::parse(after.as_deref())?;
        let limit = limit.max(1);
        self.0.main.read(table.name, |connection| {
            let mut select = connection.prepare_cached(
                "SELECT item, id, key FROM items WHERE table_name = ?1 AND (id, key) > (?2, ?3)
                 ORDER BY id, key LIMIT ?4",
            )?;
            let mut found = select.query(params![table.name, after.id, after.key, int(limit as u64)])?;
            let (mut items, mut unreadable, mut last) = (Vec::new(), Vec::new(), None);
            while let Some(row) = found.next()? {
                let place = Place::of(row)?;
                match readable(read(table, row))? {
                    Some(item) => items.push(item.into()),
                    None => unreadable.push(place.user()),
                }
                last = Some(place);
            }
            let next = last.filter(|_| items.len() + unreadable.len() == limit).map(Place::into_text);
            Ok(ItemPage { items, unreadable, next })
        })
    }
}

/// Adds the rows that can be read, and reports the others.
fn add_readable(
    (table, user): (&'static Replicated, UserId),
    mut rows: Rows<'_>,
    found: &mut Vec<VersionedItem>,
) -> Result<(), Fault> {
    while let Some(row) = rows.next()? {
        if let Some(item) = readable(read(table, row))? {
            found.push(item);
        } else {
            tracing::error!(%user, table = table.name, "an item cannot be read");
        }
    }
    Ok(())
}

fn read(table: &'static Replicated, row: &rusqlite::Row<'_>) -> Result<VersionedItem, Fault> {
    let item = row.get_ref(0)?.as_blob()?;
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
        let mut rows = select.query(params![self.table, self.user.as_bytes(), self.key])?;
        let Some(row) = rows.next()? else { return Ok(holds(&self.condition, None, &self.version)) };
        let stored = Stored { version: row.get_ref(0)?.as_str().ok(), item: blob(row.get_ref(1)?) };
        Ok(holds(&self.condition, Some(stored), &self.version))
    }

    pub(super) fn write(&self, tx: &Tx<'_>) -> Result<(), Fault> {
        let Self { table, user, key, version, item, .. } = self;
        tx.change_one(
            "INSERT OR REPLACE INTO items (table_name, id, key, version, item) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![table, user.as_bytes(), key, version, item],
        )?;
        changes::append(tx, table, item)
    }
}

/// What conditions compare of a stored item.
#[derive(Clone, Copy)]
pub(super) struct Stored<'a> {
    /// `None` if it is no text. Such an item cannot be read, so only its entity tag identifies it.
    pub(super) version: Option<&'a str>,
    pub(super) item: &'a [u8],
}

/// Whether a condition holds for the stored item and the written version. The order of versions is that of their texts.
pub(super) fn holds(condition: &Condition, stored: Option<Stored<'_>>, written: &str) -> bool {
    match (condition, stored) {
        (Condition::EtagIs(etag), stored) => stored.is_some_and(|stored| stored.item == etag.0),
        (Condition::Absent | Condition::Older, None) => true,
        (Condition::Absent, Some(_)) | (Condition::VersionIs(_), None) => false,
        (Condition::VersionIs(wanted), Some(stored)) => stored.version == Some(&*wanted.to_string()),
        (Condition::Older, Some(stored)) => stored.version.is_some_and(|version| version < written),
    }
}
