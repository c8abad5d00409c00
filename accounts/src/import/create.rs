//! One try at a row: what there is of it already, and making it.

use std::collections::{BTreeMap, BTreeSet};

use umoja_schema::{
    AuditEvent, BlindIndex, Claim, ClaimItem, Credentials, IdentifierKind, Identity, Millis, Part, UserId,
};
use umoja_store::identifiers::{is_taken, known};
use umoja_store::ports::{ClaimWrite, Commit, Parts};

use super::error::MAX_RIVALS;
use super::error::{Failed, Reason};
use super::importer::Importer;
use super::matched::Filled;
use super::report::Outcome;
use super::user::NewUser;
use super::user::old_hash;
use crate::Context;
use crate::receipt::any_erased;
use crate::transaction::{ClaimPlan, Recorded};

impl Importer {
    /// `None` if somebody got in between: the next round starts from what is stored then.
    ///
    /// For a new user, which is the most frequent, this is one read and one write: the first round takes it that no row of
    /// the audit trail is there yet.
    pub(super) async fn round(
        &self,
        context: &Context,
        user: &NewUser,
        hash: &mut Option<String>,
        is_first: bool,
    ) -> Result<Option<Outcome>, Failed> {
        let plan = ClaimPlan::of_new(&*self.people.home.own.users, user.id, &user.facts.claims).await?;
        let claims = plan.writes();
        let has_claimed = claims.iter().any(|write| write.before.claimants.contains_key(&user.id));
        if has_claimed || claims.len() < user.facts.claims.len() {
            // The table of claims is under no MAC: there may be no such user after all.
            match self.again(context, user, hash).await? {
                Again::There => return Ok(Some(Outcome::AlreadyThere)),
                Again::Overtaken => return Ok(None),
                Again::Absent => {}
            }
        }
        if self.is_registered(user, claims).await? {
            return Ok(Some(Outcome::AlreadyThere));
        }
        if let Some(known) = known(claims, user.id) {
            match self.fill(context, user, &known, hash).await? {
                Filled::Matched { written: true } => return Ok(Some(Outcome::Matched)),
                Filled::Matched { written: false } => return Ok(Some(Outcome::AlreadyThere)),
                Filled::Overtaken => return Ok(None),
                Filled::SeveralPeople => {}
            }
        }
        self.create(context, user, &plan, hash, is_first).await
    }

    /// The hash of the row as it is to be stored; made in the first round that needs it.
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

    /// The user that an earlier import of the row made, in any region. It stays as it is, but for a password if it has
    /// none.
    async fn again(&self, context: &Context, user: &NewUser, hash: &mut Option<String>) -> Result<Again, Failed> {
        let people = &self.people;
        let parts = people.home.own.users.parts(user.id).await?;
        if parts == Parts::default() {
            return Ok(Again::Absent);
        }
        if any_erased(&parts) {
            return Err(Reason::Erased.into());
        }
        let (Some(_), Some(record)) = (&parts.profile, &parts.credentials) else { return Err(Reason::Behind.into()) };
        if user.hash.is_none() {
            return Ok(Again::There);
        }
        let credentials: Credentials = people.sealer.open(record).await?;
        if credentials.secret.is_some() || !credentials.old_hashes.is_empty() || self.dry_run {
            return Ok(Again::There);
        }
        let stored = self.stored_hash(user, hash).await?;
        let old_hashes = stored.map(|hash| old_hash(context, hash)).into_iter().collect();
        let changed = Credentials { old_hashes, password_source: Some(context.source()), ..credentials };
        let status = record.status().ok_or(Reason::Unreadable)?;
        let event = Some((context, AuditEvent::Imported));
        let written = people.write_credentials(record, &changed, status, event).await?;
        Ok(if written.is_some() { Again::There } else { Again::Overtaken })
    }

    /// Whether the company has a user of this external id already, which it registered itself. What the table of claims
    /// says has to be in the user's own part.
    async fn is_registered(&self, user: &NewUser, claims: &[ClaimWrite]) -> Result<bool, Failed> {
        let is_external = |write: &&ClaimWrite| {
            write.after.claimants.get(&user.id).is_some_and(|claim| claim.kind == IdentifierKind::ExternalId)
        };
        let items: Vec<ClaimItem> = claims.iter().filter(is_external).map(|write| write.before.clone()).collect();
        let Some((owner, _)) = ClaimItem::winner_of(&items).filter(|(owner, _)| *owner != user.id) else {
            return Ok(false);
        };
        let Some(profile) = self.people.home.own.users.part(owner, Part::Profile).await? else { return Ok(false) };
        let claimed = items.iter().any(|item| profile.claims().contains_key(&item.index));
        if !claimed {
            return Ok(false);
        }
        self.people.sealer.open::<Identity>(&profile).await?;
        Ok(true)
    }

    /// Both parts and all claims in one transaction.
    async fn create(
        &self,
        context: &Context,
        user: &NewUser,
        plan: &ClaimPlan,
        hash: &mut Option<String>,
        is_first: bool,
    ) -> Result<Option<Outcome>, Failed> {
        if let Some(kind) = shared(plan.writes(), user.id) {
            return Err(Reason::Shared(kind).into());
        }
        let (own, plan) = last_of_all(user, plan);
        let claims = plan.writes();
        let taken = claims.iter().filter(|write| is_taken(write, user.id, |_| false, |_| false)).count();
        if taken == claims.len() && taken > 0 && !user.has_own_id {
            return Err(Reason::Unreachable.into());
        }
        let in_conflict = claims.iter().any(|write| write.before.claimants.keys().any(|other| *other != user.id));
        let outcome = if in_conflict { Outcome::InConflict } else { Outcome::Created };
        if self.dry_run {
            return Ok(Some(outcome));
        }
        let stored = self.stored_hash(user, hash).await?;
        let mut facts = user.facts.clone();
        facts.claims = own;
        let (credentials, people) = (user.credentials(context, stored), &self.people);
        let parts = people.seal_new(user.id, (&user.identity, facts), (&credentials, user.status)).await?;
        let events = [(user.id, AuditEvent::Imported)];
        let recorded = Recorded::of_new(people.recorder(), &context.actor, &events, is_first).await?;
        match people.creation(&parts, plan, recorded, |_| false).commit().await? {
            Commit::Done => Ok(Some(outcome)),
            Commit::Conflict { stored } if stored.iter().all(Option::is_none) => Ok(None),
            // It is there, and claims nothing of what the row says any more.
            Commit::Conflict { .. } => Ok(match self.again(context, user, hash).await? {
                Again::There => Some(Outcome::AlreadyThere),
                Again::Absent | Again::Overtaken => None,
            }),
        }
    }
}

/// What is there of a user that an earlier import may have made.
enum Again {
    There,
    Absent,
    /// It was written at this moment.
    Overtaken,
}

/// An identifier that too many users claim.
pub(super) fn shared(claims: &[ClaimWrite], id: UserId) -> Option<IdentifierKind> {
    let crowded =
        claims.iter().find(|write| write.before.claimants.keys().filter(|other| **other != id).count() > MAX_RIVALS);
    crowded?.after.claimants.get(&id).map(|claim| claim.kind)
}

/// The user's claims, made after those of everybody who claims the same: whoever has an identifier keeps it, unless the
/// new claim is verified and theirs is not.
fn last_of_all(user: &NewUser, plan: &ClaimPlan) -> (BTreeMap<BlindIndex, Claim>, ClaimPlan) {
    type Slot = (IdentifierKind, Option<umoja_schema::CompanyId>);
    let slot = |claim: &Claim| -> Slot { (claim.kind, claim.company.clone()) };
    let mut latest: BTreeMap<Slot, Millis> = BTreeMap::new();
    let mut held = BTreeSet::new();
    for write in plan.writes() {
        let Some(own) = write.after.claimants.get(&user.id) else { continue };
        for (_, rival) in write.before.claimants.iter().filter(|(other, _)| **other != user.id) {
            held.insert(write.before.index);
            let at = latest.entry(slot(own)).or_insert(rival.claimed_at);
            *at = rival.claimed_at.max(*at);
        }
    }
    let mut all = user.facts.claims.clone();
    if held.is_empty() {
        return (all, plan.clone());
    }
    for claim in all.values_mut() {
        if let Some(at) = latest.get(&slot(claim)) {
            claim.claimed_at = claim.claimed_at.max(at.plus(1));
        }
    }
    let plan = plan.with_claims_of(user.id, &all);
    (all, plan)
}
