//! Merging by itself: two active users of whom the same identifier was verified, by trusted companies, are one person.
//! One company is enough: it may have verified both, in two regions.
//!
//! Nothing less merges: a claim that is not verified may be anybody's, and an external id is one company's. Who asks only
//! says where to look. The rule is asked of both parts as this region opened them, so somebody who can write the tables or
//! the queue merges nobody.
//!
//! Every region that saw the pair does it, and all write the same pointer. The stamp is the least that replaces what is
//! stored: whatever a person or a company wrote meanwhile in another region, and first of all an undoing, is newer.

use std::collections::BTreeMap;

use futures_util::future::try_join;
use umoja_schema::{
    AccountStatus, Actor, AuditEvent, Claim, ClaimItem, Facts, IdentifierKind, PartRecord, ProfileFacts, StampError,
    UserId, Version,
};
use umoja_store::Home;
use umoja_store::audit::{AuditKey, Recorder};
use umoja_store::group::MAX_MERGED;
use umoja_store::pointers::{MERGED, pointer_rows};
use umoja_store::seal::Sealer;
use umoja_store::secrets::SecretsError;

use crate::person::{Reader, Stored};
use crate::receipt::any_erased;
use crate::transaction::{ClaimPlan, Recorded, Replacement, Transaction};
use crate::{Error, Person};

/// What became of two users who may be one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merged {
    /// One points at the other now.
    Merged,
    /// They are not to be merged, or are it already; people may see to it.
    Left,
    /// A part of one of them has not arrived, or there is no such user.
    Absent,
    /// Somebody wrote one of them at the same moment.
    Overtaken,
}

/// Why two users were not merged.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// They could not be read or written.
    #[error(transparent)]
    Accounts(#[from] Error),
    /// The key of the audit trail could not be read.
    #[error(transparent)]
    AuditKey(#[from] SecretsError),
}

/// Merges the two if they are the same by the rule; leaves them to people if anything else stands in between.
///
/// # Errors
/// [`MergeError`]: it may succeed later, but for a part that does not open.
pub async fn merge_verified(home: &Home, sealer: &Sealer, one: UserId, other: UserId) -> Result<Merged, MergeError> {
    let reader = Reader { home, sealer };
    let (first, second) = match try_join(active(reader, one), active(reader, other)).await? {
        (Active::User(first), Active::User(second)) => (first, second),
        (Active::Not, _) | (_, Active::Not) => return Ok(Merged::Left),
        (Active::Absent, _) | (_, Active::Absent) => return Ok(Merged::Absent),
    };
    let Some(winner) = verified_winner(&first.profile, &second.profile) else { return Ok(Merged::Left) };
    let (survivor, duplicate) = if winner == one { (first, second) } else { (second, first) };
    if duplicate.facts.merged_into.is_some() {
        return Ok(Merged::Left);
    }
    let persons = try_join(reader.load(survivor.id()), reader.load(duplicate.id())).await;
    let joined = match persons {
        Ok((Some(its), Some(theirs))) => joined(&its, &theirs, survivor.id(), duplicate.id())?,
        Ok(_) | Err(Error::TooLarge(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let Some(joined) = joined else { return Ok(Merged::Left) };
    let is_done = point(reader, &joined, &survivor, &duplicate).await?;
    Ok(if is_done { Merged::Merged } else { Merged::Overtaken })
}

enum Active {
    User(Box<Stored>),
    /// Erased or disabled. Whom somebody disabled neither comes back as a duplicate of an active user, nor disables one.
    Not,
    Absent,
}

/// An active user, opened.
async fn active(reader: Reader<'_>, id: UserId) -> Result<Active, Error> {
    let parts = reader.home.own.users.parts(id).await?;
    if parts.profile.is_none() || parts.credentials.is_none() {
        return Ok(Active::Absent);
    }
    let status = parts.credentials.as_ref().and_then(PartRecord::status);
    if any_erased(&parts) || status != Some(AccountStatus::Active) {
        return Ok(Active::Not);
    }
    Ok(reader.open_user(parts).await?.map_or(Active::Not, |user| Active::User(Box::new(user))))
}

/// The winner, by the order of claims, of the identifiers that both have verified; `None` if there are none.
fn verified_winner(one: &PartRecord, other: &PartRecord) -> Option<UserId> {
    let counts = |claim: &Claim| claim.verified && claim.kind != IdentifierKind::ExternalId;
    let shared = one.claims().iter().filter(|(_, claim)| counts(claim)).filter_map(|(index, claim)| {
        let rival = other.claims().get(index).filter(|claim| counts(claim))?;
        let claimants = BTreeMap::from([(one.id, claim.clone()), (other.id, rival.clone())]);
        Some(ClaimItem { index: *index, claimants })
    });
    ClaimItem::winner_of(&shared.collect::<Vec<_>>()).map(|(id, _)| id)
}

/// The person that two would be; `None` if they are one already, or would be more users than a merge brings together.
fn joined(its: &Person, theirs: &Person, survivor: UserId, duplicate: UserId) -> Result<Option<Person>, Error> {
    let count = its.users().count() + theirs.users().count();
    if its.holds(duplicate) || count > MAX_MERGED {
        return Ok(None);
    }
    Ok(its.pointed(Some(theirs), duplicate, Some(survivor))?)
}

/// Writes the pointer, as long as everybody is what was read. False if somebody got in between.
async fn point(reader: Reader<'_>, joined: &Person, survivor: &Stored, duplicate: &Stored) -> Result<bool, MergeError> {
    let Reader { home, sealer } = reader;
    let stored = &duplicate.profile;
    let hlc = stored.version.hlc.successor();
    if hlc.is_far_ahead_of(home.clock.now()) {
        return Err(Error::from(StampError::FarFuture).into());
    }
    let version = Version { erased: false, hlc, origin: home.own.name.clone() };
    let facts = ProfileFacts { merged_into: Some(survivor.id()), ..duplicate.facts.clone() };
    let (facts, unknown) = (Facts::Profile(facts), stored.unknown.clone());
    let record = sealer.seal(stored.id, version.clone(), facts, &duplicate.identity, unknown).await;
    let record = record.map_err(Error::from)?;
    let key = AuditKey::load(&*home.registry, sealer.ring()).await?;
    let (one, other) = (survivor.id(), duplicate.id());
    let events = [(other, AuditEvent::MergedInto(one)), (one, AuditEvent::Merged(other))];
    let recorded = Recorded::events(Recorder::new(home, &key), &Actor::Umoja, &events).await.map_err(Error::from)?;
    let why = ("reason".to_owned(), "verified".into());
    let transaction = Transaction::new(home, recorded)
        // A pointer changes no claim.
        .profiles(&[Replacement::of(stored, record)], ClaimPlan::default(), |id| joined.holds(id))
        .rows(pointer_rows(&home.own.name, MERGED, &version, one, other, &why))
        .unchanged([(one, survivor.profile.version.clone())]);
    let others = joined.profiles_without(&[one, other]);
    Ok(transaction.unchanged_if_they_fit(others).is_done().await.map_err(Error::from)?)
}
