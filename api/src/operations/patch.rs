//! What a caller sets on a user: the same for `register`, where it is set on nothing, and `update`.

use serde_json::Value;
use umoja_schema::api::{Register, UserPatch};
use umoja_schema::{IdentifierKind, Identity, MAX_IDENTIFIERS, ProfileFacts};

use crate::app::App;
use crate::caller::Caller;
use crate::identifiers::{self, Parsed, drop_claim, set_claim, slot};
use crate::problem::Refusal;
use crate::user::source;

/// A checked patch.
#[derive(Clone)]
pub(crate) struct Patch {
    /// Identifiers to set (with their verified flag, if given) or to remove.
    identifiers: Vec<(IdentifierKind, Change)>,
    pub(crate) profile: Option<Value>,
    prefix: &'static str,
}

#[derive(Clone)]
enum Change {
    Set(Parsed, Option<bool>),
    Verify(bool),
    Remove,
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
                (Some(Some(text)), verified) => Change::Set(parse(caller, kind, text, "set.")?, verified),
                (Some(None), _) => Change::Remove,
                (None, Some(verified)) => Change::Verify(verified),
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
                    identifiers.push((kind, Change::Set(parse(caller, kind, text, "")?, verified)));
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
        if facts.claims.is_empty() {
            let rule = "A user keeps at least one of `email`, `phone_number`, `username`, `external_id`.";
            return Err(Refusal::invalid("set", rule));
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
        change: &Change,
    ) -> Result<(), Refusal> {
        let slot = slot(caller, kind);
        let key = slot.1.as_ref().map_or_else(|| kind.as_str().to_owned(), |company| format!("external_id.{company}"));
        match change {
            Change::Set(parsed, verified) => {
                set_claim(app, caller, facts, slot, &parsed.normalised, *verified);
                if value_of(identity, caller, kind) != Some(&parsed.stored) {
                    set_value(identity, caller, kind, Some(parsed.stored.clone()));
                    identity.sources.insert(key, source(caller));
                }
            }
            Change::Remove => {
                drop_claim(facts, &slot);
                set_value(identity, caller, kind, None);
                identity.sources.remove(&key);
            }
            Change::Verify(verified) => {
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

fn set_value(identity: &mut Identity, caller: &Caller, kind: IdentifierKind, value: Option<String>) {
    match kind {
        IdentifierKind::Email => identity.email = value,
        IdentifierKind::PhoneNumber => identity.phone_number = value,
        IdentifierKind::Username => identity.username = value,
        IdentifierKind::ExternalId => {
            match value {
                Some(value) => identity.external_ids.insert(caller.company.id.clone(), value),
                None => identity.external_ids.remove(&caller.company.id),
            };
        }
    }
}
