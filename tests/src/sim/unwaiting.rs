//! The events of a region whose readers wait for none: see [`super::rules`].

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use umoja_schema::events::{BLOCK, end, expires_at};
use umoja_schema::{Log, LogRow, Place, Region, UserId};
use umoja_store::RegionPorts;
use umoja_store::ports::{Logs, RowPage, StoreError};

use super::rules::Rule;

/// The ports of a region that lacks a rule.
pub(super) fn without(rule: Option<Rule>, ports: RegionPorts) -> RegionPorts {
    match rule {
        Some(Rule::Gaps) => RegionPorts { logs: Arc::new(Unwaiting(Arc::clone(&ports.logs))), ..ports },
        _ => ports,
    }
}

/// Shows events as if none were missing before them.
struct Unwaiting(Arc<dyn Logs>);

/// The rows of a block, with a row without an event wherever one is missing before another.
fn without_gaps(mut rows: Vec<LogRow>) -> Vec<LogRow> {
    let mut stored = BTreeMap::<(Region, u32, u16), BTreeMap<u32, &LogRow>>::new();
    for row in &rows {
        if let Some((origin, place)) = Place::in_key(&row.key) {
            stored.entry((origin, place.epoch, place.day)).or_default().insert(place.number, row);
        }
    }
    let mut missing = Vec::new();
    for ((origin, epoch, day), rows) in stored {
        for (number, row) in &rows {
            let first = number - number % BLOCK;
            let gap = (first..*number).rev().take_while(|before| !rows.contains_key(before));
            missing.extend(gap.filter_map(|number| {
                Some(end(row.user, Place { epoch, day, number }, (&origin, row.at), expires_at(row)?))
            }));
        }
    }
    rows.extend(missing);
    rows
}

#[async_trait]
impl Logs for Unwaiting {
    async fn append(&self, log: Log, row: &LogRow) -> Result<bool, StoreError> {
        self.0.append(log, row).await
    }

    async fn row(&self, log: Log, user: UserId, key: &str) -> Result<Option<LogRow>, StoreError> {
        self.0.row(log, user, key).await
    }

    async fn rows(&self, log: Log, user: UserId) -> Result<Vec<LogRow>, StoreError> {
        let rows = self.0.rows(log, user).await?;
        Ok(if log == Log::Events { without_gaps(rows) } else { rows })
    }

    async fn last_row(&self, log: Log, user: UserId, prefix: &str) -> Result<Option<LogRow>, StoreError> {
        self.0.last_row(log, user, prefix).await
    }

    async fn drop_row(&self, log: Log, user: UserId, key: &str) -> Result<(), StoreError> {
        self.0.drop_row(log, user, key).await
    }

    async fn scan_rows(&self, log: Log, after: Option<String>, limit: usize) -> Result<RowPage, StoreError> {
        self.0.scan_rows(log, after, limit).await
    }
}
