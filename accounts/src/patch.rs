//! What a context sets on a user: the same for `register`, where it is set on nothing, and `update`.

use std::collections::BTreeSet;

use serde_json::Value;
use umoja_schema::{BlindIndex, IdentifierKind, Identity, MAX_IDENTIFIERS, Profile, ProfileFacts};
use umoja_store::claims::OwnedSlot;

use crate::identifiers::{Parsed, drop_identifier, value_of};
use crate::person::{Change, Stored};
use crate::{Context, Error, Field, People, Person};

/// A checked patch.
#[derive(Clone)]
pub struct Patch {
    /// Identifiers to set (with their verified flag, if given) or to remove.
    identifiers: Vec<(IdentifierKind, Set)>,
    /// A JSON merge patch of the profile (RFC 7396).
    pub(crate) profile: Option<Value>,
}

/// What a company says of an identifier of one kind.
#[derive(Clone, Copy)]
pub struct Said<'a> {
    /// Its value: `None` leaves it as it is, `Some(None)` removes it.
    pub value: Option<Option<&'a str>>,
    /// Whether the company has verified it.
    pub verified: Option<bool>,
}

/// What an identifier is set to.
#[derive(Clone)]
enum Set {
    Value(Parsed, Option<bool>),
    Verified(bool),
    Nothing,
}

impl Patch {
    /// What is to change of a user.
    ///
    /// # Errors
    /// If a value is no identifier of its kind.
    pub fn new<'a>(
        context: &Context,
        said: impl IntoIterator<Item = (IdentifierKind, Said<'a>)>,
        profile: Option<Value>,
    ) -> Result<Self, Error> {
        let mut identifiers = Vec::new();
        for (kind, Said { value, verified }) in said {
            let change = match (value, verified) {
                (Some(Some(text)), verified) => Set::Value(context.parse(kind, text)?, verified),
                (Some(None), _) => Set::Nothing,
                (None, Some(verified)) => Set::Verified(verified),
                (None, None) => continue,
            };
            identifiers.push((kind, change));
        }
        Ok(Self { identifiers, profile })
    }

    /// What a new user is to have: at least one identifier.
    ///
    /// # Errors
    /// As [`Patch::new`]; and if there is no identifier, or one that is not given is said to be verified.
    pub fn of_new<'a>(
        context: &Context,
        said: impl IntoIterator<Item = (IdentifierKind, Said<'a>)>,
        profile: Option<Value>,
    ) -> Result<Self, Error> {
        let mut patch = Self::new(context, said, profile)?;
        if let Some((kind, _)) = patch.identifiers.iter().find(|(_, set)| matches!(set, Set::Verified(true))) {
            return Err(nothing_to_verify(*kind));
        }
        patch.identifiers.retain(|(_, set)| matches!(set, Set::Value(..)));
        if patch.identifiers.is_empty() {
            let rule = "Give at least one of `email`, `phone_number`, `username`, `external_id`.";
            return Err(Error::invalid(Field::Whole, rule));
        }
        Ok(patch)
    }

    /// What becomes of the users of a person, the root last; nothing of those that stay as they are.
    ///
    /// An identifier is set, and verified, at the user whose value callers see, and the others follow where they claim the
    /// same one: the old one must not go on to find the person from behind the new one. (The others' own find the person
    /// as well, and are shown by an export.) What is removed is removed from all of them, for else another one's value
    /// would show in its place. The profile is set at the root.
    pub(crate) fn apply_to(&self, people: &People, context: &Context, group: &Person) -> Result<Vec<Change>, Error> {
        let mut all = Vec::<(_, Change)>::new();
        for (n, user) in group.users().enumerate() {
            let concerns = |(kind, change): &(IdentifierKind, Set)| match change {
                Set::Value(..) | Set::Verified(_) => place_of(group, context, *kind) == n,
                Set::Nothing => true,
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
            Self::follow(people, context, place_of(group, context, *kind), &mut all, *kind, set)?;
        }
        if all.iter().all(|(_, change)| change.facts.claims.is_empty()) {
            let rule = "A user keeps at least one of `email`, `phone_number`, `username`, `external_id`.";
            return Err(Error::invalid(Field::Whole, rule));
        }
        all.retain(|(user, change)| change.identity != user.identity || change.facts != user.facts);
        Ok(all.into_iter().rev().map(|(_, change)| change).collect())
    }

    /// What an identifier that was set at one user means for the others who claim the same: what that user gave up they
    /// give up too, or else its next owner would be taken for this person; and whether it is verified is the same of all.
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
            Set::Nothing => return Ok(()),
        };
        let (placed, change) = &all[place];
        let (before, after) = (indexes_of(&placed.facts, &slot), indexes_of(&change.facts, &slot));
        // One index key may be on its way out: the same value is indexed alike under another.
        let is_replaced = before.is_disjoint(&after);
        for (_, (user, change)) in all.iter_mut().enumerate().filter(|(n, _)| *n != place) {
            let claims = indexes_of(&user.facts, &slot);
            if is_replaced && !claims.is_disjoint(&before) {
                drop_identifier(&mut change.identity, &mut change.facts, &slot);
            } else if let Some(verified) = verified.filter(|_| !claims.is_disjoint(&after)) {
                let set = Set::Verified(verified);
                Self::apply_identifier(people, context, &mut change.identity, &mut change.facts, kind, &set)?;
            }
        }
        Ok(())
    }

    /// The user with the patch applied, as the company says it.
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
            let refused = |error| Error::invalid(Field::Profile, format!("{error}."));
            let profile = identity.profile.patched(patch).map_err(refused)?;
            set_profile(context, &mut identity, profile);
        }
        if facts.identifiers() > MAX_IDENTIFIERS.max(before) {
            let rule =
                format!("A user has at most {MAX_IDENTIFIERS} identifiers, each company's `external_id` being one.");
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
            Set::Nothing => drop_identifier(identity, facts, &context.slot(kind)),
            Set::Verified(verified) => {
                let stored = value_of(identity, context, kind).ok_or_else(|| nothing_to_verify(kind))?;
                let parsed = context.parse(kind, stored)?;
                people.set_claim(context, facts, context.slot(kind), &parsed.normalised, Some(*verified));
            }
        }
        Ok(())
    }

    /// The identifiers of some kinds, and no profile.
    pub(crate) fn identifiers_where(&self, keep: impl Fn(IdentifierKind) -> bool) -> Self {
        let identifiers = self.identifiers.iter().filter(|(kind, _)| keep(*kind)).cloned().collect();
        Self { identifiers, profile: None }
    }

    /// Identifiers that were read, each with whether it is verified.
    pub(crate) fn of_parsed(given: impl IntoIterator<Item = (IdentifierKind, Parsed, bool)>) -> Self {
        let set = |(kind, parsed, verified): (_, _, bool)| (kind, Set::Value(parsed, verified.then_some(true)));
        Self { identifiers: given.into_iter().map(set).collect(), profile: None }
    }
}

/// The user of a person at whom an identifier of a kind is set: whose value callers see, or else the root. A company's
/// external id goes with its link.
fn place_of(group: &Person, context: &Context, kind: IdentifierKind) -> usize {
    let seen = group.users().position(|user| value_of(&user.identity, context, kind).is_some());
    let linked = || group.users().position(|user| user.is_linked_to(&context.company.id));
    let place = if kind == IdentifierKind::ExternalId { seen.or_else(linked) } else { seen };
    place.unwrap_or(0)
}

/// The indexes that a user claims for a slot.
fn indexes_of(facts: &ProfileFacts, slot: &OwnedSlot) -> BTreeSet<BlindIndex> {
    let of_slot = facts.claims.iter().filter(|(_, claim)| (claim.kind, &claim.company) == (slot.0, &slot.1));
    of_slot.map(|(index, _)| *index).collect()
}

/// Replaces the profile; the calling company is the source of what changed.
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

fn nothing_to_verify(kind: IdentifierKind) -> Error {
    Error::invalid(Field::Verified(kind), "There is nothing to be verified.")
}
