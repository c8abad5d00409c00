//! The feed's stream handler in Lambda: [`umoja_replicator::Feed`] makes the events of companies, and who delivers to their
//! webhooks and targets is rung for. A stream has no third reader, so one function does both.
//!
//! Any number of instances may run: a number of a sequence is taken by the one that stores its event.

use std::time::Duration;

use async_trait::async_trait;
use lambda_runtime::{Error, LambdaEvent};
use umoja_aws::Service;
use umoja_provisioner::{targets, webhooks};
use umoja_replicator::{Feed, FeedOutcome};
use umoja_runtime::aws::Needs;
use umoja_runtime::record;
use umoja_runtime::region::{Build, Live, NotReady, Settings};
use umoja_store::{Change, Home};

use crate::function::{Function, time_left};
use crate::stream::{BatchAnswer, StreamEvent};

/// The services that the feed calls, beside the tables of its own region, to which each function connects.
pub const NEEDS: Needs = Needs { own: &[Service::Sqs], peers: &[] };

/// The feed of a region.
pub struct Feeding {
    home: Home,
    feed: Feed,
}

/// Builds the feed.
#[derive(Debug, Clone, Copy)]
pub struct BuildFeed;

#[async_trait]
impl Build for BuildFeed {
    type Service = Feeding;
    const SECRETS: bool = false;

    async fn build(&self, home: Home, settings: &Settings) -> Result<Feeding, NotReady> {
        settings.may_make_events()?;
        Ok(Feeding { feed: Feed::new(home.clone()), home })
    }
}

/// Makes the events of a batch. Records whose events were not made, for whatever reason, are delivered again.
///
/// # Errors
/// If a record of the batch has no sequence number to report it by. The whole batch is then delivered again.
pub async fn handle(function: &Function<BuildFeed>, event: LambdaEvent<StreamEvent>) -> Result<BatchAnswer, Error> {
    let batch =
        event.payload.into_batch(&function.prefix).inspect_err(|error| tracing::error!(%error, "unreadable"))?;
    let time = time_left(&event.context, function.live.clock().now());
    let outcome = fed(&function.live, &batch.changes, time).await;
    record::made(outcome.made);
    function.metrics.write();
    Ok(BatchAnswer::failed_from(outcome.failed))
}

/// The outcome of a batch. One that is not handled in time, or not yet, has failed from its first record on: what was made
/// of it is not made again.
async fn fed(live: &Live<BuildFeed>, changes: &[Change], time: Duration) -> FeedOutcome {
    let records = changes.len();
    let failed = changes.first().map(|change| change.sequence.clone());
    let failed = FeedOutcome { failed, records, ..FeedOutcome::default() };
    if records == 0 {
        return failed;
    }
    let feeding = match live.service().await {
        Ok(feeding) => feeding,
        Err(reason) => {
            tracing::error!(%reason, records, "a batch cannot be handled yet");
            return failed;
        }
    };
    let Ok(outcome) = tokio::time::timeout(time, feeding.handle(changes)).await else {
        tracing::error!(records, "a batch was not handled in time");
        return failed;
    };
    tracing::info!(?outcome, "batch");
    outcome
}

impl Feeding {
    /// Makes the events of a batch, and rings. What cannot be rung for is delivered again; an event is made once.
    async fn handle(&self, changes: &[Change]) -> FeedOutcome {
        let mut outcome = self.feed.handle(changes).await;
        let first = changes.first().map(|change| change.sequence.clone());
        match targets::ring(&self.home, changes).await {
            Ok(rung) => tracing::debug!(?rung, "rang for targets"),
            Err(error) => {
                tracing::error!(%error, "targets were not rung for; the changes will be delivered again");
                outcome.failed = first;
            }
        }
        let companies = &outcome.companies | &webhooks::arrived(changes, &self.home.own.name);
        // Their events are stored, so the schedule rings if this does not.
        if let Err(error) = webhooks::wake(&self.home, &companies).await {
            tracing::warn!(%error, "webhooks were not rung for");
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use umoja_runtime::testing::{Regions, document};
    use umoja_schema::names::attribute;
    use umoja_schema::{Attribute, Attributes, Hlc, Log, LogRow, UserId, Version};
    use umoja_store::RegionState::{self, Frozen, Joining, Leaving, Serving, Thawing};
    use umoja_store::ports::Clock as _;

    const MINUTE: Duration = Duration::from_mins(1);

    /// The changes of an erasure, of which one company has an event.
    async fn erasure(regions: &Regions) -> Vec<Change> {
        let home = regions.home_of(&both(Serving));
        let at = Hlc::at(regions.clock.now());
        let version = Version { erased: true, hlc: at, origin: home.own.name.clone() };
        let companies = Attribute::L(vec!["acme".to_owned().into()]);
        let row = LogRow {
            user: UserId::v8([1; 16]),
            key: format!("erase#{version}"),
            at,
            origin: home.own.name.clone(),
            kind: "erase".into(),
            fields: Attributes::from([(attribute::COMPANIES.into(), companies)]),
            unknown: Attributes::new(),
        };
        assert_eq!(home.own.logs.append(Log::Receipts, &row).await, Ok(true));
        regions.store().changes(0, 10).unwrap()
    }

    fn both(own: RegionState) -> umoja_store::RegionsDocument {
        document(&[("eu", own), ("us", Serving)])
    }

    fn live(regions: &Arc<Regions>) -> Live<BuildFeed> {
        Live::new(Arc::clone(regions) as _, BuildFeed, regions.own().clone(), Arc::clone(&regions.clock) as _)
    }

    #[tokio::test]
    async fn a_batch_that_is_delivered_again_makes_no_second_event() {
        let regions = Regions::new(&["eu", "us"]);
        regions.put(&both(Serving)).await;
        let changes = erasure(&regions).await;
        for made in [1, 0] {
            // Another instance each time.
            let outcome = fed(&live(&regions), &changes, MINUTE).await;
            assert_eq!((outcome.failed, outcome.records, outcome.made), (None, changes.len(), made));
        }
        assert_eq!(fed(&live(&regions), &[], MINUTE).await, FeedOutcome::default());
    }

    #[tokio::test]
    async fn only_a_region_that_has_its_events_makes_others() {
        for (state, makes) in [(Joining, false), (Thawing, false), (Frozen, false), (Leaving, true), (Serving, true)] {
            let regions = Regions::new(&["eu", "us"]);
            regions.put(&both(state)).await;
            let changes = erasure(&regions).await;
            let outcome = fed(&live(&regions), &changes, MINUTE).await;
            let failed = (!makes).then(|| changes[0].sequence.clone());
            assert_eq!((outcome.failed, outcome.made), (failed, usize::from(makes)), "{state:?}");
        }
    }

    #[tokio::test]
    async fn before_the_deployment_has_settings_a_batch_waits() {
        let regions = Regions::new(&["eu", "us"]);
        let change = Change { table: "users".into(), sequence: "7".into(), image: Attributes::new() };
        let outcome = fed(&live(&regions), &[change], MINUTE).await;
        assert_eq!((outcome.failed.as_deref(), outcome.made), (Some("7"), 0));
    }
}
