//! The keys that sign the tokens of single sign-on: one document for each algorithm.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::company::is_newer;
use crate::names::setting;
use crate::{ItemError, Millis};

/// An algorithm by which id tokens are signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum OidcAlgorithm {
    /// ECDSA on P-256 with SHA-256: small and quick.
    #[default]
    #[serde(rename = "ES256")]
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256, for clients that know no other.
    #[serde(rename = "RS256")]
    Rs256,
}

impl OidcAlgorithm {
    /// All algorithms.
    pub const ALL: [Self; 2] = [Self::Es256, Self::Rs256];

    /// The name in a header, in documents and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }
}

impl fmt::Display for OidcAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// That a text names no algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the algorithm must be ES256 or RS256")]
pub struct NotAnOidcAlgorithm;

impl FromStr for OidcAlgorithm {
    type Err = NotAnOidcAlgorithm;

    fn from_str(text: &str) -> Result<Self, NotAnOidcAlgorithm> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == text).ok_or(NotAnOidcAlgorithm)
    }
}

/// A key of an [`OidcKeySet`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OidcKey {
    /// Its name: the thumbprint of its public half (RFC 7638).
    pub kid: String,
    /// The public half as a JWK.
    pub public: Value,
    /// The private half, sealed under the deployment's secrets (unpadded base64url). A retired key has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<String>,
    /// When it was made and published.
    pub created_at: Millis,
    /// When it stopped to sign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired_at: Option<Millis>,
}

/// The keys of one algorithm. Operators write the document, the same in every region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OidcKeySet {
    /// The algorithm.
    pub id: OidcAlgorithm,
    /// How often the keys were changed. Of two genuine documents, the one with more changes is newer.
    pub revision: u64,
    /// The key that signs.
    pub current: OidcKey,
    /// The key that signs after the next rotation. It is published already.
    pub next: OidcKey,
    /// Keys that signed before, the newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retired: Vec<OidcKey>,
    /// Members written by a newer version of Umoja.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

/// How long a key is published before it may sign, in milliseconds: clients keep the keys that they have read.
pub const PUBLISHED_BEFORE_MS: u64 = 7 * 24 * 60 * 60 * 1000;
/// How long a retired key is still published, in milliseconds: longer than any token that it signed is valid.
pub const PUBLISHED_AFTER_MS: u64 = 24 * 60 * 60 * 1000;
/// How long a retired key verifies an `id_token_hint`, in milliseconds.
pub const HINTS_AFTER_MS: u64 = 90 * 24 * 60 * 60 * 1000;

/// That the next key has not been published for long enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the next key has not been published for seven days")]
pub struct TooEarly {
    /// From when on it may sign.
    pub from: Millis,
}

impl OidcKeySet {
    /// The prefix of the names of the settings that hold keys.
    pub const SETTINGS: &'static str = "oidc-keys/";

    /// The first keys of an algorithm.
    pub fn new(id: OidcAlgorithm, current: OidcKey, next: OidcKey) -> Self {
        Self { id, revision: 0, current, next, retired: Vec::new(), unknown: Map::new() }
    }

    /// The name of the setting that holds the keys of an algorithm.
    pub fn setting(id: &OidcAlgorithm) -> String {
        format!("{}/{id}", setting::OIDC_KEYS)
    }

    /// The keys of a setting: `id` is what stands after [`Self::SETTINGS`] in its name.
    ///
    /// # Errors
    /// If the document holds no keys, or those of another algorithm.
    pub fn read(id: &str, document: Value) -> Result<Self, ItemError> {
        let keys = serde_json::from_value::<Self>(document).ok().filter(|keys| keys.id.as_str() == id);
        keys.ok_or(ItemError::new("keys of single sign-on"))
    }

    /// Whether this document replaces another one, as [`Company::is_newer_than`](crate::Company) says.
    pub fn is_newer_than(&self, other: &Self) -> bool {
        is_newer((self.revision, self), (other.revision, other))
    }

    /// Always false: keys are replaced, and never removed.
    pub const fn is_ended(&self) -> bool {
        false
    }

    /// From when on the next key may sign.
    pub fn may_rotate_from(&self) -> Millis {
        self.next.created_at.plus(PUBLISHED_BEFORE_MS)
    }

    /// Lets the next key sign, publishes `new` after it, and drops the private half of the key that signed.
    ///
    /// # Errors
    /// [`TooEarly`], with no change.
    pub fn rotate(&mut self, new: OidcKey, now: Millis) -> Result<(), TooEarly> {
        let from = self.may_rotate_from();
        if now < from {
            return Err(TooEarly { from });
        }
        let retired = self.advance(new, now);
        self.retired.push(retired);
        Ok(())
    }

    /// Lets the next key sign at once, because the current one may have leaked: that one is no longer published, and
    /// nothing that it signed verifies.
    pub fn replace_leaked(&mut self, new: OidcKey, now: Millis) {
        self.advance(new, now);
    }

    fn advance(&mut self, new: OidcKey, now: Millis) -> OidcKey {
        let next = std::mem::replace(&mut self.next, new);
        let current = std::mem::replace(&mut self.current, next);
        self.retired.retain(|key| key.verifies_hints(now));
        OidcKey { sealed: None, retired_at: Some(now), ..current }
    }

    /// The keys that are published at this time: those that sign, will sign, or signed a token that may be valid.
    pub fn published(&self, now: Millis) -> impl Iterator<Item = &OidcKey> {
        let retired = self.retired.iter().filter(move |key| key.is_within(PUBLISHED_AFTER_MS, now));
        [&self.current, &self.next].into_iter().chain(retired)
    }

    /// The keys that verify an `id_token_hint` at this time.
    pub fn for_hints(&self, now: Millis) -> impl Iterator<Item = &OidcKey> {
        let retired = self.retired.iter().filter(move |key| key.verifies_hints(now));
        std::iter::once(&self.current).chain(retired)
    }
}

impl OidcKey {
    fn verifies_hints(&self, now: Millis) -> bool {
        self.is_within(HINTS_AFTER_MS, now)
    }

    fn is_within(&self, millis: u64, now: Millis) -> bool {
        self.retired_at.is_none_or(|at| now < at.plus(millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Millis = Millis(1_000);
    const WEEK: u64 = PUBLISHED_BEFORE_MS;

    fn key(kid: &str, at: Millis) -> OidcKey {
        let public = serde_json::json!({ "kid": kid });
        OidcKey { kid: kid.into(), public, sealed: Some("sealed".into()), created_at: at, retired_at: None }
    }

    fn keys() -> OidcKeySet {
        OidcKeySet::new(OidcAlgorithm::Es256, key("a", START), key("b", START))
    }

    fn kids<'k>(keys: impl Iterator<Item = &'k OidcKey>) -> Vec<&'k str> {
        keys.map(|key| key.kid.as_str()).collect()
    }

    #[test]
    fn the_next_key_is_published_for_a_week_before_it_signs() {
        let (mut keys, from) = (keys(), START.plus(WEEK));
        assert_eq!(kids(keys.published(START)), ["a", "b"]);
        assert_eq!(keys.rotate(key("c", START), Millis(from.0 - 1)), Err(TooEarly { from }));
        assert_eq!(keys, self::keys());
        assert_eq!(keys.rotate(key("c", from), from), Ok(()));
        assert_eq!((keys.current.kid.as_str(), keys.next.kid.as_str()), ("b", "c"));
        assert_eq!(keys.may_rotate_from(), from.plus(WEEK));
    }

    #[test]
    fn a_retired_key_is_published_for_a_day_and_verifies_hints_for_ninety() {
        let (mut keys, at) = (keys(), START.plus(WEEK));
        keys.rotate(key("c", at), at).unwrap();
        assert_eq!(keys.retired[0].sealed, None);
        assert_eq!(kids(keys.published(Millis(at.0 + PUBLISHED_AFTER_MS - 1))), ["b", "c", "a"]);
        assert_eq!(kids(keys.published(at.plus(PUBLISHED_AFTER_MS))), ["b", "c"]);
        assert_eq!(kids(keys.for_hints(Millis(at.0 + HINTS_AFTER_MS - 1))), ["b", "a"]);
        assert_eq!(kids(keys.for_hints(at.plus(HINTS_AFTER_MS))), ["b"]);
        keys.rotate(key("d", at), at.plus(HINTS_AFTER_MS)).unwrap();
        assert_eq!(kids(keys.retired.iter()), ["b"]);
    }

    #[test]
    fn a_leaked_key_is_neither_published_nor_kept_for_hints() {
        let mut keys = keys();
        keys.replace_leaked(key("c", START), START);
        assert_eq!((kids(keys.published(START)), kids(keys.for_hints(START))), (vec!["b", "c"], vec!["b"]));
    }

    #[test]
    fn a_setting_holds_the_keys_of_its_algorithm_only() {
        let document = serde_json::to_value(keys()).unwrap();
        assert_eq!(OidcKeySet::read("ES256", document.clone()), Ok(keys()));
        assert!(OidcKeySet::read("RS256", document).is_err());
        assert_eq!(OidcKeySet::setting(&OidcAlgorithm::Rs256), format!("{}RS256", OidcKeySet::SETTINGS));
        for algorithm in OidcAlgorithm::ALL {
            assert_eq!(serde_json::to_value(algorithm).unwrap(), algorithm.as_str());
            assert_eq!(algorithm.as_str().parse(), Ok(algorithm));
        }
    }
}
