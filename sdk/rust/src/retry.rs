//! Whether to repeat a request.

/// Whether a repetition can help. The client has repeated already what it may repeat by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same request gets the same answer.
    No,
    /// In the same region after `retry_after_secs`, with the same idempotency key.
    Later,
    /// In another region, or in the same one later, with the same idempotency key.
    Elsewhere,
    /// A person has to try again, after `retry_after_secs`.
    Person,
    /// At once, with a new token and the same idempotency key.
    SignAgain,
}
