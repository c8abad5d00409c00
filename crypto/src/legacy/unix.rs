//! crypt(3): md5-crypt (`$1$`, and Apache's `$apr1$`), sha256-crypt (`$5$`) and sha512-crypt (`$6$`).
//!
//! md5-crypt after FreeBSD's `crypt-md5.c`; the other two by the `sha-crypt` crate after
//! <https://www.akkadia.org/drepper/SHA-crypt.txt>.

use zeroize::Zeroizing;

use super::codec::crypt64;
use super::digest::Digest;
use super::error::ImportError;
use crate::bound::Bound;

/// A million rounds over the longest password are about two seconds.
const MAX_ROUNDS: u32 = 1_000_000;
const MIN_ROUNDS: u32 = 1000;
const DEFAULT_ROUNDS: u32 = 5000;
/// libxcrypt rejects longer passwords.
const LONGEST: usize = 512;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Crypt {
    Md5,
    Apr1,
    /// The rounds are `None` where the string did not name them: they are 5000 then, and the string is written without
    /// them.
    Sha256(Option<u32>),
    Sha512(Option<u32>),
}

impl Crypt {
    pub(super) fn new(name: &str, rounds: Option<u32>) -> Result<Self, ImportError> {
        let crypt = match (name, rounds) {
            ("md5-crypt", None) => Self::Md5,
            ("apr1", None) => Self::Apr1,
            ("sha256-crypt", _) => Self::Sha256(rounds),
            ("sha512-crypt", _) => Self::Sha512(rounds),
            _ => return Err(ImportError::Unsupported),
        };
        let bound = |limit: u32| Bound { family: crypt.name(), parameter: "rounds", limit: limit.into() };
        match crypt.rounds() {
            ..MIN_ROUNDS => Err(ImportError::BelowMinimum(bound(MIN_ROUNDS))),
            MIN_ROUNDS..=MAX_ROUNDS => Ok(crypt),
            _ => Err(ImportError::TooCostly(bound(MAX_ROUNDS))),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5-crypt",
            Self::Apr1 => "apr1",
            Self::Sha256(_) => "sha256-crypt",
            Self::Sha512(_) => "sha512-crypt",
        }
    }

    /// `$6$rounds=5000$salt$hash`, with rounds only for the SHA families and only if given.
    pub(super) fn parse(native: &str) -> Result<(Self, Vec<u8>, Vec<u8>), ImportError> {
        let (name, rest) = [("$1$", "md5-crypt"), ("$apr1$", "apr1"), ("$5$", "sha256-crypt"), ("$6$", "sha512-crypt")]
            .into_iter()
            .find_map(|(prefix, name)| Some((name, native.strip_prefix(prefix)?)))
            .ok_or(ImportError::Unsupported)?;
        let (rounds, rest) = match rest.strip_prefix("rounds=").and_then(|rest| rest.split_once('$')) {
            Some((rounds, rest)) if !rounds.starts_with(['0', '+']) => {
                let rounds = rounds.parse::<u64>().map_err(|_| ImportError::Unsupported)?;
                (Some(u32::try_from(rounds).unwrap_or(u32::MAX)), rest)
            }
            Some(_) => return Err(ImportError::Unsupported),
            None => (None, rest),
        };
        let crypt = Self::new(name, rounds)?;
        let (salt, hash) = rest.split_once('$').ok_or(ImportError::Unsupported)?;
        let order = crypt.order();
        let text = (order.len() * 8).div_ceil(6);
        if salt.len() > crypt.longest_salt() || hash.len() != text {
            return Err(ImportError::Unsupported);
        }
        let shuffled = crypt64(hash, false).ok_or(ImportError::Unsupported)?;
        let mut hash = vec![0; order.len()];
        for (byte, place) in shuffled.iter().zip(order) {
            hash[usize::from(*place)] = *byte;
        }
        Ok((crypt, salt.as_bytes().to_vec(), hash))
    }

    pub(super) fn longest_salt(self) -> usize {
        match self {
            Self::Md5 | Self::Apr1 => 8,
            Self::Sha256(_) | Self::Sha512(_) => 16,
        }
    }

    /// Bytes of the hash.
    pub(super) fn len(self) -> usize {
        self.order().len()
    }

    /// The order in which the bytes of the digest are written.
    fn order(self) -> &'static [u8] {
        match self {
            Self::Md5 | Self::Apr1 => &MD5_ORDER,
            Self::Sha256(_) => &SHA256_ORDER,
            Self::Sha512(_) => &SHA512_ORDER,
        }
    }

    pub(super) fn rounds(self) -> u32 {
        match self {
            Self::Md5 | Self::Apr1 => 1000,
            Self::Sha256(rounds) | Self::Sha512(rounds) => rounds.unwrap_or(DEFAULT_ROUNDS),
        }
    }

    pub(super) fn nanos(self) -> u64 {
        match self {
            Self::Md5 | Self::Apr1 => Digest::Md5.nanos(),
            Self::Sha256(_) => Digest::Sha256.nanos(),
            Self::Sha512(_) => Digest::Sha512.nanos(),
        }
    }

    pub(super) fn params(self) -> Vec<(&'static str, String)> {
        match self {
            Self::Sha256(Some(rounds)) | Self::Sha512(Some(rounds)) => vec![("r", rounds.to_string())],
            _ => Vec::new(),
        }
    }

    pub(super) fn run(self, password: &[u8], salt: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        if password.len() > LONGEST || password.contains(&0) {
            return None;
        }
        let params = sha_crypt::Params::new(self.rounds()).ok()?;
        Some(match self {
            Self::Md5 => md5_crypt(b"$1$", password, salt),
            Self::Apr1 => md5_crypt(b"$apr1$", password, salt),
            Self::Sha256(_) => Zeroizing::new(sha_crypt::sha256_crypt(password, salt, params).to_vec()),
            Self::Sha512(_) => Zeroizing::new(sha_crypt::sha512_crypt(password, salt, params).to_vec()),
        })
    }
}

fn md5_crypt(magic: &[u8], password: &[u8], salt: &[u8]) -> Zeroizing<Vec<u8>> {
    let inner = Digest::Md5.hash(&[password, salt, password]);
    let mut first = Zeroizing::new([password, magic, salt].concat());
    first.extend(inner.iter().cycle().take(password.len()));
    // One byte for each bit of the length: zero, or the first of the password.
    let mut length = password.len();
    while length > 0 {
        first.push(if length & 1 == 1 { 0 } else { password[0] });
        length >>= 1;
    }
    let mut hash = Digest::Md5.hash(&[&first]);
    for round in 0..1000 {
        let (before, after): (&[u8], &[u8]) = if round % 2 == 1 { (password, &hash) } else { (&hash, password) };
        let salt = if round % 3 == 0 { &[] } else { salt };
        let repeated = if round % 7 == 0 { &[] } else { password };
        hash = Digest::Md5.hash(&[before, salt, repeated, after]);
    }
    hash
}

const MD5_ORDER: [u8; 16] = [12, 6, 0, 13, 7, 1, 14, 8, 2, 15, 9, 3, 5, 10, 4, 11];

const SHA256_ORDER: [u8; 32] = [
    20, 10, 0, 11, 1, 21, 2, 22, 12, 23, 13, 3, 14, 4, 24, 5, 25, 15, 26, 16, 6, 17, 7, 27, 8, 28, 18, 29, 19, 9, 30,
    31,
];

const SHA512_ORDER: [u8; 64] = [
    42, 21, 0, 1, 43, 22, 23, 2, 44, 45, 24, 3, 4, 46, 25, 26, 5, 47, 48, 27, 6, 7, 49, 28, 29, 8, 50, 51, 30, 9, 10,
    52, 31, 32, 11, 53, 54, 33, 12, 13, 55, 34, 35, 14, 56, 57, 36, 15, 16, 58, 37, 38, 17, 59, 60, 39, 18, 19, 61, 40,
    41, 20, 62, 63,
];
