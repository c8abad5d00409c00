//! The user that a row would make.

use std::collections::BTreeMap;

use umoja_crypto::legacy::{ForeignHash, HashKeys};
use umoja_schema::{AccountStatus, Credentials, IdentifierKind, Identity, LegacyHash, Profile, ProfileFacts, UserId};

use super::bad_values::{Given, Usable};
use super::error::{Failed, Reason};
use super::row::{Row, RowFactor};
use crate::fed::Fed;
use crate::{Context, Patch, People, reserved};

/// The user that a validated row would make.
#[derive(Clone)]
pub struct NewUser {
    /// Its id, which is derived from the row.
    pub id: UserId,
    /// Its identifiers, with the company as the source.
    pub(crate) patch: Patch,
    /// Whether the row has an external id by which the user can be found.
    pub(super) has_own_id: bool,
    /// The content of its profile part.
    pub identity: Identity,
    /// The facts beside the envelope of its profile part.
    pub facts: ProfileFacts,
    pub(crate) status: AccountStatus,
    /// What the source that feeds the user adds to it.
    pub(crate) fed: Option<Fed>,
    /// The password hash of the row.
    pub hash: Option<ForeignHash>,
    /// The second factors of the row that can be used.
    pub(super) factors: Vec<RowFactor>,
    /// The fields of the row that were left out, by name.
    pub left_out: Vec<String>,
}

impl NewUser {
    /// Reads a row. If `is_strict`, one unusable value rejects it.
    ///
    /// # Errors
    /// If the row is invalid, with every reason.
    pub(super) fn read(
        people: &People,
        keys: &HashKeys,
        context: &Context,
        row: &Row,
        is_strict: bool,
    ) -> Result<Self, Reason> {
        let missing_key = row.hash.as_ref().and_then(ForeignHash::key_id).filter(|key| !keys.contains(key));
        let reasons = row.rejections.iter().cloned().map(Reason::from);
        let reasons = reasons.chain(missing_key.map(|key| Reason::MissingKey(key.to_owned())));
        let (usable, unusable) = match Usable::of(context, row, is_strict) {
            Ok(usable) => (Some(usable), Vec::new()),
            Err(unusable) => (None, unusable),
        };
        if let Some(reason) = Reason::all(reasons.chain(unusable)) {
            return Err(reason);
        }
        let Usable { given, mut profile, left_out } = usable.ok_or(Reason::NoIdentifier)?;
        reserved::keep(&Profile::default(), &mut profile, &context.company.id);
        let id = people.secrets.user_id(&context.company.id, &name_of(&given)?);
        let blank = ProfileFacts {
            // The clock of the source may be ahead of ours.
            created_at: row.created_at.map_or(context.now, |at| at.min(context.now)),
            ownerships: BTreeMap::new(),
            links: BTreeMap::new(),
            merged_into: None,
        };
        let has_own_id = given.iter().any(|given| given.kind == IdentifierKind::ExternalId);
        let patch = Patch::of_parsed(given.into_iter().map(|given| (given.kind, given.parsed, given.verified)));
        let unidentified = Identity { profile, ..Identity::default() };
        let applied = patch.apply(people, context, &unidentified, &blank).map_err(|error| match Failed::from(error) {
            Failed::Rejected(reason) => reason,
            Failed::Stopped(_) => Reason::Unreadable,
        });
        let (mut identity, mut facts) = applied?;
        for name in identity.profile.changed_fields(&Profile::default()) {
            identity.sources.insert(format!("profile.{name}"), context.source());
        }
        context.link(&mut identity, &mut facts);
        let (status, hash) = (row.status.unwrap_or(AccountStatus::Active), row.hash.clone());
        Ok(Self { id, patch, has_own_id, identity, facts, status, fed: None, hash, factors: Vec::new(), left_out })
    }

    /// The content of its credentials part.
    pub(super) fn credentials(&self, context: &Context, stored: Option<String>) -> Credentials {
        let disabled = self.status == AccountStatus::Disabled;
        Credentials {
            password_source: stored.is_some().then(|| context.source()),
            legacy_hashes: stored.map(|hash| legacy_hash(context, hash)).into_iter().collect(),
            status_source: disabled.then(|| context.source()),
            ..Credentials::default()
        }
    }
}

/// A legacy hash of the company.
pub(super) fn legacy_hash(context: &Context, hash: String) -> LegacyHash {
    LegacyHash { company: context.company.id.clone(), hash }
}

/// The text from which the user's id is derived: the external id of the source, or else the identifiers. The two forms
/// can never be equal.
fn name_of(given: &[Given]) -> Result<String, Reason> {
    if let Some(own) = given.iter().find(|given| given.kind == IdentifierKind::ExternalId) {
        return Ok(format!("import#{}", own.parsed.normalised));
    }
    let all: Vec<(&str, &str)> =
        given.iter().map(|given| (given.kind.as_str(), given.parsed.normalised.as_str())).collect();
    // With JSON, two different lists of identifiers never give the same text.
    let text = serde_json::to_string(&all).map_err(|_| Reason::NoIdentifier)?;
    Ok(format!("import-by#{text}"))
}
