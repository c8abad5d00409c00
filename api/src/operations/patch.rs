//! What a caller sets on a user: the same for `register`, where it is set on nothing, and `update`.

use std::collections::BTreeSet;

use serde_json::Value;
use umoja_schema::api::{Register, UserPatch};
use umoja_schema::{BlindIndex, IdentifierKind, Identity, MAX_IDENTIFIERS, Profile, ProfileFacts};

use crate::app::App;
use crate::caller::Caller;
use crate::group::Group;
use crate::identifiers::{self, Parsed, Slot, drop_identifier, set_claim, set_value, slot, source_key};
use crate::problem::Refusal;
use crate::profiles::Change;
use crate::user::{Stored, source};

/// A checked patch.
#[derive(Clone)]
pub(crate) struct Patch {
    /// Identifiers to set (with their verified flag, if given) or to remove.
    identifiers: Vec<(IdentifierKind, Set)>,
    pub(crate) profile: Option<Value>,
    prefix: &'static str,
}

/// What an identifier is set to.
#[derive(Clone)]
enum Set {
    Value(Parsed, Option<bool>),
    Verified(bool),
    Nothing,
}

impl Patch {
    /// Of `update`.
    pub(crate) fn of_update(caller: &Caller, set: &UserPatch) -> Result<Self, Refusal> {
        let fields = [
            (IdentifierKind::Email, &set.email, set.email_verified),
            (IdentifierKind::PhoneNumber, &set.phone_number, set.phone_number_verified),
            (IdentifierKind::Username, &set.username, None),
            (IdentifierKind::ExternalId, &set.external_id, None),
        ];
        let mut identifiers = Vec::new();
        for (kind, value, verified) in fields {
            let change = match (value, verified) {
                (Some(Some(text)), verified) => Set::Value(parse(caller, kind, text, "set.")?, verified),
                (Some(None), _) => Set::Nothing,
                (None, Some(verified)) => Set::Verified(verified),
                (None, None) => continue,
            };
            identifiers.push((kind, change));
        }
        Ok(Self { identifiers, profile: set.profile.clone(), prefix: "set." })
    }

    /// Of `register`.
    pub(crate) fn of_register(caller: &Caller, body: &Register) -> Result<Self, Refusal> {
        let fields = [
            (IdentifierKind::Email, &body.email, body.email_verified),
            (IdentifierKind::PhoneNumber, &body.phone_number, body.phone_number_verified),
            (IdentifierKind::Username, &body.username, None),
            (IdentifierKind::ExternalId, &body.external_id, None),
        ];
        let mut identifiers = Vec::new();
        for (kind, value, verified) in fields {
            match (value, verified) {
                (Some(text), verified) => {
                    identifiers.push((kind, Set::Value(parse(caller, kind, text, "")?, verified)));
                }
                (None, Some(true)) => {
                    let field = format!("{}_verified", kind.as_str());
                    return Err(Refusal::invalid(&field, "There is nothing to be verified."));
                }
                (None, _) => {}
            }
        }
        if identifiers.is_empty() {
            let rule = "Give at least one of `email`, `phone_number`, `username`, `external_id`.";
            return Err(Refusal::invalid("body", rule));
        }
        Ok(Self { identifiers, profile: body.profile.clone(), prefix: "" })
    }

    /// What becomes of the users of a person, the root last; nothing of those that stay as they are.
    ///
    /// An identifier is set, and verified, at the user whose value callers see, and the others follow where they claim the
    /// same one: the old one must not go on to find the person from behind the new one. (The others' own find the person
    /// as well, and are shown by an export.) What is removed is removed from all of them, for else another one's value
    /// would show in its place. The profile is set at the root.
    pub(crate) fn apply_to(&self, app: &App, caller: &Caller, group: &Group) -> Result<Vec<Change>, Refusal> {
        let mut all = Vec::<(_, Change)>::new();
        for (n, user) in group.users().enumerate() {
            let concerns = |(kind, change): &(IdentifierKind, Set)| match change {
                Set::Value(..) | Set::Verified(_) => place_of(group, caller, *kind) == n,
                Set::Nothing => true,
            };
            let mut own = self.clone();
            own.identifiers.retain(concerns);
            own.profile = self.profile.clone().filter(|_| n == 0);
            let (mut identity, facts) = own.apply(app, caller, &user.identity, &user.facts)?;
            if let Some(patch) = self.profile.as_ref().filter(|_| n > 0) {
                let profile = identity.profile.without(patch);
                set_profile(caller, &mut identity, profile);
            }
            all.push((user, Change { id: user.id(), identity, facts }));
        }
        for (kind, set) in &self.identifiers {
            self.follow(app, caller, place_of(group, caller, *kind), &mut all, *kind, set)?;
        }
        if all.iter().all(|(_, change)| change.facts.claims.is_empty()) {
            let rule = "A user keeps at least one of `email`, `phone_number`, `username`, `external_id`.";
            return Err(Refusal::invalid("set", rule));
        }
        all.retain(|(user, change)| change.identity != user.identity || change.facts != user.facts);
        Ok(all.into_iter().rev().map(|(_, change)| change).collect())
    }

    /// What an identifier that was set at one user means for the others who claim the same: what that user gave up they
    /// give up too, or else its next owner would be taken for this person; and whether it is verified is the same of all.
    fn follow(
        &self,
        app: &App,
        caller: &Caller,
        place: usize,
        all: &mut [(&Stored, Change)],
        kind: IdentifierKind,
        set: &Set,
    ) -> Result<(), Refusal> {
        let slot = slot(caller, kind);
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
                self.apply_identifier(app, caller, &mut change.identity, &mut change.facts, kind, &set)?;
            }
        }
        Ok(())
    }

    /// The user with the patch applied, as the calling company says it.
    pub(crate) fn apply(
        &self,
        app: &App,
        caller: &Caller,
        identity: &Identity,
        facts: &ProfileFacts,
    ) -> Result<(Identity, ProfileFacts), Refusal> {
        let before = facts.identifiers();
        let (mut identity, mut facts) = (identity.clone(), facts.clone());
        for (kind, change) in &self.identifiers {
            self.apply_identifier(app, caller, &mut identity, &mut facts, *kind, change)?;
        }
        if let Some(patch) = &self.profile {
            let field = format!("{}profile", self.prefix);
            let profile =
                identity.profile.patched(patch).map_err(|error| Refusal::invalid(&field, format!("{error}.")))?;
            set_profile(caller, &mut identity, profile);
        }
        if facts.identifiers() > MAX_IDENTIFIERS.max(before) {
            let rule =
                format!("A user has at most {MAX_IDENTIFIERS} identifiers, each company's `external_id` being one.");
            return Err(Refusal::invalid(if self.prefix.is_empty() { "body" } else { "set" }, rule));
        }
        Ok((identity, facts))
    }

    fn apply_identifier(
        &self,
        app: &App,
        caller: &Caller,
        identity: &mut Identity,
        facts: &mut ProfileFacts,
        kind: IdentifierKind,
        change: &Set,
    ) -> Result<(), Refusal> {
        let slot = slot(caller, kind);
        let key = source_key(&slot);
        match change {
            Set::Value(parsed, verified) => {
                let key_slot = slot.clone();
                set_claim(app, caller, facts, slot, &parsed.normalised, *verified);
                if value_of(identity, caller, kind) != Some(&parsed.stored) {
                    set_value(identity, &key_slot, Some(parsed.stored.clone()));
                    identity.sources.insert(key, source(caller));
                }
            }
            Set::Nothing => {
                drop_identifier(identity, facts, &slot);
            }
            Set::Verified(verified) => {
                let Some(stored) = value_of(identity, caller, kind).cloned() else {
                    let field = format!("{}{}_verified", self.prefix, kind.as_str());
                    return Err(Refusal::invalid(&field, "There is nothing to be verified."));
                };
                let parsed = parse(caller, kind, &stored, self.prefix)?;
                set_claim(app, caller, facts, slot, &parsed.normalised, Some(*verified));
            }
        }
        Ok(())
    }

    /// The identifiers that are set, without those for which `keep` says no.
    pub(crate) fn retain_identifiers(&mut self, keep: impl Fn(IdentifierKind) -> bool) {
        self.identifiers.retain(|(kind, _)| keep(*kind));
    }
}

/// The user of a person at whom an identifier of a kind is set: whose value callers see, or else the root. A company's
/// external id goes with its link.
fn place_of(group: &Group, caller: &Caller, kind: IdentifierKind) -> usize {
    let seen = group.users().position(|user| value_of(&user.identity, caller, kind).is_some());
    let linked = || group.users().position(|user| user.is_linked_to(&caller.company.id));
    let place = if kind == IdentifierKind::ExternalId { seen.or_else(linked) } else { seen };
    place.unwrap_or(0)
}

/// The indexes that a user claims for a slot.
fn indexes_of(facts: &ProfileFacts, slot: &Slot) -> BTreeSet<BlindIndex> {
    let of_slot = facts.claims.iter().filter(|(_, claim)| (claim.kind, &claim.company) == (slot.0, &slot.1));
    of_slot.map(|(index, _)| *index).collect()
}

/// Replaces the profile; the calling company is the source of what changed.
fn set_profile(caller: &Caller, identity: &mut Identity, profile: Profile) {
    for name in profile.changed_fields(&identity.profile) {
        let key = format!("profile.{name}");
        let present = serde_json::to_value(&profile).is_ok_and(|value| value.get(&name).is_some());
        if present {
            identity.sources.insert(key, source(caller))
        } else {
            identity.sources.remove(&key)
        };
    }
    identity.profile = profile;
}

fn parse(caller: &Caller, kind: IdentifierKind, text: &str, prefix: &str) -> Result<Parsed, Refusal> {
    identifiers::parse(caller, kind, text).map_err(|error| Refusal::identifier(prefix, error))
}

/// The value of an identifier as stored; the calling company's own for external ids.
pub(crate) fn value_of<'a>(identity: &'a Identity, caller: &Caller, kind: IdentifierKind) -> Option<&'a String> {
    match kind {
        IdentifierKind::Email => identity.email.as_ref(),
        IdentifierKind::PhoneNumber => identity.phone_number.as_ref(),
        IdentifierKind::Username => identity.username.as_ref(),
        IdentifierKind::ExternalId => identity.external_ids.get(&caller.company.id),
    }
}
