//! What is read of items, messages and versions may be malformed.

/// An item, message or version that cannot be read. Names what is wrong, never a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`{what}` is absent or malformed")]
pub struct ItemError {
    what: &'static str,
}

impl ItemError {
    /// Something named `what` is absent or malformed.
    pub const fn new(what: &'static str) -> Self {
        Self { what }
    }
}
