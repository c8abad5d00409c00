//! Writes in one transaction: all conditions are checked first, then all writes are done.

use std::collections::BTreeSet;

use rusqlite::params;
use umoja_schema::names::table;
use umoja_schema::{BlindIndex, IdentifierItem, ItemError, Key, Log, LogRow, Part, UserId, Version};
use umoja_store::ports::{
    Commit, Condition, IdentifierWrite, LinkedAccountWrite, MAX_WRITES, PartWrite, StoreError, Writes,
};

use super::items::{PreparedItem, Stored, holds};
use super::stored::{bytes, ownership, stored};
use super::{changes, logs};
use crate::codec;
use crate::engine::{Fault, Tx, readable};

/// Writes with their items encoded. Encoding runs on the caller's thread, because all callers share the writer's.
pub(super) struct Prepared {
    parts: Vec<PreparedPart>,
    ownerships: Vec<PreparedIdentifier>,
    linked_accounts: Vec<LinkedAccountWrite>,
    unchanged: Vec<(UserId, Version)>,
    items: Vec<PreparedItem>,
    rows: Vec<logs::PreparedRow>,
    new_rows: Vec<logs::PreparedRow>,
}

struct PreparedPart {
    id: UserId,
    part: Part,
    version: String,
    item: Vec<u8>,
    condition: Condition,
}

struct PreparedIdentifier {
    before: IdentifierItem,
    /// `None` if the identifier has no owner any more.
    after: Option<Vec<u8>>,
}

/// Where a part is written.
enum Place {
    New,
    Row(i64),
}

impl Prepared {
    pub(super) fn new(writes: &Writes) -> Result<Self, StoreError> {
        let Writes { parts, ownerships, linked_accounts, unchanged, items, rows, new_rows } = writes;
        let rejected = |why: &str| Err(StoreError::Rejected(why.to_owned()));
        // The limit of the cloud, so that every transaction that works here also works there.
        if writes.count() > MAX_WRITES {
            return rejected("a transaction of more than 100 writes");
        }
        let distinct = parts.iter().map(|write| (write.record.id, write.record.part)).collect::<BTreeSet<_>>();
        if distinct.len() < parts.len() {
            return rejected("two writes of one part in a transaction");
        }
        if ownerships.iter().map(|write| write.after.index).collect::<BTreeSet<_>>().len() < ownerships.len() {
            return rejected("two writes of one identifier in a transaction");
        }
        if linked_accounts.iter().map(|write| (write.primary, write.linked)).collect::<BTreeSet<_>>().len()
            < linked_accounts.len()
        {
            return rejected("two writes of one pointer in a transaction");
        }
        let mut checked = BTreeSet::new();
        if unchanged.iter().any(|(id, _)| distinct.contains(&(*id, Part::Profile)) || !checked.insert(*id)) {
            return rejected("a part that is written or checked twice in a transaction");
        }
        let items = items.iter().map(PreparedItem::new).collect::<Result<Vec<_>, _>>()?;
        if items.iter().map(PreparedItem::place).collect::<BTreeSet<_>>().len() < items.len() {
            return rejected("two writes of one item in a transaction");
        }
        let prepared = |rows: &[(Log, LogRow)]| {
            rows.iter().map(|(log, row)| logs::PreparedRow::new(*log, row)).collect::<Result<Vec<_>, _>>()
        };
        let (rows, new_rows) = (prepared(rows)?, prepared(new_rows)?);
        let mut placed: BTreeSet<_> = rows.iter().map(logs::PreparedRow::place).collect();
        if !new_rows.iter().all(|row| placed.insert(row.place())) {
            return rejected("two writes of one new row in a transaction");
        }
        Ok(Self {
            parts: parts.iter().map(PreparedPart::new).collect::<Result<_, _>>()?,
            ownerships: ownerships.iter().map(PreparedIdentifier::new).collect::<Result<_, _>>()?,
            linked_accounts: linked_accounts.clone(),
            unchanged: unchanged.clone(),
            items,
            rows,
            new_rows,
        })
    }

    pub(super) fn commit(&self, tx: &Tx<'_>) -> Result<Commit, Fault> {
        let mut places = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            match part.place(tx)? {
                Some(place) => places.push(place),
                None => return self.conflict(tx),
            }
        }
        for ownership in &self.ownerships {
            if !ownership.condition_holds(tx)? {
                return self.conflict(tx);
            }
        }
        for (id, version) in &self.unchanged {
            // One that cannot be read is not of this version.
            let profile = readable(stored(tx, *id, Part::Profile))?.flatten();
            if profile.is_none_or(|record| record.version != *version) {
                return self.conflict(tx);
            }
        }
        for item in &self.items {
            if !item.condition_holds(tx)? {
                return self.conflict(tx);
            }
        }
        for row in &self.new_rows {
            if !row.is_absent(tx)? {
                return self.conflict(tx);
            }
        }
        for (part, place) in self.parts.iter().zip(places) {
            part.write(tx, place)?;
        }
        for ownership in &self.ownerships {
            ownership.write(tx)?;
        }
        for linked in &self.linked_accounts {
            write_linked(tx, *linked)?;
        }
        for item in &self.items {
            item.write(tx)?;
        }
        for row in self.rows.iter().chain(&self.new_rows) {
            row.append(tx)?;
        }
        Ok(Commit::Done)
    }

    fn conflict(&self, tx: &Tx<'_>) -> Result<Commit, Fault> {
        // An item that cannot be read is no stored part; a caller that reads it again meets the error.
        let stored = self.parts.iter().map(|part| Ok(readable(stored(tx, part.id, part.part))?.flatten()));
        Ok(Commit::Conflict { stored: stored.collect::<Result<_, Fault>>()? })
    }
}

impl PreparedPart {
    fn new(write: &PartWrite) -> Result<Self, StoreError> {
        let PartWrite { record, condition } = write;
        Ok(Self {
            id: record.id,
            part: record.part,
            version: record.version.to_string(),
            item: codec::encode(&record.to_item())?,
            condition: condition.clone(),
        })
    }

    /// Where to write; `None` if the condition does not hold.
    fn place(&self, tx: &Tx<'_>) -> Result<Option<Place>, Fault> {
        let mut select = tx.prepare_cached("SELECT number, version FROM users WHERE id = ?1 AND part = ?2")?;
        let mut rows = select.query(params![self.id.as_bytes(), self.part.as_str()])?;
        let Some(row) = rows.next()? else {
            return Ok(holds(&self.condition, None, &self.version).then_some(Place::New));
        };
        let item = match &self.condition {
            Condition::EtagIs(_) => bytes(tx, &Key::of_part(self.id, self.part))?.unwrap_or_default(),
            _ => Vec::new(),
        };
        let stored = Stored { version: row.get_ref(1)?.as_str().ok(), item: &item };
        let place = Place::Row(row.get(0)?);
        Ok(holds(&self.condition, Some(stored), &self.version).then_some(place))
    }

    fn write(&self, tx: &Tx<'_>, place: Place) -> Result<(), Fault> {
        let Self { id, part, version, item, .. } = self;
        match place {
            Place::Row(number) => tx.change_one(
                "UPDATE users SET version = ?2, item = ?3 WHERE number = ?1",
                params![number, version, item],
            )?,
            Place::New => tx.change_one(
                "INSERT INTO users (id, part, version, item) VALUES (?1, ?2, ?3, ?4)",
                params![id.as_bytes(), part.as_str(), version, item],
            )?,
        }
        changes::append(tx, table::USERS, item)
    }
}

pub(super) fn write_linked(tx: &Tx<'_>, write: LinkedAccountWrite) -> Result<bool, Fault> {
    let (primary, linked) = (write.primary.to_string(), write.linked.to_string());
    let sql = if write.present {
        "INSERT OR IGNORE INTO linked_accounts (id, linked) VALUES (?1, ?2)"
    } else {
        "DELETE FROM linked_accounts WHERE id = ?1 AND linked = ?2"
    };
    tx.change_unless(sql, [&primary, &linked], || {
        let mut select = tx.prepare_cached("SELECT 1 FROM linked_accounts WHERE id = ?1 AND linked = ?2")?;
        Ok(select.exists([&primary, &linked])? == write.present)
    })
}

/// Deletes the item of an identifier, and returns whether there was one.
pub(super) fn delete_identifier(tx: &Tx<'_>, index: BlindIndex) -> Result<bool, Fault> {
    tx.change_unless("DELETE FROM identifiers WHERE blind_index = ?1", [index.as_bytes()], || {
        Ok(!tx.prepare_cached("SELECT 1 FROM identifiers WHERE blind_index = ?1")?.exists([index.as_bytes()])?)
    })
}

impl PreparedIdentifier {
    fn new(write: &IdentifierWrite) -> Result<Self, StoreError> {
        let IdentifierWrite { before, after } = write;
        if before.index != after.index {
            return Err(ItemError::new("index").into());
        }
        let after = (!after.owners.is_empty()).then(|| codec::encode(&after.to_item())).transpose()?;
        Ok(Self { before: before.clone(), after })
    }

    fn condition_holds(&self, tx: &Tx<'_>) -> Result<bool, Fault> {
        let stored = ownership(tx, self.before.index)?.unwrap_or(IdentifierItem::unowned(self.before.index));
        Ok(stored.owners == self.before.owners)
    }

    fn write(&self, tx: &Tx<'_>) -> Result<(), Fault> {
        let index = self.before.index;
        match &self.after {
            Some(item) => tx.change_one(
                "INSERT OR REPLACE INTO identifiers (blind_index, item) VALUES (?1, ?2)",
                params![index.as_bytes(), item],
            ),
            None => delete_identifier(tx, index).map(drop),
        }
    }
}
