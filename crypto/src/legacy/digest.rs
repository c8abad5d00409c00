//! The digests of legacy hashes.

use ::hmac::{Hmac, KeyInit, Mac};
use zeroize::Zeroizing;

/// A digest function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digest {
    /// MD4 (RFC 1320).
    Md4,
    /// MD5 (RFC 1321).
    Md5,
    /// SHA-1 (FIPS 180-4), and the following ones.
    Sha1,
    /// SHA-224.
    Sha224,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// Runs `$call::<D>($args)` with the type of the digest.
macro_rules! with_digest {
    ($digest:expr, $call:ident ( $($arg:expr),* )) => {
        match $digest {
            Digest::Md4 => $call::<md4::Md4>($($arg),*),
            Digest::Md5 => $call::<md5::Md5>($($arg),*),
            Digest::Sha1 => $call::<sha1::Sha1>($($arg),*),
            Digest::Sha224 => $call::<sha2::Sha224>($($arg),*),
            Digest::Sha256 => $call::<sha2::Sha256>($($arg),*),
            Digest::Sha384 => $call::<sha2::Sha384>($($arg),*),
            Digest::Sha512 => $call::<sha2::Sha512>($($arg),*),
        }
    };
}

impl Digest {
    const ALL: [Self; 7] = [Self::Md4, Self::Md5, Self::Sha1, Self::Sha224, Self::Sha256, Self::Sha384, Self::Sha512];

    /// The name in our spelling: `sha256`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Md4 => "md4",
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// By [`name`](Self::name), in any case.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|digest| digest.name().eq_ignore_ascii_case(name))
    }

    /// Its length in bytes.
    #[allow(clippy::len_without_is_empty)] // a property of the function, not of a collection
    pub fn len(self) -> usize {
        match self {
            Self::Md4 | Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha224 => 28,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// Nanoseconds of one round on one core, approximately; for estimates.
    pub(super) fn nanos(self) -> u64 {
        match self {
            Self::Md4 | Self::Md5 => 120,
            Self::Sha1 | Self::Sha224 | Self::Sha256 => 80,
            Self::Sha384 | Self::Sha512 => 200,
        }
    }

    /// The digest of the concatenated parts.
    pub(super) fn hash(self, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
        fn run<D: sha2::Digest>(parts: &[&[u8]]) -> Vec<u8> {
            parts.iter().fold(D::new(), sha2::Digest::chain_update).finalize().to_vec()
        }
        Zeroizing::new(with_digest!(self, run(parts)))
    }

    /// HMAC (RFC 2104) with this digest.
    pub(super) fn hmac(self, key: &[u8], message: &[u8]) -> Zeroizing<Vec<u8>> {
        fn run<D: ::hmac::EagerHash>(key: &[u8], message: &[u8]) -> Vec<u8> {
            let hmac = <Hmac<D> as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
            hmac.chain_update(message).finalize().into_bytes().to_vec()
        }
        Zeroizing::new(with_digest!(self, run(key, message)))
    }

    /// PBKDF2 (RFC 8018 section 5.2) over HMAC with this digest.
    pub(super) fn pbkdf2(self, password: &[u8], salt: &[u8], iterations: u32, length: usize) -> Zeroizing<Vec<u8>> {
        fn run<D: ::hmac::EagerHash>(password: &[u8], salt: &[u8], iterations: u32, out: &mut [u8])
        where
            Hmac<D>: Clone,
        {
            ::pbkdf2::pbkdf2::<Hmac<D>>(password, salt, iterations, out).expect("HMAC takes keys of any length");
        }
        let mut out = Zeroizing::new(vec![0; length]);
        with_digest!(self, run(password, salt, iterations, out.as_mut_slice()));
        out
    }
}
