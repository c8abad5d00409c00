//! Users of an export, as they were.
//!
//! Ids, claims and their times, links, pointers and sources stay. The file is as trusted as who brings it: what it says
//! is verified is verified, and who claimed an identifier first has it, as between two regions. A user whose id is there
//! already is left as it is.

use std::collections::{BTreeMap, BTreeSet};

use umoja_crypto::legacy::{ImportError, cost};
use umoja_crypto::password::check_stored;
use umoja_schema::{
    Actor, Attributes, AuditEvent, BlindIndex, Claim, Credentials, IdentifierKind, Identity, MAX_IDENTIFIERS, Millis,
    Profile, ProfileFacts,
};
use umoja_store::apply::{MAX_ROUNDS, same_person};
use umoja_store::identifiers::parse;
use umoja_store::ports::Parts;

use super::create::shared;
use super::error::{Failed, Reason};
use super::importer::{actor, patiently};
use super::record::{HeldClaim, Record};
use super::report::{Done, HashReport, Outcome};
use crate::People;
use crate::receipt::any_erased;
use crate::transaction::{ClaimPlan, Recorded};

/// Brings users of an export into one region.
pub struct Restorer {
    /// The people of the region.
    pub people: People,
    /// Reads everything and writes nothing.
    pub dry_run: bool,
}

impl Restorer {
    /// Imports a user, or says what would become of it. Importing it again is importing it once.
    ///
    /// # Errors
    /// As [`super::Importer::row`].
    pub async fn row(&self, record: &Record) -> Result<Done, Failed> {
        patiently(&*self.people.home.entropy, || self.attempt(record)).await
    }

    async fn attempt(&self, record: &Record) -> Result<Done, Failed> {
        for round in 0..MAX_ROUNDS {
            if let Some(outcome) = self.round(record, round == 0).await? {
                return Ok(Done { outcome, hash: hash(record), peppered: has_pepper(&record.credentials) });
            }
        }
        Err(Reason::Busy.into())
    }

    async fn round(&self, record: &Record, is_first: bool) -> Result<Option<Outcome>, Failed> {
        let people = &self.people;
        let users = &*people.home.own.users;
        let parts = users.parts(record.id).await?;
        if parts != Parts::default() {
            if any_erased(&parts) {
                return Err(Reason::Erased.into());
            }
            return if parts.is_live() { Ok(Some(Outcome::AlreadyThere)) } else { Err(Reason::Behind.into()) };
        }
        let now = people.home.clock.now();
        let (facts, credentials) = (self.facts(record, now)?, credentials(&record.credentials)?);
        let plan = ClaimPlan::of_new(users, record.id, &facts.claims).await?;
        if let Some(kind) = shared(plan.writes(), record.id) {
            return Err(Reason::Shared(kind).into());
        }
        let sealed = people.seal_new(record.id, (&record.identity, facts), (&credentials, record.status)).await?;
        let same: BTreeSet<_> = same_person(users, &sealed[0], plan.writes()).await?;
        let (actor, events): (Actor, _) = (actor(), [(record.id, AuditEvent::Imported)]);
        let recorded = Recorded::of_new(people.recorder(), &actor, &events, is_first).await?;
        let transaction = people.creation(&sealed, plan, recorded, |other| same.contains(&other));
        if !transaction.fits() {
            return Err(Reason::TooMany.into());
        }
        let outcome = if transaction.is_in_conflict() { Outcome::InConflict } else { Outcome::Created };
        if self.dry_run {
            return Ok(Some(outcome));
        }
        Ok(transaction.is_done().await?.then_some(outcome))
    }

    /// What is beside the envelope. Nothing of it is of the future.
    fn facts(&self, record: &Record, now: Millis) -> Result<ProfileFacts, Reason> {
        Profile::from_value(serde_json::to_value(&record.identity.profile).unwrap_or_default())?;
        let mut claims = BTreeMap::new();
        for held in &record.claims {
            claims.extend(self.claims(held, &record.identity, now)?);
        }
        let links = record.links.iter().map(|(company, since)| (company.clone(), now.min(*since)));
        let facts = ProfileFacts {
            created_at: record.created_at.min(now),
            claims,
            links: links.collect(),
            merged_into: record.merged_into,
        };
        // A duplicate may have given all of its identifiers up.
        if facts.claims.is_empty() && facts.merged_into.is_none() {
            return Err(Reason::NoIdentifier);
        }
        if facts.identifiers() > MAX_IDENTIFIERS { Err(Reason::TooMany) } else { Ok(facts) }
    }

    /// One identifier under each live index key.
    fn claims(&self, held: &HeldClaim, identity: &Identity, now: Millis) -> Result<Vec<(BlindIndex, Claim)>, Reason> {
        let HeldClaim { kind, company, verified, claimed_at, region } = held.clone();
        let value = match (kind, &company) {
            (IdentifierKind::Email, None) => identity.email.as_ref(),
            (IdentifierKind::PhoneNumber, None) => identity.phone_number.as_ref(),
            (IdentifierKind::Username, None) => identity.username.as_ref(),
            (IdentifierKind::ExternalId, Some(company)) => identity.external_ids.get(company),
            _ => None,
        };
        let normalised = parse(kind, value.ok_or(Reason::NoIdentifier)?, None)?.normalised;
        let indexes = self.people.secrets.indexes(kind, company.as_ref(), &normalised).into_iter();
        let claim = |(key_version, index)| {
            let (company, region, unknown) = (company.clone(), region.clone(), Attributes::new());
            (index, Claim { kind, key_version, claimed_at: claimed_at.min(now), region, verified, company, unknown })
        };
        Ok(indexes.map(claim).collect())
    }
}

/// What a report says of the password that counts.
fn hash(record: &Record) -> Option<HashReport> {
    let Credentials { secret, old_hashes, .. } = &record.credentials;
    let ours = secret.as_ref().map(|secret| ("umoja", secret));
    let (family, stored) = ours.or_else(|| old_hashes.first().map(|old| ("umoja-old", &old.hash)))?;
    (!is_peppered(stored)).then(|| HashReport { family, wrapped: false, cost: cost(stored).ok() })
}

/// Whether a password was hashed with a pepper of another deployment.
fn has_pepper(credentials: &Credentials) -> bool {
    let old = credentials.old_hashes.iter().map(|old| &old.hash);
    credentials.secret.iter().chain(old).any(|hash| is_peppered(hash))
}

fn is_peppered(hash: &str) -> bool {
    hash.contains(",keyid=")
}

/// The passwords that can be verified here: a pepper is its deployment's own, and another may have the same number.
fn credentials(exported: &Credentials) -> Result<Credentials, Reason> {
    let mut credentials = exported.clone();
    credentials.secret = credentials.secret.filter(|secret| !is_peppered(secret));
    credentials.old_hashes.retain(|old| !is_peppered(&old.hash));
    if let Some(secret) = &credentials.secret {
        check_stored(secret).map_err(ImportError::from)?;
    }
    for old in &credentials.old_hashes {
        cost(&old.hash)?;
    }
    Ok(credentials)
}
