//! Secrets of clients of single sign-on: random, so that a fast hash of one is safe to store.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// A secret of a client: 32 random bytes, unpadded base64url.
pub struct ClientSecret(Zeroizing<String>);

impl ClientSecret {
    /// Takes 32 bytes from a cryptographic source.
    pub fn new(random: [u8; 32]) -> Self {
        Self(Zeroizing::new(URL_SAFE_NO_PAD.encode(*Zeroizing::new(random))))
    }

    /// The text. Pass it to its owner once.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is stored of it.
    pub fn hash(&self) -> String {
        client_secret_hash(&self.0)
    }
}

/// SHA-256 of a secret that a client sent, unpadded base64url.
pub fn client_secret_hash(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(secret))
}

/// True if a secret has this hash, compared in constant time.
pub fn is_client_secret(secret: &str, hash: &str) -> bool {
    client_secret_hash(secret).as_bytes().ct_eq(hash.as_bytes()).into()
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_known_by_its_hash_and_not_printed() {
        let secret = ClientSecret::new([7; 32]);
        assert_eq!(secret.expose().len(), 43);
        assert!(is_client_secret(secret.expose(), &secret.hash()));
        assert!(!is_client_secret("another", &secret.hash()) && !is_client_secret(secret.expose(), ""));
        assert_eq!(format!("{secret:?}"), "ClientSecret([redacted])");
    }
}
