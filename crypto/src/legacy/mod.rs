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
//! - Other systems hashed the bytes as typed: verification here does not normalise, except as [`Typed`] says.
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
//! | bcrypt | `$2a$`, `$2b$`, `$2y$`; WordPress 6.8 `$wp$2y$`; Django `bcrypt$`, `bcrypt_sha256$`; Magento `$2y$...:0` |
//! | phpass, Drupal 7 | `$P$`, `$H$`; `$S$`; with `U` before it, hashes that Drupal took over |
//! | crypt(3) | `$1$`, `$apr1$`, `$5$`, `$6$`, with and without `rounds=`; Kratos `$md5-crypt$`, `$sha256-crypt$` |
//! | argon2 | PHC strings of i, d and id; Django `argon2$` |
//! | PBKDF2 | Django `pbkdf2_sha256$`, `pbkdf2_sha1$`; `$pbkdf2-<digest>$` of passlib and PHC; ASP.NET Identity 2 and 3 |
//! | scrypt | `$scrypt$ln=,r=,p=$`, with N or its logarithm; Django `scrypt$`; better-auth `salt:hash`, Lucia `s2:` |
//! | LDAP | `{MD5}`, `{SMD5}`, `{SHA}`, `{SSHA}`, SHA-2 alike, `{PBKDF2-<digest>}`, `{ARGON2}`, `{BCRYPT}`, `{CRYPT}$...`; 389 Directory Server `{PBKDF2_SHA256}`, `{CRYPT-MD5}`; OpenDJ `{PBKDF2}n:`, `{PBKDF2-HMAC-SHA256}`; Atlassian `{PKCS5S2}` |
//! | Spring | `{bcrypt}`, `{argon2}`, `{scrypt}`, `{pbkdf2}`, each also `@SpringSecurity_v5_8`; `{sha256}`, `{MD5}`, `{SHA-256}`, `{ldap}` |
//! | werkzeug | `scrypt:N:r:p$`, `pbkdf2:<digest>:n$`, `sha256$` and longer ones |
//! | Magento | `hash:salt` and `hash:salt:version`, chains and argon2id; Django `md5$`, `sha1$` |
//! | Kratos, SuperTokens | `$md5$`, `$sha1$pf=`, SHA-2 alike; with a key: `$hmac-<digest>$`, `$firescrypt$`, `$f_scrypt$` |
//! | Nextcloud | `1\|`, `2\|` and `3\|` before bcrypt and argon2 |
//!
//! [`ForeignHash::is_elsewhere`] knows the texts that are no hash: `{SASL}`, `{K5KEY}`, `!`.
//!
//! The constructors of [`ForeignHash`] take hashes in separate parts: digests plain, salted, peppered, as HMAC, nested
//! and repeated; NT hashes, PrestaShop, OpenCart, Firebase, Keycloak, Auth0, PBKDF2, scrypt.
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
//! | `argon2` | only wrapped, with `l=0`: an argon2 of another system over something else than the password |
//! | `chain` | `d` steps (`md5.sha1-sp`: see [`Step`]), `k` id of the secret, `o=hex` if argon2id is over the hex text |
//! | `bcrypt` | `v` variant, `c` cost |
//! | `phpass`, `drupal7` | `c` logarithm of the rounds |
//! | `md5-crypt`, `apr1`, `sha256-crypt`, `sha512-crypt` | `r` rounds, if the string named them |
//! | `pbkdf2` | `d` digest, `i` iterations |
//! | `scrypt`, `firebase` | `ln`, `r`, `p`; `k` id of the project's parameters |
//! | any | `b` the steps before it (as `d`, or `wp`), `bk` id of their secret, `t` what is done to the typed text (`trim`, `slash`, `nfkc`), `e` its encoding if not UTF-8 |

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
mod modular;
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
            Ok(Cost {
                micros: inner.micros + outer.micros * recipe.tries(),
                memory_kib: inner.memory_kib.max(outer.memory_kib),
            })
        }
    }
}

/// The name of the family of a stored string, such as `bcrypt`. `None` if it would not be verified.
pub fn family(stored: &str) -> Option<&'static str> {
    spelling::read(stored).ok().map(|hash| hash.family())
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
