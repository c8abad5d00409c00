use async_trait::async_trait;
use serde_json::{Map, Value};
use umoja_schema::{Millis, UserId};

use super::Faulty;
use crate::ports::{Due, DuePage, DueRow, Etag, StoreError};

#[async_trait]
impl Due for Faulty<dyn Due> {
    async fn due_row(&self, target: &str, user: UserId) -> Result<Option<DueRow>, StoreError> {
        self.faults.call("due_row", self.inner.due_row(target, user)).await
    }

    async fn replace_due(
        &self,
        target: &str,
        user: UserId,
        stored: Option<&Etag>,
        row: Option<(Millis, &Map<String, Value>)>,
    ) -> Result<bool, StoreError> {
        self.faults.call("replace_due", self.inner.replace_due(target, user, stored, row)).await
    }

    async fn due_page(
        &self,
        target: &str,
        until: Millis,
        after: Option<String>,
        limit: usize,
    ) -> Result<DuePage, StoreError> {
        self.faults.call("due_page", self.inner.due_page(target, until, after, limit)).await
    }
}
