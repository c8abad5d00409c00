//! phpass (`$P$` of WordPress, `$H$` of phpBB) and Drupal 7's `$S$`: iterated digests.
//!
//! <https://www.openwall.com/phpass/>; Drupal 7, `includes/password.inc`.

use zeroize::Zeroizing;

use super::codec::{crypt64, crypt64_value};
use super::digest::Digest;
use super::error::ImportError;
use crate::bound::Bound;

/// 2^18 rounds over the longest password are about two seconds.
const MAX_PHPASS: u8 = 18;
const MAX_DRUPAL: u8 = 20;
const MIN_LOG2: u8 = 7;
const SALT: usize = 8;
/// Drupal truncates the text of the hash: 32 bytes and two bits remain.
const DRUPAL_HASH_TEXT: usize = 43;
/// Drupal rejects longer passwords.
const DRUPAL_LONGEST: usize = 512;

/// The scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Phpass,
    Drupal7,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretched {
    pub(super) kind: Kind,
    log2: u8,
}

impl Stretched {
    pub(super) fn new(kind: Kind, log2: u8) -> Result<Self, ImportError> {
        let (family, most) = match kind {
            Kind::Phpass => ("phpass", MAX_PHPASS),
            Kind::Drupal7 => ("drupal7", MAX_DRUPAL),
        };
        let rounds = |log2| Bound { family, parameter: "rounds", limit: 1u64 << log2 };
        match log2 {
            ..MIN_LOG2 => Err(ImportError::BelowMinimum(rounds(MIN_LOG2))),
            // phpass has no more.
            31.. => Err(ImportError::Unsupported),
            _ if log2 > most => Err(ImportError::TooCostly(rounds(most))),
            _ => Ok(Self { kind, log2 }),
        }
    }

    /// `$P$`, `$H$` or `$S$`, a letter for the rounds, eight of salt, and the hash.
    pub(super) fn parse(native: &str) -> Result<(Self, Vec<u8>, Vec<u8>), ImportError> {
        let kind = match native.get(..3) {
            Some("$P$" | "$H$") => Kind::Phpass,
            Some("$S$") => Kind::Drupal7,
            _ => return Err(ImportError::Unsupported),
        };
        let rest = &native.as_bytes()[3..];
        let (letter, rest) = rest.split_first().ok_or(ImportError::Unsupported)?;
        let stretched = Self::new(kind, crypt64_value(*letter).ok_or(ImportError::Unsupported)?)?;
        let (salt, hash) = rest.split_at_checked(SALT).ok_or(ImportError::Unsupported)?;
        let hash = std::str::from_utf8(hash).ok().and_then(|hash| match kind {
            Kind::Phpass if hash.len() == 22 => crypt64(hash, false),
            Kind::Drupal7 if hash.len() == DRUPAL_HASH_TEXT => crypt64(hash, true),
            _ => None,
        });
        Ok((stretched, salt.to_vec(), hash.ok_or(ImportError::Unsupported)?))
    }

    pub(super) fn digest(self) -> Digest {
        match self.kind {
            Kind::Phpass => Digest::Md5,
            Kind::Drupal7 => Digest::Sha512,
        }
    }

    pub(super) fn rounds(self) -> u64 {
        1 << self.log2
    }

    /// Bytes of the hash.
    pub(super) fn len(self) -> usize {
        match self.kind {
            Kind::Phpass => 16,
            Kind::Drupal7 => 33,
        }
    }

    pub(super) fn params(self) -> Vec<(&'static str, String)> {
        vec![("c", self.log2.to_string())]
    }

    pub(super) fn run(self, password: &[u8], salt: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        if self.kind == Kind::Drupal7 && password.len() > DRUPAL_LONGEST {
            return None;
        }
        let digest = self.digest();
        let mut hash = digest.hash(&[salt, password]);
        for _ in 0..self.rounds() {
            hash = digest.hash(&[&hash, password]);
        }
        hash.truncate(self.len());
        if self.kind == Kind::Drupal7 {
            hash[32] &= 0b11;
        }
        Some(hash)
    }
}
