//! Flask: werkzeug's `method$salt$hash`, the salt as text and the hash in hexadecimal digits.
//!
//! <https://werkzeug.palletsprojects.com/en/stable/utils/#module-werkzeug.security>. The digests alone (`sha256$...`),
//! which werkzeug 3 no longer reads, are HMACs whose key is the salt. Its `md5$` and `sha1$` look like Django's:
//! [`ForeignHash::werkzeug`] reads these.

use super::digest::Digest;
use super::error::ImportError;
use super::hash::ForeignHash;
use super::modular::{Result, hex};
use super::step::{HmacKey, Step};

impl ForeignHash {
    /// Werkzeug's own spellings, also `md5$` and `sha1$`, which [`parse`](Self::parse) takes for Django's.
    ///
    /// # Errors
    /// [`ImportError`].
    pub fn werkzeug(native: &str) -> std::result::Result<Self, ImportError> {
        read(native.trim_matches([' ', '\t', '\r', '\n']))
    }
}

/// Whether a string has a method that only werkzeug writes.
pub(super) fn is_one(native: &str) -> bool {
    let method = native.split('$').next().unwrap_or_default();
    method.starts_with("scrypt:")
        || method.starts_with("pbkdf2:")
        || matches!(method, "sha224" | "sha256" | "sha384" | "sha512")
}

pub(super) fn read(native: &str) -> Result<ForeignHash> {
    let fields: Vec<_> = native.split('$').collect();
    let [method, salt, hash] = fields[..] else { return Err(ImportError::Unsupported) };
    let (salt, hash) = (salt.as_bytes(), hex(hash)?);
    let method: Vec<_> = method.split(':').collect();
    let number = |text: &str| text.parse::<u32>().map_err(|_| ImportError::Unsupported);
    match method[..] {
        ["scrypt", n, r, p] => ForeignHash::scrypt(number(n)?.into(), number(r)?, number(p)?, salt, &hash),
        ["pbkdf2", digest, iterations] => {
            let digest = Digest::of(digest).ok_or(ImportError::Unsupported)?;
            ForeignHash::pbkdf2(digest, number(iterations)?, salt, &hash)
        }
        [digest] => {
            let digest = Digest::of(digest).ok_or(ImportError::Unsupported)?;
            let step = if salt.is_empty() { Step::plain(digest) } else { Step::hmac(digest, HmacKey::Salt) };
            ForeignHash::chain(&[step], None, salt, &hash)
        }
        _ => Err(ImportError::Unsupported),
    }
}
