//! Password hashes of other systems: verified once, then replaced by Umoja's own.
//!
//! # Danger
//!
//! - A legacy hash is input: its cost is checked against the ceilings before any of it is spent.
//! - A graphics card breaks a fast hash in minutes, so it is never stored as it came: [`import`] puts argon2id around
//!   the digest, and [`verify`] rejects a fast hash that is not wrapped. Fast is every digest computed fewer than 5000
//!   times, and scrypt over less than a mebibyte, whatever the family is called.
//! - Wrapping protects a stolen dump, not a reused salt: an attacker who has the *same* inner digest from another
//!   source can compare it without breaking it. A pepper prevents that.
//! - Other systems hashed the bytes as typed: verification here does not normalise.
//! - Some systems hashed with a secret: it is held once in [`HashKeys`], and a stored hash contains its id.
//!
//! After [`LegacyOutcome::Verified`] the caller always hashes the password again and drops the legacy hash.
//!
//! # What is read
//!
//! [`ForeignHash::parse`] reads the spellings that name their family:
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
//! The constructors of [`ForeignHash`] take hashes in separate parts: digests plain, salted, peppered, as HMAC and
//! nested; NT hashes, PrestaShop, OpenCart, Firebase, Keycloak, Auth0, PBKDF2, scrypt.
//!
//! # How it is stored
//!
//! Argon2 strings are stored as they are, all others in a spelling of Umoja:
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
mod before;
mod chain;
mod codec;
mod cost;
mod digest;
mod elsewhere;
mod error;
mod hash;
mod keys;
mod kratos;
mod ldap;
mod native;
mod parts;
mod pbkdf2;
mod phpass;
mod recipe;
mod scrypt;
mod spelling;
mod spring;
mod step;
mod unix;
mod werkzeug;

pub use self::before::Typed;
pub use self::codec::{PasswordEncoding, TextEncoding};
pub use self::cost::Cost;
pub use self::digest::Digest;
pub use self::error::{ImportError, LegacyOutcome};
pub use self::hash::ForeignHash;
use self::hash::{Check, Form};
pub use self::keys::{HashKey, HashKeyError, HashKeys};
pub use self::recipe::FAMILIES;
pub use self::step::{Again, HmacKey, Output, Place, Step};
use crate::password::{Password, Passwords, check_stored};

/// Compares a password with a string that [`import`] or [`ForeignHash::to_stored`] returned. Also reads slow hashes in
/// their original spelling.
///
/// The work depends on the string: until the first login, verifying a slow hash that is not argon2 takes another time
/// than argon2id.
pub fn verify(passwords: &Passwords, password: &Password, stored: &str) -> LegacyOutcome {
    match spelling::read(stored) {
        Ok(hash) => hash.verify(passwords, password),
        Err(_) => LegacyOutcome::Unsupported,
    }
}

/// The string to store for a legacy hash that names its family: slow hashes in Umoja's spelling, fast ones inside
/// argon2id.
///
/// `salt` is 16 fresh random bytes.
///
/// # Errors
/// [`ImportError`] with the reason of the rejection.
pub fn import(passwords: &Passwords, old: &str, salt: [u8; 16]) -> Result<String, ImportError> {
    ForeignHash::parse(old).map(|hash| hash.to_stored(passwords, salt))
}

/// The cost of verifying a stored string. An import calls this to report the most expensive one.
///
/// # Errors
/// [`ImportError`] if the string would not be verified.
pub fn cost(stored: &str) -> Result<Cost, ImportError> {
    let argon2 = |phc: &str| check_stored(phc).map(Cost::of_argon2).map_err(ImportError::from);
    match spelling::read(stored)?.form() {
        Form::Argon2(phc) => argon2(phc),
        Form::Recipe(recipe, Check::Bare(expected)) => Ok(recipe.cost(expected.len())),
        Form::Recipe(recipe, Check::Wrapped { length, phc }) => {
            let (inner, outer) = (recipe.cost(*length), argon2(phc)?);
            Ok(Cost { micros: inner.micros + outer.micros * recipe.tries(), memory_kib: inner.memory_kib.max(outer.memory_kib) })
        }
    }
}

/// Whether verifying a stored string runs argon2 exactly once. If so, no dummy work has to hide it.
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
