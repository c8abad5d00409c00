//! What the workers of all webhooks share.

use std::sync::Arc;

use serde::Serialize;
use umoja_store::Home;
use umoja_store::ports::Outbound;
use umoja_store::secrets::Secrets;

/// How many rows are read at once by a reader of all rows of a webhook. A row has up to 2,000 events, so more of them would
/// be large.
pub(super) const PAGE: usize = 20;

/// What the workers of all webhooks share.
pub(super) struct Shared {
    pub(super) home: Home,
    pub(super) secrets: Arc<Secrets>,
    pub(super) outbound: Arc<dyn Outbound>,
    /// The base URL of the region.
    pub(super) issuer: String,
}

/// The result of a step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Events that were taken from the feed.
    pub taken: usize,
    /// Calls that the webhook accepted.
    pub accepted: usize,
    /// Calls that it did not accept.
    pub rejected: usize,
    /// Events that wait for an operator now.
    pub failed: usize,
    /// True if there may be more to do at once.
    pub more: bool,
}
