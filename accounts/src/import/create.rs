//! One attempt to import a row: finding its user, or making it.

use std::collections::{BTreeMap, BTreeSet};

use umoja_schema::{
    AuditEvent, BlindIndex, Credentials, IdentifierItem, IdentifierKind, Identity, LinkState, Millis, Ownership, Part,
    UserId,
};
use umoja_store::identifiers::{is_taken, known};
use umoja_store::ports::{Commit, IdentifierWrite, Parts};

use super::error::MAX_RIVALS;
use super::error::{Failed, Reason};
use super::importer::Importer;
use super::matched::Filled;
use super::report::Outcome;
use super::user::NewUser;
use super::user::legacy_hash;
use crate::Context;
use crate::evidence::{Evidence, Joins};
use crate::receipt::any_erased;
use crate::transaction::{OwnershipPlan, Recorded};

impl Importer {
    /// Imports a row. `None` if another write got in between: the next round starts from the stored state.
    ///
    /// A new user, the most frequent case, costs one read and one write, because the first round assumes that the audit
    /// trail has no row about it yet.
    pub(crate) async fn round(
        &self,
        context: &Context,
        user: &NewUser,
        hash: &mut Option<String>,
        is_first: bool,
    ) -> Result<Option<(Outcome, UserId)>, Failed> {
        let there = Some((Outcome::AlreadyThere, user.id));
        let plan = OwnershipPlan::of_new(&*self.people.home.own.users, user.id, &user.facts.ownerships).await?;
        let ownerships = plan.writes();
        let has_owned = ownerships.iter().any(|write| write.before.owners.contains_key(&user.id));
        if has_owned || ownerships.len() < user.facts.ownerships.len() {
            // No MAC protects the table of ownerships, so the user may not exist.
            match self.earlier_import(context, user, hash).await? {
                Earlier::There => return Ok(there),
                Earlier::Overtaken => return Ok(None),
                Earlier::Absent => {}
            }
        }
        if self.is_registered(user, ownerships).await? {
            return Ok(there);
        }
        if let Some(known) = known(ownerships, user.id) {
            match self.fill(context, user, &known, hash).await? {
                Filled::Matched { id, written: true } => return Ok(Some((Outcome::Matched, id))),
                Filled::Matched { id, written: false } => return Ok(Some((Outcome::AlreadyThere, id))),
                Filled::Overtaken => return Ok(None),
                Filled::OtherPeople => {}
            }
        }
        // An import of rows is what an operator wants now. A source repeats what it knew before.
        let is_kept_out = user.fed.is_some()
            && self.people.keeps_out(&self.company.id, &user.identity, user.facts.created_at).await?;
        if is_kept_out {
            return Err(Reason::Erased.into());
        }
        Ok(self.create(context, user, &plan, hash, is_first).await?.map(|outcome| (outcome, user.id)))
    }

    /// Makes the user of a row without looking whether there is one, or whether others own its identifiers: that is a condition of the
    /// transaction. `None` if it does not hold. For a new user this costs one write and no read.
    pub(super) async fn unseen(
        &self,
        context: &Context,
        user: &NewUser,
        hash: &mut Option<String>,
    ) -> Result<Option<Outcome>, Failed> {
        let plan = OwnershipPlan::of_unowned(user.id, &user.facts.ownerships);
        self.create(context, user, &plan, hash, true).await
    }

    /// The stored form of the row's hash, which is made in the first round that needs it.
    pub(super) async fn stored_hash(
        &self,
        user: &NewUser,
        made: &mut Option<String>,
    ) -> Result<Option<String>, Failed> {
        let Some(hash) = &user.hash else { return Ok(None) };
        if made.is_none() {
            *made = Some(self.hashing.to_stored(hash, self.people.home.entropy.array()).await?);
        }
        Ok(made.clone())
    }

    /// Looks for the user that an earlier import of the row made in any region. The user stays as it is, except that it
    /// gets the password hash if it has no password and the e-mail address of the row does not differ from its own.
    async fn earlier_import(
        &self,
        context: &Context,
        user: &NewUser,
        hash: &mut Option<String>,
    ) -> Result<Earlier, Failed> {
        let people = &self.people;
        let parts = people.home.own.users.parts(user.id).await?;
        if parts == Parts::default() {
            return Ok(Earlier::Absent);
        }
        if any_erased(&parts) {
            return Err(Reason::Erased.into());
        }
        let (Some(profile), Some(record)) = (&parts.profile, &parts.credentials) else {
            return Err(Reason::Behind.into());
        };
        let (its, own) = (Evidence::of(profile.profile_facts()), Evidence::of([&user.facts]));
        if !its.contradictions(&own, Joins::Passwords).is_empty() {
            return Err(Reason::OtherAddress.into());
        }
        if user.hash.is_none() {
            return Ok(Earlier::There);
        }
        let credentials: Credentials = people.sealer.open(record).await?;
        if credentials.secret.is_some() || !credentials.legacy_hashes.is_empty() {
            return Ok(Earlier::There);
        }
        people.sealer.open::<Identity>(profile).await?;
        if self.dry_run {
            return Ok(Earlier::There);
        }
        let stored = self.stored_hash(user, hash).await?;
        let legacy_hashes = stored.map(|hash| legacy_hash(context, hash)).into_iter().collect();
        let changed = Credentials { legacy_hashes, password_source: Some(context.source()), ..credentials };
        let status = record.status().ok_or(Reason::Unreadable)?;
        let event = Some((context, AuditEvent::Imported));
        let written = people.write_credentials(record, &changed, status, event, None).await?;
        Ok(if written.is_some() { Earlier::There } else { Earlier::Overtaken })
    }

    /// True if the company has registered a user with this external id itself. The user's own part has to confirm the
    /// ownership in the table.
    async fn is_registered(&self, user: &NewUser, ownerships: &[IdentifierWrite]) -> Result<bool, Failed> {
        let is_external = |write: &&IdentifierWrite| {
            write.after.owners.get(&user.id).is_some_and(|ownership| ownership.kind == IdentifierKind::ExternalId)
        };
        let items: Vec<IdentifierItem> =
            ownerships.iter().filter(is_external).map(|write| write.before.clone()).collect();
        let Some((owner, _)) = IdentifierItem::winner_of(&items).filter(|(owner, _)| *owner != user.id) else {
            return Ok(false);
        };
        let Some(profile) = self.people.home.own.users.part(owner, Part::Profile).await? else { return Ok(false) };
        let is_owner = items.iter().any(|item| profile.ownerships().contains_key(&item.index));
        if !is_owner {
            return Ok(false);
        }
        self.people.sealer.open::<Identity>(&profile).await?;
        Ok(true)
    }

    /// Writes both parts and all ownerships in one transaction.
    async fn create(
        &self,
        context: &Context,
        user: &NewUser,
        plan: &OwnershipPlan,
        hash: &mut Option<String>,
        is_first: bool,
    ) -> Result<Option<Outcome>, Failed> {
        if let Some(kind) = shared(plan.writes(), user.id) {
            return Err(Reason::Shared(kind).into());
        }
        let (own, plan) = last_of_all(user, plan);
        let ownerships = plan.writes();
        let taken = ownerships.iter().filter(|write| is_taken(write, user.id, |_| false, |_| false)).count();
        if taken == ownerships.len() && taken > 0 && !user.has_own_id {
            return Err(Reason::Unreachable.into());
        }
        let in_conflict = ownerships.iter().any(|write| write.before.owners.keys().any(|other| *other != user.id));
        let outcome = if in_conflict { Outcome::InConflict } else { Outcome::Created };
        if self.dry_run {
            return Ok(Some(outcome));
        }
        let stored = self.stored_hash(user, hash).await?;
        let mut facts = user.facts.clone();
        facts.ownerships = own;
        let (credentials, people) = (user.credentials(context, stored), &self.people);
        let parts = people.seal_new(user.id, (&user.identity, facts), (&credentials, user.status)).await?;
        let suspended = user.fed.as_ref().is_some_and(|fed| fed.state == LinkState::Suspended);
        let suspended = suspended.then(|| AuditEvent::Suspended(self.company.id.clone()));
        let events: Vec<_> =
            [AuditEvent::Imported].into_iter().chain(suspended).map(|event| (user.id, event)).collect();
        let recorded = Recorded::of_new(people.recorder(), &context.actor, &events, is_first).await?;
        match people.creation(&parts, plan, recorded, |_| false).commit().await? {
            Commit::Done => Ok(Some(outcome)),
            Commit::Conflict { stored } if stored.iter().all(Option::is_none) => Ok(None),
            // The user exists, and no longer owns any identifier of the row.
            Commit::Conflict { .. } => Ok(match self.earlier_import(context, user, hash).await? {
                Earlier::There => Some(Outcome::AlreadyThere),
                Earlier::Absent | Earlier::Overtaken => None,
            }),
        }
    }
}

/// The state of the user that an earlier import may have made.
enum Earlier {
    There,
    Absent,
    /// Another write changed the user at the same moment.
    Overtaken,
}

/// The kind of an identifier that too many users own.
pub(super) fn shared(ownerships: &[IdentifierWrite], id: UserId) -> Option<IdentifierKind> {
    let crowded =
        ownerships.iter().find(|write| write.before.owners.keys().filter(|other| **other != id).count() > MAX_RIVALS);
    crowded?.after.owners.get(&id).map(|ownership| ownership.kind)
}

/// The user's ownerships, dated after those of all other owners. Each owner keeps its identifier, unless the new
/// ownership is verified and the owner's is not.
fn last_of_all(user: &NewUser, plan: &OwnershipPlan) -> (BTreeMap<BlindIndex, Ownership>, OwnershipPlan) {
    type Slot = (IdentifierKind, Option<umoja_schema::CompanyId>);
    let slot = |ownership: &Ownership| -> Slot { (ownership.kind, ownership.company.clone()) };
    let mut latest: BTreeMap<Slot, Millis> = BTreeMap::new();
    let mut held = BTreeSet::new();
    for write in plan.writes() {
        let Some(own) = write.after.owners.get(&user.id) else { continue };
        for (_, rival) in write.before.owners.iter().filter(|(other, _)| **other != user.id) {
            held.insert(write.before.index);
            let at = latest.entry(slot(own)).or_insert(rival.owned_since);
            *at = rival.owned_since.max(*at);
        }
    }
    let mut all = user.facts.ownerships.clone();
    if held.is_empty() {
        return (all, plan.clone());
    }
    for ownership in all.values_mut() {
        if let Some(at) = latest.get(&slot(ownership)) {
            ownership.owned_since = ownership.owned_since.max(at.plus(1));
        }
    }
    let plan = plan.with_ownerships_of(user.id, &all);
    (all, plan)
}
