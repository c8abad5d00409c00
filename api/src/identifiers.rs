//! Identifiers of a body: parsed, normalised, and turned into the claims of a profile part.

use std::collections::BTreeMap;

use umoja_schema::{
    Attributes, BlindIndex, Claim, Email, ExternalId, IdentifierError, IdentifierKind, PhoneNumber, ProfileFacts,
    UserId, Username,
};
pub(crate) use umoja_store::claims::{OwnedSlot as Slot, drop_claim, drop_identifier, set_value, source_key};
use umoja_store::ports::ClaimWrite;

use crate::app::App;
use crate::caller::Caller;
use crate::problem::Refusal;

/// The forms of one identifier.
#[derive(Clone)]
pub(crate) struct Parsed {
    /// To store and show.
    pub(crate) stored: String,
    /// To index.
    pub(crate) normalised: String,
}

/// Reads an identifier as a company writes it.
pub(crate) fn parse(caller: &Caller, kind: IdentifierKind, text: &str) -> Result<Parsed, IdentifierError> {
    macro_rules! both {
        ($parsed:expr) => {{
            let parsed = $parsed?;
            Parsed { stored: parsed.as_stored().to_owned(), normalised: parsed.normalised().to_owned() }
        }};
    }
    Ok(match kind {
        IdentifierKind::Email => both!(Email::parse(text)),
        IdentifierKind::PhoneNumber => both!(PhoneNumber::parse(text, caller.company.phone_country.as_deref())),
        IdentifierKind::Username => both!(Username::parse(text)),
        IdentifierKind::ExternalId => both!(ExternalId::parse(text)),
    })
}

/// The slot of a kind for the calling company.
pub(crate) fn slot(caller: &Caller, kind: IdentifierKind) -> Slot {
    (kind, (kind == IdentifierKind::ExternalId).then(|| caller.company.id.clone()))
}

/// Sets a user's claim of a slot to an identifier, under every live index key. An identifier that the user has already
/// keeps the time of its claim. Whether it is verified is for trusted companies to say, either way; from others it
/// stays as it is, and is unverified if it is new.
pub(crate) fn set_claim(
    app: &App,
    caller: &Caller,
    facts: &mut ProfileFacts,
    slot: Slot,
    normalised: &str,
    verified: Option<bool>,
) {
    let indexes = app.secrets.indexes(slot.0, slot.1.as_ref(), normalised);
    let had = indexes.iter().find_map(|(_, index)| facts.claims.get(index)).cloned();
    drop_claim(facts, &slot);
    let said = verified.filter(|_| caller.company.trusted);
    let claim = Claim {
        kind: slot.0,
        key_version: 0,
        claimed_at: had.as_ref().map_or(caller.now, |claim| claim.claimed_at),
        region: had.as_ref().map_or_else(|| app.home.own.name.clone(), |claim| claim.region.clone()),
        verified: said.unwrap_or_else(|| had.as_ref().is_some_and(|claim| claim.verified)),
        company: slot.1,
        unknown: had.map_or_else(Attributes::new, |claim| claim.unknown),
    };
    for (key_version, index) in indexes {
        facts.claims.insert(index, Claim { key_version, ..claim.clone() });
    }
}

/// Whether a profile had an identifier that it is to have: a claim of the same slot with an index that stays, and not less
/// verified.
pub(crate) fn keeps(before: &BTreeMap<BlindIndex, Claim>, after: &ProfileFacts, claim: &Claim) -> bool {
    before.iter().any(|(index, had)| {
        (had.kind, &had.company) == (claim.kind, &claim.company)
            && had.verified >= claim.verified
            && after.claims.contains_key(index)
    })
}

/// True if another person holds an identifier against a claim that a user newly makes, or newly has verified. A verified
/// claim takes an unverified one over, so that nobody can squat on an address; it does not take over a verified one.
/// `same` says which users are the same person, and `keeps` which claims repeat what the user claims already under another
/// index key: while two are live, one of two rivals may be claimed under both before the other is.
pub(crate) fn is_taken(
    write: &ClaimWrite,
    id: UserId,
    same: impl Fn(UserId) -> bool,
    keeps: impl Fn(&Claim) -> bool,
) -> bool {
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

/// Refuses claims on identifiers that other people hold.
pub(crate) fn refuse_taken(
    claims: &[ClaimWrite],
    id: UserId,
    same: impl Fn(UserId) -> bool,
    keeps: impl Fn(&Claim) -> bool,
    prefix: &str,
) -> Result<(), Refusal> {
    let taken = claims.iter().find(|write| is_taken(write, id, &same, &keeps));
    match taken.and_then(|write| write.after.claimants.get(&id)) {
        Some(claim) => Err(Refusal::taken(&format!("{prefix}{}", claim.kind.as_str()))),
        None => Ok(()),
    }
}

/// The verified flag of a user's claim of a kind; nothing without such a claim.
pub(crate) fn verified(claims: &BTreeMap<BlindIndex, Claim>, kind: IdentifierKind) -> Option<bool> {
    claims.values().find(|claim| claim.kind == kind).map(|claim| claim.verified)
}
