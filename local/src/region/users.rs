//! Users, claims, and who points at whom.

use std::collections::BTreeSet;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, params};
use umoja_schema::names::table;
use umoja_schema::{BlindIndex, Body, ClaimItem, ItemError, Log, LogRow, Part, PartRecord, Region, UserId, Version};
use umoja_store::ports::{
    ClaimPage, ClaimWrite, Commit, Condition, KeyAdded, KeyRemoved, MAX_WRITES, MemberWrite, Page, PartWrite, Parts,
    StoreError, Users, Writes,
};

use super::{RegionStore, changes, logs};
use crate::codec;
use crate::engine::{Fault, Tx};

#[async_trait]
impl Users for RegionStore {
    async fn part(&self, id: UserId, part: Part) -> Result<Option<PartRecord>, StoreError> {
        self.0.main.read(table::USERS, |connection| stored(connection, id, part))
    }

    async fn parts(&self, id: UserId) -> Result<Parts, StoreError> {
        self.0.main.read(table::USERS, |connection| {
            let mut select = connection.prepare_cached("SELECT item FROM users WHERE id = ?1")?;
            let mut rows = select.query([id.as_bytes()])?;
            let mut parts = Parts::default();
            while let Some(row) = rows.next()? {
                parts.set(record(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?);
            }
            Ok(parts)
        })
    }

    async fn claims(&self, indexes: &[BlindIndex]) -> Result<Vec<ClaimItem>, StoreError> {
        self.0.main.read(table::IDENTIFIERS, |connection| {
            indexes.iter().map(|index| Ok(claim(connection, *index)?.unwrap_or(ClaimItem::unclaimed(*index)))).collect()
        })
    }

    async fn members(&self, id: UserId) -> Result<Vec<UserId>, StoreError> {
        self.0.main.read(table::MEMBERS, |connection| {
            let mut select = connection.prepare_cached("SELECT member FROM members WHERE id = ?1 ORDER BY member")?;
            let mut rows = select.query([id.to_string()])?;
            let mut members = Vec::new();
            while let Some(row) = rows.next()? {
                let member: Result<UserId, _> = row.get::<_, String>(0)?.parse();
                members.push(member.map_err(|_| StoreError::from(ItemError::new("member")))?);
            }
            Ok(members)
        })
    }

    async fn commit(&self, writes: &Writes) -> Result<Commit, StoreError> {
        let writes = Prepared::new(writes)?;
        self.0.main.write(table::USERS, move |tx| writes.commit(tx)).await
    }

    async fn derive(&self, id: UserId, profile: Option<&Version>, writes: &Writes) -> Result<bool, StoreError> {
        if !writes.parts.is_empty() {
            return Err(StoreError::Refused("parts among what is derived from one".into()));
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
        wrapped: &[u8],
    ) -> Result<KeyAdded, StoreError> {
        let (version, region, wrapped) = (version.clone(), region.clone(), wrapped.to_vec());
        let add = move |tx: &Tx<'_>| {
            let Some(mut record) = stored(tx, id, part)? else { return Ok(KeyAdded::OtherVersion(None)) };
            if record.version != version {
                return Ok(KeyAdded::OtherVersion(Some(record.version)));
            }
            let Body::Live(live) = &mut record.body else {
                return Ok(KeyAdded::OtherVersion(Some(record.version)));
            };
            if live.keys.contains_key(&region) {
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

    /// In the order in which the parts arrived.
    async fn scan(&self, after: Option<String>, limit: usize) -> Result<Page, StoreError> {
        let after: i64 = match after {
            None => 0,
            Some(text) => text.parse().map_err(|_| StoreError::Refused("a scan from an unknown place".into()))?,
        };
        let limit = limit.max(1);
        self.0.main.read(table::USERS, |connection| {
            let mut select = connection
                .prepare_cached("SELECT number, item, id FROM users WHERE number > ?1 ORDER BY number LIMIT ?2")?;
            let mut rows = select.query(params![after, i64::try_from(limit).unwrap_or(i64::MAX)])?;
            let (mut records, mut unreadable, mut last) = (Vec::new(), Vec::new(), after);
            while let Some(row) = rows.next()? {
                last = row.get(0)?;
                match readable(record(row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?))? {
                    Some(record) => records.push(record),
                    None => unreadable.push(owner(row.get_ref(2)?)),
                }
            }
            let next = (records.len() + unreadable.len() == limit).then(|| last.to_string());
            Ok(Page { records, unreadable, next })
        })
    }

    /// In the order of the blind indexes.
    async fn scan_claims(&self, after: Option<String>, limit: usize) -> Result<ClaimPage, StoreError> {
        let after: Option<BlindIndex> = match after {
            None => None,
            Some(text) => Some(text.parse().map_err(|_| StoreError::Refused("a scan from an unknown place".into()))?),
        };
        let (after, limit) = (after.map_or(Vec::new(), |index| index.as_bytes().to_vec()), limit.max(1));
        self.0.main.read(table::IDENTIFIERS, |connection| {
            let mut select = connection.prepare_cached(
                "SELECT item, blind_index FROM identifiers WHERE blind_index > ?1 ORDER BY blind_index LIMIT ?2",
            )?;
            let mut rows = select.query(params![after, i64::try_from(limit).unwrap_or(i64::MAX)])?;
            let (mut items, mut seen, mut last) = (Vec::new(), 0, Vec::new());
            while let Some(row) = rows.next()? {
                (seen, last) = (seen + 1, row.get(1)?);
                let item = codec::decode(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?);
                items.extend(item.ok().and_then(|item| ClaimItem::from_item(item).ok()));
            }
            let last = <[u8; 32]>::try_from(last).ok().filter(|_| seen == limit);
            let next = last.map(|last| BlindIndex::new(last).to_string());
            let unreadable = (seen - items.len()) as u64;
            Ok(ClaimPage { items, unreadable, next })
        })
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.0
            .main
            .read(table::USERS, |connection| Ok(connection.prepare_cached("SELECT 1")?.query_row([], |_| Ok(()))?))
    }
}

/// What was read; nothing if it cannot be.
pub(super) fn readable<T>(read: Result<T, Fault>) -> Result<Option<T>, Fault> {
    match read {
        Err(Fault::Store(StoreError::Unreadable(_))) => Ok(None),
        read => read.map(Some),
    }
}

/// Whose an item is, by its key.
pub(super) fn owner(id: rusqlite::types::ValueRef<'_>) -> Option<UserId> {
    Some(UserId::from_bytes(id.as_blob().ok()?.try_into().ok()?))
}

fn record(item: &[u8]) -> Result<PartRecord, Fault> {
    Ok(PartRecord::from_item(codec::decode(item)?).map_err(StoreError::from)?)
}

fn stored(connection: &Connection, id: UserId, part: Part) -> Result<Option<PartRecord>, Fault> {
    let mut select = connection.prepare_cached("SELECT item FROM users WHERE id = ?1 AND part = ?2")?;
    let mut rows = select.query(params![id.as_bytes(), part.as_str()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    record(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?).map(Some)
}

fn claim(connection: &Connection, index: BlindIndex) -> Result<Option<ClaimItem>, Fault> {
    let mut select = connection.prepare_cached("SELECT item FROM identifiers WHERE blind_index = ?1")?;
    let mut rows = select.query([index.as_bytes()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let item = codec::decode(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?;
    Ok(Some(ClaimItem::from_item(item).map_err(StoreError::from)?))
}

/// Writes with their items encoded, which is done on the caller's thread: the writer's is everybody's.
struct Prepared {
    parts: Vec<PreparedPart>,
    claims: Vec<PreparedClaim>,
    members: Vec<MemberWrite>,
    unchanged: Vec<(UserId, Version)>,
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

struct PreparedClaim {
    before: ClaimItem,
    /// Nothing if nobody claims it any more.
    after: Option<Vec<u8>>,
}

/// Where a part is written.
enum Place {
    New,
    Row(i64),
}

impl Prepared {
    fn new(writes: &Writes) -> Result<Self, StoreError> {
        let Writes { parts, claims, members, unchanged, rows, new_rows } = writes;
        let refused = |why: &str| Err(StoreError::Refused(why.to_owned()));
        // So that what works here works in the cloud.
        if writes.count() > MAX_WRITES {
            return refused("a transaction of more than 100 writes");
        }
        let distinct = parts.iter().map(|write| (write.record.id, write.record.part)).collect::<BTreeSet<_>>();
        if distinct.len() < parts.len() {
            return refused("two writes of one part in a transaction");
        }
        if claims.iter().map(|write| write.after.index).collect::<BTreeSet<_>>().len() < claims.len() {
            return refused("two writes of one identifier in a transaction");
        }
        if members.iter().map(|write| (write.root, write.member)).collect::<BTreeSet<_>>().len() < members.len() {
            return refused("two writes of one pointer in a transaction");
        }
        let mut checked = BTreeSet::new();
        if unchanged.iter().any(|(id, _)| distinct.contains(&(*id, Part::Profile)) || !checked.insert(*id)) {
            return refused("a part that is written or checked twice in a transaction");
        }
        let prepared = |rows: &[(Log, LogRow)]| {
            rows.iter().map(|(log, row)| logs::PreparedRow::new(*log, row)).collect::<Result<Vec<_>, _>>()
        };
        let (rows, new_rows) = (prepared(rows)?, prepared(new_rows)?);
        let mut placed: BTreeSet<_> = rows.iter().map(logs::PreparedRow::place).collect();
        if !new_rows.iter().all(|row| placed.insert(row.place())) {
            return refused("two writes of one new row in a transaction");
        }
        Ok(Self {
            parts: parts.iter().map(PreparedPart::new).collect::<Result<_, _>>()?,
            claims: claims.iter().map(PreparedClaim::new).collect::<Result<_, _>>()?,
            members: members.clone(),
            unchanged: unchanged.clone(),
            rows,
            new_rows,
        })
    }

    fn commit(&self, tx: &Tx<'_>) -> Result<Commit, Fault> {
        let mut places = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            match part.place(tx)? {
                Some(place) => places.push(place),
                None => return self.conflict(tx),
            }
        }
        for claim in &self.claims {
            if !claim.condition_holds(tx)? {
                return self.conflict(tx);
            }
        }
        for (id, version) in &self.unchanged {
            if stored(tx, *id, Part::Profile)?.is_none_or(|record| record.version != *version) {
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
        for claim in &self.claims {
            claim.write(tx)?;
        }
        for member in &self.members {
            write_member(tx, *member)?;
        }
        for row in self.rows.iter().chain(&self.new_rows) {
            row.append(tx)?;
        }
        Ok(Commit::Done)
    }

    fn conflict(&self, tx: &Tx<'_>) -> Result<Commit, Fault> {
        let stored = self.parts.iter().map(|part| stored(tx, part.id, part.part)).collect::<Result<_, _>>()?;
        Ok(Commit::Conflict { stored })
    }
}

/// Stores a part whose version stays.
fn replace(tx: &Tx<'_>, record: &PartRecord) -> Result<(), Fault> {
    let item = codec::encode(&record.to_item())?;
    let (id, part) = (record.id.as_bytes(), record.part.as_str());
    tx.prepare_cached("UPDATE users SET item = ?3 WHERE id = ?1 AND part = ?2")?.execute(params![id, part, item])?;
    changes::append(tx, table::USERS, &item)
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

    /// Where to write; nothing if the condition does not hold.
    fn place(&self, tx: &Tx<'_>) -> Result<Option<Place>, Fault> {
        let mut select = tx.prepare_cached("SELECT number, version FROM users WHERE id = ?1 AND part = ?2")?;
        let stored: Option<(i64, String)> = select
            .query_row(params![self.id.as_bytes(), self.part.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let holds = match (&self.condition, &stored) {
            (Condition::Absent | Condition::Older, None) => true,
            (Condition::Absent, Some(_)) | (Condition::VersionIs(_), None) => false,
            (Condition::VersionIs(wanted), Some((_, version))) => *version == wanted.to_string(),
            (Condition::Older, Some((_, version))) => *version < self.version,
        };
        Ok(holds.then(|| stored.map_or(Place::New, |(number, _)| Place::Row(number))))
    }

    fn write(&self, tx: &Tx<'_>, place: Place) -> Result<(), Fault> {
        let Self { id, part, version, item, .. } = self;
        match place {
            Place::Row(number) => tx
                .prepare_cached("UPDATE users SET version = ?2, item = ?3 WHERE number = ?1")?
                .execute(params![number, version, item])?,
            Place::New => tx
                .prepare_cached("INSERT INTO users (id, part, version, item) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![id.as_bytes(), part.as_str(), version, item])?,
        };
        changes::append(tx, table::USERS, item)
    }
}

fn write_member(tx: &Tx<'_>, write: MemberWrite) -> Result<(), Fault> {
    let sql = if write.present {
        "INSERT OR IGNORE INTO members (id, member) VALUES (?1, ?2)"
    } else {
        "DELETE FROM members WHERE id = ?1 AND member = ?2"
    };
    tx.prepare_cached(sql)?.execute([write.root.to_string(), write.member.to_string()])?;
    Ok(())
}

impl PreparedClaim {
    fn new(write: &ClaimWrite) -> Result<Self, StoreError> {
        let ClaimWrite { before, after } = write;
        if before.index != after.index {
            return Err(ItemError::new("index").into());
        }
        let after = (!after.claimants.is_empty()).then(|| codec::encode(&after.to_item())).transpose()?;
        Ok(Self { before: before.clone(), after })
    }

    fn condition_holds(&self, tx: &Tx<'_>) -> Result<bool, Fault> {
        let stored = claim(tx, self.before.index)?.unwrap_or(ClaimItem::unclaimed(self.before.index));
        Ok(stored.claimants == self.before.claimants)
    }

    fn write(&self, tx: &Tx<'_>) -> Result<(), Fault> {
        let index = self.before.index;
        match &self.after {
            Some(item) => tx
                .prepare_cached("INSERT OR REPLACE INTO identifiers (blind_index, item) VALUES (?1, ?2)")?
                .execute(params![index.as_bytes(), item])?,
            None => tx.prepare_cached("DELETE FROM identifiers WHERE blind_index = ?1")?.execute([index.as_bytes()])?,
        };
        Ok(())
    }
}
