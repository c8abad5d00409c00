//! The worker of sources' events: messages of the queue, and a schedule that rings again for events that wait.
//!
//! A message only says that an event waits; the inbox has the event. So while the region is frozen the messages are
//! deleted: the schedule rings again once the region sends data again.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lambda_runtime::{Error, LambdaEvent};
use serde_json::Value;
use umoja_aws::Service;
use umoja_crypto::{EngineError, Passwords};
use umoja_ingest::Worker;
use umoja_runtime::aws::Needs;
use umoja_runtime::people::people;
use umoja_runtime::record;
use umoja_runtime::region::{Build, NotReady, Settings};
use umoja_store::Home;
use umoja_store::keyring::PEER_WRAP_BUDGET_MS;
use umoja_store::ports::Queue;

use crate::function::{Function, time_left};
use crate::people::{engine, hashing};
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
        let people = people(home, settings, PEER_WRAP_BUDGET_MS).await?;
        let hashing = hashing(&self.passwords, &people.secrets);
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
            batch.map_or_else(QueueAnswer::default, QueueEvent::failed)
        }
        Ok(working) => {
            if let Some(batch) = batch {
                working.handle(batch, time).await
            } else {
                if let Some(oldest_ms) = working.ring_again(time).await {
                    function.metrics.write_oldest_event(oldest_ms);
                }
                QueueAnswer::default()
            }
        }
    };
    function.metrics.write();
    Ok(answer)
}

impl Working {
    /// Applies the events of a batch, as far as time allows.
    async fn handle(&self, batch: QueueEvent, time: Duration) -> QueueAnswer {
        let batch = QueueBatch::new(batch, Arc::clone(&self.queue));
        if tokio::time::timeout(time, self.apply(&batch)).await.is_err() {
            tracing::error!("a batch of events was not handled in time");
        }
        batch.answer()
    }

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
    async fn ring_again(&self, time: Duration) -> Option<u64> {
        match tokio::time::timeout(time, self.worker.as_ref()?.ring_again()).await {
            Ok(Ok(waiting)) => {
                tracing::info!(rung = waiting.rung, oldest_ms = waiting.oldest_ms, "rang again");
                Some(waiting.oldest_ms)
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "the inbox cannot be searched");
                None
            }
            Err(_) => {
                tracing::error!("the inbox was not searched in time");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use umoja_runtime::region::Live;
    use umoja_runtime::testing::{Regions, document};
    use umoja_store::RegionState::{Frozen, Serving};
    use umoja_store::{RegionState, inbox};

    /// The answer to a message about an event that no inbox has, and the depth of the queue afterwards.
    async fn answer(state: RegionState, body: &str) -> Value {
        let regions = Regions::new(&["eu", "us"]);
        regions.put(&document(&[("eu", state), ("us", Serving)])).await;
        let (own, clock) = (regions.own().clone(), Arc::clone(&regions.clock) as _);
        let live = Live::new(Arc::clone(&regions) as _, BuildWorker::new().unwrap(), own, clock);
        let working = live.service().await.unwrap();
        let record = json!({
            "messageId": "1", "receiptHandle": "r1", "body": body, "attributes": { "ApproximateReceiveCount": "1" },
        });
        let batch = QueueEvent::read(json!({ "Records": [record] })).unwrap().unwrap();
        serde_json::to_value(working.handle(batch, Duration::from_mins(1)).await).unwrap()
    }

    #[tokio::test]
    async fn a_message_about_an_event_that_is_gone_is_deleted() {
        let text = inbox::message(&[7; 32]).to_text();
        assert_eq!(answer(Serving, &text).await, json!({ "batchItemFailures": [] }));
    }

    #[tokio::test]
    async fn a_frozen_region_deletes_messages_because_events_wait_in_the_inbox() {
        let text = inbox::message(&[7; 32]).to_text();
        assert_eq!(answer(Frozen, &text).await, json!({ "batchItemFailures": [] }));
    }

    #[tokio::test]
    async fn a_message_of_a_newer_version_is_delivered_again() {
        let again = json!({ "batchItemFailures": [{ "itemIdentifier": "1" }] });
        assert_eq!(answer(Serving, r#"{"v":2,"type":"ingest"}"#).await, again);
    }
}
