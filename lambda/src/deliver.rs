//! Deliveries to webhooks and targets, and notices of ended sessions to clients of single sign-on:
//! [`umoja_provisioner::Deliveries`] behind a queue.
//!
//! A message only names a system at which something is due; what is due is in the table `due`. So while the region is frozen
//! the messages are deleted: the schedule of `reconcile-targets` rings again once the region sends data again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use lambda_runtime::{Error, LambdaEvent};
use serde_json::Value;
use umoja_aws::Service;
use umoja_host::HttpsOutbound;
use umoja_provisioner::deliveries::Done;
use umoja_provisioner::{Deliveries, Logouts, Provisioner, Webhooks};
use umoja_runtime::aws::Needs;
use umoja_runtime::people::people;
use umoja_runtime::record;
use umoja_runtime::region::{Build, NotReady, Settings};
use umoja_schema::{Message, Millis, names};
use umoja_store::Home;
use umoja_store::ports::{Outbound, Queue};
use umoja_store::queue_runs::{Serve, Served, WRONG_QUEUE, own_failed, serve};

use crate::environment::Environment;
use crate::function::{Function, time_left};
use crate::queue_batch::{NoMessages, QueueAnswer, QueueBatch, QueueEvent};

/// The services that delivering calls: of a peer its KMS, while the own one is down.
pub const NEEDS: Needs = Needs { own: &[Service::Sqs, Service::Kms], peers: &[Service::Kms] };

/// Builds the deliveries.
pub struct BuildDeliver {
    outbound: Arc<dyn Outbound>,
    /// The issuer of notices. Without single sign-on there are none.
    issuer: Option<String>,
}

impl BuildDeliver {
    /// Calls public addresses over HTTPS only, unless the environment allows this machine.
    pub fn new(environment: &Environment) -> Self {
        let outbound = HttpsOutbound::new();
        let outbound = if environment.outbound_loopback { outbound.with_loopback() } else { outbound };
        Self { outbound: Arc::new(outbound), issuer: environment.issuer.clone() }
    }
}

/// The deliveries of a region; none while it is frozen.
pub struct Delivering {
    deliveries: Option<Deliveries>,
    home: Home,
}

#[async_trait]
impl Build for BuildDeliver {
    type Service = Delivering;
    const SECRETS: bool = true;

    async fn build(&self, home: Home, settings: &Settings) -> Result<Delivering, NotReady> {
        if settings.may_send().is_err() {
            return Ok(Delivering { deliveries: None, home });
        }
        // It writes no part of a user, so it has no key wrapped.
        let people = people(home.clone(), settings, 0).await?;
        let base_url = settings.own.infrastructure.base_url.clone();
        let secrets = Arc::clone(&people.secrets);
        let webhooks = Webhooks::new(home.clone(), secrets, Arc::clone(&self.outbound), base_url);
        let notices = |issuer: &String| Logouts::new(people.clone(), Arc::clone(&self.outbound), issuer.clone());
        let notices = self.issuer.as_ref().map(notices);
        let deliveries = Deliveries::new(Provisioner::new(people, Arc::clone(&self.outbound)), webhooks);
        let deliveries = match notices {
            Some(notices) => deliveries.with_logouts(notices),
            None => deliveries,
        };
        Ok(Delivering { deliveries: Some(deliveries), home })
    }
}

/// Handles messages of the queue. Those that are not handled, for whatever reason, are delivered again.
///
/// # Errors
/// If the event has no messages. Lambda then delivers it again.
pub async fn handle(function: &Function<BuildDeliver>, event: LambdaEvent<Value>) -> Result<QueueAnswer, Error> {
    let batch = QueueEvent::read(event.payload).and_then(|batch| batch.ok_or(NoMessages));
    let batch = batch.inspect_err(|error| tracing::error!(%error, "unreadable"))?;
    let time = time_left(&event.context, function.live.clock().now());
    let answer = match function.live.service().await {
        Ok(delivering) => delivering.handle(batch, time).await,
        Err(reason) => {
            tracing::error!(%reason, "not ready; deliveries wait");
            batch.failed()
        }
    };
    function.metrics.write();
    Ok(answer)
}

impl Delivering {
    /// Delivers to the systems that a batch names, as far as time allows.
    async fn handle(&self, batch: QueueEvent, time: Duration) -> QueueAnswer {
        let Some(queue) = self.home.deliveries.clone() else { return batch.failed() };
        let batch = QueueBatch::new(batch, queue);
        let Some(deliveries) = &self.deliveries else {
            tracing::warn!("the region is frozen; what is due waits in the table");
            batch.drop_all();
            return batch.answer();
        };
        let until = self.home.clock.now().plus(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        let doorbell = Doorbell { deliveries, queue: &batch, until, done: Mutex::default() };
        if tokio::time::timeout(time, serve(&self.home, &doorbell)).await.is_err() {
            tracing::error!("the deliveries of a batch were not ended in time");
        }
        let all = doorbell.done.into_inner().unwrap_or_else(PoisonError::into_inner);
        for Done { run, step, informed } in &all {
            record::targets(run.delivered, run.failed, run.held, run.conflicts);
            record::webhook(step.accepted, step.rejected, step.failed);
            record::logouts(informed.accepted, informed.rejected, informed.given_up);
        }
        tracing::info!(done = serde_json::to_string(&all).unwrap_or_default(), "batch");
        batch.answer()
    }
}

/// The deliveries at the messages of a batch.
struct Doorbell<'a> {
    deliveries: &'a Deliveries,
    queue: &'a QueueBatch,
    until: Millis,
    done: Mutex<Vec<Done>>,
}

impl Serve for Doorbell<'_> {
    fn name(&self) -> String {
        names::queue::DELIVER.to_owned()
    }

    fn queue(&self) -> &dyn Queue {
        self.queue
    }

    fn key(&self, message: &Message) -> Result<String, &'static str> {
        match message {
            Message::Deliver { system } => Ok(system.clone()),
            _ => Err(WRONG_QUEUE),
        }
    }

    async fn serve(&self, message: &Message) -> Served {
        let Message::Deliver { system } = message else { return Served::Failed };
        match self.deliveries.serve(system, self.until).await {
            Ok(done) => {
                self.done.lock().unwrap_or_else(PoisonError::into_inner).push(done);
                Served::Done
            }
            Err(error) => own_failed(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use umoja_runtime::region::{Live, Source};
    use umoja_runtime::testing::{Regions, document};
    use umoja_store::RegionEntry;
    use umoja_store::RegionState::{self, Frozen, Serving};
    use umoja_store::ports::Registry;

    /// The answer to a message.
    async fn answer(state: RegionState, body: &str) -> Value {
        let regions = Regions::new(&["eu", "us"]);
        regions.put(&document(&[("eu", state), ("us", Serving)])).await;
        let (own, clock) = (regions.own().clone(), Arc::clone(&regions.clock) as _);
        let build = BuildDeliver { outbound: Arc::new(HttpsOutbound::new()), issuer: None };
        let live = Live::new(Arc::new(Woken(Arc::clone(&regions))), build, own, clock);
        let record = json!({
            "messageId": "1", "receiptHandle": "r1", "body": body, "attributes": { "ApproximateReceiveCount": "1" },
        });
        let batch = QueueEvent::read(json!({ "Records": [record] })).unwrap().unwrap();
        let delivering = live.service().await.unwrap();
        serde_json::to_value(delivering.handle(batch, Duration::from_mins(1)).await).unwrap()
    }

    /// Regions whose deliveries are woken by a queue.
    struct Woken(Arc<Regions>);

    #[async_trait]
    impl Source for Woken {
        fn registry(&self) -> &dyn Registry {
            self.0.registry()
        }

        fn home(&self, own: &RegionEntry, regions: &[RegionEntry]) -> Home {
            let deliveries = self.0.store().queue(names::queue::DELIVER);
            Home { deliveries: Some(Arc::new(deliveries)), ..self.0.home(own, regions) }
        }

        async fn connect(&self, _: &[RegionEntry]) {}
    }

    fn message(system: &str) -> String {
        Message::Deliver { system: system.to_owned() }.to_text()
    }

    #[tokio::test]
    async fn a_message_about_a_system_that_is_gone_is_deleted() {
        for system in ["target/crm", "webhook/crm", "nothing"] {
            assert_eq!(answer(Serving, &message(system)).await, json!({ "batchItemFailures": [] }));
        }
    }

    #[tokio::test]
    async fn a_frozen_region_deletes_messages_because_the_table_has_what_is_due() {
        assert_eq!(answer(Frozen, &message("target/crm")).await, json!({ "batchItemFailures": [] }));
    }

    #[tokio::test]
    async fn a_message_of_a_newer_version_is_delivered_again() {
        let again = json!({ "batchItemFailures": [{ "itemIdentifier": "1" }] });
        assert_eq!(answer(Serving, r#"{"v":2,"type":"deliver"}"#).await, again);
    }
}
