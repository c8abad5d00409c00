//! Restores users of an export as they were.
//!
//! Ids, ownerships with their times, links, pointers and sources stay the same. The file is trusted like the operator
//! who imports it: its verified flags count, and the first owner of an identifier keeps it, as between two regions. A
//! user whose id exists already stays as it is.

use std::collections::{BTreeMap, BTreeSet};

use umoja_crypto::legacy::{ImportError, cost};
use umoja_crypto::password::check_stored;
use umoja_schema::{
    Actor, Attributes, AuditEvent, BlindIndex, Credentials, IdentifierKind, Identity, Link, MAX_IDENTIFIERS, Millis,
    Ownership, ProfileFacts,
};
use umoja_store::apply::{MAX_ROUNDS, same_person};
use umoja_store::identifiers::parse;
use umoja_store::ports::Parts;

use super::create::shared;
use super::error::{Failed, Reason};
use super::importer::{actor, patiently};
use super::record::{HeldOwnership, Record};
use super::report::{Done, HashReport, Outcome};
use crate::People;
use crate::receipt::any_erased;
use crate::transaction::{OwnershipPlan, Recorded};

/// Imports users of an export into one region.
pub struct Restorer {
    /// The people of the region.
    pub people: People,
    /// True to read everything and write no changes.
    pub dry_run: bool,
}

impl Restorer {
    /// Imports a user or, in a dry run, returns the outcome that it would have. A second import of the user has no
    /// further effect.
    ///
    /// # Errors
    /// As [`super::Importer::row`].
    pub async fn row(&self, record: &Record) -> Result<Done, Failed> {
        patiently(&*self.people.home.entropy, || self.attempt(record)).await
    }

    async fn attempt(&self, record: &Record) -> Result<Done, Failed> {
        for round in 0..MAX_ROUNDS {
            if let Some(outcome) = self.round(record, round == 0).await? {
                return Ok(Done {
                    outcome,
                    hash: hash(record),
                    factors: Vec::new(),
                    peppered: has_pepper(&record.credentials),
                    left_out: Vec::new(),
                    not_taken: Vec::new(),
                    links: record.links.keys().cloned().collect(),
                });
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
        let plan = OwnershipPlan::of_new(users, record.id, &facts.ownerships).await?;
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

    /// The facts beside the envelope. Times in the future are set to the present.
    fn facts(&self, record: &Record, now: Millis) -> Result<ProfileFacts, Reason> {
        record.identity.profile.checked()?;
        let mut ownerships = BTreeMap::new();
        for held in &record.ownerships {
            ownerships.extend(self.ownerships(held, &record.identity, now)?);
        }
        let links = record
            .links
            .iter()
            .map(|(company, link)| (company.clone(), Link { since: now.min(link.since), ..link.clone() }));
        let facts = ProfileFacts {
            created_at: record.created_at.min(now),
            ownerships,
            links: links.collect(),
            merged_into: record.merged_into,
        };
        // A duplicate may have given up all of its identifiers.
        if facts.ownerships.is_empty() && facts.merged_into.is_none() {
            return Err(Reason::NoIdentifier);
        }
        if facts.identifiers() > MAX_IDENTIFIERS { Err(Reason::TooMany) } else { Ok(facts) }
    }

    /// The ownerships of one identifier, one under each live index key.
    fn ownerships(
        &self,
        held: &HeldOwnership,
        identity: &Identity,
        now: Millis,
    ) -> Result<Vec<(BlindIndex, Ownership)>, Reason> {
        let HeldOwnership { kind, company, verified, owned_since, region } = held.clone();
        let value = match (kind, &company) {
            (IdentifierKind::Email, None) => identity.email.as_ref(),
            (IdentifierKind::PhoneNumber, None) => identity.phone_number.as_ref(),
            (IdentifierKind::Username, None) => identity.username.as_ref(),
            (IdentifierKind::ExternalId, Some(company)) => identity.external_ids.get(company),
            _ => None,
        };
        let normalised = parse(kind, value.ok_or(Reason::NoIdentifier)?, None)?.normalised;
        let indexes = self.people.secrets.indexes(kind, company.as_ref(), &normalised).into_iter();
        let ownership = |(key_version, index)| {
            let (company, region, unknown) = (company.clone(), region.clone(), Attributes::new());
            (
                index,
                Ownership { kind, key_version, owned_since: owned_since.min(now), region, verified, company, unknown },
            )
        };
        Ok(indexes.map(ownership).collect())
    }
}

/// The report about the password that counts.
fn hash(record: &Record) -> Option<HashReport> {
    let Credentials { secret, legacy_hashes, .. } = &record.credentials;
    let ours = secret.as_ref().map(|secret| ("umoja", secret));
    let (family, stored) = ours.or_else(|| legacy_hashes.first().map(|legacy| ("umoja-old", &legacy.hash)))?;
    (!is_peppered(stored)).then(|| HashReport { family, wrapped: false, cost: cost(stored).ok() })
}

/// True if a password was hashed with the pepper of another deployment.
fn has_pepper(credentials: &Credentials) -> bool {
    let old = credentials.legacy_hashes.iter().map(|legacy| &legacy.hash);
    credentials.secret.iter().chain(old).any(|hash| is_peppered(hash))
}

fn is_peppered(hash: &str) -> bool {
    hash.contains(",keyid=")
}

/// The passwords that can be verified here. A pepper belongs to one deployment, although another pepper may have the
/// same number.
fn credentials(exported: &Credentials) -> Result<Credentials, Reason> {
    let mut credentials = exported.clone();
    credentials.secret = credentials.secret.filter(|secret| !is_peppered(secret));
    credentials.legacy_hashes.retain(|legacy| !is_peppered(&legacy.hash));
    if let Some(secret) = &credentials.secret {
        check_stored(secret).map_err(ImportError::from)?;
    }
    for legacy in &credentials.legacy_hashes {
        cost(&legacy.hash)?;
    }
    Ok(credentials)
}
