//! Blind indexes: finding an e-mail or a phone number without storing it.
//!
//! # Danger
//!
//! A hash without a key is no protection here: an attacker can try all phone numbers of a country in minutes. The index
//! is only as blind as its key is secret, and two equal values are visible as equal. Never truncate it: uniqueness is
//! decided on it.

use std::fmt;

use hmac::Mac;
use zeroize::Zeroizing;

use crate::mac::{derive, hmac_sha256};

/// The key of one version of the index, the same in every region; wiped when dropped.
#[derive(Clone)]
pub struct IndexKey {
    version: u32,
    key: Zeroizing<[u8; 32]>,
}

impl IndexKey {
    /// Derives the key from 32 secret bytes: HKDF-SHA-256 (RFC 5869), no salt, info `umoja/index/1`.
    pub fn new(version: u32, secret: &[u8; 32]) -> Self {
        Self { version, key: derive(secret, "umoja/index/1", "") }
    }

    /// The version to store beside an index made with this key.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// HMAC-SHA-256 over domain, field, key version and the **already normalised** value, lengths included.
    ///
    /// `domain` separates installations or tables, `field` separates e-mail from phone.
    pub fn index(&self, domain: &str, field: &str, normalised: &str) -> [u8; 32] {
        let mut hmac = hmac_sha256(&self.key);
        for text in [domain, field] {
            hmac.update(&(text.len() as u64).to_be_bytes());
            hmac.update(text.as_bytes());
        }
        hmac.update(&self.version.to_be_bytes());
        hmac.update(&(normalised.len() as u64).to_be_bytes());
        hmac.update(normalised.as_bytes());
        hmac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for IndexKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IndexKey(version {}, [redacted])", self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_value_has_the_same_index() {
        let key = IndexKey::new(1, &[1; 32]);
        let index = key.index("users", "email", "ada@example.org");
        assert_eq!(index, IndexKey::new(1, &[1; 32]).index("users", "email", "ada@example.org"));
        for other in [
            IndexKey::new(1, &[2; 32]).index("users", "email", "ada@example.org"),
            IndexKey::new(2, &[1; 32]).index("users", "email", "ada@example.org"),
            key.index("companies", "email", "ada@example.org"),
            key.index("users", "phone", "ada@example.org"),
            key.index("users", "emaila", "da@example.org"),
            key.index("users", "email", "Ada@example.org"),
        ] {
            assert_ne!(index, other);
        }
    }

    #[test]
    fn debug_shows_the_version_only() {
        assert_eq!(format!("{:?}", IndexKey::new(3, &[1; 32])), "IndexKey(version 3, [redacted])");
    }
}
