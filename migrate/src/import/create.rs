//! One try at a row: what there is of it already, and making it.

use std::collections::{BTreeMap, BTreeSet};

use umoja_schema::{
    Attributes, AuditEvent, BlindIndex, Claim, ClaimItem, Credentials, Facts, Hlc, IdentifierKind, Identity, Millis,
    Part, PartRecord, UserId, Version,
};
use umoja_store::apply::{commit_own, conflicts, plan_claims};
use umoja_store::identifiers::{is_taken, known};
use umoja_store::ports::{ClaimWrite, Commit, Condition, PartWrite, Parts, Writes};

use super::error::MAX_RIVALS;
use super::matched::Filled;
use super::user::NewUser;
use super::{Failed, Importer, Outcome, Reason, actor};

impl Importer {
    /// Nothing if somebody got in between: the next round starts from what is stored then.
    ///
    /// For a new user, which is the most frequent, this is one read and one write: the first round takes it that no row of
    /// the audit trail is there yet.
    pub(super) async fn round(
        &self,
        user: &NewUser,
        now: Millis,
        hash: &mut Option<String>,
        is_first: bool,
    ) -> Result<Option<Outcome>, Failed> {
        let users = &*self.home.own.users;
        let claims = plan_claims(users, user.id, &BTreeMap::new(), &user.facts.claims).await?;
        let has_claimed = claims.iter().any(|write| write.before.claimants.contains_key(&user.id));
        if has_claimed || claims.len() < user.facts.claims.len() {
            // The table of claims is under no MAC: there may be no such user after all.
            match self.again(user, hash).await? {
                Again::There => return Ok(Some(Outcome::AlreadyThere)),
                Again::Overtaken => return Ok(None),
                Again::Absent => {}
            }
        }
        if self.is_registered(user, &claims).await? {
            return Ok(Some(Outcome::AlreadyThere));
        }
        if let Some(known) = known(&claims, user.id) {
            match self.fill(user, &known, now, hash).await? {
                Filled::Matched { written: true } => return Ok(Some(Outcome::Matched)),
                Filled::Matched { written: false } => return Ok(Some(Outcome::AlreadyThere)),
                Filled::Overtaken => return Ok(None),
                Filled::SeveralPeople => {}
            }
        }
        self.create(user, claims, now, hash, is_first).await
    }

    /// The hash of the row as it is to be stored; made in the first round that needs it.
    pub(super) async fn stored_hash(
        &self,
        user: &NewUser,
        made: &mut Option<String>,
    ) -> Result<Option<String>, Failed> {
        let Some(hash) = &user.hash else { return Ok(None) };
        if made.is_none() {
            *made = Some(self.hashing.to_stored(hash, self.home.entropy.array()).await?);
        }
        Ok(made.clone())
    }

    /// The user that an earlier import of the row made, in any region. It stays as it is, but for a password if it has
    /// none.
    async fn again(&self, user: &NewUser, hash: &mut Option<String>) -> Result<Again, Failed> {
        let parts = self.home.own.users.parts(user.id).await?;
        if parts == Parts::default() {
            return Ok(Again::Absent);
        }
        if [&parts.profile, &parts.credentials].into_iter().flatten().any(|part| part.version.erased) {
            return Err(Reason::Erased.into());
        }
        let (Some(_), Some(record)) = (&parts.profile, &parts.credentials) else { return Err(Reason::Behind.into()) };
        if user.hash.is_none() {
            return Ok(Again::There);
        }
        let credentials: Credentials = self.sealer.open(record).await?;
        if credentials.secret.is_some() || !credentials.old_hashes.is_empty() || self.dry_run {
            return Ok(Again::There);
        }
        let now = self.home.clock.now();
        let stored = self.stored_hash(user, hash).await?;
        let old_hashes = stored.map(|hash| self.old_hash(hash)).into_iter().collect();
        let changed = Credentials { old_hashes, password_source: Some(self.source(now)), ..credentials };
        let write = self.credentials_write(record, &changed).await?;
        let new_rows = self.recorder().rows(&actor(), &[(user.id, AuditEvent::Imported)]).await?;
        let writes = Writes { parts: vec![write], new_rows, ..Writes::default() };
        Ok(match commit_own(&*self.home.own.users, &writes).await? {
            Commit::Done => Again::There,
            Commit::Conflict { .. } => Again::Overtaken,
        })
    }

    /// A credentials part over the one that is stored.
    pub(super) async fn credentials_write(
        &self,
        record: &PartRecord,
        credentials: &Credentials,
    ) -> Result<PartWrite, Failed> {
        let status = record.status().ok_or(Reason::Unreadable)?;
        let version = self.next_version(Some(&record.version))?;
        let (facts, unknown) = (Facts::Credentials { status }, record.unknown.clone());
        let sealed = self.sealer.seal(record.id, version, facts, credentials, unknown).await?;
        Ok(PartWrite { record: sealed, condition: Condition::VersionIs(record.version.clone()) })
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
        let Some(profile) = self.home.own.users.part(owner, Part::Profile).await? else { return Ok(false) };
        let claimed = items.iter().any(|item| profile.claims().contains_key(&item.index));
        if !claimed {
            return Ok(false);
        }
        self.sealer.open::<Identity>(&profile).await?;
        Ok(true)
    }

    /// Both parts and all claims in one transaction.
    async fn create(
        &self,
        user: &NewUser,
        claims: Vec<ClaimWrite>,
        now: Millis,
        hash: &mut Option<String>,
        is_first: bool,
    ) -> Result<Option<Outcome>, Failed> {
        if let Some(kind) = shared(&claims, user.id) {
            return Err(Reason::Shared(kind).into());
        }
        let (facts_claims, claims) = last_of_all(user, &claims);
        let has_own_id = user.given.iter().any(|given| given.kind == IdentifierKind::ExternalId);
        let taken = claims.iter().filter(|write| is_taken(write, user.id, |_| false, |_| false)).count();
        if taken == claims.len() && taken > 0 && !has_own_id {
            return Err(Reason::Unreachable.into());
        }
        let in_conflict = claims.iter().any(|write| write.before.claimants.keys().any(|other| *other != user.id));
        let outcome = if in_conflict { Outcome::InConflict } else { Outcome::Created };
        if self.dry_run {
            return Ok(Some(outcome));
        }
        let stored = self.stored_hash(user, hash).await?;
        let mut facts = user.facts.clone();
        facts.claims = facts_claims;
        let credentials = user.credentials(self, now, stored);
        let version = self.next_version(None)?;
        let status = Facts::Credentials { status: user.status };
        let (profile, credentials) = tokio::join!(
            self.sealer.seal(user.id, version.clone(), Facts::Profile(facts), &user.identity, Attributes::new()),
            self.sealer.seal(user.id, version.clone(), status, &credentials, Attributes::new()),
        );
        let parts = [profile?, credentials?];
        let events = [(user.id, AuditEvent::Imported)];
        let new_rows = if is_first {
            self.recorder().first_rows(&actor(), &events)?
        } else {
            self.recorder().rows(&actor(), &events).await?
        };
        let writes = Writes {
            rows: conflicts(user.id, &version, &claims, &self.home.own.name, |_| false),
            parts: parts.map(|record| PartWrite { record, condition: Condition::Absent }).into(),
            claims,
            new_rows,
            ..Writes::default()
        };
        match commit_own(&*self.home.own.users, &writes).await? {
            Commit::Done => Ok(Some(outcome)),
            Commit::Conflict { stored } if stored.iter().all(Option::is_none) => Ok(None),
            // It is there, and claims nothing of what the row says any more.
            Commit::Conflict { .. } => Ok(match self.again(user, hash).await? {
                Again::There => Some(Outcome::AlreadyThere),
                Again::Absent | Again::Overtaken => None,
            }),
        }
    }

    pub(super) fn next_version(&self, stored: Option<&Version>) -> Result<Version, Failed> {
        let hlc = Hlc::next(self.home.clock.now(), stored.map(|version| version.hlc))?;
        Ok(Version { erased: false, hlc, origin: self.home.own.name.clone() })
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
fn last_of_all(user: &NewUser, claims: &[ClaimWrite]) -> (BTreeMap<BlindIndex, Claim>, Vec<ClaimWrite>) {
    type Slot = (IdentifierKind, Option<umoja_schema::CompanyId>);
    let slot = |claim: &Claim| -> Slot { (claim.kind, claim.company.clone()) };
    let mut latest: BTreeMap<Slot, Millis> = BTreeMap::new();
    let mut held = BTreeSet::new();
    for write in claims {
        let Some(own) = write.after.claimants.get(&user.id) else { continue };
        for (_, rival) in write.before.claimants.iter().filter(|(other, _)| **other != user.id) {
            held.insert(write.before.index);
            let at = latest.entry(slot(own)).or_insert(rival.claimed_at);
            *at = rival.claimed_at.max(*at);
        }
    }
    let mut all = user.facts.claims.clone();
    if held.is_empty() {
        return (all, claims.to_vec());
    }
    for claim in all.values_mut() {
        if let Some(at) = latest.get(&slot(claim)) {
            claim.claimed_at = claim.claimed_at.max(at.plus(1));
        }
    }
    let again = |write: &ClaimWrite| {
        let after = write.before.with(user.id, all.get(&write.before.index));
        ClaimWrite { before: write.before.clone(), after: after.unwrap_or_else(|| write.before.clone()) }
    };
    let claims = claims.iter().map(again).collect();
    (all, claims)
}
