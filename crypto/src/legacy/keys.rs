//! The secrets of the other systems' hashes, held once and not in every record.

use std::collections::BTreeMap;
use std::fmt;

use zeroize::Zeroizing;

/// A secret of the system that legacy hashes came from; wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
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

impl HashKey {
    /// The most bytes of one as [`HashKey::to_bytes`] returns them: no known system has longer ones.
    pub const MAX_BYTES: usize = 4096;

    /// The key as bytes, to be sealed. The first byte is its kind; for Firebase, the length of the signer key follows
    /// in two bytes, big-endian. `None` if it is over [`HashKey::MAX_BYTES`].
    pub fn to_bytes(&self) -> Option<Zeroizing<Vec<u8>>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(Self::MAX_BYTES));
        let (head, parts): (_, [&[u8]; 2]) = match self {
            Self::Secret(secret) => (vec![0], [secret, &[]]),
            Self::Firebase { signer_key, salt_separator } => {
                let [high, low] = u16::try_from(signer_key.len()).ok()?.to_be_bytes();
                (vec![1, high, low], [signer_key, salt_separator])
            }
        };
        if head.len() + parts[0].len() + parts[1].len() > Self::MAX_BYTES {
            return None;
        }
        bytes.extend_from_slice(&head);
        for part in parts {
            bytes.extend_from_slice(part);
        }
        Some(bytes)
    }

    /// Reads the bytes of [`HashKey::to_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first()? {
            (0, secret) => Some(Self::Secret(Zeroizing::new(secret.to_vec()))),
            (1, rest) => {
                let (length, rest) = rest.split_first_chunk::<2>()?;
                let (signer_key, separator) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
                let signer_key = Zeroizing::new(signer_key.to_vec());
                Some(Self::Firebase { signer_key, salt_separator: separator.to_vec() })
            }
            _ => None,
        }
    }
}

/// The secrets of all systems that legacy hashes came from, each under an id.
///
/// A stored hash contains the id only: an attacker who has the users without the settings cannot try passwords against
/// such hashes.
/// The ids are the operator's choice: 1 to 32 of `a-z`, `0-9` and `-`, never reused for another secret.
#[derive(Clone, Default)]
pub struct HashKeys(BTreeMap<String, HashKey>);

/// The id of a key is not 1 to 32 of `a-z`, `0-9` and `-`, or is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the id of a hash key must have 1 to 32 characters of a-z, 0-9 and -, and be unique")]
pub struct HashKeyError;

impl HashKeys {
    /// Adds a secret.
    ///
    /// # Errors
    /// [`HashKeyError`].
    pub fn with(mut self, id: &str, key: HashKey) -> Result<Self, HashKeyError> {
        if !valid_id(id) || self.0.insert(id.to_owned(), key).is_some() {
            return Err(HashKeyError);
        }
        Ok(self)
    }

    /// All secrets, by id.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &HashKey)> {
        self.0.iter().map(|(id, key)| (id.as_str(), key))
    }

    /// The secret of an id.
    pub fn get(&self, id: &str) -> Option<&HashKey> {
        self.0.get(id)
    }

    /// Whether there is a secret of this id.
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

    /// The id of the only Firebase project whose signer key and salt separator fit.
    pub(super) fn firebase_id(&self, fits: impl Fn(&[u8], &[u8]) -> bool) -> Option<&str> {
        let mut ids = self.0.iter().filter_map(|(id, key)| match key {
            HashKey::Firebase { signer_key, salt_separator } if fits(signer_key, salt_separator) => Some(id.as_str()),
            HashKey::Firebase { .. } | HashKey::Secret(_) => None,
        });
        match (ids.next(), ids.next()) {
            (Some(id), None) => Some(id),
            _ => None,
        }
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
    fn a_key_reads_back_from_its_whole_bytes_only() {
        let firebase = HashKey::Firebase { signer_key: Zeroizing::new(vec![7; 300]), salt_separator: vec![8] };
        let bytes = firebase.to_bytes().unwrap();
        let Some(HashKey::Firebase { signer_key, salt_separator }) = HashKey::from_bytes(&bytes) else { panic!() };
        assert_eq!((signer_key.as_slice(), salt_separator.as_slice()), (&[7; 300][..], &[8][..]));
        for length in [0, 1, 2, 200] {
            let mut cut = bytes[..length].to_vec();
            assert!(HashKey::from_bytes(&cut).is_none(), "{length}");
            cut.insert(0, 9);
            assert!(HashKey::from_bytes(&cut).is_none());
        }
        let bytes = secret(b"hunter2").to_bytes().unwrap();
        assert!(
            matches!(HashKey::from_bytes(&bytes), Some(HashKey::Secret(secret)) if secret.as_slice() == b"hunter2")
        );
        assert!(secret(&[0; HashKey::MAX_BYTES]).to_bytes().is_none());
    }

    #[test]
    fn debug_shows_the_ids_only() {
        let keys = HashKeys::default().with("shop", secret(b"hunter2")).unwrap();
        assert_eq!(format!("{keys:?} {:?}", secret(b"hunter2")), r#"{"shop"} HashKey([redacted])"#);
    }
}
