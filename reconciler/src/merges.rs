//! Merging by itself: two active users of whom the same identifier was verified, by trusted companies, are one person.
//! One company is enough: it may have verified both, in two regions.
//!
//! Nothing less merges: a claim that is not verified may be anybody's, and an external id is one company's. What the
//! message says is only where to look. The rule is asked of both parts as this region opened them, so somebody who can
//! write the tables or the queue merges nobody.
//!
//! Every region that saw the pair does it, and all write the same pointer. The stamp is the least that replaces what is
//! stored: whatever a person or a company wrote meanwhile in another region, and first of all an undoing, is newer.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join;

use umoja_schema::{
    AccountStatus, Actor, AuditEvent, Claim, ClaimItem, Facts, IdentifierKind, Identity, PartRecord, ProfileFacts,
    UserId, Version,
};
use umoja_store::Home;
use umoja_store::apply::{commit_own, plan_members};
use umoja_store::audit::{AuditKey, Recorder};
use umoja_store::group::{self, GroupError, MAX_MERGED};
use umoja_store::pointers::{MERGED, pointer_rows};
use umoja_store::ports::{Commit, Condition, KeysError, PartWrite, Writes};
use umoja_store::seal::{SealError, Sealer};

use crate::keys::{Served, own_failed};

/// Merges the two if they are the same by the rule; leaves them to people if anything else stands in between.
pub(crate) async fn merge_verified(home: &Home, sealer: &Sealer, one: UserId, other: UserId) -> Served {
    match attempt(home, sealer, one, other).await {
        Ok(served) | Err(served) => served,
    }
}

async fn attempt(home: &Home, sealer: &Sealer, one: UserId, other: UserId) -> Result<Served, Served> {
    let ((first, its), (second, others)) = try_join(opened(home, sealer, one), opened(home, sealer, other)).await?;
    let Some(winner) = verified_winner(&first, &second) else { return Ok(Served::Overtaken) };
    let (survivor, (duplicate, identity)) =
        if winner == one { (&first, (&second, others)) } else { (&second, (&first, its)) };
    let Some(facts) = duplicate.profile_facts() else { return Ok(Served::Overtaken) };
    if facts.merged_into.is_some() || !may_be_one(home, one, other).await? {
        return Ok(Served::Overtaken);
    }
    let written = point(home, sealer, survivor, duplicate, facts, &identity).await?;
    Ok(if written { Served::Merged } else { Served::Later })
}

/// An active user's profile part, opened.
async fn opened(home: &Home, sealer: &Sealer, id: UserId) -> Result<(PartRecord, Identity), Served> {
    let parts = home.own.users.parts(id).await.map_err(|error| own_failed(&error))?;
    let (Some(profile), Some(credentials)) = (parts.profile, parts.credentials) else {
        // On its way; or a message about nobody, which must not go round for ever.
        return Err(Served::Failed);
    };
    if profile.version.erased || credentials.version.erased {
        return Err(Served::Overtaken);
    }
    // Whom somebody disabled neither comes back as a duplicate of an active user, nor disables one.
    if credentials.status() != Some(AccountStatus::Active) {
        return Err(Served::Overtaken);
    }
    match sealer.open(&profile).await {
        Ok(identity) => Ok((profile, identity)),
        Err(error) => Err(failed(error)),
    }
}

fn failed(error: SealError) -> Served {
    match error {
        SealError::Opaque | SealError::Keys(KeysError::Refused) => Served::Parked("a part cannot be opened"),
        // A reconciler of that version will do it.
        SealError::Newer | SealError::Keys(KeysError::Disabled | KeysError::Denied) => Served::Blocked,
        SealError::Keys(_) => Served::Later,
    }
}

/// The winner, by the order of claims, of the identifiers that both have verified; nothing if there are none.
fn verified_winner(one: &PartRecord, other: &PartRecord) -> Option<UserId> {
    let counts = |claim: &Claim| claim.verified && claim.kind != IdentifierKind::ExternalId;
    let shared = one.claims().iter().filter(|(_, claim)| counts(claim)).filter_map(|(index, claim)| {
        let rival = other.claims().get(index).filter(|claim| counts(claim))?;
        let claimants = BTreeMap::from([(one.id, claim.clone()), (other.id, rival.clone())]);
        Some(ClaimItem { index: *index, claimants })
    });
    ClaimItem::winner_of(&shared.collect::<Vec<_>>()).map(|(id, _)| id)
}

/// False if the two are one person already, or would be more users than a merge brings together.
async fn may_be_one(home: &Home, one: UserId, other: UserId) -> Result<bool, Served> {
    let none = BTreeSet::new();
    let users = &*home.own.users;
    match try_join(group::read(users, one, &none), group::read(users, other, &none)).await {
        Ok((Some(one), Some(theirs))) => {
            let count = one.users().count() + theirs.users().count();
            Ok(one.get(other).is_none() && count <= MAX_MERGED)
        }
        Ok(_) | Err(GroupError::TooLarge(_)) => Ok(false),
        Err(GroupError::Store(error)) => Err(own_failed(&error)),
    }
}

/// Writes the pointer, as long as both are what was read. False if somebody got in between.
async fn point(
    home: &Home,
    sealer: &Sealer,
    survivor: &PartRecord,
    duplicate: &PartRecord,
    facts: &ProfileFacts,
    identity: &Identity,
) -> Result<bool, Served> {
    let hlc = duplicate.version.hlc.successor();
    if hlc.is_far_ahead_of(home.clock.now()) {
        tracing::warn!(user = %duplicate.id, "a merge waits because of the clock");
        return Err(Served::Later);
    }
    let version = Version { erased: false, hlc, origin: home.own.name.clone() };
    let facts = Facts::Profile(ProfileFacts { merged_into: Some(survivor.id), ..facts.clone() });
    let record = sealer.seal(duplicate.id, version.clone(), facts, identity, duplicate.unknown.clone()).await;
    let record = record.map_err(failed)?;
    let key = AuditKey::load(&*home.registry, sealer.ring()).await.map_err(|error| {
        tracing::warn!(%error, "a merge waits for what it is recorded with");
        Served::Later
    })?;
    let (one, other) = (survivor.id, duplicate.id);
    let events = [(other, AuditEvent::MergedInto(one)), (one, AuditEvent::Merged(other))];
    let recorded = Recorder::new(home, &key).rows(&Actor::Umoja, &events).await;
    let new_rows = recorded.map_err(|error| own_failed(&error))?;
    let why = ("reason".to_owned(), "verified".into());
    let writes = Writes {
        members: plan_members(Some(duplicate), &record),
        unchanged: vec![(survivor.id, survivor.version.clone())],
        rows: pointer_rows(&home.own.name, MERGED, &version, survivor.id, duplicate.id, &why),
        parts: vec![PartWrite { record, condition: Condition::VersionIs(duplicate.version.clone()) }],
        new_rows,
        ..Writes::default()
    };
    let commit = commit_own(&*home.own.users, &writes).await.map_err(|error| own_failed(&error))?;
    Ok(commit == Commit::Done)
}
