//! Why Cognito gets an error. Cognito shows the text to the person, so it says nothing about any user.

use umoja_accounts::import::Failed;
use umoja_store::ports::StoreError;

use crate::problem::Rejection;
use crate::providers::Malformed;

/// Why Cognito gets an error. The text names no person and no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TriggerError {
    /// The event is not one of a trigger.
    #[error("The request cannot be read.")]
    Malformed(Malformed),
    /// The pool may not do this: the text in it says why, for the log of the operator.
    #[error("This user pool is not set up for this.")]
    NotAllowed(&'static str),
    /// The person has a user of this pool already, under the same verified address or number.
    #[error("An account with the given email or phone number already exists.")]
    Taken,
    /// The attributes make no user.
    #[error("The given attributes cannot be used.")]
    Unusable,
    /// No user of Umoja stands behind the user of the pool, or the user may not log in.
    #[error("User is not confirmed or is disabled.")]
    NoUser,
    /// The name or the password is wrong, or there is no such user.
    #[error("Incorrect username or password.")]
    WrongPassword,
    /// The store does not answer in time. The same request may succeed later.
    #[error("The service cannot answer now. Please try again.")]
    Unavailable,
}

impl TriggerError {
    /// What the operator has to change, for the log; empty if it is not known.
    pub(super) const fn cause(&self) -> &'static str {
        match self {
            Self::NotAllowed(cause) => cause,
            _ => "",
        }
    }
}

impl From<Malformed> for TriggerError {
    fn from(error: Malformed) -> Self {
        Self::Malformed(error)
    }
}

impl From<StoreError> for TriggerError {
    fn from(error: StoreError) -> Self {
        tracing::warn!(%error, "a trigger is not answered");
        Self::Unavailable
    }
}

impl From<Rejection> for TriggerError {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::Store(error) => error.into(),
            Rejection::Unauthorized(cause) => Self::NotAllowed(cause),
            Rejection::Direction => Self::NotAllowed("the pool takes users from Umoja"),
            Rejection::RateLimited { .. } => Self::Unavailable,
            Rejection::Malformed(_) | Rejection::TooLarge | Rejection::Method | Rejection::OtherContent => {
                Self::Unusable
            }
        }
    }
}

impl From<Failed> for TriggerError {
    fn from(failed: Failed) -> Self {
        tracing::warn!(error = %failed, "a trigger is not answered");
        match failed {
            Failed::Rejected(_) if !failed.is_transient() => Self::Unusable,
            _ => Self::Unavailable,
        }
    }
}
