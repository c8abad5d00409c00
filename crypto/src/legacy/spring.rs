//! Spring Security's `{id}...` of `DelegatingPasswordEncoder`.
//!
//! <https://docs.spring.io/spring-security/reference/features/authentication/password-storage.html> and
//! `PasswordEncoderFactories`. A `Pbkdf2PasswordEncoder` with a secret or other numbers writes the same id: its hashes
//! match no password here.

use super::codec::base64;
use super::digest::Digest;
use super::error::ImportError;
use super::hash::ForeignHash;
use super::modular::{Result, hex, modular};
use super::step::{Place, Step};

/// `None` if it is not Spring's. LDAP has some of the names, in another form.
pub(super) fn read(id: &str, rest: &str) -> Option<Result<ForeignHash>> {
    let (id, version) = id.split_once('@').map_or((id, None), |(id, version)| (id, Some(version)));
    let is_hex = |length: usize| rest.len() == length && rest.bytes().all(|byte| byte.is_ascii_hexdigit());
    let salted = rest.starts_with('{');
    Some(match (id, version) {
        (_, Some(version)) if !version.starts_with("springsecurity_v") => Err(ImportError::Unsupported),
        ("bcrypt", _) => {
            if rest.starts_with("$2") {
                modular(rest)
            } else {
                Err(ImportError::Unsupported)
            }
        }
        ("argon2", _) => ForeignHash::argon2(rest),
        ("scrypt", _) => {
            if rest.starts_with("$scrypt$") {
                modular(rest)
            } else {
                scrypt(rest)
            }
        }
        ("pbkdf2", Some("springsecurity_v5_8")) => pbkdf2(Digest::Sha256, 310_000, 16, rest),
        ("pbkdf2", Some(_)) => pbkdf2(Digest::Sha1, 185_000, 8, rest),
        ("pbkdf2", None) if is_hex(80) => pbkdf2(Digest::Sha1, 185_000, 8, rest),
        ("sha256", None) if is_hex(80) => standard(rest),
        ("md4", None) => message_digest(Digest::Md4, rest),
        ("md5", None) if salted || is_hex(32) => message_digest(Digest::Md5, rest),
        ("sha-1", None) => message_digest(Digest::Sha1, rest),
        ("sha-224", None) => message_digest(Digest::Sha224, rest),
        ("sha-256", None) => message_digest(Digest::Sha256, rest),
        ("sha-384", None) => message_digest(Digest::Sha384, rest),
        ("sha-512", None) => message_digest(Digest::Sha512, rest),
        _ => return None,
    })
}

/// `Pbkdf2PasswordEncoder`: salt and hash, in hexadecimal digits or base64.
fn pbkdf2(digest: Digest, iterations: u32, salt: usize, rest: &str) -> Result<ForeignHash> {
    let bytes = hex(rest).ok().or_else(|| base64(rest)).ok_or(ImportError::Unsupported)?;
    let (salt, hash) = bytes.split_at_checked(salt).ok_or(ImportError::Unsupported)?;
    ForeignHash::pbkdf2(digest, iterations, salt, hash)
}

/// `SCryptPasswordEncoder`: `$params$salt$hash`; the parameters are one number in hexadecimal digits, of which the last
/// byte is p, the one before it r, and the rest the logarithm of N.
fn scrypt(rest: &str) -> Result<ForeignHash> {
    let fields: Vec<_> = rest.split('$').collect();
    let ["", params, salt, hash] = fields[..] else { return Err(ImportError::Unsupported) };
    let params = u32::from_str_radix(params, 16).map_err(|_| ImportError::Unsupported)?;
    let (Some(salt), Some(hash)) = (base64(salt), base64(hash)) else { return Err(ImportError::Unsupported) };
    // An N beyond 64 bits is too costly, like the greatest one.
    let n = 1 << (params >> 16).min(63);
    ForeignHash::scrypt(n, params >> 8 & 0xff, params & 0xff, &salt, &hash)
}

/// `StandardPasswordEncoder` without a secret: eight bytes of salt, then 1024 times SHA-256.
fn standard(rest: &str) -> Result<ForeignHash> {
    let bytes = hex(rest)?;
    let (salt, hash) = bytes.split_at_checked(8).ok_or(ImportError::Unsupported)?;
    let step = Step { rounds: 1024, ..Step::salted(Digest::Sha256, Place::First) };
    ForeignHash::chain(&[step], None, salt, hash)
}

/// `MessageDigestPasswordEncoder` and `Md4PasswordEncoder`: the salt with its brackets stands before the hash, and
/// after the password in it.
fn message_digest(digest: Digest, rest: &str) -> Result<ForeignHash> {
    let (salt, hash) = match rest.find('}') {
        Some(end) if rest.starts_with('{') => rest.split_at(end + 1),
        _ => ("", rest),
    };
    let hash = hex(hash).ok().or_else(|| base64(hash)).ok_or(ImportError::Unsupported)?;
    let step = if salt.is_empty() { Step::plain(digest) } else { Step::salted(digest, Place::Last) };
    ForeignHash::chain(&[step], None, salt.as_bytes(), &hash)
}
