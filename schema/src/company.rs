//! The companies that call the API, as stored in `companies`.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{CompanyId, LoginProviderId, OldSystem, RequireMfa, RestrictionLevel, StatusPage};

/// A company.
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own, which an operator sets")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Company {
    /// Its id: the `iss` of its requests.
    pub id: CompanyId,
    /// How often the company was changed. Of two genuine documents of one company, the one with more changes is newer.
    /// A document without it was written by an earlier version.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub revision: u64,
    /// The name, for people.
    pub name: String,
    /// If false, every request of the company is rejected.
    pub enabled: bool,
    /// How often it was disabled. Each time ends what its clients hold: [`Client::ends`](crate::Client).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ends: u64,
    /// True if the operator trusts the company to verify e-mail addresses and phone numbers.
    pub trusted: bool,
    /// The permissions of the company.
    pub scopes: Vec<Scope>,
    /// The country (ISO 3166-1 alpha-2) in which its national phone numbers are read; without it only international
    /// ones are taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_country: Option<String>,
    /// Which scripts its new user names may mix; any if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username_restriction: Option<RestrictionLevel>,
    /// The most requests in a second, in each region; [`Company::DEFAULT_RATE_LIMIT`] if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<NonZeroU32>,
    /// Where the password of a user without one of Umoja is verified at the first login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_system: Option<OldSystem>,
    /// How the status page looks for its people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_page: Option<StatusPage>,
    /// When persons who sign in to its clients have to show a second factor; if they have one, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require_mfa: Option<RequireMfa>,
    /// The providers at which persons may sign in to the pages of their account instead, in the order of the page. What else is offered, the
    /// documents of clients say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub providers: Vec<LoginProviderId>,
    /// Whether a person may make an account at the page on which it signs in to a client of the company.
    #[serde(default, skip_serializing_if = "is_false")]
    pub registration: bool,
    /// Whether a code by mail to a verified address is enough where `require_mfa` is `always`, for persons who have no second factor.
    #[serde(default, skip_serializing_if = "is_false")]
    pub mfa_by_mail: bool,
    /// SHA-256 of each live API key, unpadded base64url; more than one while a key is rotated.
    pub api_keys: Vec<ApiKeyHash>,
    /// The public keys that sign its requests.
    pub keys: Vec<CompanyKey>,
    /// Members written by a newer version of Umoja.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

/// A document of an earlier version has no such number, and its proof covers the document as it was written.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(crate) const fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// The stored data of an API key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKeyHash {
    /// The id part of the key, by which people name it.
    pub id: String,
    /// SHA-256 of the whole key, unpadded base64url: the same text as `akh` in requests.
    pub sha256: String,
    /// When it expires, Unix seconds; never if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
}

impl ApiKeyHash {
    /// True if `akh` (unpadded base64url of an API key's SHA-256) is of one of these keys, and the key is valid at
    /// `now_secs`. The comparison of hashes needs no constant time: a caller who can choose the hash's bits can invert
    /// SHA-256.
    pub fn is_among(keys: &[Self], akh: &str, now_secs: u64) -> bool {
        keys.iter().any(|key| key.sha256 == akh && key.expires_at.is_none_or(|at| now_secs < at))
    }
}

/// A public key of a company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompanyKey {
    /// Its id: the `kid` of requests.
    pub kid: String,
    /// The one algorithm that it may be used with: `ES256`, `EdDSA`, `RS256` or `PS256` (RFC 7518, RFC 8037).
    pub alg: String,
    /// `SubjectPublicKeyInfo`, PEM.
    pub public_key_pem: String,
}

/// A permission of a company.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Scope {
    /// Register users.
    #[serde(rename = "users:register")]
    Register,
    /// Look users up.
    #[serde(rename = "users:lookup")]
    Lookup,
    /// Check passwords.
    #[serde(rename = "users:authenticate")]
    Authenticate,
    /// Change the profiles of linked users.
    #[serde(rename = "users:update")]
    Update,
    /// Change passwords, given the current one.
    #[serde(rename = "users:password")]
    Password,
    /// Set passwords without the current one. A company with this scope can take over any account.
    #[serde(rename = "users:reset")]
    Reset,
    /// Disable and activate users.
    #[serde(rename = "users:status")]
    Status,
    /// Erase users and read their receipts.
    #[serde(rename = "users:erase")]
    Erase,
    /// Export all stored data of a person.
    #[serde(rename = "users:export")]
    Export,
    /// Merge duplicates.
    #[serde(rename = "users:merge")]
    Merge,
    /// Ask why a linked user cannot log in, take the user's lock-out away, and ask about rejected requests.
    #[serde(rename = "users:support")]
    Support,
    /// Have users provisioned into the company's targets, and follow how far it is.
    #[serde(rename = "users:provision")]
    Provision,
    /// List the events about linked users.
    #[serde(rename = "events:list")]
    Events,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 13] = [
        Self::Register,
        Self::Lookup,
        Self::Authenticate,
        Self::Update,
        Self::Password,
        Self::Reset,
        Self::Status,
        Self::Erase,
        Self::Export,
        Self::Merge,
        Self::Support,
        Self::Provision,
        Self::Events,
    ];

    /// The scope's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Register => "users:register",
            Self::Lookup => "users:lookup",
            Self::Authenticate => "users:authenticate",
            Self::Update => "users:update",
            Self::Password => "users:password",
            Self::Reset => "users:reset",
            Self::Status => "users:status",
            Self::Erase => "users:erase",
            Self::Export => "users:export",
            Self::Merge => "users:merge",
            Self::Support => "users:support",
            Self::Provision => "users:provision",
            Self::Events => "events:list",
        }
    }

    /// The scope of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name)
    }
}

impl Company {
    /// The most requests of a company in a second, in each region, unless the operator sets another number.
    pub const DEFAULT_RATE_LIMIT: NonZeroU32 = NonZeroU32::new(1_000).expect("a thousand is not zero");

    /// Whether this document replaces another one of the company: it has more changes, or it has as many and is greater
    /// as text. So all regions choose the same one of two documents that were written at once.
    pub fn is_newer_than(&self, other: &Self) -> bool {
        is_newer((self.revision, self), (other.revision, other))
    }

    /// Enables or disables the company.
    pub fn switch(&mut self, enabled: bool) {
        self.ends += u64::from(self.enabled && !enabled);
        self.enabled = enabled;
    }

    /// The most requests in a second, in each region.
    pub fn requests_per_second(&self) -> NonZeroU32 {
        self.rate_limit.unwrap_or(Self::DEFAULT_RATE_LIMIT)
    }

    /// The name that people know.
    pub fn display_name(&self) -> &str {
        self.status_page.as_ref().and_then(|page| page.name.as_deref()).unwrap_or(&self.name)
    }

    /// The URL to which the status page leads back, by its id. `None` if the company has none of this id.
    pub fn return_url(&self, id: &str) -> Option<&str> {
        self.status_page.as_ref()?.return_urls.get(id).map(String::as_str)
    }

    /// True if the company has the scope.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// True if `akh` (unpadded base64url of an API key's SHA-256) is of a key that is valid at `now_secs`.
    pub fn has_api_key(&self, akh: &str, now_secs: u64) -> bool {
        ApiKeyHash::is_among(&self.api_keys, akh, now_secs)
    }
}

/// Whether one document of an id replaces another one, each given with its revision.
pub(crate) fn is_newer<D: Serialize>(one: (u64, &D), other: (u64, &D)) -> bool {
    let text = |document: &D| serde_json::to_string(document).unwrap_or_default();
    one.0.cmp(&other.0).then_with(|| text(one.1).cmp(&text(other.1))).is_gt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_a_newer_version_survive() {
        let written = serde_json::json!({
            "id": "acme", "name": "Acme", "enabled": true, "trusted": false, "scopes": [], "api_keys": [], "keys": [],
            "novelty": { "of": ["a", "newer", "version"] },
        });
        let read: Company = serde_json::from_value(written.clone()).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), written);
    }

    #[test]
    fn an_unset_rate_limit_is_the_default_and_not_stored() {
        let mut written = serde_json::json!({
            "id": "acme", "name": "Acme", "enabled": true, "trusted": false, "scopes": [], "api_keys": [], "keys": [],
        });
        let read: Company = serde_json::from_value(written.clone()).unwrap();
        assert_eq!(read.requests_per_second(), Company::DEFAULT_RATE_LIMIT);
        assert_eq!(serde_json::to_value(read).unwrap(), written);
        written["rate_limit"] = 5.into();
        let read: Company = serde_json::from_value(written).unwrap();
        assert_eq!((read.requests_per_second().get(), read.unknown.len()), (5, 0));
    }

    #[test]
    fn the_document_with_more_changes_is_newer() {
        let written = |revision: u64, name: &str| {
            let document = serde_json::json!({
                "id": "acme", "revision": revision, "name": name, "enabled": true, "trusted": false, "scopes": [],
                "api_keys": [], "keys": [],
            });
            serde_json::from_value::<Company>(document).unwrap()
        };
        let (old, new, other) = (written(1, "Z"), written(2, "A"), written(2, "B"));
        assert!(new.is_newer_than(&old) && !old.is_newer_than(&new));
        assert!(other.is_newer_than(&new) && !new.is_newer_than(&other) && !new.is_newer_than(&new));
        assert!(old.is_newer_than(&written(0, "Z")));
    }

    #[test]
    fn a_document_without_a_revision_is_written_as_it_was_read() {
        let text = r#"{"id":"acme","name":"Acme","enabled":true,"trusted":false,"scopes":[],"api_keys":[],"keys":[]}"#;
        let read: Company = serde_json::from_str(text).unwrap();
        assert_eq!((read.revision, serde_json::to_string(&read).unwrap()), (0, text.to_owned()));
    }

    #[test]
    fn scopes_are_stored_under_their_names() {
        for scope in Scope::ALL {
            assert_eq!(serde_json::to_value(scope).unwrap(), scope.as_str());
            assert_eq!(Scope::from_name(scope.as_str()), Some(scope));
        }
    }
}
