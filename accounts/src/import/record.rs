//! The lines of an export.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use umoja_schema::{
    AccountStatus, CompanyId, Credentials, IdentifierKind, Identity, Millis, ProfileFacts, Region, UserId,
};

/// The version of the form that this version writes and reads.
pub const FORMAT: u32 = 1;

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The version of the form: [`FORMAT`].
    pub umoja_export: u32,
    /// When it was made, Unix milliseconds.
    pub exported_at: Millis,
    /// The region that it was made of.
    pub region: Region,
    /// If only users that are linked to it were exported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company: Option<CompanyId>,
}

/// One user: all there is. Times are Unix milliseconds.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its id.
    pub id: UserId,
    /// When it was registered.
    pub created_at: Millis,
    /// Whether it may log in.
    pub status: AccountStatus,
    /// The user that it is a duplicate of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<UserId>,
    /// The companies that it is linked to, and since when.
    pub links: BTreeMap<CompanyId, Millis>,
    /// What it is found by.
    pub claims: Vec<HeldClaim>,
    /// Identifiers, profile, and where each value came from.
    pub identity: Identity,
    /// The password, and who set it.
    pub credentials: Credentials,
}

/// An identifier that a user claims; its value is in the identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HeldClaim {
    /// Which one.
    pub kind: IdentifierKind,
    /// Whose; only for external ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company: Option<CompanyId>,
    /// Whether a trusted company has verified it.
    pub verified: bool,
    /// When it was claimed.
    pub claimed_at: Millis,
    /// In which region.
    pub region: Region,
}

impl Record {
    /// A user as it was opened.
    pub fn new(
        id: UserId,
        facts: &ProfileFacts,
        status: AccountStatus,
        identity: Identity,
        credentials: Credentials,
    ) -> Self {
        // Of an identifier under several index keys, each says the same.
        let claims: BTreeMap<_, _> = facts
            .claims
            .values()
            .map(|claim| {
                let held = HeldClaim {
                    kind: claim.kind,
                    company: claim.company.clone(),
                    verified: claim.verified,
                    claimed_at: claim.claimed_at,
                    region: claim.region.clone(),
                };
                ((claim.kind, claim.company.clone()), held)
            })
            .collect();
        Self {
            id,
            created_at: facts.created_at,
            status,
            merged_into: facts.merged_into,
            links: facts.links.clone(),
            claims: claims.into_values().collect(),
            // It tells a request from another by a secret of this deployment.
            identity: Identity { registered_by: None, ..identity },
            credentials,
        }
    }
}

/// All personal data and passwords: never printed.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Record(..)")
    }
}
