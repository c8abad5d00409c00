//! Reading stored items, for readers and the writer.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};
use umoja_schema::names::table;
use umoja_schema::replicated::Rule;
use umoja_schema::{BlindIndex, IdentifierItem, Item, ItemError, Key, Part, PartRecord, UserId};
use umoja_store::ports::StoreError;

use super::changes;
use super::place;
use crate::cell::Cell;
use crate::codec;
use crate::engine::{Fault, Tx};

/// The user of an item, by its key.
pub(super) fn owner(id: ValueRef<'_>) -> Option<UserId> {
    Some(UserId::from_bytes(id.as_blob().ok()?.try_into().ok()?))
}

/// Reads a part from a row with the columns `item`, `id`, `part` and `version`. The columns have to be those of the
/// item: conditions use them.
pub(super) fn record(row: &rusqlite::Row<'_>) -> Result<PartRecord, Fault> {
    let item = row.get_ref(0)?.as_blob()?;
    let record = PartRecord::from_item(codec::decode(item)?).map_err(StoreError::from)?;
    let is_under = row.get_ref(1)?.as_blob().is_ok_and(|id| id == record.id.as_bytes())
        && row.get_ref(2)?.as_str().is_ok_and(|part| part == record.part.as_str())
        && row.get_ref(3)?.as_str().is_ok_and(|version| version == record.version.to_string());
    if is_under { Ok(record) } else { Err(StoreError::from(ItemError::new("key")).into()) }
}

pub(super) fn stored(connection: &Connection, id: UserId, part: Part) -> Result<Option<PartRecord>, Fault> {
    let mut select =
        connection.prepare_cached("SELECT item, id, part, version FROM users WHERE id = ?1 AND part = ?2")?;
    let mut rows = select.query(params![id.as_bytes(), part.as_str()])?;
    rows.next()?.map(record).transpose()
}

/// Whether the columns `id` and `key`, behind the item, are these.
pub(super) fn is_under(row: &rusqlite::Row<'_>, user: UserId, key: &str) -> Result<bool, Fault> {
    let is_user = row.get_ref(1)?.as_blob().is_ok_and(|id| id == user.as_bytes());
    Ok(is_user && row.get_ref(2)?.as_str().is_ok_and(|stored| stored == key))
}

/// The bytes of the item under a key, whether or not they can be read.
pub(super) fn bytes(connection: &Connection, key: &Key) -> Result<Option<Vec<u8>>, Fault> {
    let id = key.user.as_bytes();
    let (sql, table) = match key.table.rule {
        Rule::Parts => ("SELECT item FROM users WHERE id = ?2 AND part = ?3 AND ?1 IS NOT NULL", key.table.name),
        Rule::PutIfAbsent(_) => ("SELECT item FROM logs WHERE log = ?1 AND id = ?2 AND key = ?3", key.table.name),
        Rule::NewestWins => ("SELECT item FROM items WHERE table_name = ?1 AND id = ?2 AND key = ?3", key.table.name),
    };
    let mut select = connection.prepare_cached(sql)?;
    let mut rows = select.query(params![table, id, key.sort])?;
    rows.next()?.map(|row| Ok(blob(row.get_ref(0)?).to_vec())).transpose()
}

/// The bytes of a stored item. One of another type cannot be read, as one without bytes.
pub(super) fn blob(item: ValueRef<'_>) -> &[u8] {
    item.as_blob().unwrap_or_default()
}

/// The end of the keys with a prefix: no key contains this character.
pub(super) fn end_of(prefix: &str) -> String {
    format!("{prefix}\u{10ffff}")
}

/// Stores an item under its key in place of the stored one.
pub(super) fn replace_item(tx: &Tx<'_>, item: &Item) -> Result<(), Fault> {
    let key = item.key();
    let (id, table, version) = (key.user.as_bytes(), key.table.name, item.version().map(ToString::to_string));
    let (sql, item) = match item {
        Item::Part(record) => (
            "UPDATE users SET item = ?4, version = ?5 WHERE id = ?2 AND part = ?3 AND ?1 IS NOT NULL",
            record.to_item(),
        ),
        Item::Row(_, row) => {
            ("UPDATE logs SET item = ?4 WHERE log = ?1 AND id = ?2 AND key = ?3 AND ?5 IS NULL", row.to_item())
        }
        Item::Versioned(item) => {
            ("UPDATE items SET item = ?4, version = ?5 WHERE table_name = ?1 AND id = ?2 AND key = ?3", item.to_item())
        }
    };
    let item = codec::encode(&item)?;
    tx.change_one(sql, params![table, id, key.sort, item, version])?;
    changes::append(tx, table, &item)
}

pub(super) fn ownership(connection: &Connection, index: BlindIndex) -> Result<Option<IdentifierItem>, Fault> {
    let mut select = connection.prepare_cached("SELECT item FROM identifiers WHERE blind_index = ?1")?;
    let mut rows = select.query([index.as_bytes()])?;
    rows.next()?.map(|row| identifier(row, index)).transpose()
}

/// Reads the item of an identifier from a row that begins with it.
pub(super) fn identifier(row: &rusqlite::Row<'_>, index: BlindIndex) -> Result<IdentifierItem, Fault> {
    let item = codec::decode(row.get_ref(0)?.as_blob()?)?;
    let item = IdentifierItem::from_item(item).map_err(StoreError::from)?;
    if item.index == index { Ok(item) } else { Err(StoreError::from(ItemError::new("key")).into()) }
}

/// Stores a part without a new version.
pub(super) fn replace(tx: &Tx<'_>, record: &PartRecord) -> Result<(), Fault> {
    let item = codec::encode(&record.to_item())?;
    let (id, part) = (record.id.as_bytes(), record.part.as_str());
    tx.change_one("UPDATE users SET item = ?3 WHERE id = ?1 AND part = ?2", params![id, part, item])?;
    changes::append(tx, table::USERS, &item)
}

/// Where a scan of rows or items continues: behind a user and a key.
pub(super) struct Place {
    pub(super) id: Cell,
    pub(super) key: Cell,
}

impl Place {
    /// The position of a text, or the start.
    pub(super) fn parse(text: Option<&str>) -> Result<Self, StoreError> {
        let Some(text) = text else { return Ok(Self { id: Cell::LEAST, key: Cell::Text(Vec::new()) }) };
        if let Some([id, key]) = place::from_odd(text)? {
            return Ok(Self { id, key });
        }
        let place = text.split_once('/').and_then(|(user, key)| Some((user.parse::<UserId>().ok()?, key)));
        let (user, key) = place.ok_or_else(place::unknown)?;
        Ok(Self { id: Cell::Blob(user.as_bytes().to_vec()), key: Cell::Text(key.as_bytes().to_vec()) })
    }

    /// The position of a row with the columns `id` and `key` behind the item.
    pub(super) fn of(row: &rusqlite::Row<'_>) -> Result<Self, Fault> {
        Ok(Self { id: row.get_ref(1)?.into(), key: row.get_ref(2)?.into() })
    }

    /// The user of the row, if it can be one.
    pub(super) fn user(&self) -> Option<UserId> {
        self.id.bytes().map(UserId::from_bytes)
    }

    /// The position as a text.
    pub(super) fn into_text(self) -> String {
        match (self.user(), self.key.text()) {
            (Some(user), Some(key)) => format!("{user}/{key}"),
            _ => place::odd(&[self.id, self.key]),
        }
    }
}
