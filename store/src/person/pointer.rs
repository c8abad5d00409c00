//! What merging and finding a person have in common.

use umoja_schema::{Millis, UserId};

/// The most users that merges may bring together.
pub const MAX_MERGED: usize = 50;

/// The facts that decide a user's place in a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pointer {
    /// When the user was registered.
    pub created_at: Millis,
    /// The user that it points at.
    pub merged_into: Option<UserId>,
}
