//! What may be used once.

use sha2::{Digest as _, Sha256};
use umoja_schema::Millis;

/// Seconds by which the clock of a client may be ahead.
pub(crate) const AHEAD_SECS: u64 = 60;
/// The most characters of a `jti`.
const MAX_JTI: usize = 256;

/// A signed message that may be used once. The caller takes its [`Once::hash`] with
/// [`Requests::first_use`](umoja_store::ports::Requests::first_use) until [`Once::until`], and rejects the message if it was taken before.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a message that is not remembered can be replayed"]
pub struct Once {
    hash: [u8; 32],
    until: Millis,
}

impl Once {
    /// The use of a `jti` by an owner, among the messages of a kind. The same `jti` of another owner or kind is another one. `None` if the
    /// text can be no `jti`.
    pub(crate) fn new(kind: &str, owner: &str, jti: &str, until_secs: u64) -> Option<Self> {
        if jti.is_empty() || jti.len() > MAX_JTI {
            return None;
        }
        let mut hash = Sha256::new();
        for text in [kind, owner, jti] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        Some(Self { hash: hash.finalize().into(), until: Millis(until_secs.saturating_mul(1000)) })
    }

    /// The hash to remember.
    pub const fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// The time after which the message is rejected anyway.
    pub const fn until(&self) -> Millis {
        self.until
    }
}

/// A message with a header and claims, signed.
#[cfg(test)]
pub(crate) fn signed(key: &umoja_crypto::SigningKey, header: &serde_json::Value, claims: &str) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_its_owners_and_of_its_kind() {
        let id = |kind, owner, jti| Once::new(kind, owner, jti, 1).unwrap();
        let one = id("dpop", "ab", "c");
        assert_eq!(one, id("dpop", "ab", "c"));
        for other in [id("dpop", "a", "bc"), id("assertion", "ab", "c")] {
            assert_ne!(one.hash(), other.hash());
        }
    }

    #[test]
    fn an_id_has_some_length_and_not_too_much() {
        assert_eq!(Once::new("dpop", "ab", "", 1), None);
        assert_eq!(Once::new("dpop", "ab", &"x".repeat(MAX_JTI + 1), 1), None);
    }
}
