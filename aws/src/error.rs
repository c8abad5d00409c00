//! AWS's errors as the store's. By error code and HTTP status only: messages may quote values.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use umoja_store::ports::{KeysError, StoreError};

/// What kind of failure it is, whatever the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure<'a> {
    /// No answer, or an answer that says nothing about the outcome.
    Unavailable,
    /// Asked too fast, or while a transaction was at the item; nothing took effect.
    Throttled,
    /// Anything else, with its code.
    Refused(&'a str),
}

fn classify<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Failure<'_> {
    match error {
        SdkError::ServiceError(service) => {
            classify_code(service.err().code().unwrap_or_default(), service.raw().status().as_u16())
        }
        SdkError::ConstructionFailure(_) => Failure::Refused("the request could not be made"),
        _ => Failure::Unavailable,
    }
}

/// Amazon DynamoDB Developer Guide, "Error handling"; AWS KMS and Amazon SQS API References, "Common errors".
fn classify_code(code: &str, status: u16) -> Failure<'_> {
    match code {
        "ProvisionedThroughputExceededException"
        | "RequestLimitExceeded"
        | "ThrottlingException"
        | "Throttling"
        | "RequestThrottled"
        | "TooManyRequestsException"
        | "LimitExceededException"
        | "TransactionConflictException"
        | "TransactionInProgressException" => Failure::Throttled,
        "RequestTimeout" | "RequestTimeoutException" => Failure::Unavailable,
        _ if status >= 500 => Failure::Unavailable,
        "" => Failure::Unavailable,
        code => Failure::Refused(code),
    }
}

/// The store's error for a failed call; `what` names the call and the table or queue.
pub(crate) fn store<E: ProvideErrorMetadata>(what: &str, error: &SdkError<E, HttpResponse>) -> StoreError {
    match classify(error) {
        Failure::Unavailable => StoreError::Unavailable(what.to_owned()),
        Failure::Throttled => StoreError::Throttled(what.to_owned()),
        Failure::Refused(code) => StoreError::Refused(format!("{what} ({code})")),
    }
}

/// The key service's error for a failed call. Only codes that mean "this blob, this context: never" are
/// refusals. Anything unknown is taken for an outage, which is retried, because a refusal is not.
pub(crate) fn keys<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> KeysError {
    of_key(classify(error))
}

fn of_key(failure: Failure<'_>) -> KeysError {
    match failure {
        Failure::Unavailable => KeysError::Unavailable,
        Failure::Throttled => KeysError::Throttled,
        Failure::Refused(code) => match code {
            "DisabledException" | "KMSInvalidStateException" => KeysError::Disabled,
            "AccessDeniedException" | "NotFoundException" => KeysError::Denied,
            "InvalidCiphertextException"
            | "IncorrectKeyException"
            | "InvalidKeyUsageException"
            | "ValidationException" => KeysError::Refused,
            _ => KeysError::Unavailable,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_error_says_nothing_about_the_outcome() {
        assert_eq!(classify_code("InternalServerError", 500), Failure::Unavailable);
        assert_eq!(classify_code("", 400), Failure::Unavailable);
        assert_eq!(classify_code("Anything", 503), Failure::Unavailable);
    }

    #[test]
    fn throttling_is_known_by_its_codes_whatever_the_status() {
        for code in ["ThrottlingException", "ProvisionedThroughputExceededException", "RequestLimitExceeded"] {
            assert_eq!(classify_code(code, 400), Failure::Throttled);
            assert_eq!(classify_code(code, 503), Failure::Throttled);
        }
    }

    #[test]
    fn access_denied_says_nothing_about_a_wrapped_key() {
        for (code, expected) in [
            ("AccessDeniedException", KeysError::Denied),
            ("NotFoundException", KeysError::Denied),
            ("InvalidCiphertextException", KeysError::Refused),
            ("IncorrectKeyException", KeysError::Refused),
            ("DisabledException", KeysError::Disabled),
            ("SomethingNew", KeysError::Unavailable),
        ] {
            assert_eq!(of_key(Failure::Refused(code)), expected, "{code}");
        }
    }

    #[test]
    fn a_refusal_keeps_its_code() {
        assert_eq!(classify_code("ValidationException", 400), Failure::Refused("ValidationException"));
    }
}
