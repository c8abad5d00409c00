//! The automatic merge: two active users are one person if trusted companies verified the same identifier for both, and
//! nothing contradicts it ([`crate::evidence`]). One company is enough, which may have verified both in two regions.
//!
//! No weaker evidence merges users: an unverified ownership proves nothing, and an external id belongs to one company.
//! The request for a merge only says which users to compare. The rule is checked on the parts that this region opened,
//! so an attacker who can write the tables or the queue cannot merge users.
//!
//! Every region that saw the pair merges it, and all write the same pointer. Its HLC timestamp is the smallest one that
//! replaces the stored version, so every other write that an operator or a company made meanwhile in another region is
//! newer, above all an unmerge.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join;
use umoja_schema::{
    AccountStatus, Actor, AuditEvent, Facts, HlcError, IdentifierItem, IdentifierKind, Notice, Noticed, Ownership,
    PartRecord, ProfileFacts, UserId, Version,
};
use umoja_store::Home;
use umoja_store::audit::{AuditKey, Recorder};
use umoja_store::person::MAX_MERGED;
use umoja_store::pointers::{MERGED, pointer_rows};
use umoja_store::seal::Sealer;
use umoja_store::secrets::SecretsError;

use crate::evidence::Joins;
use crate::person::{Reader, Stored};
use crate::receipt::any_erased;
use crate::transaction::{OwnershipPlan, Recorded, Replacement, Transaction};
use crate::{Error, Person};

/// The result for two users who may be one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merged {
    /// One points at the other now.
    Merged,
    /// They must not be merged automatically, or are merged already. An operator or a company may decide.
    Left,
    /// A part of one of them has not arrived, or there is no such user.
    Absent,
    /// Another write changed one of them at the same moment.
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

/// Merges two users if the rule says that they are one person. In every other case it leaves the decision to an
/// operator or a company.
///
/// # Errors
/// [`MergeError`]. A retry may succeed, except if a part cannot be decrypted.
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
        Ok((Some(its), Some(theirs))) if may_be_one(reader, &its, &theirs).await? => {
            joined(&its, &theirs, survivor.id(), duplicate.id())?
        }
        Ok(_) | Err(Error::TooLarge(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let Some(joined) = joined else { return Ok(Merged::Left) };
    let is_done = point(reader, &joined, &survivor, &duplicate).await?;
    Ok(if is_done { Merged::Merged } else { Merged::Overtaken })
}

enum Active {
    User(Box<Stored>),
    /// Erased or disabled. A disabled user must neither become active again as the duplicate of an active user, nor
    /// disable an active one.
    Not,
    Absent,
}

/// Reads and opens a user, if it is active.
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

/// The winner, by the order of ownerships, of the identifiers that are verified for both. `None` if there are none.
fn verified_winner(one: &PartRecord, other: &PartRecord) -> Option<UserId> {
    let shared = one.ownerships().iter().filter(|(_, ownership)| counts(ownership)).filter_map(|(index, ownership)| {
        let rival = other.ownerships().get(index).filter(|ownership| counts(ownership))?;
        let owners = BTreeMap::from([(one.id, ownership.clone()), (other.id, rival.clone())]);
        Some(IdentifierItem { index: *index, owners })
    });
    IdentifierItem::winner_of(&shared.collect::<Vec<_>>()).map(|(id, _)| id)
}

/// True if nothing contradicts that two persons are one, and no third one could be either of them but not both: another
/// region, which does not know all three yet, could merge the others.
async fn may_be_one(reader: Reader<'_>, its: &Person, theirs: &Person) -> Result<bool, Error> {
    let contradict =
        |one: &Person, other: &Person| !one.evidence().contradictions(&other.evidence(), Joins::Passwords).is_empty();
    if contradict(its, theirs) {
        return Ok(false);
    }
    for third in rivals(reader, its, theirs).await? {
        // A user who cannot be read belongs to no person.
        let Some(third) = reader.load(third).await.or_else(without_unreadable)? else { continue };
        if contradict(its, &third) != contradict(theirs, &third) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn without_unreadable(error: Error) -> Result<Option<Person>, Error> {
    match error {
        Error::Unreadable | Error::TooLarge(_) => Ok(None),
        error => Err(error),
    }
}

/// The other users who own a verified identifier of one of the two, verified too. No MAC protects the table that names
/// them, which can only keep users from being merged.
async fn rivals(reader: Reader<'_>, its: &Person, theirs: &Person) -> Result<BTreeSet<UserId>, Error> {
    let ownerships = its.users().chain(theirs.users()).flat_map(|user| &user.facts.ownerships);
    let indexes: BTreeSet<_> = ownerships.filter(|(_, own)| counts(own)).map(|(index, _)| *index).collect();
    let items = reader.home.own.users.ownerships(&indexes.into_iter().collect::<Vec<_>>()).await?;
    let owners = items.into_iter().flat_map(|item| item.owners).filter(|(_, ownership)| counts(ownership));
    Ok(owners.map(|(id, _)| id).filter(|id| !its.holds(*id) && !theirs.holds(*id)).collect())
}

/// True for an ownership that is evidence of who a user is.
fn counts(ownership: &Ownership) -> bool {
    ownership.verified && ownership.kind != IdentifierKind::ExternalId
}

/// The person that two persons would be. `None` if they are one already, or would have more users than a merge allows.
fn joined(its: &Person, theirs: &Person, survivor: UserId, duplicate: UserId) -> Result<Option<Person>, Error> {
    let count = its.users().count() + theirs.users().count();
    if its.holds(duplicate) || count > MAX_MERGED {
        return Ok(None);
    }
    Ok(its.pointed(Some(theirs), duplicate, Some(survivor))?)
}

/// Writes the pointer if all users of the person are as they were read. False if another write got in between.
async fn point(reader: Reader<'_>, joined: &Person, survivor: &Stored, duplicate: &Stored) -> Result<bool, MergeError> {
    let Reader { home, sealer } = reader;
    let stored = &duplicate.profile;
    let hlc = stored.version.hlc.successor();
    if hlc.is_far_ahead_of(home.clock.now()) {
        return Err(Error::from(HlcError::FarFuture).into());
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
        // A pointer changes no ownership.
        .profiles(
            &[Replacement::of(stored, record, &Noticed::new([Notice::Merged(one)]))],
            OwnershipPlan::default(),
            |id| joined.holds(id),
        )
        .rows(pointer_rows(&home.own.name, MERGED, &version, one, other, &why))
        .unchanged([(one, survivor.profile.version.clone())]);
    let others = joined.profiles_without(&[one, other]);
    Ok(transaction.unchanged_if_they_fit(others).is_done().await.map_err(Error::from)?)
}
