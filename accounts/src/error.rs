//! The errors of rules. An error names a member of the request and the broken rule, and never a value.

use std::borrow::Cow;

use umoja_crypto::{PolicyError, Weakness};
use umoja_schema::{HlcError, IdentifierError, IdentifierKind, Millis};
use umoja_store::person::{MergeError, PersonError, TooLarge};
use umoja_store::ports::{Busy, MailError, StoreError};
use umoja_store::seal::SealError;

/// Why a rule was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no such live user.
    #[error("there is no such user")]
    NotFound,
    /// There is no live user that this member of the request names.
    #[error("there is no such user")]
    NotFoundAs(Field),
    /// No rejected request of the company has this id.
    #[error("no rejected request has this id")]
    NoSuchRequest,
    /// The user is not linked to the company.
    #[error("the user is not linked to the company")]
    NotLinked,
    /// The user was erased.
    #[error("the user was erased")]
    Erased,
    /// An operator holds the user, so it cannot be erased.
    #[error("the user is held, and cannot be erased before the hold ends")]
    Held {
        /// When the hold ends.
        until: Millis,
    },
    /// The company is the only one that is linked to the person.
    #[error("no other company is linked to the person")]
    OnlyCompany,
    /// The user is disabled, or the company has suspended it.
    #[error("the user is disabled or suspended")]
    Disabled,
    /// The identifier belongs to another person.
    #[error("the identifier `{}` belongs to another user", .0.as_str())]
    Taken(IdentifierKind),
    /// The current version is not the one that the caller named.
    #[error("another version of the user is current")]
    Version {
        /// The current version.
        current: String,
    },
    /// A value of the request is invalid.
    #[error("{field:?}: {rule}")]
    Invalid {
        /// The member with the value.
        field: Field,
        /// The rule that it breaks.
        rule: Cow<'static, str>,
    },
    /// The new password is too short or too long.
    #[error(transparent)]
    PasswordForm(#[from] PolicyError),
    /// The policy rejects the new password.
    #[error("the password is too weak: {0:?}")]
    Weak(Weakness),
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The reset token is forged, used or expired, or the account has changed since.
    #[error("the reset token is not valid")]
    ResetTokenInvalid,
    /// A code of a mail is wrong, was used or has expired, or the address has changed since.
    #[error("the code is not valid")]
    CodeInvalid,
    /// A token that stands for a user is forged, of another company, or not live any more: the check that it fails.
    #[error("the subject token is not accepted: {0}")]
    SubjectToken(&'static str),
    /// A token that stands for a user has expired.
    #[error("the subject token has expired")]
    SubjectTokenExpired,
    /// The keys of the issuer of a token cannot be read.
    #[error("the keys of the issuer cannot be read: {0}")]
    IssuerUnavailable(&'static str),
    /// Too many mails were asked for.
    #[error("too many mails were asked for")]
    TooManyMails {
        /// The time until the next one is sent, in seconds.
        retry_after_secs: u32,
    },
    /// This process sends no mail.
    #[error("no mail is sent here")]
    NoMail,
    /// The mail was not handed over.
    #[error(transparent)]
    Mail(MailError),
    /// The merge is not possible.
    #[error(transparent)]
    Merge(#[from] MergeError),
    /// The person consists of too many users to be read.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// Events after the position of the caller were deleted before they were read.
    #[error("events after the position have expired")]
    EventsExpired,
    /// One of two users would be left without an identifier.
    #[error("a user would be left without an identifier")]
    NoIdentifierLeft,
    /// Too many password attempts failed.
    #[error("too many password attempts failed")]
    Locked {
        /// The time until the next attempt is allowed, in seconds.
        retry_after_secs: u32,
    },
    /// The old system of the company gives no answer, so the password was not checked.
    #[error("the old system of the company does not answer")]
    OldSystem {
        /// The time until the next attempt, in seconds.
        retry_after_secs: u32,
    },
    /// The requested version has not arrived in this region.
    #[error("the region has not caught up yet")]
    Behind,
    /// Every attempt to write was overtaken by another write of the same users.
    #[error("other writes of the same users overtook every attempt")]
    Contended,
    /// The hasher has too many passwords in its queue.
    #[error("too many passwords are waiting to be hashed")]
    Busy(Busy),
    /// The profile part of the requested user cannot be decrypted.
    #[error("a part of the user cannot be decrypted")]
    Unreadable,
    /// An invariant of the rules does not hold.
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
    Clock(#[from] HlcError),
}

/// The part of a request that an error is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// The identifiers, or the request as a whole.
    Whole,
    /// An identifier.
    Identifier(IdentifierKind),
    /// Whether an identifier is verified.
    Verified(IdentifierKind),
    /// The source whose provider has issued a token.
    SubjectIssuer,
    /// The profile.
    Profile,
    /// The position of the page of an export.
    After,
    /// The user who survives a merge.
    Survivor,
    /// The user who is merged.
    Duplicate,
}

impl Error {
    /// A value of the request breaks a rule.
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

impl From<PersonError> for Error {
    fn from(error: PersonError) -> Self {
        match error {
            PersonError::Store(error) => error.into(),
            PersonError::TooLarge(error) => error.into(),
        }
    }
}

impl From<Busy> for Error {
    fn from(busy: Busy) -> Self {
        Self::Busy(busy)
    }
}
