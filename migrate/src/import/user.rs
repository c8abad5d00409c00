//! The user that a row would make.

use std::collections::BTreeMap;

use umoja_crypto::legacy::ForeignHash;
use umoja_schema::{
    AccountStatus, Credentials, IdentifierKind, Identity, Millis, OldHash, Profile, ProfileFacts, Source, UserId,
};
use umoja_store::claims::{set_value, source_key};
use umoja_store::identifiers::{Claiming, Parsed, parse, slot};

use super::{Importer, Reason};
use crate::Row;

/// One identifier of a row.
#[derive(Clone)]
pub(super) struct Given {
    pub(super) kind: IdentifierKind,
    pub(super) parsed: Parsed,
    pub(super) verified: bool,
}

/// A row, checked, as the user that it would make.
pub(super) struct NewUser {
    pub(super) id: UserId,
    pub(super) given: Vec<Given>,
    pub(super) identity: Identity,
    pub(super) facts: ProfileFacts,
    pub(super) status: AccountStatus,
    pub(super) hash: Option<ForeignHash>,
}

impl NewUser {
    /// # Errors
    /// What is wrong with the row.
    pub(super) fn read(importer: &Importer, row: &Row, now: Millis) -> Result<Self, Reason> {
        if let Some(key) = row.hash.as_ref().and_then(ForeignHash::key_id)
            && !importer.keys.contains(key)
        {
            return Err(Reason::MissingKey(key.to_owned()));
        }
        let given = given(importer, row)?;
        let id = importer.secrets.user_id(&importer.company.id, &name_of(&given)?);
        let blank = ProfileFacts {
            // A source's clock is not ours.
            created_at: row.created_at.map_or(now, |at| at.min(now)),
            claims: BTreeMap::new(),
            links: BTreeMap::new(),
            merged_into: None,
        };
        let profile = Profile::from_value(serde_json::to_value(&row.profile).unwrap_or_default())?;
        let mut user = Self {
            id,
            given,
            identity: Identity { profile, ..Identity::default() },
            facts: blank,
            status: row.status.unwrap_or(AccountStatus::Active),
            hash: row.hash.clone(),
        };
        let given = user.given.clone();
        importer.claim(&given, now, &mut user.identity, &mut user.facts);
        for name in user.identity.profile.changed_fields(&Profile::default()) {
            user.identity.sources.insert(format!("profile.{name}"), importer.source(now));
        }
        importer.link(now, &mut user.identity, &mut user.facts);
        Ok(user)
    }

    /// What its credentials part seals.
    pub(super) fn credentials(&self, importer: &Importer, now: Millis, stored: Option<String>) -> Credentials {
        let disabled = self.status == AccountStatus::Disabled;
        Credentials {
            password_source: stored.is_some().then(|| importer.source(now)),
            old_hashes: stored.map(|hash| importer.old_hash(hash)).into_iter().collect(),
            status_source: disabled.then(|| importer.source(now)),
            ..Credentials::default()
        }
    }
}

impl Importer {
    /// Sets identifiers, as the company says them now.
    pub(super) fn claim(&self, given: &[Given], now: Millis, identity: &mut Identity, facts: &mut ProfileFacts) {
        let claiming = Claiming { secrets: &self.secrets, company: &self.company, region: &self.home.own.name, now };
        for Given { kind, parsed, verified } in given {
            let slot = slot(&self.company, *kind);
            set_value(identity, &slot, Some(parsed.stored.clone()));
            identity.sources.insert(source_key(&slot), self.source(now));
            claiming.set(facts, slot, &parsed.normalised, verified.then_some(true));
        }
    }

    /// Links the company to a user.
    pub(super) fn link(&self, now: Millis, identity: &mut Identity, facts: &mut ProfileFacts) {
        let company = &self.company.id;
        if !facts.links.contains_key(company) {
            facts.links.insert(company.clone(), now);
            identity.sources.insert(format!("accounts.{company}"), self.source(now));
        }
    }

    pub(super) fn source(&self, now: Millis) -> Source {
        Source { company: self.company.id.clone(), at: now.secs() }
    }

    pub(super) fn old_hash(&self, hash: String) -> OldHash {
        OldHash { company: self.company.id.clone(), hash }
    }
}

/// The identifiers of a row; blank ones are none.
fn given(importer: &Importer, row: &Row) -> Result<Vec<Given>, Reason> {
    let fields = [
        (IdentifierKind::Email, &row.email, row.email_verified),
        (IdentifierKind::PhoneNumber, &row.phone_number, row.phone_number_verified),
        (IdentifierKind::Username, &row.username, false),
        (IdentifierKind::ExternalId, &row.external_id, false),
    ];
    let mut given = Vec::new();
    for (kind, value, verified) in fields {
        if let Some(text) = value.as_deref().filter(|text| !text.trim().is_empty()) {
            let parsed = parse(kind, text, importer.company.phone_country.as_deref())?;
            given.push(Given { kind, parsed, verified });
        }
    }
    if given.is_empty() { Err(Reason::NoIdentifier) } else { Ok(given) }
}

/// What the user's id is derived from: the source's own id of it, or else its identifiers. Neither can be taken for the
/// other.
fn name_of(given: &[Given]) -> Result<String, Reason> {
    if let Some(own) = given.iter().find(|given| given.kind == IdentifierKind::ExternalId) {
        return Ok(format!("import#{}", own.parsed.normalised));
    }
    let all: Vec<(&str, &str)> =
        given.iter().map(|given| (given.kind.as_str(), given.parsed.normalised.as_str())).collect();
    // JSON, so that no two lists of identifiers are one text.
    let text = serde_json::to_string(&all).map_err(|_| Reason::NoIdentifier)?;
    Ok(format!("import-by#{text}"))
}
