//! The identifiers that companies submit: parsing, normalising, making ownerships, and finding their owners. The API
//! and imports share these rules.

use umoja_schema::{
    Attributes, BlindIndex, Company, Email, ExternalId, IdentifierError, IdentifierItem, IdentifierKind, Millis,
    Ownership, PhoneNumber, ProfileFacts, Region, UserId, Username,
};

use crate::ownerships::{OwnedSlot, drop_ownership};
use crate::ports::IdentifierWrite;
use crate::secrets::Secrets;

/// The forms of one identifier.
#[derive(Clone)]
pub struct Parsed {
    /// The form to store and show.
    pub stored: String,
    /// The form to index.
    pub normalised: String,
}

/// Parses an identifier. A national phone number is read as a number of `country` (ISO 3166-1 alpha-2), if given.
///
/// # Errors
/// If the text is not an identifier of this kind.
pub fn parse(kind: IdentifierKind, text: &str, country: Option<&str>) -> Result<Parsed, IdentifierError> {
    macro_rules! both {
        ($parsed:expr) => {{
            let parsed = $parsed?;
            Parsed { stored: parsed.as_stored().to_owned(), normalised: parsed.normalised().to_owned() }
        }};
    }
    Ok(match kind {
        IdentifierKind::Email => both!(Email::parse(text)),
        IdentifierKind::PhoneNumber => both!(PhoneNumber::parse(text, country)),
        IdentifierKind::Username => both!(Username::parse(text)),
        IdentifierKind::ExternalId => both!(ExternalId::parse(text)),
    })
}

/// The slot of a kind for a company.
pub fn slot(company: &Company, kind: IdentifierKind) -> OwnedSlot {
    (kind, (kind == IdentifierKind::ExternalId).then(|| company.id.clone()))
}

/// The circumstances of a new ownership.
#[derive(Clone, Copy)]
pub struct Owning<'a> {
    /// The secrets that make the indexes.
    pub secrets: &'a Secrets,
    /// The company that submits the identifier.
    pub company: &'a Company,
    /// The region that accepts it.
    pub region: &'a Region,
    /// When it is submitted.
    pub now: Millis,
}

impl Owning<'_> {
    /// Sets a user's ownership of a slot to an identifier, under every live index key. If the user already has the
    /// identifier, the ownership keeps its time. Only trusted companies decide whether the identifier is verified; for
    /// others an existing ownership keeps its status, and a new one is unverified.
    pub fn set(&self, facts: &mut ProfileFacts, slot: OwnedSlot, normalised: &str, verified: Option<bool>) {
        let indexes = self.secrets.indexes(slot.0, slot.1.as_ref(), normalised);
        let had = indexes.iter().find_map(|(_, index)| facts.ownerships.get(index)).cloned();
        drop_ownership(facts, &slot);
        let said = verified.filter(|_| self.company.trusted);
        let ownership = Ownership {
            kind: slot.0,
            key_version: 0,
            owned_since: had.as_ref().map_or(self.now, |ownership| ownership.owned_since),
            region: had.as_ref().map_or_else(|| self.region.clone(), |ownership| ownership.region.clone()),
            verified: said.unwrap_or_else(|| had.as_ref().is_some_and(|ownership| ownership.verified)),
            company: slot.1,
            unknown: had.map_or_else(Attributes::new, |ownership| ownership.unknown),
        };
        for (key_version, index) in indexes {
            facts.ownerships.insert(index, Ownership { key_version, ..ownership.clone() });
        }
    }
}

/// True if another person holds an identifier against an ownership that a user newly makes or newly has verified. A
/// verified ownership overrides an unverified one, so that no account can squat on an address, but not a verified one.
/// `same` says which users are the same person. `keeps` says which ownerships repeat, under another index key, what the
/// user already owns: while two keys are live, one of two rivals may be owned under both keys before the other is.
pub fn is_taken(
    write: &IdentifierWrite,
    id: UserId,
    same: impl Fn(UserId) -> bool,
    keeps: impl Fn(&Ownership) -> bool,
) -> bool {
    let Some(ownership) = write.after.owners.get(&id) else { return false };
    if write.before.owners.get(&id).is_some_and(|had| had.verified >= ownership.verified) || keeps(ownership) {
        return false;
    }
    write
        .before
        .owners
        .iter()
        .any(|(other, held)| *other != id && !same(*other) && (held.verified || !ownership.verified))
}

/// The owners of the identifiers that a new user would own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The owners of verified identifiers of the new user, where their ownership is verified too.
    pub by: Vec<(UserId, BlindIndex)>,
    /// The owners of all other taken identifiers.
    pub others: Vec<UserId>,
}

/// The users that a new user may be, if they are all one person. A match needs verified ownerships on both sides:
/// otherwise an attacker could prepare an unverified account and wait for its victim.
pub fn known(ownerships: &[IdentifierWrite], id: UserId) -> Option<Known> {
    let (mut by, mut others) = (Vec::new(), Vec::new());
    for write in ownerships {
        let own = write.after.owners.get(&id)?;
        let Some((owner, held)) = owner(ownerships, own, id) else { continue };
        if own.verified && held.verified && write.before.owners.contains_key(&owner) {
            by.push((owner, write.before.index));
        }
        if is_taken(write, id, |_| false, |_| false) {
            others.push(owner);
        }
    }
    (!by.is_empty()).then_some(Known { by, others })
}

/// The previous owner of an identifier. If it has several index keys, all of them have to agree.
fn owner(ownerships: &[IdentifierWrite], own: &Ownership, id: UserId) -> Option<(UserId, Ownership)> {
    let is_same = |write: &&IdentifierWrite| {
        let ownership = write.after.owners.get(&id);
        ownership.is_some_and(|ownership| (ownership.kind, &ownership.company) == (own.kind, &own.company))
    };
    let items: Vec<IdentifierItem> = ownerships.iter().filter(is_same).map(|write| write.before.clone()).collect();
    IdentifierItem::winner_of(&items).map(|(owner, held)| (owner, held.clone()))
}
