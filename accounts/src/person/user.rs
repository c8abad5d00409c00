//! A stored user whose profile part was opened.

use umoja_schema::{AccountStatus, CompanyId, Identity, PartRecord, ProfileFacts, RecordVersion, UserId};
use umoja_store::person::Pointer;

/// A live user whose profile part was opened.
#[derive(Clone)]
pub struct Stored {
    /// The profile part.
    pub profile: PartRecord,
    /// The credentials part, which was not opened.
    pub credentials: PartRecord,
    /// The encrypted content of the profile part.
    pub identity: Identity,
    /// The facts beside the envelope, which are bound to it.
    pub facts: ProfileFacts,
    /// Whether the user may log in.
    pub status: AccountStatus,
}

impl Stored {
    /// A user from both parts, or `None` if one of them is not live.
    pub fn new(profile: PartRecord, credentials: PartRecord, identity: Identity) -> Option<Self> {
        let facts = profile.profile_facts()?.clone();
        let status = credentials.status()?;
        Some(Self { profile, credentials, identity, facts, status })
    }

    /// The user after its profile part was written.
    pub(crate) fn with_profile(mut self, profile: PartRecord, identity: Identity) -> Option<Self> {
        self.facts = profile.profile_facts()?.clone();
        self.profile = profile;
        self.identity = identity;
        Some(self)
    }

    /// The id of the user.
    pub fn id(&self) -> UserId {
        self.profile.id
    }

    /// The version over both parts.
    pub fn version(&self) -> RecordVersion {
        RecordVersion {
            id: self.profile.id,
            profile: self.profile.version.clone(),
            credentials: self.credentials.version.clone(),
        }
    }

    /// The pointer of the user, with the time of its registration.
    pub(crate) fn pointer(&self) -> (UserId, Pointer) {
        let ProfileFacts { created_at, merged_into, .. } = self.facts;
        (self.profile.id, Pointer { created_at, merged_into })
    }

    /// True if the user is linked to the company.
    pub fn is_linked_to(&self, company: &CompanyId) -> bool {
        self.facts.links.contains_key(company)
    }
}
