//! Sources: the identity providers and other systems that feed the store, and the events that they send.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::company::is_newer;
use crate::foreign_url::location;
use crate::{ApiKeyHash, CompanyId, CompanyKey, ItemError, Millis, OldSystem, Region, SourceId};

/// What kind of system a source is, which decides how its events are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// Auth0: Actions, Event Streams and Log Streams.
    Auth0,
    /// A user pool of Amazon Cognito.
    Cognito,
    /// Okta: event hooks.
    Okta,
    /// Keycloak: an event listener that posts events.
    Keycloak,
    /// A SCIM 2.0 client (RFC 7644), such as Okta or Microsoft Entra.
    Scim,
    /// Any system that posts JSON, read by a mapping.
    Generic,
}

impl SourceKind {
    /// All kinds.
    pub const ALL: [Self; 6] = [Self::Auth0, Self::Cognito, Self::Okta, Self::Keycloak, Self::Scim, Self::Generic];

    /// The name on the command line and in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auth0 => "auth0",
            Self::Cognito => "cognito",
            Self::Okta => "okta",
            Self::Keycloak => "keycloak",
            Self::Scim => "scim",
            Self::Generic => "generic",
        }
    }

    /// The kind of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A source: one system that feeds the users of one company. Operators write it, the same in every region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IngestSource {
    /// Its id.
    pub id: SourceId,
    /// How often the source was changed. Of two genuine documents of one source, the one with more changes is newer.
    pub revision: u64,
    /// The company whose users it feeds. It speaks for this company only.
    pub company: CompanyId,
    /// Its kind.
    pub kind: SourceKind,
    /// The region that applies its events. Events that other regions accept are handed to it.
    pub home: Region,
    /// If false, its events are accepted and wait.
    pub enabled: bool,
    /// The hash of each live API key; more than one while a key is rotated.
    pub api_keys: Vec<ApiKeyHash>,
    /// The public keys that sign its events; without any, its API key is enough.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signing_keys: Vec<CompanyKey>,
    /// The public key to which events are sealed.
    pub inbox_key: InboxPublicKey,
    /// The random key of the hashes under which events are stored: 32 bytes, unpadded base64url.
    pub hash_key: String,
    /// What it may do beyond its company.
    #[serde(default)]
    pub allowed: Allowed,
    /// How a user is read from an event: a mapping as imports have it. Only for [`SourceKind::Generic`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapping: Option<Value>,
    /// The user pool whose triggers it is. Only for [`SourceKind::Cognito`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<UserPool>,
    /// The topic of the legacy form of events, a GET with its parameters in the query string. Without one, the source may
    /// not use that form. Only for [`SourceKind::Auth0`] without signing keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legacy_get: Option<String>,
    /// The tokens of its users that say to Umoja who they are. Not for [`SourceKind::Scim`], whose clients name a user otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<SourceTokens>,
    /// Members written by a newer version of Umoja.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

/// The tokens (JWTs) that a provider issues for its users: `sub` is the external id by which the source feeds the user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceTokens {
    /// The issuer identifier of the provider, exactly as its tokens have it.
    pub issuer: String,
    /// For whom a token has to be: one of these is its `aud`, or its `client_id` if it has no `aud`, as those of Amazon Cognito.
    pub audiences: Vec<String>,
    /// Members written by a newer version of Umoja.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

impl SourceTokens {
    /// The most audiences.
    pub const MAX_AUDIENCES: usize = 16;

    /// The tokens of an issuer for these audiences. `None` unless the issuer is a URL that can be called, and there are 1 to 16 audiences of
    /// 1 to 256 characters without spaces.
    pub fn new(issuer: &str, audiences: Vec<String>) -> Option<Self> {
        let is_word =
            |text: &String| (1..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        let fits = (1..=Self::MAX_AUDIENCES).contains(&audiences.len()) && audiences.iter().all(is_word);
        (fits && location(issuer).is_some()).then(|| Self { issuer: issuer.to_owned(), audiences, unknown: Map::new() })
    }
}

/// A user pool of Amazon Cognito, and which way its users go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserPool {
    /// Its id, such as `eu-west-1_AbCdEf123`.
    pub id: String,
    /// Which way its users go.
    pub direction: PoolDirection,
    /// Members written by a newer version of Umoja.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

impl UserPool {
    /// A pool with an id of the form that Amazon Cognito gives. `None` if the id has another form.
    pub fn new(id: &str, direction: PoolDirection) -> Option<Self> {
        let (region, name) = id.split_once('_')?;
        let usable = |text: &str, also: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c))
        };
        let is_id = id.len() <= 55 && usable(region, "-") && usable(name, "");
        is_id.then(|| Self { id: id.to_owned(), direction, unknown: Map::new() })
    }

    /// True if the pool would ask Umoja for users whose passwords Umoja asks the pool for: each would ask the other.
    pub fn asks_back(&self, system: &OldSystem) -> bool {
        self.direction == PoolDirection::ToPool && system.is_pool(&self.id)
    }
}

/// Which way the users of a pool go. A pool has one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PoolDirection {
    /// Who signs up in the pool becomes a user of Umoja.
    FromPool,
    /// A user of Umoja who logs in becomes a user of the pool.
    ToPool,
}

impl PoolDirection {
    /// All directions.
    pub const ALL: [Self; 2] = [Self::FromPool, Self::ToPool];

    /// The name on the command line and in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FromPool => "from-pool",
            Self::ToPool => "to-pool",
        }
    }
}

/// What a source may do to a person beyond its own company.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowed {
    /// A suspension at the provider disables the user for all companies.
    #[serde(default)]
    pub disable: bool,
    /// A deletion at the provider erases the person if no other company is linked to it.
    #[serde(default)]
    pub erase: bool,
}

/// An X25519 public key (RFC 9180 section 7.1) to which events are sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxPublicKey {
    /// The version of the key pair, from 1.
    pub version: u32,
    /// The 32 bytes of the public key, unpadded base64url.
    pub public_key: String,
}

impl IngestSource {
    /// True if the source has an API key with this hash (SHA-256, unpadded base64url) that has not ended.
    pub fn has_api_key(&self, hash: &str, now_secs: u64) -> bool {
        ApiKeyHash::is_among(&self.api_keys, hash, now_secs)
    }

    /// Whether this document replaces another one of the source, as [`Company::is_newer_than`](crate::Company) says.
    pub fn is_newer_than(&self, other: &Self) -> bool {
        is_newer((self.revision, self), (other.revision, other))
    }

    /// True if an operator removed the source. Its document stays, so that no older one can take its place.
    pub fn is_ended(&self) -> bool {
        self.api_keys.is_empty()
    }

    /// Removes the source: without an API key no event is accepted.
    pub fn end(&mut self) {
        self.enabled = false;
        self.api_keys.clear();
        self.signing_keys.clear();
        self.mapping = None;
        self.pool = None;
        self.legacy_get = None;
        self.tokens = None;
    }

    /// The prefix of the names of the settings that hold sources.
    pub const SETTINGS: &'static str = "source/";

    /// The name of the setting that holds the source with this id.
    pub fn setting(id: &SourceId) -> String {
        format!("{}{id}", Self::SETTINGS)
    }

    /// The source of a setting: `id` is what stands after [`Self::SETTINGS`] in its name.
    ///
    /// # Errors
    /// If the document is no source, or is that of another one.
    pub fn read(id: &str, document: Value) -> Result<Self, ItemError> {
        let source = serde_json::from_value::<Self>(document).ok().filter(|source| source.id.as_str() == id);
        source.ok_or(ItemError::new("a source"))
    }
}

/// An event of a source as the table `inbox` has it. It has no personal data but in the sealed payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxEvent {
    /// The source.
    pub source: SourceId,
    /// When a region accepted the event.
    pub received_at: Millis,
    /// A keyed hash of the payload, unpadded base64url: it shows that an event id came again with another payload.
    pub content: String,
    /// Where the event is on its way.
    pub state: InboxState,
    /// The code of the reason why it is parked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why it is parked, as a sentence that names members and rules, and never a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The names of the members whose values the user cannot have, and that were left out when it was applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// The version of the key pair to which the payload is sealed.
    pub key_version: u32,
    /// The payload sealed by HPKE (RFC 9180), unpadded base64url.
    pub payload: String,
    /// The proof, and members written by a newer version of Umoja.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

/// Where an event is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InboxState {
    /// It waits to be applied.
    Waiting,
    /// It was applied, or handed to the home of its source.
    Done,
    /// It is kept because its type is unknown here, and changes nothing.
    Ignored,
    /// It cannot be applied. An operator can have it tried again.
    Parked,
    /// A sign-up that waits for its confirmation. No worker applies it.
    Open,
}

/// How a user stands at the company of a source. Of two that hold at the same time, the greater one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The user may log in.
    Active,
    /// The user may not log in.
    Suspended,
    /// The provider has deleted the user, who may not log in.
    Deleted,
}

/// The standing of a user since a time. The newest one is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mark {
    /// The provider's time.
    pub at: Millis,
    /// The standing.
    pub standing: Standing,
}

impl Mark {
    fn deletion(self) -> Option<Millis> {
        (self.standing == Standing::Deleted).then_some(self.at)
    }
}

/// What is remembered of a user that no part remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marked {
    /// The time of the greatest mark.
    at: Millis,
    /// Its standing.
    standing: Standing,
    /// The time of the newest deletion, which an activation does not end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deleted_at: Option<Millis>,
}

impl Marked {
    /// A user with one mark.
    #[must_use]
    pub fn new(mark: Mark) -> Self {
        Self { at: mark.at, standing: mark.standing, deleted_at: mark.deletion() }
    }

    /// The user with one more mark.
    #[must_use]
    pub fn and(self, mark: Mark) -> Self {
        let deleted_at = self.deleted_at().max(mark.deletion());
        Self { deleted_at, ..Self::new(self.newest().max(mark)) }
    }

    /// The greatest mark.
    #[must_use]
    pub const fn newest(self) -> Mark {
        Mark { at: self.at, standing: self.standing }
    }

    /// The time of the newest deletion.
    #[must_use]
    pub fn deleted_at(self) -> Option<Millis> {
        self.deleted_at.max(self.newest().deletion())
    }
}

/// What the table `inbox` remembers of a user that no part remembers: events of the past do not bring a deleted user
/// back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredMark {
    /// The marks.
    #[serde(flatten)]
    pub marked: Marked,
    /// The proof, and members written by a newer version of Umoja.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_their_names() {
        for kind in SourceKind::ALL {
            assert_eq!(SourceKind::from_name(kind.as_str()), Some(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert_eq!(SourceKind::from_name("ldap"), None);
    }

    #[test]
    fn an_activation_ends_a_deletion_and_does_not_forget_it() {
        let mark = |at, standing| Mark { at: Millis(at), standing };
        let all = [mark(20, Standing::Deleted), mark(60, Standing::Active), mark(10, Standing::Deleted)];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let [first, second, third] = order.map(|n| all[n]);
            let marked = Marked::new(first).and(second).and(third);
            assert_eq!((marked.newest(), marked.deleted_at()), (all[1], Some(Millis(20))));
            let document = serde_json::to_value(marked).unwrap();
            assert_eq!(document, serde_json::json!({ "at": 60, "standing": "active", "deleted_at": 20 }));
        }
    }

    #[test]
    fn a_deletion_that_an_older_version_has_written_is_known() {
        let stored: Marked = serde_json::from_str(r#"{"at":20,"standing":"deleted"}"#).unwrap();
        assert_eq!(stored.and(Mark { at: Millis(60), standing: Standing::Active }).deleted_at(), Some(Millis(20)));
    }

    #[test]
    fn a_setting_names_its_source() {
        let id: SourceId = "shop-auth0".parse().unwrap();
        let setting = IngestSource::setting(&id);
        assert_eq!(setting, format!("{}/shop-auth0", crate::names::setting::SOURCE));
    }

    #[test]
    fn a_pool_has_the_id_that_cognito_gives() {
        for id in ["eu-west-1_AbCdEf123", "us-east-1_9", "local_0123abcd"] {
            assert!(UserPool::new(id, PoolDirection::FromPool).is_some(), "{id}");
        }
        for id in ["", "eu-west-1", "_a", "eu-west-1_", "eu west_1", "eu-west-1_a/b", "eu_west_1", &"a".repeat(80)] {
            assert_eq!(UserPool::new(id, PoolDirection::ToPool), None, "{id}");
        }
        for direction in PoolDirection::ALL {
            assert_eq!(serde_json::to_value(direction).unwrap(), direction.as_str());
        }
    }

    #[test]
    fn the_tokens_of_a_source_have_an_issuer_that_can_be_called_and_an_audience() {
        let new = |issuer: &str, audiences: &[&str]| {
            SourceTokens::new(issuer, audiences.iter().map(|text| (*text).to_owned()).collect())
        };
        assert!(new("https://soko.eu.auth0.com/", &["shop", "https://api.soko.example"]).is_some());
        for (issuer, audiences) in [
            ("http://soko.example", &["shop"][..]),
            ("https://soko.example?a=b", &["shop"]),
            ("soko", &["shop"]),
            ("https://soko.example", &[]),
            ("https://soko.example", &["a b"]),
            ("https://soko.example", &[""]),
            ("https://soko.example", &["a"; SourceTokens::MAX_AUDIENCES + 1]),
        ] {
            assert_eq!(new(issuer, audiences), None, "{issuer} {audiences:?}");
        }
    }

    #[test]
    fn a_document_under_another_id_is_no_source() {
        let source = IngestSource {
            id: "shop-auth0".parse().unwrap(),
            revision: 1,
            company: "shop".parse().unwrap(),
            kind: SourceKind::Auth0,
            home: "eu-west-1".parse().unwrap(),
            enabled: true,
            api_keys: Vec::new(),
            signing_keys: Vec::new(),
            inbox_key: InboxPublicKey { version: 1, public_key: String::new() },
            hash_key: String::new(),
            allowed: Allowed::default(),
            mapping: None,
            pool: None,
            legacy_get: None,
            tokens: None,
            unknown: Map::new(),
        };
        let document = serde_json::to_value(&source).unwrap();
        assert_eq!(IngestSource::read("shop-auth0", document.clone()).unwrap(), source);
        assert!(IngestSource::read("shop-okta", document).is_err());
        assert!(IngestSource::read("shop-auth0", Value::Null).is_err());
    }
}
