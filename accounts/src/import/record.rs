//! The lines of an export.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use umoja_schema::{
    AccountStatus, CompanyId, Credentials, IdentifierKind, Identity, Link, Millis, ProfileFacts, Region, UserId,
};

/// The version of the format that this version of Umoja writes and reads.
pub const FORMAT: u32 = 1;

/// The first line of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The version of the format: [`FORMAT`].
    pub umoja_export: u32,
    /// The time of the export, in Unix milliseconds.
    pub exported_at: Millis,
    /// The region that was exported.
    pub region: Region,
    /// The company, if only users linked to it were exported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company: Option<CompanyId>,
}

/// All data of one user. Times are Unix milliseconds.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The id of the user.
    pub id: UserId,
    /// The time of registration.
    pub created_at: Millis,
    /// Whether the user may log in.
    pub status: AccountStatus,
    /// The user that this one was merged into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<UserId>,
    /// The companies that the user is linked to.
    pub links: BTreeMap<CompanyId, Link>,
    /// The identifiers by which the user is found.
    pub ownerships: Vec<HeldOwnership>,
    /// Identifiers and profile, with the source of each value.
    pub identity: Identity,
    /// The password and its source.
    pub credentials: Credentials,
}

/// An identifier that a user owns. Its value is in the identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HeldOwnership {
    /// The kind of identifier.
    pub kind: IdentifierKind,
    /// The company of an external id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company: Option<CompanyId>,
    /// Whether a trusted company has verified it.
    pub verified: bool,
    /// The time since which the user owns it.
    pub owned_since: Millis,
    /// The region that accepted it.
    pub region: Region,
}

impl Record {
    /// The record of an opened user.
    pub fn new(
        id: UserId,
        facts: &ProfileFacts,
        status: AccountStatus,
        identity: Identity,
        credentials: Credentials,
    ) -> Self {
        // The ownerships of an identifier under several index keys are equal, so one of them is enough.
        let ownerships: BTreeMap<_, _> = facts
            .ownerships
            .values()
            .map(|ownership| {
                let held = HeldOwnership {
                    kind: ownership.kind,
                    company: ownership.company.clone(),
                    verified: ownership.verified,
                    owned_since: ownership.owned_since,
                    region: ownership.region.clone(),
                };
                ((ownership.kind, ownership.company.clone()), held)
            })
            .collect();
        Self {
            id,
            created_at: facts.created_at,
            status,
            merged_into: facts.merged_into,
            links: facts.links.clone(),
            ownerships: ownerships.into_values().collect(),
            // The fingerprint is keyed with a secret of this deployment, and marks are known to one region, so they are
            // useless elsewhere.
            identity: Identity { registered_by: None, updated_by: None, ..identity },
            credentials: Credentials { password_by: None, ..credentials },
        }
    }
}

/// The record has personal data and password hashes, which are never printed.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Record(..)")
    }
}
