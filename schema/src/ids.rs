//! Ids and keys: parsed once at the edge, never validated twice.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Why a text is not an id. Contains the rule, never the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be {rule}")]
pub struct IdError {
    what: &'static str,
    rule: &'static str,
}

/// The id of a user: a UUID, version 7 (time-ordered) or version 8 (derived from an idempotency key), RFC 9562.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("format" = "uuid"))]
pub struct UserId(Uuid);

impl UserId {
    /// A UUIDv7 of `unix_ms` and 10 random bytes (RFC 9562 section 5.7).
    pub fn v7(unix_ms: u64, random: [u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(unix_ms, &random).into_uuid())
    }

    /// A UUIDv8 of 16 bytes of a keyed hash (RFC 9562 section 5.8): the same idempotency key makes the same user in
    /// every region.
    pub fn v8(derived: [u8; 16]) -> Self {
        Self(uuid::Builder::from_custom_bytes(derived).into_uuid())
    }

    /// The id that has these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// The 16 bytes of the UUID.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl FromStr for UserId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let error = IdError { what: "a user id", rule: "a hyphenated UUID" };
        if text.len() != 36 {
            return Err(error);
        }
        Uuid::try_parse(text).map(Self).map_err(|_| error)
    }
}

impl TryFrom<String> for UserId {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<UserId> for String {
    fn from(id: UserId) -> Self {
        id.to_string()
    }
}

macro_rules! slug {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schemars(with = "String", extend("maxLength" = 32, "pattern" = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"))]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
                if text.is_empty() || text.len() > 32 || !text.bytes().all(plain) || text.starts_with('-') || text.ends_with('-') {
                    return Err(IdError {
                        what: $what,
                        rule: "1 to 32 lower-case letters, digits and inner hyphens",
                    });
                }
                Ok(Self(text.into()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.as_ref().to_owned()
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

slug!(
    /// A source that feeds the store, such as `shop-auth0`. Also the end of the URL to which it posts.
    SourceId,
    "a source id"
);

slug!(
    /// A target: a remote system into which users are provisioned, such as `shop-crm`.
    TargetId,
    "a target id"
);

slug!(
    /// A webhook, such as `soko-crm`.
    WebhookId,
    "a webhook id"
);

slug!(
    /// A client of single sign-on, such as `shop-web`: its `client_id`.
    ClientId,
    "a client id"
);

slug!(
    /// A provider at which persons sign in instead of here, such as `soko-google`.
    LoginProviderId,
    "a provider id"
);

slug!(
    /// A URL to which the status page of a company leads back, such as `shop`.
    ReturnUrlId,
    "the id of a return URL"
);

slug!(
    /// A company that calls the API, such as `jumia-ke`. Also the `iss` of its requests.
    CompanyId,
    "a company id"
);
slug!(
    /// A region, such as `eu-west-1`. Regions are ordered by their bytes; this order breaks ties between versions.
    Region,
    "a region"
);

/// The two stored items of a user. Each has its own version, envelope and data key, so that a profile edit
/// never undoes a password change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Status and password hashes.
    Credentials,
    /// Profile, identifiers and links.
    Profile,
}

impl Part {
    /// Both parts.
    pub const ALL: [Self; 2] = [Self::Profile, Self::Credentials];

    /// The value of the sort key.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::Profile => "profile",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Part {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::ALL
            .into_iter()
            .find(|part| part.as_str() == text)
            .ok_or(IdError { what: "a part", rule: "profile or credentials" })
    }
}

/// The keyed hash of a normalised identifier: the partition key of `identifiers`. The `crypto` crate computes it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlindIndex([u8; 32]);

impl BlindIndex {
    /// Takes the 32 bytes of the keyed hash.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for BlindIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for BlindIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlindIndex({self})")
    }
}

impl FromStr for BlindIndex {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or(IdError { what: "a blind index", rule: "43 characters of unpadded base64url" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_ids_carry_their_rfc_9562_version() {
        assert_eq!(UserId::v7(1_700_000_000_000, [7; 10]).0.get_version_num(), 7);
        assert_eq!(UserId::v8([0xff; 16]).0.get_version_num(), 8);
    }

    #[test]
    fn a_user_id_has_one_spelling_in_json_too() {
        let id = UserId::v8([1; 16]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(serde_json::to_value(id).unwrap(), id.to_string());
        assert_eq!(serde_json::from_value::<UserId>(id.to_string().into()).unwrap(), id);
        for wrong in [id.to_string().replace('-', ""), format!("{{{id}}}"), format!("urn:uuid:{id}")] {
            assert!(wrong.parse::<UserId>().is_err(), "{wrong}");
            assert!(serde_json::from_value::<UserId>(wrong.clone().into()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn slugs_reject_other_characters_and_outer_hyphens() {
        assert!("eu-west-1".parse::<Region>().is_ok());
        for wrong in ["", "EU", "a b", "a#b", "-a", "a-", "é", &"a".repeat(33)] {
            assert!(wrong.parse::<Region>().is_err(), "{wrong}");
            assert!(wrong.parse::<CompanyId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn blind_indexes_round_trip_as_base64url() {
        let index = BlindIndex::new([0xfb; 32]);
        assert_eq!(index.to_string().len(), 43);
        assert_eq!(index.to_string().parse(), Ok(index));
        assert!("short".parse::<BlindIndex>().is_err());
    }
}
