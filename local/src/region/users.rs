//! Users, ownerships, and pointers of merged users.

use async_trait::async_trait;
use rusqlite::{OptionalExtension as _, params};
use umoja_schema::names::table;
use umoja_schema::{BlindIndex, Body, IdentifierItem, Item, Key, Part, PartRecord, Region, UserId, Version};
use umoja_store::cursor;
use umoja_store::ports::{
    Commit, Etag, IdentifierPage, KeyAdded, KeyRemoved, LinkedAccountPage, Page, Parts, StoreError, Users, Writes,
};

use super::RegionStore;
use super::commit::Prepared;
use super::stored::{bytes, owner, ownership, readable, record, replace, replace_item, stored};
use crate::codec;
use crate::engine::Tx;

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
                parts.set(record(row)?);
            }
            Ok(parts)
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

    async fn linked_accounts(&self, id: UserId) -> Result<Vec<UserId>, StoreError> {
        self.0.main.read(table::LINKED_ACCOUNTS, |connection| {
            let mut select =
                connection.prepare_cached("SELECT linked FROM linked_accounts WHERE id = ?1 ORDER BY linked")?;
            let mut rows = select.query([id.to_string()])?;
            let mut linked_accounts = Vec::new();
            while let Some(row) = rows.next()? {
                // Only the part of a user decides whether its pointer exists, so what is no id is none.
                linked_accounts.extend(row.get_ref(0)?.as_str().ok().and_then(|linked| linked.parse::<UserId>().ok()));
            }
            Ok(linked_accounts)
        })
    }

    async fn scan_linked_accounts(&self, after: Option<String>, limit: usize) -> Result<LinkedAccountPage, StoreError> {
        // A row of which both keys are empty is the first one, and no pointer.
        let is_past = if after.is_some() { ">" } else { ">=" };
        let after = after.unwrap_or_else(|| cursor::write("", ""));
        let unknown = || StoreError::Rejected("a scan from an unknown position".into());
        let (primary, linked) = cursor::read(&after).ok_or_else(unknown)?;
        self.0.main.read(table::LINKED_ACCOUNTS, |connection| {
            let mut select = connection.prepare_cached(&format!(
                "SELECT id, linked FROM linked_accounts WHERE (id, linked) {is_past} (?1, ?2) ORDER BY id, linked LIMIT ?3",
            ))?;
            let limit = i64::try_from(limit.max(1)).unwrap_or(i64::MAX);
            let rows = select.query_map(params![primary, linked, limit], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
            })?;
            let rows = rows.collect::<Result<Vec<_>, _>>()?;
            let full = i64::try_from(rows.len()).is_ok_and(|seen| seen == limit);
            let next = rows.last().filter(|_| full).map(|(primary, linked)| cursor::write(primary, linked));
            let mut page = LinkedAccountPage { next, ..LinkedAccountPage::default() };
            for (primary, linked) in &rows {
                page.add(primary, linked);
            }
            Ok(page)
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
        let derive = move |tx: &Tx<'_>| {
            let mut select = tx.prepare_cached("SELECT version FROM users WHERE id = ?1 AND part = ?2")?;
            let version: Option<String> =
                select.query_row(params![id.as_bytes(), Part::Profile.as_str()], |row| row.get(0)).optional()?;
            Ok(version == wanted && writes.commit(tx)? == Commit::Done)
        };
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
            let mut rows = select.query(params![after, i64::try_from(limit).unwrap_or(i64::MAX)])?;
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
        let after: Option<BlindIndex> = match after {
            None => None,
            Some(text) => {
                Some(text.parse().map_err(|_| StoreError::Rejected("a scan from an unknown position".into()))?)
            }
        };
        let (after, limit) = (after.map_or(Vec::new(), |index| index.as_bytes().to_vec()), limit.max(1));
        self.0.main.read(table::IDENTIFIERS, |connection| {
            let mut select = connection.prepare_cached(
                "SELECT item, blind_index FROM identifiers WHERE blind_index > ?1 ORDER BY blind_index LIMIT ?2",
            )?;
            let mut rows = select.query(params![after, i64::try_from(limit).unwrap_or(i64::MAX)])?;
            let (mut items, mut unreadable, mut last) = (Vec::new(), Vec::new(), Vec::new());
            while let Some(row) = rows.next()? {
                last = row.get(1)?;
                let item = codec::decode(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?);
                let item = item.ok().and_then(|item| IdentifierItem::from_item(item).ok());
                match item.filter(|item| item.index.as_bytes()[..] == last[..]) {
                    Some(item) => items.push(item),
                    None => unreadable.push(<[u8; 32]>::try_from(&last[..]).ok().map(BlindIndex::new)),
                }
            }
            let seen = items.len() + unreadable.len();
            let last = <[u8; 32]>::try_from(last).ok().filter(|_| seen == limit);
            let next = last.map(|last| BlindIndex::new(last).to_string());
            Ok(IdentifierPage { items, unreadable, next })
        })
    }

    async fn drop_unreadable_identifier(&self, index: &BlindIndex) -> Result<bool, StoreError> {
        let index = *index;
        let drop = move |tx: &Tx<'_>| {
            if readable(ownership(tx, index))?.is_some() {
                return Ok(false);
            }
            let mut delete = tx.prepare_cached("DELETE FROM identifiers WHERE blind_index = ?1")?;
            Ok(delete.execute([index.as_bytes()])? > 0)
        };
        self.0.main.write(table::IDENTIFIERS, drop).await
    }

    async fn drop_unreadable_linked_account(&self, id: &str, linked: &str) -> Result<(), StoreError> {
        let (id, linked) = (id.to_owned(), linked.to_owned());
        let drop = move |tx: &Tx<'_>| {
            let mut delete = tx.prepare_cached("DELETE FROM linked_accounts WHERE id = ?1 AND linked = ?2")?;
            delete.execute(params![id, linked])?;
            Ok(())
        };
        self.0.main.write(table::LINKED_ACCOUNTS, drop).await
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.0
            .main
            .read(table::USERS, |connection| Ok(connection.prepare_cached("SELECT 1")?.query_row([], |_| Ok(()))?))
    }
}
