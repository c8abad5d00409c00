//! The schedules: [`umoja_reconciler`] in Lambda.

use async_trait::async_trait;
use futures_util::future::join_all;
use lambda_runtime::{Error, LambdaEvent};
use serde_json::Value;
use std::time::Duration;
use umoja_aws::Service;
use umoja_reconciler::{Ended, drain_retries, merge_users, repair_keys};
use umoja_runtime::aws::Needs;
use umoja_runtime::record;
use umoja_runtime::region::{Build, NotReady, Settings};
use umoja_store::keyring::{KeyRing, PEER_WRAP_BUDGET_MS};
use umoja_store::ports::Clock;
use umoja_store::seal::Sealer;
use umoja_store::{Home, Peer};

use crate::function::{Function, time_left};

/// The services that draining the retry queues calls.
pub const WRITES_NEED: Needs = Needs { own: &[Service::Sqs], peers: &[Service::DynamoDb] };

/// The services that repairing keys calls.
pub const KEYS_NEED: Needs = Needs { own: &[Service::Sqs, Service::Kms], peers: &[Service::DynamoDb, Service::Kms] };

/// The services that merging users calls: a peer's KMS while the own one is down, and no peer's table, because the
/// stream replicates.
pub const MERGES_NEED: Needs = Needs { own: &[Service::Sqs, Service::Kms], peers: &[Service::Kms] };

/// The least remaining time in which another run is started.
const ANOTHER_RUN_MS: u64 = 10_000;

/// Builds the region's ports, for draining the retry queues.
#[derive(Debug, Clone, Copy)]
pub struct BuildHome;

#[async_trait]
impl Build for BuildHome {
    type Service = Home;
    const SECRETS: bool = false;

    async fn build(&self, home: Home, settings: &Settings) -> Result<Home, NotReady> {
        settings.may_send()?;
        Ok(home)
    }
}

/// Builds the ports and the sealer, for wrapping data keys and merging users.
#[derive(Debug, Clone, Copy)]
pub struct BuildSealing;

/// The region's ports and its sealer.
pub struct Sealing {
    home: Home,
    sealer: Sealer,
}

#[async_trait]
impl Build for BuildSealing {
    type Service = Sealing;
    const SECRETS: bool = false;

    async fn build(&self, home: Home, settings: &Settings) -> Result<Sealing, NotReady> {
        settings.may_send()?;
        let sealer = Sealer::new(KeyRing::new(&home, PEER_WRAP_BUDGET_MS), std::sync::Arc::clone(&home.entropy));
        Ok(Sealing { home, sealer })
    }
}

/// Drains the retry queue of every peer, as far as time allows. Peers do not wait for each other.
///
/// # Errors
/// Never: the next run does the rest.
pub async fn writes(function: &Function<BuildHome>, event: LambdaEvent<Value>) -> Result<(), Error> {
    if let Some(home) = ready(function).await {
        let clock = function.live.clock();
        let time = time_left(&event.context, clock.now());
        join_all(home.peers.iter().map(|peer| drain(&home, peer, clock, time))).await;
    }
    function.metrics.write();
    Ok(())
}

/// Drains one queue.
async fn drain(home: &Home, peer: &Peer, clock: &dyn Clock, time: Duration) {
    let run = async || {
        let report = drain_retries(home, peer).await;
        record::replicated(report.replicated, 0);
        record::quarantined(report.quarantined);
        Some(report.ended)
    };
    if !repeated(clock, time, run).await {
        tracing::warn!(peer = %peer.ports.name, "the time is over; the next run continues");
    }
}

/// Repeats a run for as long as each run reaches its limit and there is time for another. False if the time ended a
/// run: its messages are then received again later.
async fn repeated(clock: &dyn Clock, time: Duration, run: impl AsyncFn() -> Option<Ended>) -> bool {
    let until = clock.now().plus(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    let runs = async { while run().await == Some(Ended::Bounded) && until.since(clock.now()) >= ANOTHER_RUN_MS {} };
    tokio::time::timeout(time, runs).await.is_ok()
}

/// Wraps missing keys, as far as time allows.
///
/// # Errors
/// Never: the next run does the rest.
pub async fn keys(function: &Function<BuildSealing>, event: LambdaEvent<Value>) -> Result<(), Error> {
    scheduled(function, event, async |home, sealer| {
        let report = repair_keys(home, sealer).await;
        record::quarantined(report.quarantined);
        report.ended
    })
    .await;
    Ok(())
}

/// Merges users that two trusted companies verified to be one person, as far as time allows.
///
/// # Errors
/// Never: the next run does the rest.
pub async fn merges(function: &Function<BuildSealing>, event: LambdaEvent<Value>) -> Result<(), Error> {
    scheduled(function, event, async |home, sealer| {
        let report = merge_users(home, sealer).await;
        record::quarantined(report.quarantined);
        report.ended
    })
    .await;
    Ok(())
}

/// Repeats `one` as often as time allows. The settings at the start of each run say which regions there are.
async fn scheduled(
    function: &Function<BuildSealing>,
    event: LambdaEvent<Value>,
    one: impl AsyncFn(&Home, &Sealer) -> Ended,
) {
    let clock = function.live.clock();
    let time = time_left(&event.context, clock.now());
    let run = async || {
        let sealing = ready(function).await?;
        Some(one(&sealing.home, &sealing.sealer).await)
    };
    if !repeated(clock, time, run).await {
        tracing::warn!("the time is over; the next run continues");
    }
    function.metrics.write();
}

/// The service of a schedule; `None`, with a log line that gives the reason, while there are no settings.
pub(crate) async fn ready<B: Build>(function: &Function<B>) -> Option<std::sync::Arc<B::Service>> {
    match function.live.service().await {
        Ok(service) => Some(service),
        Err(reason) => {
            tracing::warn!(%reason, "not ready; the run is skipped");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use umoja_runtime::region::Live;
    use umoja_runtime::testing::{Regions, Silent, document};
    use umoja_store::RegionState;

    #[tokio::test]
    async fn a_hanging_queue_times_out_and_blocks_no_other() {
        let regions = Regions::new(&["eu", "us", "af"]);
        let all = [("eu", RegionState::Serving), ("us", RegionState::Serving), ("af", RegionState::Serving)];
        let mut home = regions.home_of(&document(&all));
        home.peers[0].retry = std::sync::Arc::new(Silent);
        let id = umoja_schema::UserId::v8([7; 16]);
        let message = umoja_schema::Key::of_part(id, umoja_schema::Part::Profile).to_message();
        home.peers[1].retry.send(&message, 0).await.unwrap();
        let drained = |peer, secs| drain(&home, &home.peers[peer], &*regions.clock, Duration::from_secs(secs));
        futures_util::future::join(drained(0, 1), drained(1, 60)).await;
        assert_eq!(home.peers[1].retry.depth().await.unwrap().waiting, 0);
    }

    async fn ready<B: Build>(regions: &Arc<Regions>, build: B) -> Result<(), NotReady> {
        let (own, clock) = (regions.own().clone(), Arc::clone(&regions.clock) as _);
        Live::new(Arc::clone(regions) as _, build, own, clock).service().await.map(drop)
    }

    #[tokio::test]
    async fn a_frozen_region_sends_no_data_until_thawed() {
        use crate::replicator::BuildReplicator;
        let regions = Regions::new(&["eu", "us"]);
        let of = |state| document(&[("eu", state), ("us", RegionState::Serving)]);
        regions.put(&of(RegionState::Frozen)).await;
        assert!(matches!(ready(&regions, BuildReplicator).await, Err(NotReady::Frozen)));
        assert!(matches!(ready(&regions, BuildHome).await, Err(NotReady::Frozen)));
        assert!(matches!(ready(&regions, BuildSealing).await, Err(NotReady::Frozen)));
        for state in [RegionState::Thawing, RegionState::Leaving, RegionState::Joining, RegionState::Serving] {
            regions.put(&of(state)).await;
            assert!(ready(&regions, BuildReplicator).await.is_ok(), "{state:?}");
            assert!(ready(&regions, BuildHome).await.is_ok() && ready(&regions, BuildSealing).await.is_ok());
        }
    }
}
