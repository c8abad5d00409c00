//! The errors of the rules in the words of the protocol.

use umoja_accounts::import::{Failed, Reason};
use umoja_accounts::{Error, Field};
use umoja_schema::IdentifierKind;

use super::super::error::ScimError;

/// An answer that no client should get.
pub(super) const FAILED: ScimError = ScimError::new(500, "The request failed.");

/// The user name is not free.
pub(super) const TAKEN: ScimError = ScimError::uniqueness("The company has a user with this `userName`.");

const AGAIN: ScimError = ScimError::new(503, "The service is not available. Try again.");
const TOO_LARGE: ScimError = ScimError::value("The attributes of the user are too large or too many.");

const NO_SCOPE: ScimError = ScimError::new(403, "The company may not register users.");

fn taken(kind: IdentifierKind) -> ScimError {
    match kind {
        IdentifierKind::ExternalId => TAKEN,
        IdentifierKind::Email => ScimError::uniqueness("Another user has this e-mail address."),
        IdentifierKind::PhoneNumber => ScimError::uniqueness("Another user has this phone number."),
        IdentifierKind::Username => ScimError::uniqueness("Another user has this user name."),
    }
}

/// The error of a rule that a company asks for.
pub(super) fn rejected(error: Error) -> ScimError {
    match error {
        Error::NotFound | Error::NotFoundAs(_) | Error::NotLinked | Error::Erased => ScimError::not_found(),
        Error::Taken(kind) => taken(kind),
        Error::Version { .. } => ScimError::changed(),
        Error::Invalid { field: Field::Profile, .. } | Error::TooLarge(_) => TOO_LARGE,
        Error::Invalid { .. } => ScimError::value("A value of the user breaks a rule of its attribute."),
        Error::Behind | Error::Contended | Error::Busy(_) | Error::Clock(_) => AGAIN,
        Error::Store(ref failed) if failed.is_transient() => AGAIN,
        error => {
            tracing::error!(%error, "a scim request failed");
            FAILED
        }
    }
}

/// The error of the rule for what sources say.
pub(super) fn failed(error: Failed) -> ScimError {
    match error {
        error if error.is_transient() => AGAIN,
        Failed::Rejected(Reason::NoScope) => NO_SCOPE,
        Failed::Rejected(Reason::Shared(kind)) => taken(kind),
        Failed::Rejected(Reason::Profile(_) | Reason::TooLargeTogether | Reason::TooMany) => TOO_LARGE,
        Failed::Rejected(Reason::Identifier(_) | Reason::NoIdentifier | Reason::Unreachable | Reason::Format(_)) => {
            ScimError::value("The user has no identifier that can be used.")
        }
        error => {
            tracing::error!(%error, "a scim request failed");
            FAILED
        }
    }
}
