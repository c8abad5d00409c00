//! PBKDF2 (RFC 8018): Django's, passlib's, LDAP's and ASP.NET Identity's spellings.

use super::codec::{ab64, base64, enough};
use super::digest::Digest;
use super::error::ImportError;
use crate::bound::Bound;

/// Iterations times blocks of output: about two seconds of SHA-256, five of SHA-512.
const MAX_WORK: u64 = 10_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pbkdf2 {
    pub(super) digest: Digest,
    pub(super) iterations: u32,
}

/// A recipe, its salt and its result.
pub(super) type Parsed = (Pbkdf2, Vec<u8>, Vec<u8>);

impl Pbkdf2 {
    pub(super) fn new(digest: Digest, iterations: u32, length: usize) -> Result<Self, ImportError> {
        let pbkdf2 = Self { digest, iterations };
        let bound = |parameter, limit| Bound { family: "pbkdf2", parameter, limit };
        match pbkdf2.work(length) {
            _ if iterations == 0 => Err(ImportError::BelowMinimum(bound("iterations", 1))),
            0 => Err(ImportError::Unsupported),
            1..=MAX_WORK => Ok(pbkdf2),
            _ => Err(ImportError::TooCostly(bound("iterations times blocks of the output", MAX_WORK))),
        }
    }

    /// HMAC computations for an output of this length.
    pub(super) fn work(self, length: usize) -> u64 {
        u64::from(self.iterations) * length.div_ceil(self.digest.len()) as u64
    }

    pub(super) fn params(self) -> Vec<(&'static str, String)> {
        vec![("d", self.digest.name().to_owned()), ("i", self.iterations.to_string())]
    }

    /// `pbkdf2_sha256$iterations$salt$base64`, the salt as text.
    pub(super) fn django(digest: &str, rest: &str) -> Result<Parsed, ImportError> {
        let [iterations, salt, hash] = fields(rest)?;
        Self::of(digest, iterations, Some(salt.as_bytes().to_vec()), base64(hash))
    }

    /// `$pbkdf2-sha256$iterations$ab64$ab64` of passlib, and `i=iterations[,l=length]` of the PHC format. passlib's
    /// plain `pbkdf2` is SHA-1.
    pub(super) fn modular(digest: &str, rest: &str) -> Result<Parsed, ImportError> {
        let [iterations, salt, hash] = fields(rest)?;
        let (salt, hash) = (ab64(salt), ab64(hash));
        let iterations = match iterations.strip_prefix("i=").map(|params| params.split_once(",l=")) {
            None => iterations,
            Some(None) => &iterations[2..],
            Some(Some((iterations, length))) => {
                if hash.as_ref().is_none_or(|hash| hash.len().to_string() != length) {
                    return Err(ImportError::Unsupported);
                }
                iterations
            }
        };
        Self::of(digest, iterations, salt, hash)
    }

    fn of(digest: &str, iterations: &str, salt: Option<Vec<u8>>, hash: Option<Vec<u8>>) -> Result<Parsed, ImportError> {
        let digest = Digest::of(digest).ok_or(ImportError::Unsupported)?;
        let (Some(salt), Some(hash)) = (salt, hash) else { return Err(ImportError::Unsupported) };
        let hash = enough(&hash).ok_or(ImportError::Unsupported)?.to_vec();
        let iterations = iterations.parse::<u64>().map_err(|_| ImportError::Unsupported)?;
        Ok((Self::new(digest, u32::try_from(iterations).unwrap_or(u32::MAX), hash.len())?, salt, hash))
    }

    /// Base64 of ASP.NET Identity: a format byte 0 (version 2) or 1 (version 3), then what `PasswordHasher.cs` writes.
    pub(super) fn asp_net(native: &str) -> Result<Parsed, ImportError> {
        let bytes = base64(native).ok_or(ImportError::Unsupported)?;
        match bytes.split_first() {
            Some((0, rest)) if rest.len() == 48 => {
                Ok((Self::new(Digest::Sha1, 1000, 32)?, rest[..16].to_vec(), rest[16..].to_vec()))
            }
            Some((1, rest)) => Self::asp_net_3(rest),
            _ => Err(ImportError::Unsupported),
        }
    }

    fn asp_net_3(bytes: &[u8]) -> Result<Parsed, ImportError> {
        let (numbers, rest) = bytes.split_at_checked(12).ok_or(ImportError::Unsupported)?;
        let (numbers, _) = numbers.as_chunks::<4>();
        let number = |index: usize| u32::from_be_bytes(numbers[index]);
        let digest = match number(0) {
            0 => Digest::Sha1,
            1 => Digest::Sha256,
            2 => Digest::Sha512,
            _ => return Err(ImportError::Unsupported),
        };
        let length = usize::try_from(number(2)).map_err(|_| ImportError::Unsupported)?;
        let (salt, hash) = rest.split_at_checked(length).ok_or(ImportError::Unsupported)?;
        Ok((Self::new(digest, number(1), hash.len())?, salt.to_vec(), hash.to_vec()))
    }
}

fn fields(rest: &str) -> Result<[&str; 3], ImportError> {
    let mut fields = rest.split('$');
    match (fields.next(), fields.next(), fields.next(), fields.next()) {
        (Some(a), Some(b), Some(c), None) => Ok([a, b, c]),
        _ => Err(ImportError::Unsupported),
    }
}
