//! What may be used once.

use sha2::{Digest as _, Sha256};
use umoja_schema::Millis;

/// A signed message that may be used once. The caller takes its [`Once::hash`] with
/// [`Requests::first_use`](umoja_store::ports::Requests::first_use) until [`Once::until`], and refuses the message if it was taken before.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a message that is not remembered can be replayed"]
pub struct Once {
    hash: [u8; 32],
    until: Millis,
}

impl Once {
    /// The use of a `jti` by an owner, among the messages of a kind. The same `jti` of another owner or kind is another one.
    pub(crate) fn new(kind: &str, owner: &str, jti: &str, until_secs: u64) -> Self {
        let mut hash = Sha256::new();
        for text in [kind, owner, jti] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        Self { hash: hash.finalize().into(), until: Millis(until_secs.saturating_mul(1000)) }
    }

    /// The hash to remember.
    pub const fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// The time after which the message is refused anyway.
    pub const fn until(&self) -> Millis {
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_its_owners_and_of_its_kind() {
        let one = Once::new("dpop", "ab", "c", 1);
        assert_eq!(one, Once::new("dpop", "ab", "c", 1));
        for other in [Once::new("dpop", "a", "bc", 1), Once::new("assertion", "ab", "c", 1)] {
            assert_ne!(one.hash(), other.hash());
        }
    }
}
