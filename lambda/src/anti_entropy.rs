//! Anti-entropy: compares the region with each of its peers and with its derived tables, and repairs what differs
//! ([`umoja_reconciler::anti_entropy`]). Lists parts that lack a wrapped key for repair.
//!
//! A pass over large tables takes longer than an invocation may: the next invocation continues it. So the schedule
//! starts the function more often than a pass is due, and most invocations have no work. An event `{"now": true}`
//! begins a pass at once.

use std::time::Duration;

use async_trait::async_trait;
use lambda_runtime::{Error, LambdaEvent};
use serde_json::Value;
use umoja_aws::Service;
use umoja_reconciler::{AntiEntropyRun, AntiEntropySettings, anti_entropy};
use umoja_runtime::aws::Needs;
use umoja_runtime::record::{self, age_ms, missing_keys};
use umoja_runtime::region::{Build, NotReady, Settings};
use umoja_schema::{Millis, Region};
use umoja_store::Home;

use crate::function::{Function, time_left};
use crate::reconcile::ready;

/// The services that anti-entropy calls.
pub const NEEDS: Needs = Needs { own: &[Service::Sqs], peers: &[Service::DynamoDb] };

/// How long after the beginning of a pass the next one is due: a day, minus a margin for a late schedule.
const EVERY_MS: u64 = 47 * 30 * 60 * 1000;

/// The pause after each page: at most ten pages a second of each side, of at most 1 MB each. A new table on demand
/// gives 12,000 read units a second; this takes 2,560 of them at most.
const PAUSE: Duration = Duration::from_millis(100);

/// The part of an invocation's time that is reserved for the checkpoint.
const KEEPING: Duration = Duration::from_secs(10);

/// Builds [`Compared`].
#[derive(Debug, Clone, Copy)]
pub struct BuildAntiEntropy;

/// The region's ports, and the peers that it is compared with.
pub struct Compared {
    home: Home,
    /// `None` while the region itself is being backfilled or frozen.
    peers: Option<Vec<Region>>,
}

#[async_trait]
impl Build for BuildAntiEntropy {
    type Service = Compared;
    const SECRETS: bool = false;

    async fn build(&self, home: Home, settings: &Settings) -> Result<Compared, NotReady> {
        let others = settings.regions.iter().filter(|entry| entry.name() != settings.own.name());
        let peers = others.filter(|entry| entry.state.is_compared()).map(|entry| entry.name().clone()).collect();
        Ok(Compared { home, peers: settings.own.state.is_compared().then_some(peers) })
    }
}

/// Runs anti-entropy in the region as far as time allows. The number of missing keys is reported only at the end of a
/// pass, because a partial count would mislead.
///
/// # Errors
/// Never: the next invocation continues.
pub async fn handle(function: &Function<BuildAntiEntropy>, event: LambdaEvent<Value>) -> Result<(), Error> {
    if let Some(compared) = ready(function).await {
        let now = function.live.clock().now();
        let runs = run(&compared, event.payload["now"] == true, now, time_left(&event.context, now)).await;
        if let Some(parts) = missing_keys(&runs) {
            function.metrics.write_missing_keys(parts);
        }
        if let Some(age_ms) = age_ms(&runs, function.live.clock().now()) {
            function.metrics.write_anti_entropy_age(age_ms);
        }
        record::anti_entropy(&runs);
    }
    function.metrics.write();
    Ok(())
}

async fn run(compared: &Compared, at_once: bool, now: Millis, time: Duration) -> Vec<AntiEntropyRun> {
    let Some(peers) = &compared.peers else {
        tracing::info!("the region is being backfilled or is frozen; it is not compared");
        return Vec::new();
    };
    let settings = AntiEntropySettings { every_ms: if at_once { 0 } else { EVERY_MS }, pause: PAUSE };
    let until = now.plus(u64::try_from(time.saturating_sub(KEEPING).as_millis()).unwrap_or(u64::MAX));
    // A call that hangs ends with the time; the next run continues from the last checkpoint.
    let runs = tokio::time::timeout(time, anti_entropy(&compared.home, peers, &settings, until)).await;
    runs.unwrap_or_else(|_| {
        tracing::error!("an anti-entropy pass timed out; the next one continues from its checkpoint");
        Vec::new()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use umoja_reconciler::AntiEntropyEnd;
    use umoja_runtime::testing::{Regions, Silent, document};
    use umoja_schema::{AccountStatus, Attributes, Credentials, Facts, Hlc, Part, UserId, Version};
    use umoja_store::RegionState::{Joining, Serving};
    use umoja_store::keyring::KeyRing;
    use umoja_store::ports::{Commit, Condition, PartWrite, Writes};
    use umoja_store::seal::Sealer;
    use umoja_store::{RegionState, RegionsDocument};

    const MINUTE: Duration = Duration::from_mins(1);

    async fn compared(regions: &Regions, document: &RegionsDocument) -> Compared {
        regions.put_secrets().await;
        let own = document.get(regions.own()).unwrap().clone();
        let settings = Settings { own, regions: document.regions.clone(), secrets: None };
        BuildAntiEntropy.build(regions.home_of(document), &settings).await.unwrap()
    }

    fn both(states: [RegionState; 2]) -> RegionsDocument {
        document(&[("eu", states[0]), ("us", states[1])])
    }

    /// Stores the credentials of a user, wrapped by the regions of `home`.
    async fn store(home: &Home, user: u8) {
        let sealer = Sealer::new(KeyRing::new(home, 300), std::sync::Arc::clone(&home.entropy));
        let version = Version { erased: false, hlc: Hlc::at(Millis(1)), origin: home.own.name.clone() };
        let facts = Facts::Credentials { status: AccountStatus::Active };
        let id = UserId::v8([user; 16]);
        let record = sealer.seal(id, version, facts, &Credentials::default(), Attributes::new()).await.unwrap();
        let parts = vec![PartWrite { record, condition: Condition::Absent }];
        let written = home.own.users.commit(&Writes { parts, ..Writes::default() }).await.unwrap();
        assert_eq!(written, Commit::Done);
    }

    #[tokio::test]
    async fn older_parts_are_listed_for_repair_and_replicated_to_a_new_region() {
        let regions = Regions::new(&["eu", "us"]);
        regions.put_secrets().await;
        store(&regions.home_of(&document(&[("eu", Serving)])), 1).await;
        let compared = compared(&regions, &both([Serving, Serving])).await;
        store(&compared.home, 2).await;
        let runs = run(&compared, false, compared.home.clock.now(), MINUTE).await;
        assert_eq!(missing_keys(&runs), Some(1));
        assert_eq!(compared.home.repairs.depth().await.unwrap().waiting, 1);
        assert_eq!(runs.iter().map(|run| run.report.pushed).sum::<u64>(), 2);
        let peer = &compared.home.peers[0].ports.users;
        assert!(peer.part(UserId::v8([1; 16]), Part::Credentials).await.unwrap().is_some());
        assert_eq!(age_ms(&runs, compared.home.clock.now().plus(7)), Some(7));
    }

    #[tokio::test]
    async fn a_pass_runs_daily_or_on_demand() {
        let regions = Regions::new(&["eu", "us"]);
        let compared = compared(&regions, &both([Serving, Serving])).await;
        let ended = async |at_once| {
            let runs = run(&compared, at_once, compared.home.clock.now(), MINUTE).await;
            runs.into_iter().map(|run| run.ended).collect::<Vec<_>>()
        };
        assert_eq!(ended(false).await, [AntiEntropyEnd::Done; 2]);
        regions.clock.pass(EVERY_MS - 1);
        assert_eq!(ended(false).await, [AntiEntropyEnd::NotDue; 2]);
        assert_eq!(ended(true).await, [AntiEntropyEnd::Done; 2]);
        regions.clock.pass(EVERY_MS);
        assert_eq!(ended(false).await, [AntiEntropyEnd::Done; 2]);
    }

    #[tokio::test]
    async fn a_region_that_is_being_backfilled_is_not_compared() {
        let regions = Regions::new(&["eu", "us"]);
        let serving = compared(&regions, &both([Serving, Joining])).await;
        let runs = run(&serving, true, serving.home.clock.now(), MINUTE).await;
        assert_eq!(runs.iter().map(|run| run.peer.clone()).collect::<Vec<_>>(), [None]);
        let joining = compared(&regions, &both([Joining, Serving])).await;
        assert_eq!(run(&joining, true, joining.home.clock.now(), MINUTE).await, []);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pass_that_times_out_or_hangs_reports_no_missing_keys() {
        let regions = Regions::new(&["eu", "us"]);
        regions.put_secrets().await;
        store(&regions.home_of(&document(&[("eu", Serving)])), 1).await;
        let mut compared = compared(&regions, &both([Serving, Serving])).await;
        let runs = run(&compared, true, compared.home.clock.now(), KEEPING).await;
        assert!(runs.iter().all(|run| run.ended == AntiEntropyEnd::OutOfTime), "{runs:?}");
        assert_eq!((missing_keys(&runs), age_ms(&runs, Millis(0))), (None, None));
        compared.home.repairs = std::sync::Arc::new(Silent);
        assert_eq!(run(&compared, true, compared.home.clock.now(), MINUTE).await, []);
    }
}
