//! What a region's stream delivers.

use umoja_schema::Attributes;

/// One change of a replicated table: the new image of an item. Deletions are not changes (nothing replicated is ever
/// deleted).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The table's name without the deployment's prefix.
    pub table: String,
    /// Orders the changes of one item; what a batch failure is reported by.
    pub sequence: String,
    /// The item as it is after the change. Unread: it may be of a newer format, or not readable at all.
    pub image: Attributes,
}
