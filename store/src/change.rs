//! The changes that a region's stream delivers.

use umoja_schema::Attributes;

/// One change of a replicated table: the new image of an item. A deletion is not a change, because deletions are not
/// replicated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The table's name without the deployment's prefix.
    pub table: String,
    /// Orders the changes of one item. A batch failure is reported by it.
    pub sequence: String,
    /// The item after the change, not parsed: it may be of a newer format, or unreadable.
    pub image: Attributes,
}
