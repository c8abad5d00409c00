//! Users, ownerships, and pointers of merged users.

use async_trait::async_trait;
use rusqlite::params;
use rusqlite::types::ValueRef;
use umoja_schema::names::table;
use umoja_schema::{BlindIndex, Body, IdentifierItem, Item, Key, Part, PartRecord, Region, UserId, Version};
use umoja_store::ports::{
    Commit, Etag, IdentifierPage, KeyAdded, KeyRemoved, LinkedAccountPage, LinkedAccountWrite, Page, Parts, StoreError,
    Strays, SuperfluousPointer, Users, Writes,
};

use super::RegionStore;
use super::commit::{Prepared, delete_identifier, write_linked};
use super::place;
use super::stored::{bytes, identifier, owner, ownership, record, replace, replace_item, stored};
use crate::cell::Cell;
use crate::codec::{int, uint};
use crate::engine::{Fault, Tx, readable};

/// Adds the part of a row with the columns of [`record`]. A row under another key is no part, and hides none.
fn add_part(row: &rusqlite::Row<'_>, parts: &mut Parts) -> Result<(), Fault> {
    if row.get_ref(2)?.as_str().is_ok_and(|part| part.parse::<Part>().is_ok()) {
        parts.set(record(row)?);
    }
    Ok(())
}

/// The user whose pointer a row is of. Only the part of a user decides whether its pointer exists, so what is no id is none.
fn pointing(linked: ValueRef<'_>) -> Option<UserId> {
    linked.as_str().ok()?.parse().ok()
}

#[async_trait]
impl Users for RegionStore {
    async fn part(&self, id: UserId, part: Part) -> Result<Option<PartRecord>, StoreError> {
        self.0.main.read(table::USERS, |connection| stored(connection, id, part))
    }

    async fn parts(&self, id: UserId) -> Result<Parts, StoreError> {
        self.0.main.read(table::USERS, |connection| {
            let mut select = connection.prepare_cached("SELECT item, id, part, version FROM users WHERE id = ?1")?;
            let mut rows = select.query([id.as_bytes()])?;
            let mut parts = Parts::default();
            while let Some(row) = rows.next()? {
                add_part(row, &mut parts)?;
            }
            Ok(parts)
        })
    }

    async fn user(&self, id: UserId) -> Result<(Parts, Vec<UserId>), StoreError> {
        self.0.main.read(table::USERS, |connection| {
            let mut select = connection.prepare_cached(
                "SELECT item, id, part, version FROM users WHERE id = ?1
                 UNION ALL SELECT NULL, NULL, NULL, linked FROM linked_accounts WHERE id = ?2",
            )?;
            let mut rows = select.query(params![id.as_bytes(), id.to_string()])?;
            let (mut parts, mut linked_accounts) = (Parts::default(), Vec::new());
            while let Some(row) = rows.next()? {
                // An id is not null.
                if row.get_ref(1)? == ValueRef::Null {
                    linked_accounts.extend(pointing(row.get_ref(3)?));
                } else {
                    add_part(row, &mut parts)?;
                }
            }
            linked_accounts.sort_unstable();
            Ok((parts, linked_accounts))
        })
    }

    async fn ownerships(&self, indexes: &[BlindIndex]) -> Result<Vec<IdentifierItem>, StoreError> {
        self.0.main.read(table::IDENTIFIERS, |connection| {
            indexes
                .iter()
                .map(|index| Ok(ownership(connection, *index)?.unwrap_or(IdentifierItem::unowned(*index))))
                .collect()
        })
    }

    async fn any_user(&self, seed: u64) -> Result<Option<UserId>, StoreError> {
        self.0.main.read(table::USERS, |connection| {
            let mut select = connection.prepare_cached("SELECT max(number) FROM users")?;
            let Some(most) = select.query_row([], |row| row.get::<_, Option<i64>>(0))? else { return Ok(None) };
            let from = int(seed % uint(most).max(1)) + 1;
            let mut select =
                connection.prepare_cached("SELECT id FROM users WHERE number >= ?1 ORDER BY number LIMIT 1")?;
            let mut rows = select.query([from])?;
            Ok(rows.next()?.and_then(|row| owner(row.get_ref(0).ok()?)))
        })
    }

    async fn linked_accounts(&self, id: UserId) -> Result<Vec<UserId>, StoreError> {
        self.0.main.read(table::LINKED_ACCOUNTS, |connection| {
            let mut select =
                connection.prepare_cached("SELECT linked FROM linked_accounts WHERE id = ?1 ORDER BY linked")?;
            let mut rows = select.query([id.to_string()])?;
            let mut linked_accounts = Vec::new();
            while let Some(row) = rows.next()? {
                linked_accounts.extend(pointing(row.get_ref(0)?));
            }
            Ok(linked_accounts)
        })
    }

    async fn scan_linked_accounts(&self, after: Option<String>, limit: usize) -> Result<LinkedAccountPage, StoreError> {
        // No key is before the empty one, and a row can have it.
        let is_past = if after.is_some() { ">" } else { ">=" };
        let [primary, linked] = linked_place(after.as_deref().unwrap_or("/"))?;
        let limit = limit.max(1);
        self.0.main.read(table::LINKED_ACCOUNTS, |connection| {
            let mut select = connection.prepare_cached(&format!(
                "SELECT id, linked FROM linked_accounts WHERE (id, linked) {is_past} (?1, ?2) ORDER BY id, linked LIMIT ?3",
            ))?;
            let mut rows = select.query(params![primary, linked, int(limit as u64)])?;
            let (mut pointers, mut strays, mut last) = (Vec::new(), Vec::new(), None);
            while let Some(row) = rows.next()? {
                let [primary, linked] = [Cell::from(row.get_ref(0)?), Cell::from(row.get_ref(1)?)];
                // No reader finds an id in another spelling.
                let id =
                    |cell: &Cell| cell.text()?.parse::<UserId>().ok().filter(|id| cell.text() == Some(&id.to_string()));
                last = Some(if let (Some(primary), Some(linked)) = (id(&primary), id(&linked)) {
                    pointers.push((primary, linked));
                    format!("{primary}/{linked}")
                } else {
                    let stray = place::odd(&[primary, linked]);
                    strays.push(stray.clone());
                    stray
                });
            }
            let next = last.filter(|_| pointers.len() + strays.len() == limit);
            Ok(LinkedAccountPage { pointers, strays, next })
        })
    }

    async fn commit(&self, writes: &Writes) -> Result<Commit, StoreError> {
        let writes = Prepared::new(writes)?;
        self.0.main.write(table::USERS, move |tx| writes.commit(tx)).await
    }

    async fn derive(&self, id: UserId, profile: Option<&Version>, writes: &Writes) -> Result<bool, StoreError> {
        if !writes.parts.is_empty() {
            return Err(StoreError::Rejected("a derivation that writes parts".into()));
        }
        let (writes, wanted) = (Prepared::new(writes)?, profile.map(ToString::to_string));
        let derive =
            move |tx: &Tx<'_>| Ok(is_of_version(tx, id, wanted.as_deref())? && writes.commit(tx)? == Commit::Done);
        self.0.main.write(table::IDENTIFIERS, derive).await
    }

    async fn add_wrapped_key(
        &self,
        id: UserId,
        part: Part,
        version: &Version,
        region: &Region,
        replaced: Option<&[u8]>,
        wrapped: &[u8],
    ) -> Result<KeyAdded, StoreError> {
        let (version, region, wrapped) = (version.clone(), region.clone(), wrapped.to_vec());
        let replaced = replaced.map(<[u8]>::to_vec);
        let add = move |tx: &Tx<'_>| {
            let Some(mut record) = stored(tx, id, part)? else { return Ok(KeyAdded::OtherVersion(None)) };
            if record.version != version {
                return Ok(KeyAdded::OtherVersion(Some(record.version)));
            }
            let Body::Live(live) = &mut record.body else {
                return Ok(KeyAdded::OtherVersion(Some(record.version)));
            };
            if live.keys.get(&region) != replaced.as_ref() {
                return Ok(KeyAdded::Present);
            }
            live.keys.insert(region.clone(), wrapped.clone());
            replace(tx, &record)?;
            Ok(KeyAdded::Added)
        };
        self.0.main.write(table::USERS, add).await
    }

    async fn remove_wrapped_key(
        &self,
        id: UserId,
        part: Part,
        version: &Version,
        region: &Region,
    ) -> Result<KeyRemoved, StoreError> {
        let (version, region) = (version.clone(), region.clone());
        let remove = move |tx: &Tx<'_>| {
            let Some(mut record) = stored(tx, id, part)? else { return Ok(KeyRemoved::OtherVersion(None)) };
            let Body::Live(live) = &mut record.body else {
                return Ok(KeyRemoved::OtherVersion(Some(record.version)));
            };
            if record.version != version {
                return Ok(KeyRemoved::OtherVersion(Some(record.version)));
            }
            if live.keys.remove(&region).is_none() {
                return Ok(KeyRemoved::Absent);
            }
            replace(tx, &record)?;
            Ok(KeyRemoved::Removed)
        };
        self.0.main.write(table::USERS, remove).await
    }

    async fn etag(&self, key: &Key) -> Result<Option<Etag>, StoreError> {
        self.0.main.read(key.table.name, |connection| Ok(bytes(connection, key)?.map(Etag)))
    }

    async fn replace(&self, item: &Item, etag: &Etag) -> Result<bool, StoreError> {
        let (key, item, etag) = (item.key(), item.clone(), etag.0.clone());
        let table = key.table.name;
        let replace = move |tx: &Tx<'_>| {
            let is_current = bytes(tx, &key)?.as_ref() == Some(&etag);
            if is_current {
                replace_item(tx, &item)?;
            }
            Ok(is_current)
        };
        self.0.main.write(table, replace).await
    }

    /// Returns parts in the order in which they arrived.
    async fn scan(&self, after: Option<String>, limit: usize) -> Result<Page, StoreError> {
        let after: i64 = match after {
            None => 0,
            Some(text) => text.parse().map_err(|_| StoreError::Rejected("a scan from an unknown position".into()))?,
        };
        let limit = limit.max(1);
        self.0.main.read(table::USERS, |connection| {
            let mut select = connection.prepare_cached(
                "SELECT item, id, part, version, number FROM users WHERE number > ?1 ORDER BY number LIMIT ?2",
            )?;
            let mut rows = select.query(params![after, int(limit as u64)])?;
            let (mut records, mut unreadable, mut last) = (Vec::new(), Vec::new(), after);
            while let Some(row) = rows.next()? {
                last = row.get(4)?;
                match readable(record(row))? {
                    Some(record) => records.push(record),
                    None => unreadable.push(owner(row.get_ref(1)?)),
                }
            }
            let next = (records.len() + unreadable.len() == limit).then(|| last.to_string());
            Ok(Page { records, unreadable, next })
        })
    }

    /// Returns identifiers in the order of their blind indexes.
    async fn scan_identifiers(&self, after: Option<String>, limit: usize) -> Result<IdentifierPage, StoreError> {
        let after = identifier_place(after.as_deref())?;
        let limit = limit.max(1);
        self.0.main.read(table::IDENTIFIERS, |connection| {
            let mut select = connection.prepare_cached(
                "SELECT item, blind_index FROM identifiers WHERE blind_index > ?1 ORDER BY blind_index LIMIT ?2",
            )?;
            let mut rows = select.query(params![after, int(limit as u64)])?;
            let (mut items, mut unreadable, mut strays, mut last) = (Vec::new(), Vec::new(), Vec::new(), None);
            while let Some(row) = rows.next()? {
                let key = Cell::from(row.get_ref(1)?);
                let index = key.bytes().map(BlindIndex::new);
                last = Some(if let Some(index) = index {
                    match readable(identifier(row, index))? {
                        Some(item) => items.push(item),
                        None => unreadable.push(index),
                    }
                    index.to_string()
                } else {
                    let stray = place::odd(&[key]);
                    strays.push(stray.clone());
                    stray
                });
            }
            let next = last.filter(|_| items.len() + unreadable.len() + strays.len() == limit);
            Ok(IdentifierPage { items, unreadable, strays, next })
        })
    }

    async fn drop_unreadable_identifier(&self, index: &BlindIndex) -> Result<bool, StoreError> {
        let index = *index;
        let drop = move |tx: &Tx<'_>| {
            if readable(ownership(tx, index))?.is_some() {
                return Ok(false);
            }
            delete_identifier(tx, index)
        };
        self.0.main.write(table::IDENTIFIERS, drop).await
    }

    /// Removes all in one transaction.
    async fn drop_pointers(&self, superfluous: &[SuperfluousPointer]) -> Result<u64, StoreError> {
        let superfluous = superfluous.to_vec();
        let drop = move |tx: &Tx<'_>| {
            let mut dropped = 0;
            for SuperfluousPointer { primary, linked, profile } in &superfluous {
                let wanted = profile.as_ref().map(ToString::to_string);
                if is_of_version(tx, *linked, wanted.as_deref())? {
                    let write = LinkedAccountWrite { primary: *primary, linked: *linked, present: false };
                    dropped += u64::from(write_linked(tx, write)?);
                }
            }
            Ok(dropped)
        };
        self.0.main.write(table::LINKED_ACCOUNTS, drop).await
    }

    async fn drop_strays(&self, strays: &Strays) -> Result<u64, StoreError> {
        let strays = strays.clone();
        let drop = move |tx: &Tx<'_>| {
            let mut dropped = 0;
            match &strays {
                Strays::Identifiers(places) => {
                    for place in places {
                        let key = identifier_place(Some(place))?;
                        let delete = "DELETE FROM identifiers WHERE blind_index = ?1";
                        dropped += tx.prepare_cached(delete)?.execute([key])? as u64;
                    }
                }
                Strays::LinkedAccounts(places) => {
                    for place in places {
                        let key = linked_place(place)?;
                        let delete = "DELETE FROM linked_accounts WHERE id = ?1 AND linked = ?2";
                        dropped += tx.prepare_cached(delete)?.execute(key)? as u64;
                    }
                }
            }
            Ok(dropped)
        };
        self.0.main.write(table::IDENTIFIERS, drop).await
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.0
            .main
            .read(table::USERS, |connection| Ok(connection.prepare_cached("SELECT 1")?.query_row([], |_| Ok(()))?))
    }
}

/// Whether a user's profile part is stored in this version; without one, whether no part is stored. A version that is no
/// text is of no part that can be read.
fn is_of_version(tx: &Tx<'_>, id: UserId, wanted: Option<&str>) -> Result<bool, Fault> {
    let mut select = tx.prepare_cached("SELECT version FROM users WHERE id = ?1 AND part = ?2")?;
    let mut rows = select.query(params![id.as_bytes(), Part::Profile.as_str()])?;
    let Some(row) = rows.next()? else { return Ok(wanted.is_none()) };
    Ok(wanted.is_some_and(|wanted| row.get_ref(0).is_ok_and(|stored| stored.as_str() == Ok(wanted))))
}

/// Where a scan of identifiers continues.
fn identifier_place(text: Option<&str>) -> Result<Cell, StoreError> {
    let Some(text) = text else { return Ok(Cell::LEAST) };
    if let Some([key]) = place::from_odd(text)? {
        return Ok(key);
    }
    let index: BlindIndex = text.parse().map_err(|_| place::unknown())?;
    Ok(Cell::Blob(index.as_bytes().to_vec()))
}

/// Where a scan of linked accounts continues.
fn linked_place(text: &str) -> Result<[Cell; 2], StoreError> {
    if let Some(place) = place::from_odd(text)? {
        return Ok(place);
    }
    let (primary, linked) = text.split_once('/').ok_or_else(place::unknown)?;
    Ok([primary, linked].map(|text| Cell::Text(text.as_bytes().to_vec())))
}
