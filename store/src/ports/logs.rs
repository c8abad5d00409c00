use async_trait::async_trait;
use umoja_schema::{Log, LogRow, UserId};

use super::StoreError;

/// The append-only tables of one region (`journal`, `receipts`, `audit`, `events`).
#[async_trait]
pub trait Logs: Send + Sync {
    /// Stores a row if its (user, key) is absent, and returns whether it did. A new row appears in the region's stream.
    async fn append(&self, log: Log, row: &LogRow) -> Result<bool, StoreError>;

    /// One row.
    async fn row(&self, log: Log, user: UserId, key: &str) -> Result<Option<LogRow>, StoreError>;

    /// All rows about a user that can be read, in the order of their keys. One that cannot be read does not hide the
    /// others.
    async fn rows(&self, log: Log, user: UserId) -> Result<Vec<LogRow>, StoreError>;

    /// The last row of a user whose key begins with `prefix`, in the order of the keys.
    async fn last_row(&self, log: Log, user: UserId, prefix: &str) -> Result<Option<LogRow>, StoreError>;

    /// Deletes a row if it exists. Only rows of the audit trail and events are ever deleted, once they are past their
    /// retention period. The deletion does not appear in the region's stream.
    async fn drop_row(&self, log: Log, user: UserId, key: &str) -> Result<(), StoreError>;

    /// Rows of all users, in the order of the adapter, starting after `after`. The page may omit a row that is appended
    /// meanwhile, and reports an unreadable one.
    async fn scan_rows(&self, log: Log, after: Option<String>, limit: usize) -> Result<RowPage, StoreError>;
}

/// A page of a scan of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowPage {
    /// The rows.
    pub rows: Vec<LogRow>,
    /// The users of the rows that are unreadable; `None` where the key is unreadable too.
    pub unreadable: Vec<Option<UserId>>,
    /// Where the next page starts; `None` on the last page.
    pub next: Option<String>,
}
