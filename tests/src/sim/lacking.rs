//! The ports of deliveries of a region that lacks a rule: see [`super::rules`].

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value};
use umoja_schema::{Millis, UserId};
use umoja_store::Home;
use umoja_store::ports::{Checkpoints, Due, DuePage, DueRow, Etag, StoreError};

use super::rules::Rule;

/// The ports of a region that lacks a rule.
pub(super) fn without(rule: Option<Rule>, home: &Home) -> Home {
    match rule {
        Some(Rule::Lease) => Home { due: Arc::new(Unleased(Arc::clone(&home.due))), ..home.clone() },
        Some(Rule::Brake) => Home { checkpoints: Arc::new(Unbraked(Arc::clone(&home.checkpoints))), ..home.clone() },
        _ => home.clone(),
    }
}

/// Leaves a row due that belongs to a process.
struct Unleased(Arc<dyn Due>);

#[async_trait]
impl Due for Unleased {
    async fn due_row(&self, target: &str, user: UserId) -> Result<Option<DueRow>, StoreError> {
        self.0.due_row(target, user).await
    }

    async fn replace_due(
        &self,
        target: &str,
        user: UserId,
        stored: Option<&Etag>,
        row: Option<(Millis, &Map<String, Value>)>,
    ) -> Result<bool, StoreError> {
        let is_lease =
            row.is_some_and(|(_, members)| members.get("leased").is_some_and(|leased| *leased != Value::Null));
        let row = row.map(|(at, members)| (if is_lease { Millis(0) } else { at }, members));
        self.0.replace_due(target, user, stored, row).await
    }

    async fn due_page(
        &self,
        target: &str,
        until: Millis,
        after: Option<String>,
        limit: usize,
    ) -> Result<DuePage, StoreError> {
        self.0.due_page(target, until, after, limit).await
    }
}

/// Counts no removal.
struct Unbraked(Arc<dyn Checkpoints>);

#[async_trait]
impl Checkpoints for Unbraked {
    async fn checkpoint(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        if is_of_removals(name) { Ok(None) } else { self.0.checkpoint(name).await }
    }

    async fn put_checkpoint(&self, name: &str, state: &[u8]) -> Result<(), StoreError> {
        self.0.put_checkpoint(name, state).await
    }

    async fn replace_checkpoint(&self, name: &str, expected: Option<&[u8]>, state: &[u8]) -> Result<bool, StoreError> {
        if is_of_removals(name) { Ok(true) } else { self.0.replace_checkpoint(name, expected, state).await }
    }
}

fn is_of_removals(name: &str) -> bool {
    name.starts_with("removals/")
}
