//! The secrets that some old systems hashed with, held once and not in every record.

use std::collections::BTreeMap;
use std::fmt;

use zeroize::Zeroizing;

/// A secret of the system that old hashes came from; wiped when dropped.
#[derive(Clone)]
pub enum HashKey {
    /// A key of HMAC or a pepper.
    Secret(Zeroizing<Vec<u8>>),
    /// A Firebase project's password hash parameters.
    Firebase {
        /// `base64_signer_key`, decoded.
        signer_key: Zeroizing<Vec<u8>>,
        /// `base64_salt_separator`, decoded.
        salt_separator: Vec<u8>,
    },
}

/// The secrets of all systems that old hashes came from, each under an id.
///
/// A stored hash names the id only: who has the users without the settings cannot try passwords against such hashes.
/// The ids are the operator's choice: 1 to 32 of `a-z`, `0-9` and `-`, never reused for another secret.
#[derive(Clone, Default)]
pub struct HashKeys(BTreeMap<String, HashKey>);

/// The id of a key is not 1 to 32 of `a-z`, `0-9` and `-`, or is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the id of a hash key has 1 to 32 of a-z, 0-9 and -, and is given once")]
pub struct HashKeyError;

impl HashKeys {
    /// Adds one.
    ///
    /// # Errors
    /// [`HashKeyError`].
    pub fn with(mut self, id: &str, key: HashKey) -> Result<Self, HashKeyError> {
        if !valid_id(id) || self.0.insert(id.to_owned(), key).is_some() {
            return Err(HashKeyError);
        }
        Ok(self)
    }

    /// Whether there is one of this id.
    pub fn contains(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    /// The id of a key or pepper, for dumps that repeat the secret in every record.
    pub fn id_of(&self, secret: &[u8]) -> Option<&str> {
        self.0
            .iter()
            .find(|(_, key)| matches!(key, HashKey::Secret(known) if known.as_slice() == secret))
            .map(|(id, _)| id.as_str())
    }

    pub(super) fn secret(&self, id: &str) -> Option<&[u8]> {
        match self.0.get(id)? {
            HashKey::Secret(secret) => Some(secret),
            HashKey::Firebase { .. } => None,
        }
    }

    pub(super) fn firebase(&self, id: &str) -> Option<(&[u8], &[u8])> {
        match self.0.get(id)? {
            HashKey::Firebase { signer_key, salt_separator } => Some((signer_key, salt_separator)),
            HashKey::Secret(_) => None,
        }
    }
}

pub(super) fn valid_id(id: &str) -> bool {
    (1..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey([redacted])")
    }
}

impl fmt::Debug for HashKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(bytes: &[u8]) -> HashKey {
        HashKey::Secret(Zeroizing::new(bytes.to_vec()))
    }

    #[test]
    fn an_id_is_plain_and_given_once() {
        for id in ["", "A", "a b", "a$b", "a,b", &"a".repeat(33)] {
            assert_eq!(HashKeys::default().with(id, secret(b"x")).unwrap_err(), HashKeyError);
        }
        let keys = HashKeys::default().with("shop-1", secret(b"x")).unwrap();
        assert_eq!(keys.clone().with("shop-1", secret(b"y")).unwrap_err(), HashKeyError);
        assert_eq!((keys.id_of(b"x"), keys.id_of(b"y")), (Some("shop-1"), None));
    }

    #[test]
    fn debug_shows_the_ids_only() {
        let keys = HashKeys::default().with("shop", secret(b"hunter2")).unwrap();
        assert_eq!(format!("{keys:?} {:?}", secret(b"hunter2")), r#"{"shop"} HashKey([redacted])"#);
    }
}
