//! The outcomes of legacy hashes, and the reasons to reject one.

use crate::bound::Bound;
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
    /// Its parameters are above a ceiling: argon2 1 GiB, 10 passes, 16 lanes, 4 GiB of memory times passes; scrypt
    /// 136 MiB (128 r (N + p) bytes) and 10 x 2^20 blocks (N r p); PBKDF2 10 million iterations times blocks; bcrypt 15;
    /// sha-crypt a million rounds; phpass 2^18 rounds, Drupal 2^20; repeated digests 2^18, or 2^22 over a digest alone.
    #[error(
        "the password hash ({family}) has {parameter} above {limit}, which is the most that a login may cost; remove the hash from the record and import the record again, and let the user set a new password",
        family = .0.family, parameter = .0.parameter, limit = .0.limit
    )]
    TooCostly(Bound),
    /// Its parameters are below what the family has, so it is damaged or of another family.
    #[error(
        "the password hash ({family}) has {parameter} below {limit}, which no {family} hash has; check that the hash is whole and of this family, or remove it from the record",
        family = .0.family, parameter = .0.parameter, limit = .0.limit
    )]
    BelowMinimum(Bound),
    /// The hash was made with a secret that is not among the keys.
    #[error("the password hash was made with a key that is not among the keys given")]
    MissingKey,
}

impl From<CostError> for ImportError {
    fn from(error: CostError) -> Self {
        match error {
            CostError::Invalid => Self::Unsupported,
            CostError::TooCostly(bound) => Self::TooCostly(bound),
            CostError::BelowMinimum(bound) => Self::BelowMinimum(bound),
        }
    }
}

impl ImportError {
    /// The same error of a family that is built on another one.
    pub(super) fn of(self, family: &'static str) -> Self {
        match self {
            Self::TooCostly(bound) => Self::TooCostly(Bound { family, ..bound }),
            Self::BelowMinimum(bound) => Self::BelowMinimum(Bound { family, ..bound }),
            other => other,
        }
    }
}
