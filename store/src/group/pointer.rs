//! What merging and grouping both look at.

use umoja_schema::{Millis, UserId};

/// The most users that a merge may bring together.
pub const MAX_MERGED: usize = 50;

/// What decides about one user's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pointer {
    /// When the user was registered.
    pub created_at: Millis,
    /// The user that it points at.
    pub merged_into: Option<UserId>,
}
