use async_trait::async_trait;
use umoja_schema::{Log, LogRow, UserId};

use super::StoreError;

/// The append-only tables of one region (`journal`, `receipts`, `audit`).
#[async_trait]
pub trait Logs: Send + Sync {
    /// Stores a row if its (user, key) is absent; true if it was. A new row appears in the region's stream.
    async fn append(&self, log: Log, row: &LogRow) -> Result<bool, StoreError>;

    /// One row.
    async fn row(&self, log: Log, user: UserId, key: &str) -> Result<Option<LogRow>, StoreError>;

    /// All rows about a user, in the order of their keys.
    async fn rows(&self, log: Log, user: UserId) -> Result<Vec<LogRow>, StoreError>;

    /// The last row about a user, in the order of keys, whose key begins with this.
    async fn last_row(&self, log: Log, user: UserId, prefix: &str) -> Result<Option<LogRow>, StoreError>;

    /// Deletes a row, if it is there. Only rows of the audit trail are ever deleted, once they are older than is kept; it
    /// does not appear in the region's stream.
    async fn drop_row(&self, log: Log, user: UserId, key: &str) -> Result<(), StoreError>;

    /// Rows of all users in the order of the adapter, from after `after` on. One that is appended meanwhile may be left
    /// out; one that cannot be read is told.
    async fn scan_rows(&self, log: Log, after: Option<String>, limit: usize) -> Result<RowPage, StoreError>;
}

/// A page of a scan of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowPage {
    /// The rows.
    pub rows: Vec<LogRow>,
    /// Whose rows were left out because they cannot be read; nothing where the key cannot be read either.
    pub unreadable: Vec<Option<UserId>>,
    /// Where to go on; nothing at the end.
    pub next: Option<String>,
}
