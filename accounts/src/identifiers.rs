//! Identifiers: parsed, normalised, and turned into the claims of a profile part; and who holds them already.

use std::collections::BTreeMap;

use umoja_schema::{BlindIndex, Claim, IdentifierKind, Identity, ProfileFacts, UserId};
use umoja_store::claims::OwnedSlot;
pub use umoja_store::claims::{drop_identifier, set_value, source_key};
pub use umoja_store::identifiers::Parsed;
use umoja_store::identifiers::{Claiming, is_taken};
use umoja_store::ports::ClaimWrite;

use crate::{Context, Error, People};

impl People {
    /// Sets a user's claim of a slot to an identifier, as the company says it now.
    pub(crate) fn set_claim(
        &self,
        context: &Context,
        facts: &mut ProfileFacts,
        slot: OwnedSlot,
        normalised: &str,
        verified: Option<bool>,
    ) {
        let (secrets, company, region) = (&*self.secrets, &*context.company, &self.home.own.name);
        Claiming { secrets, company, region, now: context.now }.set(facts, slot, normalised, verified);
    }

    /// Sets an identifier of a user, as the company says it now: claim, value and source.
    pub(crate) fn set_identifier(
        &self,
        context: &Context,
        identity: &mut Identity,
        facts: &mut ProfileFacts,
        kind: IdentifierKind,
        parsed: &Parsed,
        verified: Option<bool>,
    ) {
        let slot = context.slot(kind);
        if value_of(identity, context, kind) != Some(&parsed.stored) {
            set_value(identity, &slot, Some(parsed.stored.clone()));
            identity.sources.insert(source_key(&slot), context.source());
        }
        self.set_claim(context, facts, slot, &parsed.normalised, verified);
    }
}

/// The value of an identifier as stored; the company's own for external ids.
pub(crate) fn value_of<'a>(identity: &'a Identity, context: &Context, kind: IdentifierKind) -> Option<&'a String> {
    match kind {
        IdentifierKind::Email => identity.email.as_ref(),
        IdentifierKind::PhoneNumber => identity.phone_number.as_ref(),
        IdentifierKind::Username => identity.username.as_ref(),
        IdentifierKind::ExternalId => identity.external_ids.get(&context.company.id),
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

/// Refuses claims on identifiers that other people hold.
pub(crate) fn refuse_taken(
    claims: &[ClaimWrite],
    id: UserId,
    same: impl Fn(UserId) -> bool,
    keeps: impl Fn(&Claim) -> bool,
) -> Result<(), Error> {
    let taken = claims.iter().find(|write| is_taken(write, id, &same, &keeps));
    match taken.and_then(|write| write.after.claimants.get(&id)) {
        Some(claim) => Err(Error::Taken(claim.kind)),
        None => Ok(()),
    }
}

/// The verified flag of a user's claim of a kind; `None` without such a claim.
pub(crate) fn verified(claims: &BTreeMap<BlindIndex, Claim>, kind: IdentifierKind) -> Option<bool> {
    claims.values().find(|claim| claim.kind == kind).map(|claim| claim.verified)
}
