//! Why a token is not accepted.

/// Why a token is not accepted; never contains any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// Not of the form at all: not a compact JWS, not UTF-8, too deep, duplicate or unknown keys (400).
    #[error("not a signed message of the expected form")]
    Malformed,
    /// A number of the claims cannot be kept to the last digit (400).
    #[error("a number that cannot be kept exactly")]
    Number,
    /// A text of the claims has half a character as an escape (422).
    #[error("a text with half a character")]
    HalfCharacter,
    /// Of the form, but not acceptable; the reason names the header or claim, never its value (401).
    #[error("rejected: {0}")]
    Rejected(&'static str),
}
