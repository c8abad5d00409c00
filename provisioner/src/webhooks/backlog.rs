//! What waits for a webhook.

use serde::Serialize;
use umoja_schema::{Millis, Webhook, WebhookId};
use umoja_store::ports::{Due, StoreError};

use super::row::Row;
use super::shared::PAGE;
use crate::retry::NEVER;

/// What waits for a webhook.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Backlog {
    /// Users with events that wait.
    pub users: u64,
    /// Events that wait.
    pub waiting: u64,
    /// Events that wait for an operator.
    pub failed: u64,
    /// Since when the oldest event waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest: Option<Millis>,
    /// Why some event failed the last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// Counts what waits for a webhook in its home.
///
/// # Errors
/// If the store fails.
pub async fn backlog(due: &dyn Due, id: &WebhookId) -> Result<Backlog, StoreError> {
    let (target, mut after, mut backlog) = (Webhook::setting(id), None, Backlog::default());
    loop {
        let page = due.due_page(&target, NEVER, after, PAGE).await?;
        for (_, stored) in &page.rows {
            let row = Row::read(stored.members.as_ref());
            backlog.users += u64::from(!row.waiting.is_empty());
            backlog.waiting += row.waiting.len() as u64;
            backlog.failed += row.failed.len() as u64;
            let oldest = row.waiting.iter().map(|entry| entry.since).min();
            backlog.oldest = backlog.oldest.into_iter().chain(oldest).min();
            backlog.fault = row.fault.or(backlog.fault);
        }
        after = page.next;
        if after.is_none() {
            return Ok(backlog);
        }
    }
}

#[cfg(test)]
mod tests;
