//! A region without the rule that the numbers of a feed have no gaps.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use umoja_schema::events::{end, expires_at};
use umoja_schema::{Log, LogRow, Place, Region, UserId};
use umoja_store::ports::{Logs, RowPage, StoreError};

use super::rules::Rule;

/// The rows of a region that lacks a rule.
pub(super) fn without(rule: Option<Rule>, logs: Arc<dyn Logs>) -> Arc<dyn Logs> {
    if rule == Some(Rule::Gap) { Arc::new(Gapless(logs)) } else { logs }
}

/// Shows an event that has not arrived as the end of a day, so that a reader passes over it.
struct Gapless(Arc<dyn Logs>);

#[async_trait]
impl Logs for Gapless {
    async fn append(&self, log: Log, row: &LogRow) -> Result<bool, StoreError> {
        self.0.append(log, row).await
    }

    async fn row(&self, log: Log, user: UserId, key: &str) -> Result<Option<LogRow>, StoreError> {
        self.0.row(log, user, key).await
    }

    async fn rows(&self, log: Log, user: UserId) -> Result<Vec<LogRow>, StoreError> {
        let mut rows = self.0.rows(log, user).await?;
        let placed = |row: &LogRow| Place::in_key(&row.key);
        let there: BTreeSet<(Region, Place)> = rows.iter().filter_map(placed).collect();
        let mut missing = Vec::new();
        for row in rows.iter().filter(|_| log == Log::Events) {
            let Some((origin, place)) = placed(row) else { continue };
            for number in 0..place.number {
                let before = Place { number, ..place };
                if before.block() == place.block() && !there.contains(&(origin.clone(), before)) {
                    missing.push(end(user, before, (&origin, row.at), expires_at(row).unwrap_or_default()));
                }
            }
        }
        rows.extend(missing);
        rows.sort_by(|a, b| a.key.cmp(&b.key));
        rows.dedup_by(|a, b| a.key == b.key);
        Ok(rows)
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
