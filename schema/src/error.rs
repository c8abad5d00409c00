//! The error of malformed items, messages and versions.

/// An item, message or version that cannot be read. The error names the malformed field, never a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`{what}` is absent or malformed")]
pub struct ItemError {
    what: &'static str,
}

impl ItemError {
    /// The field `what` is absent or malformed.
    pub const fn new(what: &'static str) -> Self {
        Self { what }
    }
}
