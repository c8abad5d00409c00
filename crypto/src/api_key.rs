//! API keys: `umoja_<env>_<id>_<secret>_<checksum>`.
//!
//! # Danger
//!
//! The key is shown once, and only its SHA-256 is kept. A plain hash is enough because the secret has 256 random bits;
//! it would not be enough for a secret that a person chose. The checksum finds typing errors and leaked keys in scans;
//! it proves no authenticity.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

const SECRET_HEX: usize = 64;
const CHECKSUM_HEX: usize = 8;
const MAX_NAME: usize = 64;

/// Why a text is not an API key; never contains any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiKeyError {
    /// Not five parts of the right alphabet and length.
    #[error("not of the form umoja_<env>_<id>_<secret>_<checksum>")]
    Malformed,
    /// Well formed, but mistyped or invented.
    #[error("the checksum is wrong")]
    Checksum,
}

/// An API key in the clear; wiped when dropped.
#[derive(Clone)]
pub struct ApiKey {
    text: Zeroizing<String>,
    /// The range of the id in `text`.
    id: std::ops::Range<usize>,
}

impl ApiKey {
    /// Builds a key. `env` and `id` are 1 to 64 characters of `a-z`, `A-Z`, `0-9` and `-`; `secret` is random.
    ///
    /// # Errors
    /// [`ApiKeyError::Malformed`] for any other `env` or `id`.
    pub fn new(env: &str, id: &str, secret: [u8; 32]) -> Result<Self, ApiKeyError> {
        if !name(env) || !name(id) {
            return Err(ApiKeyError::Malformed);
        }
        let secret = Zeroizing::new(secret);
        let mut text = Zeroizing::new(String::with_capacity(env.len() + id.len() + SECRET_HEX + CHECKSUM_HEX + 10));
        text.push_str("umoja_");
        text.push_str(env);
        text.push('_');
        let start = text.len();
        text.push_str(id);
        let id = start..text.len();
        text.push('_');
        text.push_str(&Zeroizing::new(hex::encode(secret.as_slice())));
        let checksum = checksum(&text);
        text.push('_');
        text.push_str(&checksum);
        Ok(Self { text, id })
    }

    /// Reads a key and checks its checksum, so that a mistyped key costs no look-up.
    ///
    /// # Errors
    /// [`ApiKeyError`], which never holds any of the text.
    pub fn parse(text: &str) -> Result<Self, ApiKeyError> {
        if text.len() > 2 * MAX_NAME + SECRET_HEX + CHECKSUM_HEX + 10 {
            return Err(ApiKeyError::Malformed);
        }
        let parts: Vec<&str> = text.split('_').collect();
        let &["umoja", env, id, secret, sum] = parts.as_slice() else { return Err(ApiKeyError::Malformed) };
        if !name(env) || !name(id) || !lower_hex(secret, SECRET_HEX) || !lower_hex(sum, CHECKSUM_HEX) {
            return Err(ApiKeyError::Malformed);
        }
        let body = &text[..text.len() - CHECKSUM_HEX - 1];
        if !bool::from(checksum(body).as_bytes().ct_eq(sum.as_bytes())) {
            return Err(ApiKeyError::Checksum);
        }
        let start = "umoja_".len() + env.len() + 1;
        Ok(Self { id: start..start + id.len(), text: Zeroizing::new(text.to_owned()) })
    }

    /// The public id, by which the stored hash is found.
    pub fn id(&self) -> &str {
        &self.text[self.id.clone()]
    }

    /// The whole key, to show it once.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// SHA-256 of the whole key, the only stored form.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.text.as_bytes()).into()
    }

    /// The `akh` claim: the [`hash`](Self::hash) in unpadded base64url.
    pub fn akh(&self) -> String {
        akh(self.text.as_bytes())
    }
}

/// The `akh` claim of what a caller sent as its API key, whether it is one or not.
pub fn akh(key: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(key))
}

fn name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn lower_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// The first 32 bits of SHA-256, in hexadecimal.
fn checksum(body: &str) -> String {
    hex::encode(&Sha256::digest(body.as_bytes())[..CHECKSUM_HEX / 2])
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({}, [redacted])", self.id())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_reads_back_with_its_id_and_hash() {
        let key = ApiKey::new("live", "k-1", [0xab; 32]).unwrap();
        assert!(key.expose().starts_with(&format!("umoja_live_k-1_{}_", "ab".repeat(32))));
        let read = ApiKey::parse(key.expose()).unwrap();
        assert_eq!((read.id(), read.hash()), ("k-1", key.hash()));
        assert_eq!(read.hash(), <[u8; 32]>::from(Sha256::digest(key.expose())));
        assert_eq!(key.akh(), URL_SAFE_NO_PAD.encode(key.hash()));
    }

    #[test]
    fn a_mistyped_key_is_found_before_any_look_up() {
        let key = ApiKey::new("live", "k1", [0xab; 32]).unwrap();
        assert_eq!(ApiKey::parse(&key.expose().replacen("ab", "ac", 1)).unwrap_err(), ApiKeyError::Checksum);
        assert_eq!(ApiKey::parse(&key.expose().replace("live", "test")).unwrap_err(), ApiKeyError::Checksum);
        assert_eq!(ApiKey::parse(&key.expose().to_uppercase()).unwrap_err(), ApiKeyError::Malformed);
    }

    #[test]
    fn names_that_would_break_the_form_are_rejected() {
        for name in ["", "a_b", "a b", "ä", &"a".repeat(65)] {
            assert_eq!(ApiKey::new(name, "k1", [0; 32]).unwrap_err(), ApiKeyError::Malformed);
            assert_eq!(ApiKey::new("live", name, [0; 32]).unwrap_err(), ApiKeyError::Malformed);
        }
    }

    #[test]
    fn debug_shows_the_id_only() {
        let key = ApiKey::new("live", "k1", [0xab; 32]).unwrap();
        assert_eq!(format!("{key:?}"), "ApiKey(k1, [redacted])");
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "\\PC{0,120}", cut in 0usize..200) {
            let _ = ApiKey::parse(&text);
            let key = ApiKey::new("live", "k1", [0xab; 32]).unwrap();
            let cut = cut.min(key.expose().len());
            prop_assert_eq!(ApiKey::parse(&key.expose()[..cut]).is_ok(), cut == key.expose().len());
        }
    }
}
