//! Applying a part with its claims and its pointer in one transaction. The API, the replicator, the reconcilers and
//! imports all write through here, so the claims and the members of a region always are what its users say.

use std::collections::{BTreeMap, BTreeSet};

use umoja_schema::names::attribute;
use umoja_schema::{
    Attribute, Attributes, BlindIndex, Body, Claim, ClaimItem, IdentifierKind, Log, LogRow, Part, PartRecord, Region,
    Resolution, UserId, Version, resolve,
};

use crate::group::is_same_person;
use crate::ports::{ClaimWrite, Commit, Condition, KeyAdded, MemberWrite, PartWrite, StoreError, Users, Writes};

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
                let members = plan_members(stored.as_ref(), incoming);
                let mut seen = claims.clone();
                seen.extend(parted(users, stored.as_ref(), incoming).await?);
                let same = same_person(users, incoming, &seen).await?;
                let rows = conflicts(incoming.id, &incoming.version, &seen, observer, |other| same.contains(&other));
                let parts = vec![PartWrite { record: incoming.clone(), condition }];
                if users.commit(&Writes { parts, claims, members, rows, ..Writes::default() }).await? == Commit::Done {
                    return Ok(Applied::Written);
                }
            }
        }
    }
    Err(StoreError::Throttled(format!("a {} part that is written very often", incoming.part)))
}

/// The rivals of a part that are the same person as its user: no conflict. Looked for only where there is any rival.
///
/// # Errors
/// If the store fails.
pub async fn same_person(
    users: &dyn Users,
    incoming: &PartRecord,
    claims: &[ClaimWrite],
) -> Result<BTreeSet<UserId>, StoreError> {
    let rivals: BTreeSet<_> = rivals(incoming.id, claims).map(|(rival, ..)| rival).collect();
    let mut same = BTreeSet::new();
    for rival in rivals {
        if is_same_person(users, incoming, rival).await? {
            same.insert(rival);
        }
    }
    Ok(same)
}

/// The claims that a copy keeps and loses to others, as if they were made by it, if it takes the pointer away that made
/// them one person: an edit that had not heard of the merge yet has overtaken it, and the conflict is open again. An
/// unmerge leaves no such claim, because the loser of an identifier gives it up with its pointer.
async fn parted(
    users: &dyn Users,
    stored: Option<&PartRecord>,
    incoming: &PartRecord,
) -> Result<Vec<ClaimWrite>, StoreError> {
    let points = |record: &PartRecord| record.profile_facts().is_some_and(|facts| facts.merged_into.is_some());
    let Some(stored) = stored.filter(|stored| points(stored) && !points(incoming)) else { return Ok(Vec::new()) };
    let kept = incoming.claims().iter().filter(|(index, claim)| stored.claims().get(index) == Some(claim));
    let kept: Vec<BlindIndex> = kept.map(|(index, _)| *index).collect();
    if kept.is_empty() {
        return Ok(Vec::new());
    }
    let lost = users.claims(&kept).await?.into_iter().filter_map(|item| item.lost_by(incoming.id));
    Ok(lost.filter_map(|after| Some(ClaimWrite { before: after.with(incoming.id, None)?, after })).collect())
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
    plan_claims_of(users, &[ClaimChange { id, before, after }]).await
}

/// One user's claims before and after a write.
#[derive(Debug, Clone, Copy)]
pub struct ClaimChange<'a> {
    /// The user.
    pub id: UserId,
    /// What its stored part claims.
    pub before: &'a BTreeMap<BlindIndex, Claim>,
    /// What the part that is being written claims.
    pub after: &'a BTreeMap<BlindIndex, Claim>,
}

/// The same for several users whose parts are written together: users of one person may claim one identifier.
pub async fn plan_claims_of(users: &dyn Users, changes: &[ClaimChange<'_>]) -> Result<Vec<ClaimWrite>, StoreError> {
    let differ = |change: &ClaimChange<'_>, index: &BlindIndex| change.before.get(index) != change.after.get(index);
    let indexes = |change: &ClaimChange<'_>| {
        let all = change.before.keys().chain(change.after.keys());
        all.filter(|index| differ(change, index)).copied().collect::<Vec<_>>()
    };
    let distinct: BTreeSet<BlindIndex> = changes.iter().flat_map(indexes).collect();
    if distinct.is_empty() {
        return Ok(Vec::new());
    }
    let current = users.claims(&distinct.into_iter().collect::<Vec<_>>()).await?;
    let write = |before: ClaimItem| {
        let mut after = before.clone();
        for change in changes.iter().filter(|change| differ(change, &before.index)) {
            after = after.with(change.id, change.after.get(&before.index)).unwrap_or(after);
        }
        (after != before).then_some(ClaimWrite { before, after })
    };
    Ok(current.into_iter().filter_map(write).collect())
}

/// The pointer writes that go with replacing a stored part by another. Empty if the pointer stays as it is.
pub fn plan_members(before: Option<&PartRecord>, after: &PartRecord) -> Vec<MemberWrite> {
    let pointer = |record: &PartRecord| record.profile_facts().and_then(|facts| facts.merged_into);
    let (had, has) = (before.and_then(pointer), pointer(after));
    if had == has {
        return Vec::new();
    }
    let write = |root, present| MemberWrite { root, member: after.id, present };
    had.map(|root| write(root, false)).into_iter().chain(has.map(|root| write(root, true))).collect()
}

/// Journal rows for claims that `id` makes on identifiers that others claim too: one for each of the two users, so
/// that either's history shows it. `same` says which users are the same person, and so no rivals.
///
/// A row's key names the event: which write, between whom, over what kind of identifier, seen by which region. So no
/// two regions write the same row, and put-if-absent gives all regions the same rows. The blind index is not in it:
/// rows stay for ever, and an erased person's index must not.
pub fn conflicts(
    id: UserId,
    version: &Version,
    claims: &[ClaimWrite],
    observer: &Region,
    same: impl Fn(UserId) -> bool,
) -> Vec<(Log, LogRow)> {
    // An identifier has an index for each live key, so one event can show in several claims.
    let mut rows = BTreeMap::new();
    for (other, own, held, winner) in rivals(id, claims).filter(|(other, ..)| !same(*other)) {
        for (user, rival) in [(id, other), (other, id)] {
            let kind = own.kind.as_str();
            let mut fields = Attributes::from([
                (attribute::KIND.into(), Attribute::from(kind)),
                (attribute::RIVAL.into(), rival.to_string().into()),
                ("winner".into(), winner.to_string().into()),
            ]);
            // External ids name nobody outside of one company, which may well give one to two people.
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
            };
            rows.entry((user, row.key.clone())).or_insert(row);
        }
    }
    rows.into_values().map(|row| (Log::Journal, row)).collect()
}

/// The kind of a journal row about two users who claim one identifier.
pub const IDENTIFIER_CONFLICT: &str = "identifier_conflict";

/// Who else claims what `id` newly claims: the other user, both claims, and the winner.
fn rivals(id: UserId, claims: &[ClaimWrite]) -> impl Iterator<Item = (UserId, &Claim, &Claim, UserId)> {
    let new = claims.iter().filter_map(move |write| {
        let (own, (winner, _)) = (write.after.claimants.get(&id)?, write.after.winner()?);
        // Otherwise the change is somebody else's.
        (write.before.claimants.get(&id) != Some(own)).then_some((write, own, winner))
    });
    new.flat_map(move |(write, own, winner)| {
        let others = write.after.claimants.iter().filter(move |(other, _)| **other != id);
        others.map(move |(other, held)| (*other, own, held, winner))
    })
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
    use umoja_schema::{Hlc, Millis};

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
        let rows = |ms, observer| conflicts(eve, &version(ms), &claims, &region(observer), |_| false);

        let seen: Vec<_> =
            rows(1, "here").into_iter().map(|(_, row)| (row.user, row.field("rival").map(str::to_owned))).collect();
        assert_eq!(seen, [(ada, Some(eve.to_string())), (eve, Some(ada.to_string()))]);
        let keys = |ms, observer| rows(ms, observer).into_iter().map(|(_, row)| row.key).collect::<Vec<_>>();
        assert_eq!(keys(1, "here"), keys(1, "here"));
        assert_ne!(keys(1, "here"), keys(2, "here"));
        assert_ne!(keys(1, "here"), keys(1, "there"));
        assert!(conflicts(eve, &version(1), &claims, &region("here"), |other| other == ada).is_empty(), "one person");
        let mut verified = claims.clone();
        let said = |rows: Vec<(Log, LogRow)>| rows.iter().all(|(_, row)| row.fields.contains_key(attribute::VERIFIED));
        assert!(!said(rows(1, "here")));
        for write in &mut verified {
            write.after.claimants.values_mut().for_each(|claim| claim.verified = true);
        }
        assert!(said(conflicts(eve, &version(1), &verified, &region("here"), |_| false)), "both are verified");
        for write in &mut verified {
            write.after.claimants.get_mut(&ada).unwrap().verified = false;
        }
        assert!(!said(conflicts(eve, &version(1), &verified, &region("here"), |_| false)), "only one is");
        for (_, row) in rows(1, "here") {
            let item = serde_json::to_string(&row.to_item()).unwrap();
            assert!(indexes.iter().all(|index| !item.contains(&index.to_string())), "{item}");
        }
    }
}
