//! Identifiers as companies write them: parsed, normalised, turned into claims, and whose they are already. One rule for
//! the API and for imports.

use umoja_schema::{
    Attributes, BlindIndex, Claim, ClaimItem, Company, Email, ExternalId, IdentifierError, IdentifierKind, Millis,
    PhoneNumber, ProfileFacts, Region, UserId, Username,
};

use crate::claims::{OwnedSlot, drop_claim};
use crate::ports::ClaimWrite;
use crate::secrets::Secrets;

/// The forms of one identifier.
#[derive(Clone)]
pub struct Parsed {
    /// To store and show.
    pub stored: String,
    /// To index.
    pub normalised: String,
}

/// Reads an identifier. National phone numbers are read as numbers of `country` (ISO 3166-1 alpha-2), if there is one.
///
/// # Errors
/// If it is none of its kind.
pub fn parse(kind: IdentifierKind, text: &str, country: Option<&str>) -> Result<Parsed, IdentifierError> {
    macro_rules! both {
        ($parsed:expr) => {{
            let parsed = $parsed?;
            Parsed { stored: parsed.as_stored().to_owned(), normalised: parsed.normalised().to_owned() }
        }};
    }
    Ok(match kind {
        IdentifierKind::Email => both!(Email::parse(text)),
        IdentifierKind::PhoneNumber => both!(PhoneNumber::parse(text, country)),
        IdentifierKind::Username => both!(Username::parse(text)),
        IdentifierKind::ExternalId => both!(ExternalId::parse(text)),
    })
}

/// The slot of a kind for a company.
pub fn slot(company: &Company, kind: IdentifierKind) -> OwnedSlot {
    (kind, (kind == IdentifierKind::ExternalId).then(|| company.id.clone()))
}

/// Who claims, where and when.
#[derive(Clone, Copy)]
pub struct Claiming<'a> {
    /// What indexes are made with.
    pub secrets: &'a Secrets,
    /// The company that says so.
    pub company: &'a Company,
    /// The region in which it says so.
    pub region: &'a Region,
    /// When.
    pub now: Millis,
}

impl Claiming<'_> {
    /// Sets a user's claim of a slot to an identifier, under every live index key. An identifier that the user has already
    /// keeps the time of its claim. Whether it is verified is for trusted companies to say, either way; from others it
    /// stays as it is, and is unverified if it is new.
    pub fn set(&self, facts: &mut ProfileFacts, slot: OwnedSlot, normalised: &str, verified: Option<bool>) {
        let indexes = self.secrets.indexes(slot.0, slot.1.as_ref(), normalised);
        let had = indexes.iter().find_map(|(_, index)| facts.claims.get(index)).cloned();
        drop_claim(facts, &slot);
        let said = verified.filter(|_| self.company.trusted);
        let claim = Claim {
            kind: slot.0,
            key_version: 0,
            claimed_at: had.as_ref().map_or(self.now, |claim| claim.claimed_at),
            region: had.as_ref().map_or_else(|| self.region.clone(), |claim| claim.region.clone()),
            verified: said.unwrap_or_else(|| had.as_ref().is_some_and(|claim| claim.verified)),
            company: slot.1,
            unknown: had.map_or_else(Attributes::new, |claim| claim.unknown),
        };
        for (key_version, index) in indexes {
            facts.claims.insert(index, Claim { key_version, ..claim.clone() });
        }
    }
}

/// True if another person holds an identifier against a claim that a user newly makes, or newly has verified. A verified
/// claim takes an unverified one over, so that nobody can squat on an address; it does not take over a verified one.
/// `same` says which users are the same person, and `keeps` which claims repeat what the user claims already under another
/// index key: while two are live, one of two rivals may be claimed under both before the other is.
pub fn is_taken(write: &ClaimWrite, id: UserId, same: impl Fn(UserId) -> bool, keeps: impl Fn(&Claim) -> bool) -> bool {
    let Some(claim) = write.after.claimants.get(&id) else { return false };
    if write.before.claimants.get(&id).is_some_and(|had| had.verified >= claim.verified) || keeps(claim) {
        return false;
    }
    write
        .before
        .claimants
        .iter()
        .any(|(other, held)| *other != id && !same(*other) && (held.verified || !claim.verified))
}

/// Who has the identifiers that a new user would claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The users that verified identifiers of the new user belong to, where theirs are verified too.
    pub by: Vec<(UserId, BlindIndex)>,
    /// The users that whatever else is taken belongs to.
    pub others: Vec<UserId>,
}

/// Whom a new user may be, if they are all one person. Anything less than a verified claim on both sides is no match:
/// an unverified account must not wait for its victim.
pub fn known(claims: &[ClaimWrite], id: UserId) -> Option<Known> {
    let (mut by, mut others) = (Vec::new(), Vec::new());
    for write in claims {
        let own = write.after.claimants.get(&id)?;
        let Some((owner, held)) = owner(claims, own, id) else { continue };
        if own.verified && held.verified && write.before.claimants.contains_key(&owner) {
            by.push((owner, write.before.index));
        }
        if is_taken(write, id, |_| false, |_| false) {
            others.push(owner);
        }
    }
    (!by.is_empty()).then_some(Known { by, others })
}

/// Whose the identifier of a claim was before: of one under several index keys, all together say so.
fn owner(claims: &[ClaimWrite], own: &Claim, id: UserId) -> Option<(UserId, Claim)> {
    let is_same = |write: &&ClaimWrite| {
        let claim = write.after.claimants.get(&id);
        claim.is_some_and(|claim| (claim.kind, &claim.company) == (own.kind, &own.company))
    };
    let items: Vec<ClaimItem> = claims.iter().filter(is_same).map(|write| write.before.clone()).collect();
    ClaimItem::winner_of(&items).map(|(owner, held)| (owner, held.clone()))
}
