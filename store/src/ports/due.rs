use async_trait::async_trait;
use serde_json::{Map, Value};
use umoja_schema::{Millis, UserId};

use super::{Etag, StoreError};

/// What waits to be sent to foreign systems from one region (table `due`): for each target and user at most one row, with
/// the time at which it is due. The table is local to the region.
///
/// A target is named by its setting, such as `webhook/crm`. A row says what is to be done and never with which values:
/// its worker reads them where they are stored. So a row is not proved, and a writer of the table can at most cause
/// that something true is sent again, late or not at all.
///
/// # The lease
///
/// A worker first moves the time of a row into the future with [`Due::replace_due`]: for that long the row belongs to it,
/// because all others with the same tag fail, and the row is due again if the worker is killed.
#[async_trait]
pub trait Due: Send + Sync {
    /// The row of a target and a user.
    async fn due_row(&self, target: &str, user: UserId) -> Result<Option<DueRow>, StoreError>;

    /// Stores a row, or with `None` removes it, if the stored one has this tag (`None`: none is stored), and returns
    /// whether it did. Of any number of callers with the same tag and a row that differs from the stored one, exactly one
    /// succeeds.
    ///
    /// [`StoreError::Unavailable`] means that it may have been done. The caller has to read the row again.
    async fn replace_due(
        &self,
        target: &str,
        user: UserId,
        stored: Option<&Etag>,
        row: Option<(Millis, &Map<String, Value>)>,
    ) -> Result<bool, StoreError>;

    /// The rows of a target that are due at `until` or before, in the order of their times, starting after `after`. The
    /// page may hold fewer than `limit`, and may omit a row that is written meanwhile.
    async fn due_page(
        &self,
        target: &str,
        until: Millis,
        after: Option<String>,
        limit: usize,
    ) -> Result<DuePage, StoreError>;
}

/// A row of the table `due`.
#[derive(Debug, Clone, PartialEq)]
pub struct DueRow {
    /// Its members; `None` if they cannot be read. It can still be replaced.
    pub members: Option<Map<String, Value>>,
    /// When it is due.
    pub at: Millis,
    /// What was stored when it was read.
    pub etag: Etag,
}

/// A page of the rows of a target.
#[derive(Debug, Clone, PartialEq)]
pub struct DuePage {
    /// The rows with their users.
    pub rows: Vec<(UserId, DueRow)>,
    /// Where the next page starts; `None` on the last page.
    pub next: Option<String>,
}
