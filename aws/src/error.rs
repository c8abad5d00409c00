//! Converts AWS's errors to the store's. Only error codes and HTTP statuses are used, because messages may quote
//! values.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use umoja_store::ports::{KeysError, StoreError};

/// The kind of a failure, independent of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure<'a> {
    /// No answer, or an answer that leaves the outcome unknown.
    Unavailable,
    /// Too many requests, or a concurrent transaction at the item. The request had no effect.
    Throttled,
    /// Any other failure, with its code.
    Rejected(&'a str),
}

fn classify<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Failure<'_> {
    match error {
        SdkError::ServiceError(service) => {
            classify_code(service.err().code().unwrap_or_default(), service.raw().status().as_u16())
        }
        SdkError::ConstructionFailure(_) => Failure::Rejected("the request could not be made"),
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
        code => Failure::Rejected(code),
    }
}

/// The store's error for a failed call; `what` names the call and the table or queue.
pub(crate) fn store<E: ProvideErrorMetadata>(what: &str, error: &SdkError<E, HttpResponse>) -> StoreError {
    match classify(error) {
        Failure::Unavailable => StoreError::Unavailable(what.to_owned()),
        Failure::Throttled => StoreError::Throttled(what.to_owned()),
        Failure::Rejected(code) => StoreError::Rejected(format!("{what} ({code})")),
    }
}

/// The key service's error for a failed call. Only codes that permanently reject this blob in this context are
/// rejections. An unknown code counts as an outage, because an outage is retried and a rejection is not.
pub(crate) fn keys<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> KeysError {
    of_key(classify(error))
}

fn of_key(failure: Failure<'_>) -> KeysError {
    match failure {
        Failure::Unavailable => KeysError::Unavailable,
        Failure::Throttled => KeysError::Throttled,
        Failure::Rejected(code) => match code {
            "DisabledException" | "KMSInvalidStateException" => KeysError::Disabled,
            "AccessDeniedException" | "NotFoundException" => KeysError::Denied,
            "InvalidCiphertextException"
            | "IncorrectKeyException"
            | "InvalidKeyUsageException"
            | "ValidationException" => KeysError::Rejected,
            _ => KeysError::Unavailable,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_error_leaves_the_outcome_unknown() {
        assert_eq!(classify_code("InternalServerError", 500), Failure::Unavailable);
        assert_eq!(classify_code("", 400), Failure::Unavailable);
        assert_eq!(classify_code("Anything", 503), Failure::Unavailable);
    }

    #[test]
    fn throttling_is_recognised_by_its_codes() {
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
            ("InvalidCiphertextException", KeysError::Rejected),
            ("IncorrectKeyException", KeysError::Rejected),
            ("DisabledException", KeysError::Disabled),
            ("SomethingNew", KeysError::Unavailable),
        ] {
            assert_eq!(of_key(Failure::Rejected(code)), expected, "{code}");
        }
    }

    #[test]
    fn a_rejection_keeps_its_code() {
        assert_eq!(classify_code("ValidationException", 400), Failure::Rejected("ValidationException"));
    }
}
