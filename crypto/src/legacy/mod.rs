//! Old password hashes of other systems: verified once, then replaced by ours.
//!
//! # Danger
//!
//! - Old strings are input: their costs are checked against ceilings before any of it is spent.
//! - A fast hash falls to a graphics card in minutes, so it is never stored as it came: [`import`] puts argon2id around
//!   the digest, and [`verify`] refuses a fast hash that is not wrapped. Fast is every digest computed fewer than 5000
//!   times, and scrypt over less than a mebibyte, whatever the family is called.
//! - Wrapping protects a stolen dump, not a reused salt: whoever has the *same* inner digest from somewhere else can
//!   compare without breaking it. A pepper closes that.
//! - Other systems hashed the bytes as typed: verification here does not normalise.
//! - Some hashed with a secret of theirs: it is held once in [`HashKeys`], and a stored hash names its id.
//!
//! After [`LegacyOutcome::Verified`] the caller always hashes the password anew and drops the old string.
//!
//! # What is read
//!
//! [`ForeignHash::parse`] reads what says what it is:
//!
//! | family | spelling |
//! |---|---|
//! | bcrypt | `$2a$`, `$2b$`, `$2y$`; WordPress 6.8 `$wp$2y$`; Django `bcrypt$`, `bcrypt_sha256$` |
//! | phpass, Drupal 7 | `$P$`, `$H$`; `$S$`; with `U` before it, hashes that Drupal took over |
//! | crypt(3) | `$1$`, `$apr1$`, `$5$`, `$6$`, with and without `rounds=` |
//! | argon2 | PHC strings of i, d and id; Django `argon2$` |
//! | PBKDF2 | Django `pbkdf2_sha256$`, `pbkdf2_sha1$`; `$pbkdf2-<digest>$` of passlib and PHC; ASP.NET Identity 2 and 3 |
//! | scrypt | `$scrypt$ln=,r=,p=$`, with N or its logarithm; Django `scrypt$` |
//! | LDAP | `{MD5}`, `{SMD5}`, `{SHA}`, `{SSHA}`, SHA-2 alike, `{PBKDF2-<digest>}`, `{ARGON2}`, `{CRYPT}$...` |
//! | Magento | `hash:salt` and `hash:salt:version`, chains and argon2id; Django `md5$`, `sha1$` |
//!
//! The constructors of [`ForeignHash`] take what comes in parts: digests plain, salted, peppered, as HMAC and nested;
//! NT hashes, PrestaShop, OpenCart, Firebase, Keycloak, Auth0, PBKDF2, scrypt.
//!
//! # How it is stored
//!
//! Argon2 strings as they are, all others in one spelling of our own:
//! `$umoja-old$<family>$<params>$<salt>$<hash>`, or inside argon2id
//! `$umoja-wrapped$<family>$<params>,l=<length>$<salt>$argon2id$...`. Salt and hash are base64 (B64 of the PHC format),
//! and the end of the second is a PHC string over the `length` bytes that the family computes.
//!
//! | family | parameters |
//! |---|---|
//! | `chain` | `d` steps (`md5.sha1-sp`: see [`Step`]), `k` id of the secret, `o=hex` if argon2id is over the hex text |
//! | `bcrypt` | `v` variant, `c` cost |
//! | `phpass`, `drupal7` | `c` logarithm of the rounds |
//! | `md5-crypt`, `apr1`, `sha256-crypt`, `sha512-crypt` | `r` rounds, if the string named them |
//! | `pbkdf2` | `d` digest, `i` iterations |
//! | `scrypt`, `firebase` | `ln`, `r`, `p`; `k` id of the project's parameters |
//! | any | `b` what is done to the password first (`md5`, `sha256`, `wp`), `e` its encoding if not UTF-8 |

mod auth0;
mod bcrypt;
mod chain;
mod codec;
mod cost;
mod digest;
mod hash;
mod keys;
mod native;
mod parts;
mod pbkdf2;
mod phpass;
mod recipe;
mod scrypt;
mod spelling;
mod unix;

pub use self::chain::{HmacKey, Place, Step};
pub use self::codec::{PasswordEncoding, TextEncoding};
pub use self::cost::{Cost, cost};
pub use self::digest::Digest;
pub use self::hash::ForeignHash;
pub use self::keys::{HashKey, HashKeyError, HashKeys};
pub use self::recipe::FAMILIES;
use crate::password::{CostError, Password, Passwords};

/// What came of comparing a password with an old hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum LegacyOutcome {
    /// The right password: hash it anew and drop the old string.
    Verified,
    /// Another password.
    Wrong,
    /// A family we do not know or do not trust, a damaged string, a cost above the ceilings, or a fast hash that was
    /// not wrapped. Nothing was computed.
    Unsupported,
    /// The secret that the hash names is not among the [`HashKeys`] of the [`Passwords`]: an operator has to add it.
    MissingKey,
}

/// Why an old hash is not imported; never contains any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// No family of ours, or not well formed.
    #[error("an unknown or malformed kind of password hash")]
    Unsupported,
    /// A family that is known to be broken: `$2x$` of bcrypt.
    #[error("a kind of password hash that is known to be broken")]
    Broken,
    /// Its parameters are above the ceilings: argon2 1 GiB, 10 passes, 16 lanes, 4 GiB of memory times passes; scrypt
    /// N 2^17, r 8, p 10; PBKDF2 10 million iterations times blocks; bcrypt 15; sha-crypt a million rounds; phpass 2^18
    /// rounds, Drupal 2^20.
    #[error("the parameters of the password hash cost more than the ceilings allow")]
    TooCostly,
    /// It was made with a secret that is not among the keys.
    #[error("the password hash was made with a key that is not among the keys given")]
    MissingKey,
}

impl From<CostError> for ImportError {
    fn from(error: CostError) -> Self {
        match error {
            CostError::Invalid => Self::Unsupported,
            CostError::TooCostly => Self::TooCostly,
        }
    }
}

/// Compares a password with a string that [`import`] or [`ForeignHash::to_stored`] returned. Also reads slow hashes in
/// the spelling of their own.
///
/// The work depends on the string: slow hashes that are not argon2 cost other time than argon2id until their first
/// login.
pub fn verify(passwords: &Passwords, password: &Password, stored: &str) -> LegacyOutcome {
    match spelling::read(stored) {
        Ok(hash) => hash.verify(passwords, password),
        Err(_) => LegacyOutcome::Unsupported,
    }
}

/// The string to store for an old hash that says what it is: slow ones in our spelling, fast ones inside argon2id.
///
/// `salt` is 16 fresh random bytes.
///
/// # Errors
/// [`ImportError`] says why it is refused.
pub fn import(passwords: &Passwords, old: &str, salt: [u8; 16]) -> Result<String, ImportError> {
    ForeignHash::parse(old).map(|hash| hash.to_stored(passwords, salt))
}

/// Whether verifying a stored string runs argon2 exactly once: then no other work has to hide it.
pub fn runs_argon2(stored: &str) -> bool {
    spelling::read(stored).is_ok_and(|hash| hash.runs_argon2())
}

#[cfg(test)]
pub(crate) fn small() -> Passwords {
    use crate::password::{EngineChoice, Params};
    Passwords::new(Params { m_kib: 64, t: 1, p: 1 }, EngineChoice::Auto, None).unwrap()
}

#[cfg(test)]
mod tests;
