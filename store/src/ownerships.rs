//! The identifier ownerships of a profile under the live blind index keys.

use std::collections::{BTreeMap, BTreeSet};

use umoja_schema::{
    BlindIndex, CompanyId, Email, ExternalId, IdentifierKind, Identity, Ownership, PhoneNumber, ProfileFacts, Username,
};

use crate::secrets::Secrets;

/// An identifier of a user: its kind and, for external ids, the company.
type Slot<'a> = (IdentifierKind, Option<&'a CompanyId>);

/// Whether every identifier is owned under each live index key, and under no other key.
pub fn are_current(secrets: &Secrets, ownerships: &BTreeMap<BlindIndex, Ownership>) -> bool {
    let live: BTreeSet<u32> = secrets.index_key_versions().collect();
    let mut slots: BTreeMap<Slot<'_>, BTreeSet<u32>> = BTreeMap::new();
    for ownership in ownerships.values() {
        slots.entry(slot(ownership)).or_default().insert(ownership.key_version);
    }
    slots.values().all(|versions| *versions == live)
}

/// The same ownerships under each live index key and under no other key. The content of an ownership does not change,
/// so its winner is the same under every key. `None` if the profile lacks an identifier that it owns.
pub fn current(
    secrets: &Secrets,
    ownerships: &BTreeMap<BlindIndex, Ownership>,
    identity: &Identity,
) -> Option<BTreeMap<BlindIndex, Ownership>> {
    let live: BTreeSet<u32> = secrets.index_key_versions().collect();
    let mut current: BTreeMap<BlindIndex, Ownership> = ownerships.clone();
    current.retain(|_, ownership| live.contains(&ownership.key_version));
    for ownership in ownerships.values() {
        let has = |version| current.values().any(|has| slot(has) == slot(ownership) && has.key_version == version);
        if live.iter().all(|version| has(*version)) {
            continue;
        }
        let normalised = normalised(identity, slot(ownership))?;
        let lacking: Vec<_> = secrets
            .indexes(ownership.kind, ownership.company.as_ref(), &normalised)
            .into_iter()
            .filter(|(version, _)| !has(*version))
            .collect();
        for (key_version, index) in lacking {
            current.insert(index, Ownership { key_version, ..ownership.clone() });
        }
    }
    Some(current)
}

/// The slot of an ownership: a kind and, for external ids, a company.
pub type OwnedSlot = (IdentifierKind, Option<CompanyId>);

/// Removes a user's ownership of a slot.
pub fn drop_ownership(facts: &mut ProfileFacts, slot: &OwnedSlot) {
    facts.ownerships.retain(|_, ownership| (ownership.kind, ownership.company.as_ref()) != (slot.0, slot.1.as_ref()));
}

/// The key under which the source of an identifier is stored.
pub fn source_key((kind, company): &OwnedSlot) -> String {
    company.as_ref().map_or_else(|| kind.as_str().to_owned(), |company| format!("external_id.{company}"))
}

/// Sets the value of an identifier, or removes it.
pub fn set_value(identity: &mut Identity, (kind, company): &OwnedSlot, value: Option<String>) {
    match (kind, company) {
        (IdentifierKind::Email, _) => identity.email = value,
        (IdentifierKind::PhoneNumber, _) => identity.phone_number = value,
        (IdentifierKind::Username, _) => identity.username = value,
        (IdentifierKind::ExternalId, Some(company)) => {
            match value {
                Some(value) => identity.external_ids.insert(company.clone(), value),
                None => identity.external_ids.remove(company),
            };
        }
        (IdentifierKind::ExternalId, None) => {}
    }
}

/// Removes an identifier of a user: value, source and ownership.
pub fn drop_identifier(identity: &mut Identity, facts: &mut ProfileFacts, slot: &OwnedSlot) {
    drop_ownership(facts, slot);
    set_value(identity, slot, None);
    identity.sources.remove(&source_key(slot));
}

fn slot(ownership: &Ownership) -> Slot<'_> {
    (ownership.kind, ownership.company.as_ref())
}

/// The normalised form of an identifier as the profile stores it. `None` if the profile lacks it.
///
/// A stored text that an earlier version accepted and this one does not is taken as it is, in lower case. No look-up finds
/// it, but the user keeps it through a rotation of the index key.
fn normalised(identity: &Identity, (kind, company): Slot<'_>) -> Option<String> {
    let (stored, parsed) = match kind {
        IdentifierKind::Email => {
            let stored = identity.email.as_ref()?;
            (stored, Email::parse(stored).map(|email| email.normalised().to_owned()))
        }
        // Stored in E.164, which needs no country.
        IdentifierKind::PhoneNumber => {
            let stored = identity.phone_number.as_ref()?;
            (stored, PhoneNumber::parse(stored, None).map(|number| number.normalised().to_owned()))
        }
        IdentifierKind::Username => {
            let stored = identity.username.as_ref()?;
            (stored, Username::parse(stored).map(|name| name.normalised().to_owned()))
        }
        IdentifierKind::ExternalId => {
            let stored = identity.external_ids.get(company?)?;
            (stored, ExternalId::parse(stored).map(|id| id.normalised().to_owned()))
        }
    };
    Some(parsed.unwrap_or_else(|_| stored.to_ascii_lowercase()))
}
