//! The sweep: compares the region with each of its peers, and its users with what is derived from them, and mends what
//! differs ([`umoja_reconciler::sweep`]). Lists parts that lack a wrapped key for repair.
//!
//! A pass over large tables takes longer than an invocation may: the next invocation goes on with it. So the schedule
//! starts the function more often than a pass is due, and most invocations have nothing to do. An event `{"now": true}`
//! begins a pass at once.

use std::time::Duration;

use async_trait::async_trait;
use lambda_runtime::{Error, LambdaEvent};
use serde_json::Value;
use umoja_aws::Service;
use umoja_reconciler::{SweepRun, SweepSettings, sweep};
use umoja_runtime::aws::Needs;
use umoja_runtime::record::{self, age_ms, missing_keys};
use umoja_runtime::region::{Build, NotReady, Settings};
use umoja_schema::{Millis, Region};
use umoja_store::Home;

use crate::function::{Function, time_left};
use crate::reconcile::ready;

/// What the sweep calls.
pub const NEEDS: Needs = Needs { own: &[Service::Sqs], peers: &[Service::DynamoDb] };

/// How long after the beginning of a pass the next one is due: a day, but for what a schedule may be late.
const EVERY_MS: u64 = 47 * 30 * 60 * 1000;

/// The pause after each page: at most ten pages a second of each side, of at most 1 MB each. A new table on demand gives
/// 12,000 read units a second; this takes 2,560 of them at most.
const PAUSE: Duration = Duration::from_millis(100);

/// What is left of an invocation's time for keeping where the pass is.
const KEEPING: Duration = Duration::from_secs(10);

/// Makes what the region is swept with.
#[derive(Debug, Clone, Copy)]
pub struct BuildSweep;

/// The region's ports, and with whom it is compared.
pub struct Swept {
    home: Home,
    /// Nothing while the region itself is being filled or frozen.
    peers: Option<Vec<Region>>,
}

#[async_trait]
impl Build for BuildSweep {
    type Service = Swept;
    const SECRETS: bool = false;

    async fn build(&self, home: Home, settings: &Settings) -> Result<Swept, NotReady> {
        let others = settings.regions.iter().filter(|entry| entry.name() != settings.own.name());
        let peers = others.filter(|entry| entry.state.is_swept()).map(|entry| entry.name().clone()).collect();
        Ok(Swept { home, peers: settings.own.state.is_swept().then_some(peers) })
    }
}

/// Sweeps the region as far as the time goes. How many keys are missing is told at the end of a pass: a part of the number
/// would be a lie.
///
/// # Errors
/// Never: the next invocation goes on.
pub async fn handle(function: &Function<BuildSweep>, event: LambdaEvent<Value>) -> Result<(), Error> {
    if let Some(swept) = ready(function).await {
        let now = function.live.clock().now();
        let runs = run(&swept, event.payload["now"] == true, now, time_left(&event.context, now)).await;
        if let Some(parts) = missing_keys(&runs) {
            function.metrics.write_missing_keys(parts);
        }
        if let Some(age_ms) = age_ms(&runs, function.live.clock().now()) {
            function.metrics.write_sweep_age(age_ms);
        }
        record::sweeps(&runs);
    }
    function.metrics.write();
    Ok(())
}

async fn run(swept: &Swept, at_once: bool, now: Millis, time: Duration) -> Vec<SweepRun> {
    let Some(peers) = &swept.peers else {
        tracing::info!("the region is being filled or frozen, and not compared");
        return Vec::new();
    };
    let settings = SweepSettings { every_ms: if at_once { 0 } else { EVERY_MS }, pause: PAUSE };
    let until = now.plus(u64::try_from(time.saturating_sub(KEEPING).as_millis()).unwrap_or(u64::MAX));
    // A call that hangs ends with the time; what was kept last is gone on with.
    let runs = tokio::time::timeout(time, sweep(&swept.home, peers, &settings, until)).await;
    runs.unwrap_or_else(|_| {
        tracing::error!("the sweep hung; the next one goes on from where it was kept");
        Vec::new()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use umoja_reconciler::SweepEnd;
    use umoja_runtime::testing::{Regions, Silent, document};
    use umoja_schema::{AccountStatus, Attributes, Credentials, Facts, Hlc, Part, UserId, Version};
    use umoja_store::RegionState::{Joining, Serving};
    use umoja_store::keyring::KeyRing;
    use umoja_store::ports::{Commit, Condition, PartWrite, Writes};
    use umoja_store::seal::Sealer;
    use umoja_store::{RegionState, RegionsDocument};

    const MINUTE: Duration = Duration::from_mins(1);

    async fn swept(regions: &Regions, document: &RegionsDocument) -> Swept {
        let own = document.get(regions.own()).unwrap().clone();
        let settings = Settings { own, regions: document.regions.clone(), secrets: None };
        BuildSweep.build(regions.home_of(document), &settings).await.unwrap()
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
    async fn parts_from_before_a_region_came_are_counted_listed_for_repair_and_brought_there() {
        let regions = Regions::new(&["eu", "us"]);
        store(&regions.home_of(&document(&[("eu", Serving)])), 1).await;
        let swept = swept(&regions, &both([Serving, Serving])).await;
        store(&swept.home, 2).await;
        let runs = run(&swept, false, swept.home.clock.now(), MINUTE).await;
        assert_eq!(missing_keys(&runs), Some(1));
        assert_eq!(swept.home.repairs.depth().await.unwrap().waiting, 1);
        assert_eq!(runs.iter().map(|run| run.report.pushed).sum::<u64>(), 2);
        let peer = &swept.home.peers[0].ports.users;
        assert!(peer.part(UserId::v8([1; 16]), Part::Credentials).await.unwrap().is_some());
        assert_eq!(age_ms(&runs, swept.home.clock.now().plus(7)), Some(7));
    }

    #[tokio::test]
    async fn a_pass_is_due_once_a_day_or_when_somebody_asks() {
        let regions = Regions::new(&["eu", "us"]);
        let swept = swept(&regions, &both([Serving, Serving])).await;
        let ended = async |at_once| {
            let runs = run(&swept, at_once, swept.home.clock.now(), MINUTE).await;
            runs.into_iter().map(|run| run.ended).collect::<Vec<_>>()
        };
        assert_eq!(ended(false).await, [SweepEnd::Done; 2]);
        regions.clock.pass(EVERY_MS - 1);
        assert_eq!(ended(false).await, [SweepEnd::NotDue; 2]);
        assert_eq!(ended(true).await, [SweepEnd::Done; 2]);
        regions.clock.pass(EVERY_MS);
        assert_eq!(ended(false).await, [SweepEnd::Done; 2]);
    }

    #[tokio::test]
    async fn a_region_that_is_being_filled_is_not_compared() {
        let regions = Regions::new(&["eu", "us"]);
        let serving = swept(&regions, &both([Serving, Joining])).await;
        let runs = run(&serving, true, serving.home.clock.now(), MINUTE).await;
        assert_eq!(runs.iter().map(|run| run.peer.clone()).collect::<Vec<_>>(), [None]);
        let joining = swept(&regions, &both([Joining, Serving])).await;
        assert_eq!(run(&joining, true, joining.home.clock.now(), MINUTE).await, []);
    }

    #[tokio::test(start_paused = true)]
    async fn a_sweep_without_time_or_that_hangs_says_nothing_of_missing_keys() {
        let regions = Regions::new(&["eu", "us"]);
        store(&regions.home_of(&document(&[("eu", Serving)])), 1).await;
        let mut swept = swept(&regions, &both([Serving, Serving])).await;
        let runs = run(&swept, true, swept.home.clock.now(), KEEPING).await;
        assert!(runs.iter().all(|run| run.ended == SweepEnd::OutOfTime), "{runs:?}");
        assert_eq!((missing_keys(&runs), age_ms(&runs, Millis(0))), (None, None));
        swept.home.repairs = std::sync::Arc::new(Silent);
        assert_eq!(run(&swept, true, swept.home.clock.now(), MINUTE).await, []);
    }
}
