//! Webhooks: posts the events of a company to its URL, from the home region of the webhook.
//!
//! # Guarantees
//!
//! - **No event is lost.** Events are taken from the table `events` in the order of `events/list`, into rows of the table
//!   `due`, one for each user. An event leaves its row only once the webhook has accepted it, or after three days, when it
//!   waits for an operator. A worker that is killed at any await leaves a row that is due again within 30 seconds.
//! - **The events of a user come in order**, one after the other. Users do not wait for each other.
//! - **At least once.** An event that was accepted while the answer was lost comes again, with the same `webhook-id`.
//! - **Webhooks do not wait for each other**: each has a worker of its own, and a breaker.
//! - **A webhook does no more than its company**: nothing is posted for a company that is disabled or may not list events.
//! - **Bodies are made when they are posted**, of events that are proved: a row has only their keys.

mod backlog;
mod message;
mod post;
mod ring;
mod row;
mod shared;
mod state;
mod take;
mod worker;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use umoja_schema::{Webhook, WebhookId};
use umoja_store::Home;
use umoja_store::ports::{Outbound, StoreError};
use umoja_store::secrets::Secrets;

pub use backlog::{Backlog, backlog};
pub use message::{Message, Sender, fault};
pub use ring::{arrived, ids, oldest_ms, wake, wake_due};
pub use row::{Entry, Row};
pub use shared::Step;
pub use state::State;

use shared::Shared;
use worker::Worker;

/// Posts the events of the webhooks whose home a region is.
pub struct Webhooks {
    shared: Shared,
    workers: Mutex<BTreeMap<WebhookId, Arc<tokio::sync::Mutex<Worker>>>>,
}

impl Webhooks {
    /// The webhooks of a region with this base URL.
    pub fn new(home: Home, secrets: Arc<Secrets>, outbound: Arc<dyn Outbound>, issuer: String) -> Self {
        Self { shared: Shared { home, secrets, outbound, issuer }, workers: Mutex::default() }
    }

    /// The ids of the webhooks that have work here: [`ids`].
    ///
    /// # Errors
    /// If the settings or the rows cannot be read.
    pub async fn ids(&self) -> Result<Vec<WebhookId>, StoreError> {
        ids(&self.shared.home).await
    }

    /// For how long the oldest event has been waiting: [`oldest_ms`].
    ///
    /// # Errors
    /// If the settings or the rows cannot be read.
    pub async fn oldest_ms(&self) -> Result<u64, StoreError> {
        oldest_ms(&self.shared.home).await
    }

    /// Begins again with what another process has kept of a webhook that this one may have worked for before.
    pub(crate) fn resume(&self, id: &WebhookId, kept: &serde_json::Value) {
        let worker = Worker::resumed(kept);
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.insert(id.clone(), Arc::new(tokio::sync::Mutex::new(worker)));
    }

    /// What another process needs to continue with a webhook.
    pub(crate) async fn kept(&self, id: &WebhookId) -> serde_json::Value {
        let worker = self.workers.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        match worker {
            Some(worker) => worker.lock().await.kept(),
            None => serde_json::Value::Null,
        }
    }

    /// Does the work of a webhook that there is now. `None` if it has none here any more.
    ///
    /// The future may be dropped at any await.
    ///
    /// # Errors
    /// If the store fails.
    pub fn step<'a>(&'a self, id: &'a WebhookId) -> BoxFuture<'a, Result<Option<Step>, StoreError>> {
        let worker = {
            let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(workers.entry(id.clone()).or_default())
        };
        // What runs in a task has to be `Send` for every lifetime.
        Box::pin(async move { worker.lock().await.step(&self.shared, id).await })
    }
}

/// How many events of a webhook its home has not taken up yet: all since it was paused or turned off, or since nothing
/// serves. `None` if there are more than some hundred.
///
/// # Errors
/// If the store fails.
pub async fn not_taken(home: &Home, webhook: &Webhook, state: Option<&State>) -> Result<Option<u64>, StoreError> {
    match state {
        Some(state) => take::count(home, webhook, state).await,
        None => take::count(home, webhook, &State::of(webhook)).await,
    }
}
