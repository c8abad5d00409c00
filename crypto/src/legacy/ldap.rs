//! `{SCHEME}...` of LDAP directories.
//!
//! RFC 2307 section 5.3; OpenLDAP's pw-sha2, pw-pbkdf2 and pw-argon2; 389 Directory Server's `pwdstorage.h`; OpenDJ's
//! `PBKDF2PasswordStorageScheme` and `PKCS5S2PasswordStorageScheme`, the second also Atlassian's.

use super::codec::base64;
use super::digest::Digest;
use super::error::ImportError;
use super::hash::ForeignHash;
use super::modular::{self, Result, modular};
use super::pbkdf2::Pbkdf2;
use super::step::{Place, Step};

/// Atlassian's iterations; OpenDJ's are the same.
const PKCS5S2: u32 = 10_000;

/// A scheme in lower case, and what follows it.
pub(super) fn read(scheme: &str, rest: &str) -> Result<ForeignHash> {
    match scheme {
        // 389 Directory Server names the kind of crypt.
        "crypt" | "crypt-md5" | "crypt-sha256" | "crypt-sha512" if rest.starts_with('$') => modular(rest),
        "bcrypt" if rest.starts_with("$2") => modular(rest),
        "argon2" => ForeignHash::argon2(rest),
        "pkcs5s2" => {
            let bytes = bytes(rest)?;
            let (salt, hash) = bytes.split_at_checked(16).ok_or(ImportError::Unsupported)?;
            if hash.len() != 32 {
                return Err(ImportError::Unsupported);
            }
            ForeignHash::pbkdf2(Digest::Sha1, PKCS5S2, salt, hash)
        }
        "pbkdf2" => pbkdf2(Digest::Sha1, rest),
        "pbkdf2_sha256" if !rest.contains(['$', ':']) => of_389(&bytes(rest)?),
        _ => match scheme.strip_prefix("pbkdf2-").or(scheme.strip_prefix("pbkdf2_")) {
            Some(digest) => {
                let digest = digest.strip_prefix("hmac-").unwrap_or(digest);
                pbkdf2(Digest::of(digest).ok_or(ImportError::Unsupported)?, rest)
            }
            None => plain(scheme, rest),
        },
    }
}

fn bytes(text: &str) -> Result<Vec<u8>> {
    base64(text).ok_or(ImportError::Unsupported)
}

/// OpenLDAP's `iterations$salt$hash`, or OpenDJ's `iterations:` and base64 of hash and salt.
fn pbkdf2(digest: Digest, rest: &str) -> Result<ForeignHash> {
    let Some((iterations, together)) = rest.split_once(':') else {
        return modular::pbkdf2(Pbkdf2::modular(digest.name(), rest)?);
    };
    let iterations = iterations.parse().map_err(|_| ImportError::Unsupported)?;
    let bytes = bytes(together)?;
    let (hash, salt) = bytes.split_at_checked(digest.len()).ok_or(ImportError::Unsupported)?;
    if salt.is_empty() {
        return Err(ImportError::Unsupported);
    }
    ForeignHash::pbkdf2(digest, iterations, salt, hash)
}

/// 389 Directory Server: the iterations as four bytes, 64 bytes of salt, and the hash.
fn of_389(bytes: &[u8]) -> Result<ForeignHash> {
    let (iterations, rest) = bytes.split_first_chunk().ok_or(ImportError::Unsupported)?;
    let (salt, hash) = rest.split_at_checked(64).ok_or(ImportError::Unsupported)?;
    ForeignHash::pbkdf2(Digest::Sha256, u32::from_be_bytes(*iterations), salt, hash)
}

/// Base64 of a digest and its salt.
fn plain(scheme: &str, rest: &str) -> Result<ForeignHash> {
    let (digest, salted) = match scheme {
        "md5" => (Digest::Md5, false),
        "smd5" => (Digest::Md5, true),
        "sha" => (Digest::Sha1, false),
        "ssha" => (Digest::Sha1, true),
        "sha224" | "sha256" | "sha384" | "sha512" => (Digest::of(scheme).ok_or(ImportError::Unsupported)?, false),
        "ssha224" | "ssha256" | "ssha384" | "ssha512" => {
            (Digest::of(&scheme[1..]).ok_or(ImportError::Unsupported)?, true)
        }
        _ => return Err(ImportError::Unsupported),
    };
    let bytes = bytes(rest)?;
    let (hash, salt) = bytes.split_at_checked(digest.len()).ok_or(ImportError::Unsupported)?;
    if salted == salt.is_empty() {
        return Err(ImportError::Unsupported);
    }
    let step = if salted { Step::salted(digest, Place::Last) } else { Step::plain(digest) };
    ForeignHash::chain(&[step], None, salt, hash)
}
