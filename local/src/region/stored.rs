//! Reading stored items, for readers and the writer.

use rusqlite::{Connection, params};
use umoja_schema::names::table;
use umoja_schema::{BlindIndex, IdentifierItem, Part, PartRecord, UserId};
use umoja_store::ports::StoreError;

use super::changes;
use crate::codec;
use crate::engine::{Fault, Tx};

/// The value that was read; `None` if it is unreadable.
pub(super) fn readable<T>(read: Result<T, Fault>) -> Result<Option<T>, Fault> {
    match read {
        Err(Fault::Store(StoreError::Unreadable(_))) => Ok(None),
        read => read.map(Some),
    }
}

/// The user of an item, by its key.
pub(super) fn owner(id: rusqlite::types::ValueRef<'_>) -> Option<UserId> {
    Some(UserId::from_bytes(id.as_blob().ok()?.try_into().ok()?))
}

pub(super) fn record(item: &[u8]) -> Result<PartRecord, Fault> {
    Ok(PartRecord::from_item(codec::decode(item)?).map_err(StoreError::from)?)
}

pub(super) fn stored(connection: &Connection, id: UserId, part: Part) -> Result<Option<PartRecord>, Fault> {
    let mut select = connection.prepare_cached("SELECT item FROM users WHERE id = ?1 AND part = ?2")?;
    let mut rows = select.query(params![id.as_bytes(), part.as_str()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    record(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?).map(Some)
}

pub(super) fn ownership(connection: &Connection, index: BlindIndex) -> Result<Option<IdentifierItem>, Fault> {
    let mut select = connection.prepare_cached("SELECT item FROM identifiers WHERE blind_index = ?1")?;
    let mut rows = select.query([index.as_bytes()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let item = codec::decode(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?;
    Ok(Some(IdentifierItem::from_item(item).map_err(StoreError::from)?))
}

/// Stores a part without a new version.
pub(super) fn replace(tx: &Tx<'_>, record: &PartRecord) -> Result<(), Fault> {
    let item = codec::encode(&record.to_item())?;
    let (id, part) = (record.id.as_bytes(), record.part.as_str());
    tx.prepare_cached("UPDATE users SET item = ?3 WHERE id = ?1 AND part = ?2")?.execute(params![id, part, item])?;
    changes::append(tx, table::USERS, &item)
}

/// Where a scan of rows or items continues: a user and a key.
pub(super) fn place(text: &str) -> Result<(UserId, &str), StoreError> {
    let place = text.split_once('/').and_then(|(user, key)| Some((user.parse().ok()?, key)));
    place.ok_or_else(|| StoreError::Rejected("a scan from an unknown position".into()))
}
