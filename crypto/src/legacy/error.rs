//! The outcomes of legacy hashes, and the reasons to reject one.

use crate::password::CostError;

/// The outcome of comparing a password with a legacy hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum LegacyOutcome {
    /// The right password: hash it again with argon2id and drop the legacy hash.
    Verified,
    /// Another password.
    Wrong,
    /// An unknown or untrusted family, a damaged string, a cost above the ceilings, or a fast hash that is not wrapped.
    /// No hash was computed.
    Unsupported,
    /// The secret that the hash names is not among the [`HashKeys`](super::HashKeys) of the
    /// [`Passwords`](crate::Passwords): an operator has to add it.
    MissingKey,
}

/// Why a legacy hash is not imported; never contains any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// An unknown family, or a malformed string.
    #[error("an unknown or malformed kind of password hash")]
    Unsupported,
    /// A family that is known to be broken: `$2x$` of bcrypt.
    #[error("a kind of password hash that is known to be broken")]
    Broken,
    /// Its parameters are above the ceilings: argon2 1 GiB, 10 passes, 16 lanes, 4 GiB of memory times passes; scrypt
    /// 136 MiB (128 r (N + p) bytes) and 10 x 2^20 blocks (N r p); PBKDF2 10 million iterations times blocks; bcrypt 15;
    /// sha-crypt a million rounds; phpass 2^18 rounds, Drupal 2^20; repeated digests 2^18, or 2^22 over a digest alone.
    #[error("the parameters of the password hash cost more than the ceilings allow")]
    TooCostly,
    /// The hash was made with a secret that is not among the keys.
    #[error("the password hash was made with a key that is not among the keys given")]
    MissingKey,
}

impl From<CostError> for ImportError {
    fn from(error: CostError) -> Self {
        match error {
            CostError::Invalid => Self::Unsupported,
            CostError::TooCostly => Self::TooCostly,
        }
    }
}
