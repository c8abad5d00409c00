//! Why a rule says no. Errors name members and rules, and never a value.

use std::borrow::Cow;

use umoja_crypto::{PolicyError, Weakness};
use umoja_schema::{IdentifierError, IdentifierKind, StampError};
use umoja_store::group::{GroupError, MergeRefused, TooLarge};
use umoja_store::ports::{Busy, StoreError};
use umoja_store::seal::SealError;

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no such live user.
    #[error("there is no such user")]
    NotFound,
    /// There is no such live user: the one that this member of the request names.
    #[error("there is no such user")]
    NotFoundAs(Field),
    /// The user is not linked to the company.
    #[error("the user is not linked to the company")]
    NotLinked,
    /// The user was erased.
    #[error("the user was erased")]
    Erased,
    /// The user is disabled.
    #[error("the user is disabled")]
    Disabled,
    /// Another person holds the identifier.
    #[error("the identifier `{}` belongs to another user", .0.as_str())]
    Taken(IdentifierKind),
    /// Another version than the given one is current.
    #[error("another version of the user is current")]
    Version {
        /// The current one.
        current: String,
    },
    /// Something given is not what the rule takes.
    #[error("{field:?}: {rule}")]
    Invalid {
        /// What.
        field: Field,
        /// The rule that it breaks.
        rule: Cow<'static, str>,
    },
    /// A new password has a length that is not allowed.
    #[error(transparent)]
    PasswordLength(#[from] PolicyError),
    /// A new password is refused by the policy.
    #[error("the password is too weak: {0:?}")]
    Weak(Weakness),
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The reset token is over.
    #[error("the reset token is not valid any more")]
    ResetTokenInvalid,
    /// A merge is refused.
    #[error(transparent)]
    Merge(#[from] MergeRefused),
    /// A person is merged of too many users to be read.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// One of two would be left without any identifier.
    #[error("a user would be left without any identifier")]
    NoIdentifierLeft,
    /// Too many attempts at a password failed.
    #[error("too many attempts failed")]
    Locked {
        /// When another one may be made, in seconds from now.
        retry_after_secs: u32,
    },
    /// This region has not heard yet of what is asked for.
    #[error("the region has not caught up yet")]
    Behind,
    /// Others wrote the same users all the time.
    #[error("others wrote the same users all the time")]
    Contended,
    /// The hasher has too much to do.
    #[error("too many passwords wait for their hash")]
    Busy(Busy),
    /// The part of the user that is asked for does not open.
    #[error("the user cannot be opened")]
    Unreadable,
    /// Something that the rules rely on does not hold.
    #[error("an invariant does not hold: {0}")]
    Broken(&'static str),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A part could not be sealed or opened.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A stored part is too far ahead of the clock.
    #[error(transparent)]
    Clock(#[from] StampError),
}

/// What of a request an error is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// The identifiers, or the request as a whole.
    Whole,
    /// An identifier.
    Identifier(IdentifierKind),
    /// Whether an identifier is verified.
    Verified(IdentifierKind),
    /// The profile.
    Profile,
    /// The user who survives a merge.
    Survivor,
    /// The user who is merged.
    Duplicate,
}

impl Error {
    /// Something given breaks a rule.
    pub(crate) fn invalid(field: Field, rule: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid { field, rule: rule.into() }
    }
}

impl From<IdentifierError> for Error {
    fn from(error: IdentifierError) -> Self {
        let rule = format!("`{}` {}.", error.kind.as_str(), error.rule);
        Self::invalid(Field::Identifier(error.kind), rule)
    }
}

impl From<GroupError> for Error {
    fn from(error: GroupError) -> Self {
        match error {
            GroupError::Store(error) => error.into(),
            GroupError::TooLarge(error) => error.into(),
        }
    }
}

impl From<Busy> for Error {
    fn from(busy: Busy) -> Self {
        Self::Busy(busy)
    }
}
