//! Why the answer of a browser is not accepted.

/// Why the answer of a browser is not accepted; never contains any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebauthnError {
    /// Not of the form at all.
    #[error("not an answer of an authenticator")]
    Malformed,
    /// Longer than any answer.
    #[error("longer than an answer of an authenticator")]
    TooLarge,
    /// The answer to another kind of call.
    #[error("the answer to another call")]
    Type,
    /// The answer to another challenge.
    #[error("the answer to another challenge")]
    Challenge,
    /// The browser was at another site, or in a frame of one.
    #[error("the answer was made at another site")]
    Origin,
    /// The authenticator answered for another site.
    #[error("the answer is for another site")]
    Site,
    /// The authenticator did not see a person.
    #[error("no person was present")]
    Presence,
    /// The authenticator did not verify the person, and has to.
    #[error("the person was not verified")]
    Verification,
    /// A key of another algorithm, or none that is secure.
    #[error("the key is not of an accepted kind")]
    Key,
    /// The signature is not the key's over the answer.
    #[error("the signature is not that of the key")]
    Signature,
}
