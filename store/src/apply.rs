//! Applying a part with its claims in one transaction. The API, the replicator, the reconcilers and imports all
//! write through here, so the claims of a region always are what its users say.

use std::collections::BTreeMap;

use umoja_schema::names::attribute;
use umoja_schema::{
    Attribute, Attributes, BlindIndex, Body, Claim, ClaimItem, Log, LogRow, Part, PartRecord, Region, Resolution,
    UserId, Version, resolve,
};

use crate::ports::{ClaimWrite, Commit, Condition, KeyAdded, PartWrite, StoreError, Users, Writes};

/// How often a write is repeated when others get in between. Each round is lost to a write that succeeded, so running
/// out means a very hot item; the caller is told to try again.
pub const MAX_ROUNDS: usize = 16;

/// What became of a copy of a part that was sent to a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It was newer, and is stored now.
    Written,
    /// The same version was stored, and lacked wrapped keys that the copy had.
    KeysAdded,
    /// The same version or a newer one was stored already.
    Current,
}

/// Applies a copy of a part from another region: the newest wins, and the claims change with it in one transaction.
/// Applying a copy twice, late, or after a newer one is applying it once. `observer` is the region that applies it,
/// for the journal.
pub async fn apply_copy(users: &dyn Users, incoming: &PartRecord, observer: &Region) -> Result<Applied, StoreError> {
    // A credentials part has no claims: it is written without reading first, and read only if that was refused.
    if incoming.part == Part::Credentials {
        let parts = vec![PartWrite { record: incoming.clone(), condition: Condition::Older }];
        if users.commit(&Writes { parts, ..Writes::default() }).await? == Commit::Done {
            return Ok(Applied::Written);
        }
    }
    for _ in 0..MAX_ROUNDS {
        let stored = users.part(incoming.id, incoming.part).await?;
        match resolve(stored.as_ref(), incoming) {
            Resolution::KeepStored => return Ok(Applied::Current),
            Resolution::AddKeys => {
                if add_keys(users, stored.as_ref(), incoming).await? {
                    return Ok(Applied::KeysAdded);
                }
            }
            Resolution::TakeIncoming => {
                let condition =
                    stored.as_ref().map_or(Condition::Absent, |stored| Condition::VersionIs(stored.version.clone()));
                let before = stored.as_ref().map(PartRecord::claims);
                let claims =
                    plan_claims(users, incoming.id, before.unwrap_or(&BTreeMap::new()), incoming.claims()).await?;
                let rows = conflicts(incoming.id, &incoming.version, &claims, observer);
                let parts = vec![PartWrite { record: incoming.clone(), condition }];
                if users.commit(&Writes { parts, claims, rows }).await? == Commit::Done {
                    return Ok(Applied::Written);
                }
            }
        }
    }
    Err(StoreError::Throttled(format!("a {} part that is written very often", incoming.part)))
}

/// True if all wrapped keys are there; false if another version got in between.
async fn add_keys(users: &dyn Users, stored: Option<&PartRecord>, incoming: &PartRecord) -> Result<bool, StoreError> {
    let have = stored.and_then(PartRecord::live);
    let Body::Live(live) = &incoming.body else { return Ok(true) };
    for (region, wrapped) in &live.keys {
        if have.is_some_and(|have| have.keys.contains_key(region)) {
            continue;
        }
        let added = users.add_wrapped_key(incoming.id, incoming.part, &incoming.version, region, wrapped).await?;
        if matches!(added, KeyAdded::OtherVersion(_)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The claim writes that go with replacing one set of a user's claims by another: each conditional on the claimants
/// that were read here. Empty if no claim changes, and then the part can be written without a transaction.
pub async fn plan_claims(
    users: &dyn Users,
    id: UserId,
    before: &BTreeMap<BlindIndex, Claim>,
    after: &BTreeMap<BlindIndex, Claim>,
) -> Result<Vec<ClaimWrite>, StoreError> {
    let changed: Vec<BlindIndex> = before
        .keys()
        .chain(after.keys().filter(|index| !before.contains_key(*index)))
        .filter(|index| before.get(*index) != after.get(*index))
        .copied()
        .collect();
    if changed.is_empty() {
        return Ok(Vec::new());
    }
    let current = users.claims(&changed).await?;
    let write = |item: ClaimItem| {
        let after = item.with(id, after.get(&item.index))?;
        Some(ClaimWrite { before: item, after })
    };
    Ok(current.into_iter().filter_map(write).collect())
}

/// Journal rows for claims that `id` makes on identifiers that others claim too: one for each of the two users, so
/// that either's history shows it.
///
/// A row's key names the event: which write, between whom, over what kind of identifier, seen by which region. So no
/// two regions write the same row, and put-if-absent gives all regions the same rows. The blind index is not in it:
/// rows stay for ever, and an erased person's index must not.
pub fn conflicts(id: UserId, version: &Version, claims: &[ClaimWrite], observer: &Region) -> Vec<(Log, LogRow)> {
    // An identifier has an index for each live key, so one event can show in several claims.
    let mut rows = BTreeMap::new();
    for write in claims {
        let (Some(claim), Some((winner, _))) = (write.after.claimants.get(&id), write.after.winner()) else { continue };
        for other in write.after.claimants.keys().filter(|other| **other != id) {
            for (user, rival) in [(id, *other), (*other, id)] {
                let kind = claim.kind.as_str();
                let fields = Attributes::from([
                    (attribute::KIND.into(), Attribute::from(kind)),
                    ("rival".into(), rival.to_string().into()),
                    ("winner".into(), winner.to_string().into()),
                ]);
                let row = LogRow {
                    user,
                    key: format!("identifier#{kind}#{version}#{rival}#{observer}"),
                    at: version.hlc,
                    origin: observer.clone(),
                    kind: "identifier_conflict".into(),
                    fields,
                };
                rows.entry((user, row.key.clone())).or_insert(row);
            }
        }
    }
    rows.into_values().map(|row| (Log::Journal, row)).collect()
}

/// Commits a local write. A lost answer is asked for again, and finding one's own write stored is a success: one
/// effect, one answer. If somebody has written over it meanwhile, whether it was done is not known any more, and
/// [`StoreError::Unavailable`] says so: doing it once more over theirs would be a second effect.
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

/// True if what is stored still is what the write was made over.
fn is_base(write: &PartWrite, stored: Option<&PartRecord>) -> bool {
    match (&write.condition, stored) {
        (Condition::Absent, stored) => stored.is_none(),
        (Condition::VersionIs(version), stored) => stored.is_some_and(|stored| stored.version == *version),
        (Condition::Older, stored) => stored.is_none_or(|stored| stored.version < write.record.version),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use umoja_schema::{Hlc, IdentifierKind, Millis};

    #[test]
    fn a_conflict_is_one_row_for_each_user_and_observer_and_names_no_index() {
        let (ada, eve) = (UserId::v8([1; 16]), UserId::v8([2; 16]));
        let region = |name: &str| name.parse::<Region>().unwrap();
        let claim = Claim {
            kind: IdentifierKind::Email,
            key_version: 1,
            claimed_at: Millis(1),
            region: region("here"),
            verified: false,
            company: None,
            unknown: Attributes::new(),
        };
        // One address under two index keys.
        let indexes = [BlindIndex::new([1; 32]), BlindIndex::new([2; 32])];
        let claims = indexes.map(|index| {
            let before = ClaimItem::unclaimed(index).with(ada, Some(&claim)).unwrap();
            let after = before.with(eve, Some(&claim)).unwrap();
            ClaimWrite { before, after }
        });
        let version = |ms| Version { erased: false, hlc: Hlc::at(Millis(ms)), origin: region("here") };
        let rows = |ms, observer| conflicts(eve, &version(ms), &claims, &region(observer));

        let seen: Vec<_> =
            rows(1, "here").into_iter().map(|(_, row)| (row.user, row.field("rival").map(str::to_owned))).collect();
        assert_eq!(seen, [(ada, Some(eve.to_string())), (eve, Some(ada.to_string()))]);
        let keys = |ms, observer| rows(ms, observer).into_iter().map(|(_, row)| row.key).collect::<Vec<_>>();
        assert_eq!(keys(1, "here"), keys(1, "here"));
        assert_ne!(keys(1, "here"), keys(2, "here"));
        assert_ne!(keys(1, "here"), keys(1, "there"));
        for (_, row) in rows(1, "here") {
            let item = serde_json::to_string(&row.to_item()).unwrap();
            assert!(indexes.iter().all(|index| !item.contains(&index.to_string())), "{item}");
        }
    }
}
