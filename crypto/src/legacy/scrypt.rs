//! scrypt (RFC 7914) and Firebase's use of it.
//!
//! Firebase (<https://github.com/firebase/scrypt>): AES-256 in counter mode, from zero, over the project's signer key,
//! with the key scrypt(password, salt and separator).
//!
//! # Danger
//!
//! Some copies of Firebase's function reduce the password to ASCII, so that "ä" and "ö" match each other. Here every
//! byte of the UTF-8 counts.

use aes::cipher::{KeyIvInit, StreamCipher};
use zeroize::Zeroizing;

use super::codec::base64;
use super::error::ImportError;
use super::keys::HashKeys;
use crate::bound::Bound;

/// 128-byte blocks in memory at once: 136 MiB. N of 2^17 with r of 8 needs 128 MiB.
const MAX_MEMORY: u64 = (1 << 20) + (1 << 16);
/// 128-byte blocks that are filled, N r p: about five seconds.
const MAX_WORK: u64 = 10 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scrypt {
    pub(super) log2_n: u32,
    pub(super) r: u32,
    pub(super) p: u32,
}

impl Scrypt {
    pub(super) fn new(log2_n: u32, r: u32, p: u32) -> Result<Self, ImportError> {
        let bound = |parameter, limit| Bound { family: "scrypt", parameter, limit };
        let least = [("N", 2, u64::from(log2_n) + 1), ("r", 1, r.into()), ("p", 1, p.into())];
        if let Some((parameter, limit, _)) = least.into_iter().find(|(_, least, given)| given < least) {
            return Err(ImportError::BelowMinimum(bound(parameter, limit)));
        }
        let scrypt = Self { log2_n, r, p };
        if scrypt.memory() > MAX_MEMORY {
            return Err(ImportError::TooCostly(bound("bytes of memory (128 r (N + p))", MAX_MEMORY * 128)));
        }
        if scrypt.work() > MAX_WORK {
            return Err(ImportError::TooCostly(bound("N r p", MAX_WORK)));
        }
        Ok(scrypt)
    }

    fn n(self) -> u64 {
        1u64.checked_shl(self.log2_n).unwrap_or(u64::MAX)
    }

    /// The number of 128-byte blocks in memory at once: the table of N r, and the p r that are mixed one after another.
    fn memory(self) -> u64 {
        self.n().saturating_add(self.p.into()).saturating_mul(self.r.into())
    }

    /// With N itself, which is a power of two.
    pub(super) fn with_n(n: u64, r: u32, p: u32) -> Result<Self, ImportError> {
        if n.is_power_of_two() { Self::new(n.ilog2(), r, p) } else { Err(ImportError::Unsupported) }
    }

    /// With the parameter `ln`: the logarithm, but some systems write N itself. No system uses an N of 64 or less.
    fn with_ln(ln: u64, r: u32, p: u32) -> Result<Self, ImportError> {
        match u32::try_from(ln) {
            Ok(log2_n @ ..64) => Self::new(log2_n, r, p),
            _ => Self::with_n(ln, r, p),
        }
    }

    /// `$scrypt$ln=16,r=8,p=1$salt$hash` of the PHC format and passlib, the numbers in any order.
    pub(super) fn modular(rest: &str) -> Result<(Self, Vec<u8>, Vec<u8>), ImportError> {
        let mut fields = rest.split('$');
        let (Some(params), Some(salt), Some(hash), None) = (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return Err(ImportError::Unsupported);
        };
        let mut numbers = [None; 3];
        for param in params.split(',') {
            let (name, value) = param.split_once('=').ok_or(ImportError::Unsupported)?;
            let place = ["ln", "r", "p"].iter().position(|known| *known == name).ok_or(ImportError::Unsupported)?;
            let value = value.parse::<u32>().map_err(|_| ImportError::Unsupported)?;
            if numbers[place].replace(value).is_some() {
                return Err(ImportError::Unsupported);
            }
        }
        let ([Some(ln), Some(r), Some(p)], Some(salt), Some(hash)) = (numbers, base64(salt), base64(hash)) else {
            return Err(ImportError::Unsupported);
        };
        Ok((Self::with_ln(ln.into(), r, p)?, salt, hash))
    }

    /// Django's `scrypt$N$salt$r$p$base64`, the salt as text.
    pub(super) fn django(rest: &str) -> Result<(Self, Vec<u8>, Vec<u8>), ImportError> {
        let fields: Vec<_> = rest.split('$').collect();
        let [n, salt, r, p, hash] = fields[..] else { return Err(ImportError::Unsupported) };
        let (Ok(n), Ok(r), Ok(p), Some(hash)) = (n.parse(), r.parse(), p.parse(), base64(hash)) else {
            return Err(ImportError::Unsupported);
        };
        Ok((Self::with_n(n, r, p)?, salt.as_bytes().to_vec(), hash))
    }

    /// The number of 128-byte blocks that are filled.
    pub(super) fn work(self) -> u64 {
        (u64::from(self.r) * u64::from(self.p)).saturating_mul(self.n())
    }

    /// The memory that a guess needs.
    pub(super) fn table_kib(self) -> u32 {
        u32::try_from((u64::from(self.r) << self.log2_n) / 8).unwrap_or(u32::MAX)
    }

    /// The memory that verifying needs.
    pub(super) fn memory_kib(self) -> u32 {
        u32::try_from(self.memory() / 8).unwrap_or(u32::MAX)
    }

    pub(super) fn params(self) -> Vec<(&'static str, String)> {
        vec![("ln", self.log2_n.to_string()), ("r", self.r.to_string()), ("p", self.p.to_string())]
    }

    pub(super) fn run(self, password: &[u8], salt: &[u8], length: usize) -> Option<Zeroizing<Vec<u8>>> {
        let params = ::scrypt::Params::new(u8::try_from(self.log2_n).ok()?, self.r, self.p).ok()?;
        let mut out = Zeroizing::new(vec![0; length]);
        ::scrypt::scrypt(password, salt, &params, &mut out).ok()?;
        Some(out)
    }

    /// The signer key, enciphered; `None` if the project's parameters are not among the keys.
    pub(super) fn firebase(
        self,
        password: &[u8],
        salt: &[u8],
        keys: &HashKeys,
        id: &str,
    ) -> Option<Zeroizing<Vec<u8>>> {
        let (signer_key, separator) = keys.firebase(id)?;
        let derived = self.run(password, &[salt, separator].concat(), 32)?;
        let mut out = Zeroizing::new(signer_key.to_vec());
        ctr::Ctr128BE::<aes::Aes256>::new_from_slices(&derived, &[0; 16]).ok()?.apply_keystream(&mut out);
        Some(out)
    }
}
