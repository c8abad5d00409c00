//! The user that a row would make.

use std::collections::BTreeMap;

use umoja_crypto::legacy::{ForeignHash, HashKeys};
use umoja_schema::{AccountStatus, Credentials, IdentifierKind, Identity, OldHash, Profile, ProfileFacts, UserId};
use umoja_store::identifiers::Parsed;

use super::error::{Failed, Reason};
use super::row::Row;
use crate::{Context, Patch, People};

/// One identifier of a row.
#[derive(Clone)]
struct Given {
    kind: IdentifierKind,
    parsed: Parsed,
    verified: bool,
}

/// A row, checked, as the user that it would make.
pub struct NewUser {
    /// Its id, which the row decides.
    pub id: UserId,
    /// Its identifiers, as the company says them now.
    pub(super) patch: Patch,
    /// Whether the row has an id of its own to find the user by.
    pub(super) has_own_id: bool,
    /// What its profile part would seal.
    pub identity: Identity,
    /// What would be beside it.
    pub facts: ProfileFacts,
    pub(super) status: AccountStatus,
    /// The password hash of the row.
    pub hash: Option<ForeignHash>,
}

impl NewUser {
    /// Reads a row.
    ///
    /// # Errors
    /// What is wrong with the row.
    pub(super) fn read(people: &People, keys: &HashKeys, context: &Context, row: &Row) -> Result<Self, Reason> {
        if let Some(key) = row.hash.as_ref().and_then(ForeignHash::key_id)
            && !keys.contains(key)
        {
            return Err(Reason::MissingKey(key.to_owned()));
        }
        let given = given(context, row)?;
        let id = people.secrets.user_id(&context.company.id, &name_of(&given)?);
        let blank = ProfileFacts {
            // A source's clock is not ours.
            created_at: row.created_at.map_or(context.now, |at| at.min(context.now)),
            claims: BTreeMap::new(),
            links: BTreeMap::new(),
            merged_into: None,
        };
        let has_own_id = given.iter().any(|given| given.kind == IdentifierKind::ExternalId);
        let patch = Patch::of_parsed(given.into_iter().map(|given| (given.kind, given.parsed, given.verified)));
        let profile = Profile::from_value(serde_json::to_value(&row.profile).unwrap_or_default())?;
        let unidentified = Identity { profile, ..Identity::default() };
        let applied = patch.apply(people, context, &unidentified, &blank).map_err(|error| match Failed::from(error) {
            Failed::Refused(reason) => reason,
            Failed::Stopped(_) => Reason::Unreadable,
        });
        let (mut identity, mut facts) = applied?;
        for name in identity.profile.changed_fields(&Profile::default()) {
            identity.sources.insert(format!("profile.{name}"), context.source());
        }
        context.link(&mut identity, &mut facts);
        let (status, hash) = (row.status.unwrap_or(AccountStatus::Active), row.hash.clone());
        Ok(Self { id, patch, has_own_id, identity, facts, status, hash })
    }

    /// What its credentials part seals.
    pub(super) fn credentials(&self, context: &Context, stored: Option<String>) -> Credentials {
        let disabled = self.status == AccountStatus::Disabled;
        Credentials {
            password_source: stored.is_some().then(|| context.source()),
            old_hashes: stored.map(|hash| old_hash(context, hash)).into_iter().collect(),
            status_source: disabled.then(|| context.source()),
            ..Credentials::default()
        }
    }
}

/// A hash of the company's.
pub(super) fn old_hash(context: &Context, hash: String) -> OldHash {
    OldHash { company: context.company.id.clone(), hash }
}

/// The identifiers of a row; blank ones are none.
fn given(context: &Context, row: &Row) -> Result<Vec<Given>, Reason> {
    let fields = [
        (IdentifierKind::Email, &row.email, row.email_verified),
        (IdentifierKind::PhoneNumber, &row.phone_number, row.phone_number_verified),
        (IdentifierKind::Username, &row.username, false),
        (IdentifierKind::ExternalId, &row.external_id, false),
    ];
    let mut given = Vec::new();
    for (kind, value, verified) in fields {
        if let Some(text) = value.as_deref().filter(|text| !text.trim().is_empty()) {
            let parsed = context.parse(kind, text)?;
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
