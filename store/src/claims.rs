//! The claims of a profile under the live blind index keys.

use std::collections::{BTreeMap, BTreeSet};

use umoja_schema::{
    BlindIndex, Claim, CompanyId, Email, ExternalId, IdentifierKind, Identity, PhoneNumber, ProfileFacts, Username,
};

use crate::secrets::Secrets;

/// Which identifier of a user: a kind, and for external ids the company.
type Slot<'a> = (IdentifierKind, Option<&'a CompanyId>);

/// Whether every identifier is claimed under each live index key, and under no other.
pub fn are_current(secrets: &Secrets, claims: &BTreeMap<BlindIndex, Claim>) -> bool {
    let live: BTreeSet<u32> = secrets.index_key_versions().collect();
    let mut slots: BTreeMap<Slot<'_>, BTreeSet<u32>> = BTreeMap::new();
    for claim in claims.values() {
        slots.entry(slot(claim)).or_default().insert(claim.key_version);
    }
    slots.values().all(|versions| *versions == live)
}

/// The same claims under each live index key and under no other. What a claim says stays as it is, so its winner is the
/// same under every key. Nothing if the profile does not hold an identifier that it claims.
pub fn current(
    secrets: &Secrets,
    claims: &BTreeMap<BlindIndex, Claim>,
    identity: &Identity,
) -> Option<BTreeMap<BlindIndex, Claim>> {
    let live: BTreeSet<u32> = secrets.index_key_versions().collect();
    let mut current: BTreeMap<BlindIndex, Claim> = claims.clone();
    current.retain(|_, claim| live.contains(&claim.key_version));
    for claim in claims.values() {
        let has = |version| current.values().any(|has| slot(has) == slot(claim) && has.key_version == version);
        if live.iter().all(|version| has(*version)) {
            continue;
        }
        let normalised = normalised(identity, slot(claim))?;
        let lacking: Vec<_> = secrets
            .indexes(claim.kind, claim.company.as_ref(), &normalised)
            .into_iter()
            .filter(|(version, _)| !has(*version))
            .collect();
        for (key_version, index) in lacking {
            current.insert(index, Claim { key_version, ..claim.clone() });
        }
    }
    Some(current)
}

/// Which claim is meant: a kind, and for external ids a company.
pub type OwnedSlot = (IdentifierKind, Option<CompanyId>);

/// Removes a user's claim of a slot.
pub fn drop_claim(facts: &mut ProfileFacts, slot: &OwnedSlot) {
    facts.claims.retain(|_, claim| (claim.kind, claim.company.as_ref()) != (slot.0, slot.1.as_ref()));
}

/// The key under which the source of an identifier is kept.
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

/// Removes a user's identifier: value, source and claim.
pub fn drop_identifier(identity: &mut Identity, facts: &mut ProfileFacts, slot: &OwnedSlot) {
    drop_claim(facts, slot);
    set_value(identity, slot, None);
    identity.sources.remove(&source_key(slot));
}

fn slot(claim: &Claim) -> Slot<'_> {
    (claim.kind, claim.company.as_ref())
}

/// An identifier as it is indexed, of the form in which the profile holds it.
fn normalised(identity: &Identity, (kind, company): Slot<'_>) -> Option<String> {
    match kind {
        IdentifierKind::Email => Some(Email::parse(identity.email.as_ref()?).ok()?.normalised().to_owned()),
        // Stored in E.164: no country is needed to read it.
        IdentifierKind::PhoneNumber => {
            Some(PhoneNumber::parse(identity.phone_number.as_ref()?, None).ok()?.normalised().to_owned())
        }
        IdentifierKind::Username => Some(Username::parse(identity.username.as_ref()?).ok()?.normalised().to_owned()),
        IdentifierKind::ExternalId => {
            let text = identity.external_ids.get(company?)?;
            Some(ExternalId::parse(text).ok()?.normalised().to_owned())
        }
    }
}
