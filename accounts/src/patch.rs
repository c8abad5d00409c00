//! The values that a company sets on a user: on a blank user for `register`, and on a stored one for `update`.

use std::collections::BTreeSet;

use serde_json::Value;
use umoja_schema::{BlindIndex, IdentifierKind, Identity, MAX_IDENTIFIERS, Profile, ProfileFacts};
use umoja_store::ownerships::OwnedSlot;

use crate::identifiers::{Parsed, drop_identifier, value_of};
use crate::person::{Change, Stored};
use crate::{Context, Error, Field, People, Person, may_move, reserved};

/// A validated patch.
#[derive(Clone)]
pub struct Patch {
    /// Identifiers to set (with their verified flag, if given) or to remove.
    identifiers: Vec<(IdentifierKind, Set)>,
    /// A JSON merge patch of the profile (RFC 7396).
    pub(crate) profile: Option<Value>,
}

/// A company's statement about its identifier of one kind.
#[derive(Clone, Copy)]
pub struct Said<'a> {
    /// The value. `None` leaves it as it is, and `Some(None)` removes it.
    pub value: Option<Option<&'a str>>,
    /// Whether the company has verified it.
    pub verified: Option<bool>,
}

/// The change of an identifier.
#[derive(Clone)]
enum Set {
    Value(Parsed, Option<bool>),
    Verified(bool),
    /// The person has shown that it has the value of this hash.
    Proved([u8; 32]),
    /// A value of which the person has shown that it has it.
    ProvedValue(Parsed),
    Removed,
}

impl Patch {
    /// The changes of a user.
    ///
    /// # Errors
    /// If a value is not an identifier of its kind.
    pub fn new<'a>(
        context: &Context,
        said: impl IntoIterator<Item = (IdentifierKind, Said<'a>)>,
        profile: Option<Value>,
    ) -> Result<Self, Error> {
        let mut identifiers = Vec::new();
        for (kind, Said { value, verified }) in said {
            let change = match (value, verified) {
                (Some(Some(text)), verified) => Set::Value(context.parse_new(kind, text)?, verified),
                (Some(None), _) => Set::Removed,
                (None, Some(verified)) => Set::Verified(verified),
                (None, None) => continue,
            };
            identifiers.push((kind, change));
        }
        Ok(Self { identifiers, profile })
    }

    /// The values of a new user, with at least one identifier.
    ///
    /// # Errors
    /// As [`Patch::new`], and if there is no identifier or if a verified flag has no identifier.
    pub fn of_new<'a>(
        context: &Context,
        said: impl IntoIterator<Item = (IdentifierKind, Said<'a>)>,
        profile: Option<Value>,
    ) -> Result<Self, Error> {
        let mut patch = Self::new(context, said, profile)?;
        if let Some((kind, _)) = patch.identifiers.iter().find(|(_, set)| matches!(set, Set::Verified(true))) {
            return Err(no_value_to_verify(*kind));
        }
        patch.identifiers.retain(|(_, set)| matches!(set, Set::Value(..)));
        if patch.identifiers.is_empty() {
            let rule = "Give at least one of `email`, `phone_number`, `username`, `external_id`.";
            return Err(Error::invalid(Field::Whole, rule));
        }
        Ok(patch)
    }

    /// The address of a person is verified, because the person has shown that it has the address of this hash ([`proof_of`]). Which company
    /// asked does not count: it is this deployment that has seen it.
    pub(crate) fn proved(proof: [u8; 32]) -> Self {
        Self { identifiers: vec![(IdentifierKind::Email, Set::Proved(proof))], profile: None }
    }

    /// An address of which the person has shown that it has it, for a new user or in the place of the address that it had.
    ///
    /// # Errors
    /// As [`Patch::new`].
    pub(crate) fn of_proved(context: &Context, address: &str, profile: Option<Value>) -> Result<Self, Error> {
        let parsed = context.parse_new(IdentifierKind::Email, address)?;
        Ok(Self { identifiers: vec![(IdentifierKind::Email, Set::ProvedValue(parsed))], profile })
    }

    /// The changes of the users of a person, without those that stay as they are and with the primary account last.
    ///
    /// An identifier is set and verified on the user whose value callers see. Other users that own the same identifier
    /// follow, because the old value must no longer find the person. (Other identifiers of these users still find the
    /// person, and an export shows them.) A removal applies to all users, because otherwise callers would see the value
    /// of another user in its place. The profile is set on the primary account.
    pub(crate) fn apply_to(&self, people: &People, context: &Context, person: &Person) -> Result<Vec<Change>, Error> {
        let mut all = Vec::<(_, Change)>::new();
        for (n, user) in person.users().enumerate() {
            let concerns = |(kind, change): &(IdentifierKind, Set)| match change {
                Set::Value(..) | Set::Verified(_) | Set::Proved(_) | Set::ProvedValue(_) => {
                    place_of(person, context, *kind) == n
                }
                Set::Removed => true,
            };
            let mut own = self.clone();
            own.identifiers.retain(concerns);
            own.profile = self.profile.clone().filter(|_| n == 0);
            let (mut identity, facts) = own.apply(people, context, &user.identity, &user.facts)?;
            if let Some(patch) = self.profile.as_ref().filter(|_| n > 0) {
                let profile = identity.profile.without(patch);
                set_profile(context, &mut identity, profile);
            }
            all.push((user, Change { id: user.id(), identity, facts }));
        }
        for (kind, set) in &self.identifiers {
            Self::follow(people, context, place_of(person, context, *kind), &mut all, *kind, set)?;
        }
        if all.iter().all(|(_, change)| change.facts.ownerships.is_empty()) {
            let rule = "Keep at least one of `email`, `phone_number`, `username`, `external_id`.";
            return Err(Error::invalid(Field::Whole, rule));
        }
        all.retain(|(user, change)| change.identity != user.identity || change.facts != user.facts);
        Ok(all.into_iter().rev().map(|(_, change)| change).collect())
    }

    /// Applies the change of an identifier on one user to the other users that own the same identifier. They also give
    /// up the value that the user gave up, because otherwise its next owner would be matched with this person. The
    /// verified flag of an identifier is the same for all its owners in the person.
    fn follow(
        people: &People,
        context: &Context,
        place: usize,
        all: &mut [(&Stored, Change)],
        kind: IdentifierKind,
        set: &Set,
    ) -> Result<(), Error> {
        let slot = context.slot(kind);
        let verified = match set {
            Set::Value(_, verified) => *verified,
            Set::Verified(verified) => Some(*verified),
            Set::Proved(_) | Set::ProvedValue(_) => Some(true),
            Set::Removed => return Ok(()),
        };
        let (placed, change) = &all[place];
        let (before, after) = (indexes_of(&placed.facts, &slot), indexes_of(&change.facts, &slot));
        // While an index key is rotated, the same value keeps a common index under the other key.
        let is_replaced = before.is_disjoint(&after);
        for (_, (user, change)) in all.iter_mut().enumerate().filter(|(n, _)| *n != place) {
            let ownerships = indexes_of(&user.facts, &slot);
            if is_replaced && !ownerships.is_disjoint(&before) {
                drop_identifier(&mut change.identity, &mut change.facts, &slot);
            } else if let Some(verified) = verified.filter(|_| !ownerships.is_disjoint(&after)) {
                let set =
                    if matches!(set, Set::Proved(_) | Set::ProvedValue(_)) { set } else { &Set::Verified(verified) };
                Self::apply_identifier(people, context, &mut change.identity, &mut change.facts, kind, set)?;
            }
        }
        Ok(())
    }

    /// The user after the patch, with the company as the source.
    pub(crate) fn apply(
        &self,
        people: &People,
        context: &Context,
        identity: &Identity,
        facts: &ProfileFacts,
    ) -> Result<(Identity, ProfileFacts), Error> {
        let before = facts.identifiers();
        let (mut identity, mut facts) = (identity.clone(), facts.clone());
        for (kind, change) in &self.identifiers {
            Self::apply_identifier(people, context, &mut identity, &mut facts, *kind, change)?;
        }
        if let Some(patch) = &self.profile {
            let rejected = |error| Error::invalid(Field::Profile, format!("{error}."));
            let mut profile = identity.profile.patched(patch).map_err(rejected)?;
            reserved::keep(&identity.profile, &mut profile, &context.company.id);
            set_profile(context, &mut identity, profile);
        }
        if facts.identifiers() > MAX_IDENTIFIERS.max(before) {
            let rule =
                format!("Keep at most {MAX_IDENTIFIERS} identifiers; the `external_id` of each company counts as one.");
            return Err(Error::invalid(Field::Whole, rule));
        }
        Ok((identity, facts))
    }

    fn apply_identifier(
        people: &People,
        context: &Context,
        identity: &mut Identity,
        facts: &mut ProfileFacts,
        kind: IdentifierKind,
        change: &Set,
    ) -> Result<(), Error> {
        match change {
            Set::Value(parsed, verified) => people.set_identifier(context, identity, facts, kind, parsed, *verified),
            Set::Removed => drop_identifier(identity, facts, &context.slot(kind)),
            Set::Verified(verified) => {
                let stored = value_of(identity, context, kind).ok_or_else(|| no_value_to_verify(kind))?;
                let parsed = context.parse(kind, stored)?;
                people.set_ownership(context, facts, context.slot(kind), &parsed.normalised, Some(*verified));
            }
            Set::Proved(proof) => {
                let stored = value_of(identity, context, kind).ok_or(Error::CodeInvalid)?;
                let parsed = context.parse(kind, stored)?;
                if proof_of(people, &parsed.normalised) != *proof {
                    return Err(Error::CodeInvalid);
                }
                people.set_proved(context, facts, context.slot(kind), &parsed.normalised);
            }
            Set::ProvedValue(parsed) => {
                people.set_identifier(context, identity, facts, kind, parsed, None);
                people.set_proved(context, facts, context.slot(kind), &parsed.normalised);
            }
        }
        Ok(())
    }

    /// The identifiers of some kinds, and no profile.
    pub(crate) fn identifiers_where(&self, keep: impl Fn(IdentifierKind) -> bool) -> Self {
        let identifiers = self.identifiers.iter().filter(|(kind, _)| keep(*kind)).cloned().collect();
        Self { identifiers, profile: None }
    }

    /// The patch without the identifier of a kind. `None` if it sets none.
    pub(crate) fn without(&self, kind: IdentifierKind) -> Option<Self> {
        let mut patch = self.clone();
        patch.identifiers.retain(|(set, _)| *set != kind);
        (patch.identifiers.len() < self.identifiers.len()).then_some(patch)
    }

    /// The patch of a user of the person without values that a source of the company may not move ([`may_move`]), and
    /// their kinds.
    pub(crate) fn of_source(&self, context: &Context, person: &Person, user: &Stored) -> (Self, Vec<IdentifierKind>) {
        let mut kept = self.clone();
        let mut left_out = Vec::new();
        kept.identifiers.retain(|(kind, set)| {
            let Set::Value(parsed, verified) = set else { return true };
            let seen = value_of(&user.identity, context, *kind);
            let seen = seen.and_then(|seen| context.parse(*kind, seen).ok());
            let is_same = seen.is_none_or(|seen| seen.normalised == parsed.normalised);
            let is_verified = context.company.trusted && *verified == Some(true);
            let stays = *kind == IdentifierKind::ExternalId
                || is_same
                || may_move(context, (person, Some(user)), *kind, is_verified);
            if !stays {
                left_out.push(*kind);
            }
            stays
        });
        (kept, left_out)
    }

    /// A patch of parsed identifiers, each with its verified flag.
    pub(crate) fn of_parsed(given: impl IntoIterator<Item = (IdentifierKind, Parsed, bool)>) -> Self {
        let set = |(kind, parsed, verified): (_, _, bool)| (kind, Set::Value(parsed, verified.then_some(true)));
        Self { identifiers: given.into_iter().map(set).collect(), profile: None }
    }
}

/// The hash that stands for an identifier in what a person carries until it has shown that it has it.
pub(crate) fn proof_of(people: &People, normalised: &str) -> [u8; 32] {
    people.secrets.request_hash(&["proved identifier", normalised])
}

/// The position of the user on which an identifier of a kind is set: the user whose value callers see, or else the
/// primary account. An external id is set on the user that is linked to the company.
fn place_of(person: &Person, context: &Context, kind: IdentifierKind) -> usize {
    let seen = person.users().position(|user| value_of(&user.identity, context, kind).is_some());
    let linked = || person.users().position(|user| user.is_linked_to(&context.company.id));
    let place = if kind == IdentifierKind::ExternalId { seen.or_else(linked) } else { seen };
    place.unwrap_or(0)
}

/// The indexes that a user owns for a slot.
fn indexes_of(facts: &ProfileFacts, slot: &OwnedSlot) -> BTreeSet<BlindIndex> {
    let of_slot =
        facts.ownerships.iter().filter(|(_, ownership)| (ownership.kind, &ownership.company) == (slot.0, &slot.1));
    of_slot.map(|(index, _)| *index).collect()
}

/// Replaces the profile. The calling company is the source of each changed value.
fn set_profile(context: &Context, identity: &mut Identity, profile: Profile) {
    for name in profile.changed_fields(&identity.profile) {
        let key = format!("profile.{name}");
        let present = serde_json::to_value(&profile).is_ok_and(|value| value.get(&name).is_some());
        if present {
            identity.sources.insert(key, context.source())
        } else {
            identity.sources.remove(&key)
        };
    }
    identity.profile = profile;
}

fn no_value_to_verify(kind: IdentifierKind) -> Error {
    Error::invalid(Field::Verified(kind), "Give the identifier too, because the user has none that could be verified.")
}
