//! Identifiers of a body: parsed, normalised, and turned into the claims of a profile part.

use std::collections::BTreeMap;

use umoja_schema::{BlindIndex, Claim, IdentifierError, IdentifierKind, ProfileFacts, UserId};
pub(crate) use umoja_store::claims::{OwnedSlot as Slot, drop_identifier, set_value, source_key};
pub(crate) use umoja_store::identifiers::Parsed;
use umoja_store::identifiers::{Claiming, is_taken};
use umoja_store::ports::ClaimWrite;

use crate::app::App;
use crate::caller::Caller;
use crate::problem::Refusal;

/// Reads an identifier as a company writes it.
pub(crate) fn parse(caller: &Caller, kind: IdentifierKind, text: &str) -> Result<Parsed, IdentifierError> {
    umoja_store::identifiers::parse(kind, text, caller.company.phone_country.as_deref())
}

/// The slot of a kind for the calling company.
pub(crate) fn slot(caller: &Caller, kind: IdentifierKind) -> Slot {
    umoja_store::identifiers::slot(&caller.company, kind)
}

/// Sets a user's claim of a slot to an identifier, as the calling company says it now.
pub(crate) fn set_claim(
    app: &App,
    caller: &Caller,
    facts: &mut ProfileFacts,
    slot: Slot,
    normalised: &str,
    verified: Option<bool>,
) {
    let (secrets, company, region) = (&*app.secrets, &**caller.company, &app.home.own.name);
    Claiming { secrets, company, region, now: caller.now }.set(facts, slot, normalised, verified);
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
