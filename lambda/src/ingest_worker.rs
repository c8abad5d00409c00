//! The worker of sources' events: messages of the queue, and a schedule that rings again for events that wait.
//!
//! A message only says that an event waits; the inbox has the event. So while the region is frozen the messages are
//! deleted: the schedule rings again once the region sends data again.

use std::sync::Arc;

use async_trait::async_trait;
use lambda_runtime::{Error, LambdaEvent};
use serde_json::Value;
use umoja_accounts::import::Hashing;
use umoja_aws::Service;
use umoja_crypto::{EngineError, Passwords};
use umoja_ingest::Worker;
use umoja_runtime::aws::Needs;
use umoja_runtime::record;
use umoja_runtime::region::{Build, NotReady, Settings};
use umoja_store::Home;
use umoja_store::ports::Queue;

use crate::function::{Function, time_left};
use crate::people::{engine, people};
use crate::queue_batch::{QueueAnswer, QueueBatch, QueueEvent};

/// The services that applying events calls: of a peer its KMS, and its inbox and queue for events of a source with
/// another home.
pub const NEEDS: Needs =
    Needs { own: &[Service::Sqs, Service::Kms], peers: &[Service::Kms, Service::Kms, Service::DynamoDb] };

/// Builds the worker.
pub struct BuildWorker {
    passwords: Passwords,
}

impl BuildWorker {
    /// Chooses the password engine once for the life of the instance.
    ///
    /// # Errors
    /// If no engine computes the published test vectors on this machine.
    pub fn new() -> Result<Self, EngineError> {
        Ok(Self { passwords: engine()? })
    }
}

/// The worker of a region and the queue of its events; no worker while the region is frozen.
pub struct Working {
    worker: Option<Worker>,
    queue: Arc<dyn Queue>,
}

#[async_trait]
impl Build for BuildWorker {
    type Service = Working;
    const SECRETS: bool = true;

    async fn build(&self, home: Home, settings: &Settings) -> Result<Working, NotReady> {
        let queue = Arc::clone(&home.own.ingest);
        if settings.may_send().is_err() {
            return Ok(Working { worker: None, queue });
        }
        let people = people(home, settings).await?;
        let hashing = Hashing::Threads(Arc::new(self.passwords.with_keys(people.secrets.password_keys())));
        Ok(Working { worker: Some(Worker::new(people, hashing)), queue })
    }
}

/// Handles messages of the queue, or a run of the schedule. Messages that are not handled, for whatever reason, are
/// delivered again.
///
/// # Errors
/// If the event is neither. Lambda then delivers a batch again.
pub async fn handle(function: &Function<BuildWorker>, event: LambdaEvent<Value>) -> Result<QueueAnswer, Error> {
    let batch = QueueEvent::read(event.payload).inspect_err(|error| tracing::error!(%error, "unreadable"))?;
    let clock = function.live.clock();
    let time = time_left(&event.context, clock.now());
    let answer = match function.live.service().await {
        Err(reason) => {
            tracing::error!(%reason, "not ready; events wait");
            batch.map_or_else(QueueAnswer::default, |batch| batch.failed())
        }
        Ok(working) => match batch {
            Some(batch) => {
                let batch = QueueBatch::new(batch, Arc::clone(&working.queue));
                if tokio::time::timeout(time, working.apply(&batch)).await.is_err() {
                    tracing::error!("a batch of events was not handled in time");
                }
                batch.answer()
            }
            None => {
                match tokio::time::timeout(time, working.ring_again()).await {
                    Ok(Some(oldest_ms)) => function.metrics.write_oldest_event(oldest_ms),
                    Ok(None) => {}
                    Err(_) => tracing::error!("the inbox was not searched in time"),
                }
                QueueAnswer::default()
            }
        },
    };
    function.metrics.write();
    Ok(answer)
}

impl Working {
    /// Applies the events of a batch.
    async fn apply(&self, batch: &QueueBatch) {
        let Some(worker) = &self.worker else {
            tracing::warn!("the region is frozen; its events wait in the inbox");
            return batch.drop_all();
        };
        let report = worker.run_on(batch).await;
        record::quarantined(report.quarantined);
        record::parked(report.parked);
    }

    /// Rings again for the events that wait, and returns the age of the oldest one in milliseconds.
    async fn ring_again(&self) -> Option<u64> {
        match self.worker.as_ref()?.ring_again().await {
            Ok(waiting) => {
                tracing::info!(rung = waiting.rung, oldest_ms = waiting.oldest_ms, "rang again");
                Some(waiting.oldest_ms)
            }
            Err(error) => {
                tracing::error!(%error, "the inbox cannot be searched");
                None
            }
        }
    }
}
