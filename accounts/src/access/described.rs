//! Families as their tokens describe them.

use umoja_schema::Millis;
use umoja_schema::access::Family;

/// A family as a genuine token of it describes it: the row may not have arrived in the region that gets the token.
#[derive(Debug, Clone)]
pub struct Described {
    /// The family. Its scopes may be those of the token alone, and it may end with the token.
    pub family: Family,
    /// When it began.
    pub begun_at: Millis,
}
