//! What a mapping lacks.

/// Why a mapping is not read.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    /// It is not JSON, or not of the form.
    #[error("the mapping is not of its form: {0}")]
    Form(#[from] serde_json::Error),
    /// A member has a value that does not fit to the others.
    #[error("the mapping's `{0}` is not as it should be")]
    Member(&'static str),
}
