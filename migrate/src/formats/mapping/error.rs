//! The errors of a mapping.

/// Why a mapping is rejected.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    /// It is not JSON, or malformed.
    #[error("the mapping is malformed: {0}")]
    Form(#[from] serde_json::Error),
    /// The value of a member contradicts the others.
    #[error("the mapping's `{0}` is invalid")]
    Member(&'static str),
    /// The mapping of events has hashes.
    #[error(
        "the mapping has `hash`, but an event of a source sets no password; import the hashes, and leave `hash` out"
    )]
    Password,
    /// A member that the mapping of a source needs.
    #[error("the mapping's `{0}` is missing; for CloudEvents it may be `{{}}`")]
    Missing(&'static str),
    /// A member that the family of a hash does not use.
    #[error("the mapping's `{member}` has no meaning for hashes of the family `{family}`")]
    Unused {
        /// The family.
        family: &'static str,
        /// The member.
        member: &'static str,
    },
}
