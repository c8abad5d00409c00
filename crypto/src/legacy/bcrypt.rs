//! bcrypt: `$2a$`, `$2b$` and `$2y$`, and the prefixes of WordPress and Django.
//!
//! # Danger
//!
//! bcrypt reads 72 bytes and ignores the rest. While an account still has its bcrypt hash, a long password verifies
//! with any ending. The upgrade hashes *all* typed bytes, so from then on the ending counts. `$2x$` marks hashes of a
//! sign-extension bug that makes some passwords collide: rejected. Implementations in C end the password at a zero
//! byte. A typed zero byte is rejected, so that it does not match every ending.

use zeroize::Zeroizing;

use super::codec::bcrypt64;
use super::error::ImportError;
use crate::bound::Bound;

/// Cost 15 is about two seconds; each step doubles it.
const MAX_COST: u32 = 15;
const MIN_COST: u32 = 4;
const READ: usize = 72;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bcrypt {
    variant: char,
    pub(super) cost: u32,
}

impl Bcrypt {
    pub(super) fn new(variant: &str, cost: &str) -> Result<Self, ImportError> {
        let variant = match variant {
            "2a" => 'a',
            "2b" => 'b',
            "2y" => 'y',
            "2x" => return Err(ImportError::Broken),
            _ => return Err(ImportError::Unsupported),
        };
        let bound = |limit: u32| Bound { family: "bcrypt", parameter: "a cost", limit: limit.into() };
        match cost.parse() {
            // A mapping may have more digits than bcrypt writes.
            Ok(cost) if cost > MAX_COST => Err(ImportError::TooCostly(bound(MAX_COST))),
            _ if cost.len() != 2 => Err(ImportError::Unsupported),
            Ok(cost @ MIN_COST..) => Ok(Self { variant, cost }),
            Ok(_) => Err(ImportError::BelowMinimum(bound(MIN_COST))),
            Err(_) => Err(ImportError::Unsupported),
        }
    }

    /// `$2b$10$` and 22 letters of salt and 31 of hash.
    pub(super) fn parse(native: &str) -> Result<(Self, Vec<u8>, Vec<u8>), ImportError> {
        let mut fields = native.strip_prefix('$').ok_or(ImportError::Unsupported)?.split('$');
        let (Some(variant), Some(cost), Some(rest), None) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return Err(ImportError::Unsupported);
        };
        let bcrypt = Self::new(variant, cost)?;
        if rest.len() != 53 || !rest.is_ascii() {
            return Err(ImportError::Unsupported);
        }
        let (salt, hash) = rest.split_at(22);
        match (bcrypt64(salt), bcrypt64(hash)) {
            (Some(salt), Some(hash)) => Ok((bcrypt, salt, hash)),
            _ => Err(ImportError::Unsupported),
        }
    }

    pub(super) fn params(self) -> Vec<(&'static str, String)> {
        vec![("v", format!("2{}", self.variant)), ("c", format!("{:02}", self.cost))]
    }

    /// 23 bytes; `None` for a password that bcrypt cannot have.
    pub(super) fn run(self, password: &[u8], salt: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let salt = salt.try_into().ok()?;
        if password.contains(&0) {
            return None;
        }
        // bcrypt also hashes the terminating zero, if there is room for it.
        let mut read = Zeroizing::new([0; READ]);
        let length = password.len().min(READ);
        read[..length].copy_from_slice(&password[..length]);
        let output = Zeroizing::new(::bcrypt::bcrypt(self.cost, salt, &read[..(length + 1).min(READ)]));
        Some(Zeroizing::new(output[..23].to_vec()))
    }
}
