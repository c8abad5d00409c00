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
pub fn conflicts(id: UserId, version: &Version, claims: &[ClaimWrite], observer: &Region) -> Vec<(Log, LogRow)> {
    let mut rows = Vec::new();
    for write in claims {
        let (Some(claim), Some((winner, _))) = (write.after.claimants.get(&id), write.after.winner()) else { continue };
        for other in write.after.claimants.keys().filter(|other| **other != id) {
            for (user, rival) in [(id, *other), (*other, id)] {
                let fields = Attributes::from([
                    (attribute::INDEX.into(), write.after.index.to_string().into()),
                    (attribute::KIND.into(), Attribute::from(claim.kind.as_str())),
                    ("rival".into(), rival.to_string().into()),
                    ("winner".into(), winner.to_string().into()),
                ]);
                let row = LogRow {
                    user,
                    key: format!("identifier#{}#{rival}", write.after.index),
                    at: version.hlc,
                    origin: observer.clone(),
                    kind: "identifier_conflict".into(),
                    fields,
                };
                rows.push((Log::Journal, row));
            }
        }
    }
    rows
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
    !writes.parts.is_empty() && writes.parts.len() == stored.len() && pairs.all(|(write, stored)| holds(write, stored.as_ref()))
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
