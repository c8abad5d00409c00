//! Applies a part together with its ownerships and its pointer in one transaction. The API, the replicator, the
//! reconcilers and imports all write through this module, so the ownerships and the linked accounts of a region always
//! agree with its users.

use std::collections::{BTreeMap, BTreeSet};

use umoja_schema::names::attribute;
use umoja_schema::{
    Attribute, Attributes, BlindIndex, Body, IdentifierItem, IdentifierKind, Key, Log, LogRow, Ownership, Part,
    PartRecord, Region, Resolution, UserId, Version, resolve,
};

use crate::person::is_same_person;
use crate::ports::{
    Commit, Condition, IdentifierWrite, KeyAdded, LinkedAccountWrite, PartWrite, StoreError, Users, Writes,
};

/// How often a write is retried after a conflict. Each round is lost to a write that succeeded, so reaching the limit
/// means a very hot item. The caller then gets an error that says to retry.
pub const MAX_ROUNDS: usize = 16;

/// The result of applying a replicated part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The part was newer, and is stored now.
    Written,
    /// The same version was stored, but lacked wrapped keys that the replicated part had.
    KeysAdded,
    /// The same version or a newer one was already stored.
    Current,
}

/// Applies a part of another region: the newest version wins, and the ownerships change with it in one transaction.
/// Applying a part twice, late, or after a newer one has the same effect as applying it once. `observer` is the region
/// that applies it, for the journal.
///
/// # Errors
/// [`StoreError::Unreadable`] if the stored part cannot be read or verified: whether the incoming one is newer is
/// unknown.
pub async fn apply_replicated(
    users: &dyn Users,
    incoming: &PartRecord,
    observer: &Region,
) -> Result<Applied, StoreError> {
    apply(users, incoming, observer, false).await
}

/// As [`apply_replicated`], also in the place of a stored part that cannot be read or verified. For the newest of all
/// copies: an older one would take the region back, and the ownerships of the newer one would stay.
///
/// # Errors
/// If the store fails.
pub async fn apply_newest(users: &dyn Users, newest: &PartRecord, observer: &Region) -> Result<Applied, StoreError> {
    apply(users, newest, observer, true).await
}

async fn apply(
    users: &dyn Users,
    incoming: &PartRecord,
    observer: &Region,
    replaces_unreadable: bool,
) -> Result<Applied, StoreError> {
    // A credentials part has no ownerships, so it is written without a read. A rejected write is followed by a read.
    if incoming.part == Part::Credentials {
        let parts = vec![PartWrite { record: incoming.clone(), condition: Condition::Older }];
        if users.commit(&Writes { parts, ..Writes::default() }).await? == Commit::Done {
            return Ok(Applied::Written);
        }
    }
    for _ in 0..MAX_ROUNDS {
        let (stored, unreadable) = match users.part(incoming.id, incoming.part).await {
            Ok(stored) => (stored, None),
            Err(StoreError::Unreadable(_)) if replaces_unreadable => {
                (None, users.etag(&Key::of_part(incoming.id, incoming.part)).await?.map(Condition::EtagIs))
            }
            Err(error) => return Err(error),
        };
        match resolve(stored.as_ref(), incoming) {
            Resolution::KeepStored => return Ok(Applied::Current),
            Resolution::AddKeys => {
                if add_keys(users, stored.as_ref(), incoming).await? {
                    return Ok(Applied::KeysAdded);
                }
            }
            Resolution::TakeIncoming => {
                let condition = match &stored {
                    Some(stored) => Condition::VersionIs(stored.version.clone()),
                    None => unreadable.unwrap_or(Condition::Absent),
                };
                let before = stored.as_ref().map(PartRecord::ownerships);
                let ownerships =
                    plan_ownerships(users, incoming.id, before.unwrap_or(&BTreeMap::new()), incoming.ownerships())
                        .await?;
                let linked_accounts = plan_linked_accounts(stored.as_ref(), incoming);
                let mut seen = ownerships.clone();
                seen.extend(reopened_conflicts(users, stored.as_ref(), incoming).await?);
                let same = same_person(users, incoming, &seen).await?;
                let rows = conflicts(incoming.id, &incoming.version, &seen, observer, |other| same.contains(&other));
                let parts = vec![PartWrite { record: incoming.clone(), condition }];
                if users.commit(&Writes { parts, ownerships, linked_accounts, rows, ..Writes::default() }).await?
                    == Commit::Done
                {
                    return Ok(Applied::Written);
                }
            }
        }
    }
    Err(StoreError::Throttled(format!("a {} part that is written very often", incoming.part)))
}

/// The rivals of a part that are the same person as its user, and so no conflict. Only read if there are rivals.
///
/// # Errors
/// If the store fails.
pub async fn same_person(
    users: &dyn Users,
    incoming: &PartRecord,
    ownerships: &[IdentifierWrite],
) -> Result<BTreeSet<UserId>, StoreError> {
    let rivals: BTreeSet<_> = rivals(incoming.id, ownerships).map(|(rival, ..)| rival).collect();
    let mut same = BTreeSet::new();
    for rival in rivals {
        if is_same_person(users, incoming, rival).await? {
            same.insert(rival);
        }
    }
    Ok(same)
}

/// The ownerships that a replicated part keeps but loses to other users, as if the part made them now, if it removes
/// the pointer that made them one person. This happens when an edit that did not yet know of the merge overtakes it:
/// the conflict is open again. An unmerge leaves no such ownership, because the loser of an identifier gives it up with
/// its pointer.
async fn reopened_conflicts(
    users: &dyn Users,
    stored: Option<&PartRecord>,
    incoming: &PartRecord,
) -> Result<Vec<IdentifierWrite>, StoreError> {
    let points = |record: &PartRecord| record.profile_facts().is_some_and(|facts| facts.merged_into.is_some());
    let Some(stored) = stored.filter(|stored| points(stored) && !points(incoming)) else { return Ok(Vec::new()) };
    let kept =
        incoming.ownerships().iter().filter(|(index, ownership)| stored.ownerships().get(index) == Some(ownership));
    let kept: Vec<BlindIndex> = kept.map(|(index, _)| *index).collect();
    if kept.is_empty() {
        return Ok(Vec::new());
    }
    let lost = users.ownerships(&kept).await?.into_iter().filter_map(|item| item.lost_by(incoming.id));
    Ok(lost.filter_map(|after| Some(IdentifierWrite { before: after.with(incoming.id, None)?, after })).collect())
}

/// True if all wrapped keys are stored; false if another version was written meanwhile.
async fn add_keys(users: &dyn Users, stored: Option<&PartRecord>, incoming: &PartRecord) -> Result<bool, StoreError> {
    let have = stored.and_then(PartRecord::live);
    let Body::Live(live) = &incoming.body else { return Ok(true) };
    for (region, wrapped) in &live.keys {
        if have.is_some_and(|have| !live.has_key_for(region, have)) {
            continue;
        }
        let replaced = have.and_then(|have| have.keys.get(region)).map(Vec::as_slice);
        let (id, part, version) = (incoming.id, incoming.part, &incoming.version);
        let added = users.add_wrapped_key(id, part, version, region, replaced, wrapped).await?;
        if matches!(added, KeyAdded::OtherVersion(_)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The ownership writes for replacing the ownerships `before` of a user by `after`, each on the condition that the
/// owners are unchanged since this read. Empty if no ownership changes; then the part can be written without a
/// transaction.
pub async fn plan_ownerships(
    users: &dyn Users,
    id: UserId,
    before: &BTreeMap<BlindIndex, Ownership>,
    after: &BTreeMap<BlindIndex, Ownership>,
) -> Result<Vec<IdentifierWrite>, StoreError> {
    plan_ownerships_of(users, &[OwnershipChange { id, before, after }]).await
}

/// One user's ownerships before and after a write.
#[derive(Debug, Clone, Copy)]
pub struct OwnershipChange<'a> {
    /// The user.
    pub id: UserId,
    /// The ownerships of the stored part.
    pub before: &'a BTreeMap<BlindIndex, Ownership>,
    /// The ownerships of the part that is being written.
    pub after: &'a BTreeMap<BlindIndex, Ownership>,
}

/// Like [`plan_ownerships`], for several users whose parts are written together. Users of one person may own the same
/// identifier.
pub async fn plan_ownerships_of(
    users: &dyn Users,
    changes: &[OwnershipChange<'_>],
) -> Result<Vec<IdentifierWrite>, StoreError> {
    let differ = |change: &OwnershipChange<'_>, index: &BlindIndex| change.before.get(index) != change.after.get(index);
    let indexes = |change: &OwnershipChange<'_>| {
        let all = change.before.keys().chain(change.after.keys());
        all.filter(|index| differ(change, index)).copied().collect::<Vec<_>>()
    };
    let distinct: BTreeSet<BlindIndex> = changes.iter().flat_map(indexes).collect();
    if distinct.is_empty() {
        return Ok(Vec::new());
    }
    let current = users.ownerships(&distinct.into_iter().collect::<Vec<_>>()).await?;
    let write = |before: IdentifierItem| {
        let mut after = before.clone();
        for change in changes.iter().filter(|change| differ(change, &before.index)) {
            after = after.with(change.id, change.after.get(&before.index)).unwrap_or(after);
        }
        (after != before).then_some(IdentifierWrite { before, after })
    };
    Ok(current.into_iter().filter_map(write).collect())
}

/// The pointer writes for replacing a stored part by another. Empty if the pointer does not change.
pub fn plan_linked_accounts(before: Option<&PartRecord>, after: &PartRecord) -> Vec<LinkedAccountWrite> {
    let pointer = |record: &PartRecord| record.profile_facts().and_then(|facts| facts.merged_into);
    let (had, has) = (before.and_then(pointer), pointer(after));
    if had == has {
        return Vec::new();
    }
    let write = |primary, present| LinkedAccountWrite { primary, linked: after.id, present };
    had.map(|primary| write(primary, false)).into_iter().chain(has.map(|primary| write(primary, true))).collect()
}

/// Journal rows for identifiers that `id` newly owns and others own too: one row for each of the two users, so that the
/// history of either shows the conflict. `same` says which users are the same person, and so no rivals.
///
/// The key of a row names the event: the write, the two users, the kind of identifier and the observing region. So no
/// two regions write the same row, and put-if-absent gives all regions the same rows. The key does not contain the
/// blind index, because rows are kept for ever and the index of an erased person must not be.
pub fn conflicts(
    id: UserId,
    version: &Version,
    ownerships: &[IdentifierWrite],
    observer: &Region,
    same: impl Fn(UserId) -> bool,
) -> Vec<(Log, LogRow)> {
    // An identifier has one index for each live key, so one event can appear in several ownerships.
    let mut rows = BTreeMap::new();
    for (other, own, held, winner) in rivals(id, ownerships).filter(|(other, ..)| !same(*other)) {
        for (user, rival) in [(id, other), (other, id)] {
            let kind = own.kind.as_str();
            let mut fields = Attributes::from([
                (attribute::KIND.into(), Attribute::from(kind)),
                (attribute::RIVAL.into(), rival.to_string().into()),
                ("winner".into(), winner.to_string().into()),
            ]);
            // An external id is only unique within one company, and a company may assign one to two people.
            if own.verified && held.verified && own.kind != IdentifierKind::ExternalId {
                fields.insert(attribute::VERIFIED.into(), Attribute::Bool(true));
            }
            let row = LogRow {
                user,
                key: format!("identifier#{kind}#{version}#{rival}#{observer}"),
                at: version.hlc,
                origin: observer.clone(),
                kind: IDENTIFIER_CONFLICT.into(),
                fields,
                unknown: Attributes::new(),
            };
            rows.entry((user, row.key.clone())).or_insert(row);
        }
    }
    rows.into_values().map(|row| (Log::Journal, row)).collect()
}

/// The kind of a journal row about two users that own the same identifier.
pub const IDENTIFIER_CONFLICT: &str = "identifier_conflict";

/// The other owners of the identifiers that `id` newly owns: the other user, both ownerships, and the winner.
fn rivals(
    id: UserId,
    ownerships: &[IdentifierWrite],
) -> impl Iterator<Item = (UserId, &Ownership, &Ownership, UserId)> {
    let new = ownerships.iter().filter_map(move |write| {
        let (own, (winner, _)) = (write.after.owners.get(&id)?, write.after.winner()?);
        // Otherwise the change belongs to another user.
        (write.before.owners.get(&id) != Some(own)).then_some((write, own, winner))
    });
    new.flat_map(move |(write, own, winner)| {
        let others = write.after.owners.iter().filter(move |(other, _)| **other != id);
        others.map(move |(other, held)| (*other, own, held, winner))
    })
}

/// Commits a local write. It retries after a lost answer, and counts its own stored write as a success: one effect, one
/// answer. If another write has replaced the stored part meanwhile, it is unknown whether this write was done. The
/// result is then [`StoreError::Unavailable`], because repeating the write over the newer one would be a second effect.
pub async fn commit_own(users: &dyn Users, writes: &Writes) -> Result<Commit, StoreError> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        match users.commit(writes).await {
            Err(StoreError::Unavailable(_)) if attempt < 3 => {}
            Ok(Commit::Conflict { stored }) if all(writes, &stored, is_own) => return Ok(Commit::Done),
            Ok(Commit::Conflict { stored }) if attempt > 1 && !all(writes, &stored, is_base) => {
                return Err(StoreError::Unavailable("a write that may have been done and overtaken".to_owned()));
            }
            other => return other,
        }
    }
}

fn all(writes: &Writes, stored: &[Option<PartRecord>], holds: fn(&PartWrite, Option<&PartRecord>) -> bool) -> bool {
    let mut pairs = writes.parts.iter().zip(stored);
    !writes.parts.is_empty()
        && writes.parts.len() == stored.len()
        && pairs.all(|(write, stored)| holds(write, stored.as_ref()))
}

fn is_own(write: &PartWrite, stored: Option<&PartRecord>) -> bool {
    stored.is_some_and(|stored| stored.is_same_write(&write.record))
}

/// True if the stored part is still the one that the write was based on.
fn is_base(write: &PartWrite, stored: Option<&PartRecord>) -> bool {
    match (&write.condition, stored) {
        (Condition::Absent, stored) => stored.is_none(),
        (Condition::VersionIs(version), stored) => stored.is_some_and(|stored| stored.version == *version),
        (Condition::Older, stored) => stored.is_none_or(|stored| stored.version < write.record.version),
        // Whether an item that cannot be read has changed is unknown.
        (Condition::EtagIs(_), _) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use umoja_schema::{Hlc, Millis};

    #[test]
    fn a_conflict_makes_one_row_for_each_user_and_observer() {
        let (ada, eve) = (UserId::v8([1; 16]), UserId::v8([2; 16]));
        let region = |name: &str| name.parse::<Region>().unwrap();
        let ownership = Ownership {
            kind: IdentifierKind::Email,
            key_version: 1,
            owned_since: Millis(1),
            region: region("here"),
            verified: false,
            company: None,
            unknown: Attributes::new(),
        };
        // One address under two index keys.
        let indexes = [BlindIndex::new([1; 32]), BlindIndex::new([2; 32])];
        let ownerships = indexes.map(|index| {
            let before = IdentifierItem::unowned(index).with(ada, Some(&ownership)).unwrap();
            let after = before.with(eve, Some(&ownership)).unwrap();
            IdentifierWrite { before, after }
        });
        let version = |ms| Version { erased: false, hlc: Hlc::at(Millis(ms)), origin: region("here") };
        let rows = |ms, observer| conflicts(eve, &version(ms), &ownerships, &region(observer), |_| false);

        let seen: Vec<_> =
            rows(1, "here").into_iter().map(|(_, row)| (row.user, row.field("rival").map(str::to_owned))).collect();
        assert_eq!(seen, [(ada, Some(eve.to_string())), (eve, Some(ada.to_string()))]);
        let keys = |ms, observer| rows(ms, observer).into_iter().map(|(_, row)| row.key).collect::<Vec<_>>();
        assert_eq!(keys(1, "here"), keys(1, "here"));
        assert_ne!(keys(1, "here"), keys(2, "here"));
        assert_ne!(keys(1, "here"), keys(1, "there"));
        assert!(
            conflicts(eve, &version(1), &ownerships, &region("here"), |other| other == ada).is_empty(),
            "one person"
        );
        let mut verified = ownerships.clone();
        let said = |rows: Vec<(Log, LogRow)>| rows.iter().all(|(_, row)| row.fields.contains_key(attribute::VERIFIED));
        assert!(!said(rows(1, "here")));
        for write in &mut verified {
            write.after.owners.values_mut().for_each(|ownership| ownership.verified = true);
        }
        assert!(said(conflicts(eve, &version(1), &verified, &region("here"), |_| false)), "both are verified");
        for write in &mut verified {
            write.after.owners.get_mut(&ada).unwrap().verified = false;
        }
        assert!(!said(conflicts(eve, &version(1), &verified, &region("here"), |_| false)), "only one is");
        for (_, row) in rows(1, "here") {
            let item = serde_json::to_string(&row.to_item()).unwrap();
            assert!(indexes.iter().all(|index| !item.contains(&index.to_string())), "{item}");
        }
    }
}
