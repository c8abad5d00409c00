//! A user's two parts as they are stored: the sealed content, and the readable facts beside it.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Attribute, Attributes, BlindIndex, CompanyId, Millis, Ownership, Part, Profile, Region, SourceId, UserId, Version,
};

/// One part of one user, as stored and replicated. The envelope's additional data binds every meaningful value to the
/// ciphertext; unknown attributes are kept and copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartRecord {
    /// The user of the part.
    pub id: UserId,
    /// The part.
    pub part: Part,
    /// The write that made it.
    pub version: Version,
    /// The content.
    pub body: Body,
    /// Attributes written by a newer version of Umoja.
    pub unknown: Attributes,
}

/// The content of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// A live part.
    Live(Box<Live>),
    /// A tombstone: the person was erased. It stays for ever, so that no copy can bring the person back.
    Erased,
}

/// The content of a live part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// The envelope.
    pub data: SealedData,
    /// The data key, wrapped under the KMS key of each region. Within one version, regions are only added.
    pub keys: BTreeMap<Region, Vec<u8>>,
    /// The facts that are readable without opening the envelope.
    pub facts: Facts,
}

/// The readable facts beside the ciphertext. No personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Facts {
    /// Of the profile part.
    Profile(ProfileFacts),
    /// Of the credentials part.
    Credentials {
        /// Whether the user may log in.
        status: AccountStatus,
    },
}

/// The readable facts of a profile part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileFacts {
    /// When the user was registered.
    pub created_at: Millis,
    /// The user's ownerships of identifiers, by blind index.
    pub ownerships: BTreeMap<BlindIndex, Ownership>,
    /// The companies that the user is linked to.
    pub links: BTreeMap<CompanyId, Link>,
    /// The user that this one is a duplicate of.
    pub merged_into: Option<UserId>,
}

/// A user's link to one company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// When the company registered or first authenticated the user.
    pub since: Millis,
    /// Whether the company serves the user.
    pub state: LinkState,
    /// The day of the user's last login at the company, in days since 1970-01-01 UTC, if it was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_login_day: Option<u32>,
    /// Attributes written by a newer version of Umoja.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub unknown: Attributes,
}

impl Link {
    /// A link that begins.
    pub const fn since(since: Millis) -> Self {
        Self { since, state: LinkState::Active, last_login_day: None, unknown: Attributes::new() }
    }
}

/// Whether a company serves a user that is linked to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// The company serves the user.
    Active,
    /// The company has suspended the user: its requests to log in or to reset the password are rejected. Other companies
    /// are not affected.
    Suspended,
}

impl LinkState {
    /// The value of the attribute.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }

    /// The state of an attribute's value.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Active, Self::Suspended].into_iter().find(|state| state.as_str() == name)
    }
}

/// The most identifiers of a user. One transaction holds a hundred writes. An erasure writes each identifier's
/// ownerships under every live index key (two while one is rotated), the parts and the receipt.
pub const MAX_IDENTIFIERS: usize = 40;

impl ProfileFacts {
    /// The number of the user's identifiers; each is owned under every live index key.
    pub fn identifiers(&self) -> usize {
        self.ownerships
            .values()
            .map(|ownership| (ownership.kind, ownership.company.as_ref()))
            .collect::<BTreeSet<_>>()
            .len()
    }
}

/// Whether a user may log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccountStatus {
    /// May log in.
    Active,
    /// May not log in; all other operations work.
    Disabled,
}

impl AccountStatus {
    /// The value of the attribute.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }

    /// The status of an attribute's value.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Active, Self::Disabled].into_iter().find(|status| status.as_str() == name)
    }
}

/// An envelope as stored: a map that replication copies without looking inside, so that any version of Umoja
/// replicates any format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedData(pub Attributes);

impl SealedData {
    /// The id of the message, which distinguishes two writes of one version (32 random bytes).
    pub fn mid(&self) -> Option<&[u8]> {
        match self.0.get(crate::names::attribute::MID) {
            Some(Attribute::B(bytes)) => Some(bytes),
            _ => None,
        }
    }
}

impl PartRecord {
    /// A tombstone.
    pub fn tombstone(id: UserId, part: Part, version: Version) -> Self {
        Self { id, part, version, body: Body::Erased, unknown: Attributes::new() }
    }

    /// The live content, if it is not a tombstone.
    pub fn live(&self) -> Option<&Live> {
        match &self.body {
            Body::Live(live) => Some(live),
            Body::Erased => None,
        }
    }

    /// The facts of a live profile part.
    pub fn profile_facts(&self) -> Option<&ProfileFacts> {
        match &self.live()?.facts {
            Facts::Profile(facts) => Some(facts),
            Facts::Credentials { .. } => None,
        }
    }

    /// The status of a live credentials part.
    pub fn status(&self) -> Option<AccountStatus> {
        match self.live()?.facts {
            Facts::Credentials { status } => Some(status),
            Facts::Profile(_) => None,
        }
    }

    /// The ownerships of this part: none for a tombstone or a credentials part.
    pub fn ownerships(&self) -> &BTreeMap<BlindIndex, Ownership> {
        static NONE: BTreeMap<BlindIndex, Ownership> = BTreeMap::new();
        self.profile_facts().map_or(&NONE, |facts| &facts.ownerships)
    }

    /// True if `other` is the same write: the same version, and for live parts the same message id. If a conditional
    /// write fails on the writer's own item, the write succeeded and its answer was lost.
    pub fn is_same_write(&self, other: &Self) -> bool {
        self.version == other.version
            && self.live().map(|live| live.data.mid()) == other.live().map(|live| live.data.mid())
    }
}

/// The sealed content of the profile part: the identifiers as given, and the profile, each with its source.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// E-mail address as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Phone number in E.164.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    /// User name as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Each company's own id of the user.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub external_ids: BTreeMap<CompanyId, String>,
    /// The profile.
    #[serde(default)]
    pub profile: Profile,
    /// The keyed hash of the request that registered the user, if it had an idempotency key. It distinguishes a retry,
    /// in any region and at any time, from another request under the same key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registered_by: Option<String>,
    /// The mark of the last `update` of this user, if it had an idempotency key. A retry finds its own mark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_by: Option<String>,
    /// The source of each field: `email`, `profile.given_name`, ...
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sources: BTreeMap<String, Source>,
    /// The state of the user at each source that feeds it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub feeds: BTreeMap<SourceId, Feed>,
}

/// What was applied last of the events of a source about a user.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feed {
    /// The provider's time of the newest state that was applied. Events of an earlier time change nothing.
    pub at: Millis,
    /// The provider's time of the newest suspension, activation or deletion that was applied.
    pub status_at: Millis,
    /// True if the provider has deleted the user.
    #[serde(default)]
    pub is_deleted: bool,
    /// A keyed hash of the values of the newest state, unpadded base64url. Of two states of one time the greater one
    /// counts, and a state that repeats the values changes none, so that it undoes no change that a company made since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

/// The source and the time of a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Source {
    /// The company that sent it.
    pub company: CompanyId,
    /// When, in seconds since the Unix epoch.
    pub at: u64,
}

/// The sealed content of the credentials part.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Credentials {
    /// The password's hash, as a PHC string.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Legacy hashes, tried while there is no `secret`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub legacy_hashes: Vec<LegacyHash>,
    /// The reason of the last change of the status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_reason: Option<String>,
    /// When and by whom the password was last set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_source: Option<Source>,
    /// The mark of the request that last set the password, if it had an idempotency key. A retry finds its own mark,
    /// and no password has to be compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_by: Option<String>,
    /// When and by whom the status was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_source: Option<Source>,
}

/// A legacy hash that a company imported.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegacyHash {
    /// The company that it came from.
    pub company: CompanyId,
    /// The hash in the spelling that `crypto::legacy` reads.
    pub hash: String,
}

never_printed!(Identity, Credentials, LegacyHash);
