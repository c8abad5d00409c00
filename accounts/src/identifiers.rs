//! Identifiers: setting the values and ownerships of a profile part, and checking for other owners.

use std::collections::BTreeMap;

use umoja_schema::{BlindIndex, IdentifierKind, Identity, Ownership, ProfileFacts, UserId};
pub use umoja_store::identifiers::Parsed;
use umoja_store::identifiers::{Owning, is_taken};
use umoja_store::ownerships::OwnedSlot;
pub use umoja_store::ownerships::{drop_identifier, set_value, source_key};
use umoja_store::ports::IdentifierWrite;

use crate::{Context, Error, People};

impl People {
    /// Sets a user's ownership of a slot to an identifier, with the company as the source and the current time.
    pub(crate) fn set_ownership(
        &self,
        context: &Context,
        facts: &mut ProfileFacts,
        slot: OwnedSlot,
        normalised: &str,
        verified: Option<bool>,
    ) {
        let (secrets, company, region) = (&*self.secrets, &*context.company, &self.home.own.name);
        Owning { secrets, company, region, now: context.now }.set(facts, slot, normalised, verified);
    }

    /// The same for an identifier that the person has proved to this deployment: it is verified, whichever company asked.
    pub(crate) fn set_proved(&self, context: &Context, facts: &mut ProfileFacts, slot: OwnedSlot, normalised: &str) {
        let of_slot = slot.clone();
        self.set_ownership(context, facts, slot, normalised, None);
        let is_it = |ownership: &&mut Ownership| (ownership.kind, &ownership.company) == (of_slot.0, &of_slot.1);
        facts.ownerships.values_mut().filter(is_it).for_each(|ownership| ownership.verified = true);
    }

    /// Sets an identifier of a user: ownership, value and source. The company is the source.
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
        self.set_ownership(context, facts, slot, &parsed.normalised, verified);
    }
}

/// The stored value of an identifier. For external ids, the one of the company.
pub(crate) fn value_of<'a>(identity: &'a Identity, context: &Context, kind: IdentifierKind) -> Option<&'a String> {
    match kind {
        IdentifierKind::Email => identity.email.as_ref(),
        IdentifierKind::PhoneNumber => identity.phone_number.as_ref(),
        IdentifierKind::Username => identity.username.as_ref(),
        IdentifierKind::ExternalId => identity.external_ids.get(&context.company.id),
    }
}

/// True if a profile keeps an identifier: it had an ownership of the same slot with an index that stays, and the
/// ownership was verified if the new one is.
pub(crate) fn keeps(before: &BTreeMap<BlindIndex, Ownership>, after: &ProfileFacts, ownership: &Ownership) -> bool {
    before.iter().any(|(index, had)| {
        (had.kind, &had.company) == (ownership.kind, &ownership.company)
            && had.verified >= ownership.verified
            && after.ownerships.contains_key(index)
    })
}

/// Rejects ownerships of identifiers that belong to other people.
pub(crate) fn reject_taken(
    ownerships: &[IdentifierWrite],
    id: UserId,
    same: impl Fn(UserId) -> bool,
    keeps: impl Fn(&Ownership) -> bool,
) -> Result<(), Error> {
    let taken = ownerships.iter().find(|write| is_taken(write, id, &same, &keeps));
    match taken.and_then(|write| write.after.owners.get(&id)) {
        Some(ownership) => Err(Error::Taken(ownership.kind)),
        None => Ok(()),
    }
}

/// The verified flag of a user's ownership of a kind. `None` without such an ownership.
pub(crate) fn verified(ownerships: &BTreeMap<BlindIndex, Ownership>, kind: IdentifierKind) -> Option<bool> {
    ownerships.values().find(|ownership| ownership.kind == kind).map(|ownership| ownership.verified)
}
