//! The work of streams and schedules in the cloud: replicates the change log to the peers, drains the queues, and
//! removes expired rows.
//!
//! [`RegionPump`] does one step for each call, for tests that decide the order of all steps. [`Pump`] runs the steps of
//! every region in tasks. A step may be dropped at any await: it is repeated, and repeating it changes no data.

mod follow;
mod logouts;
mod pages;
mod provision;
mod region;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use umoja_reconciler::{AntiEntropySettings, Ended};

pub use self::provision::Provisioned;
pub use self::region::{Fed, Reconciled, RegionPump, Step};

/// How long an anti-entropy run lasts until its checkpoint, and how often it is checked whether a pass is due.
const ANTI_ENTROPY_RUN: Duration = Duration::from_secs(2);
/// The pause of an anti-entropy pass after each page of some hundred items, in which requests can use the files.
const ANTI_ENTROPY_PAUSE: Duration = Duration::from_millis(10);
/// How often the depths of the queues are recorded.
const MEASURE: Duration = Duration::from_secs(10);
/// How often the inbox is searched for events that wait without a message.
const RING_AGAIN: Duration = Duration::from_mins(1);

/// How often expired items are searched and deleted.
const DROP_EXPIRED: Duration = Duration::from_hours(1);

/// How often it is recorded what waits for webhooks and targets.
const MEASURE_FOREIGN: Duration = Duration::from_mins(1);

/// How often a [`Pump`] does its work.
#[derive(Debug, Clone, Copy)]
pub struct PumpSettings {
    /// How often the change log is read for commits of other processes.
    pub poll: Duration,
    /// How often retries are drained and keys are repaired.
    pub reconcile: Duration,
    /// How often expired rows are removed.
    pub housekeep: Duration,
    /// How often regions are compared; never if `None`.
    pub anti_entropy: Option<Duration>,
}

impl Default for PumpSettings {
    fn default() -> Self {
        let [poll, reconcile, housekeep] = [100, 1000, 10_000].map(Duration::from_millis);
        Self { poll, reconcile, housekeep, anti_entropy: Some(Duration::from_hours(1)) }
    }
}

/// The background work of all regions of this process. Needs a tokio runtime. Dropping it ends the work at once,
/// without losing data; [`Pump::stop`] lets running steps finish first.
pub struct Pump {
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
}

impl Pump {
    /// Starts the work. Each region's stream, each peer's retries, missing wrapped keys, merges and housekeeping have
    /// their own tasks, so that none waits for a dependency of another that does not respond.
    pub fn start(regions: impl IntoIterator<Item = RegionPump>, settings: PumpSettings) -> Self {
        let stop = watch::Sender::new(false);
        let mut tasks = JoinSet::new();
        for region in regions.into_iter().map(Arc::new) {
            let stream = Arc::clone(&region);
            let stopped = stop.subscribe();
            tasks.spawn(async move { stream.replicate_until(settings.poll, stopped).await });
            if region.feeds() {
                let (feed, stopped) = (Arc::clone(&region), stop.subscribe());
                tasks.spawn(async move { feed.feed_until(settings.poll, stopped).await });
            }
            let expired = Arc::clone(&region);
            tasks.spawn(every(DROP_EXPIRED, stop.subscribe(), async move || {
                if let Err(error) = expired.drop_expired().await {
                    tracing::warn!(region = %expired.region(), %error, "expired items were not deleted");
                }
            }));
            for position in 0..region.home().peers.len() {
                let (retries, stopped) = (Arc::clone(&region), stop.subscribe());
                tasks.spawn(every(settings.reconcile, stop.subscribe(), async move || {
                    // A long queue is drained without a pause, as fast as the peer takes it.
                    let peer = &retries.home().peers[position];
                    while retries.drain(peer).await.ended == Ended::Bounded && !*stopped.borrow() {}
                }));
            }
            let (keys, stopped) = (Arc::clone(&region), stop.subscribe());
            tasks.spawn(every(settings.reconcile, stop.subscribe(), async move || {
                while keys.repair().await.ended == Ended::Bounded && !*stopped.borrow() {}
            }));
            let merges = Arc::clone(&region);
            tasks.spawn(every(settings.reconcile, stop.subscribe(), async move || {
                merges.merge().await;
            }));
            if region.ingests() {
                let (events, waiting) = (Arc::clone(&region), Arc::clone(&region));
                let stopped = stop.subscribe();
                tasks.spawn(async move { events.apply_events(settings.poll, stopped).await });
                tasks.spawn(every(RING_AGAIN, stop.subscribe(), async move || {
                    if let Err(error) = waiting.ring_again().await {
                        tracing::warn!(region = %waiting.region(), %error, "the inbox cannot be read");
                    }
                }));
            }
            if region.provisions() {
                for is_ring in [true, false] {
                    let (region, stopped) = (Arc::clone(&region), stop.subscribe());
                    tasks.spawn(async move { region.provision_until(is_ring, settings.poll, stopped).await });
                }
            }
            if region.provisions() {
                let measured = Arc::clone(&region);
                tasks.spawn(every(MEASURE_FOREIGN, stop.subscribe(), async move || measured.measure_targets().await));
            }
            let (reported, stopped) = (Arc::clone(&region), stop.subscribe());
            tasks.spawn(async move { reported.report_until(settings.poll, stopped).await });
            if let Some(logouts) = region.logouts() {
                let measured = Arc::clone(logouts);
                tasks.spawn(logouts::inform(Arc::clone(logouts), settings.poll, stop.subscribe()));
                tasks.spawn(every(MEASURE_FOREIGN, stop.subscribe(), async move || logouts::measure(&measured).await));
            }
            if let Some(posting) = region.webhooks() {
                let (measured, name) = (Arc::clone(posting), region.region().clone());
                tasks.spawn(webhooks::post(Arc::clone(posting), name.clone(), settings.poll, stop.subscribe()));
                tasks.spawn(every(MEASURE_FOREIGN, stop.subscribe(), async move || {
                    webhooks::measure(&measured, &name).await;
                }));
            }
            let measured = Arc::clone(&region);
            tasks.spawn(every(MEASURE, stop.subscribe(), async move || measured.measure().await));
            if let Some(period) = settings.anti_entropy {
                let compared = Arc::clone(&region);
                tasks.spawn(run_anti_entropy(period, stop.subscribe(), compared));
            }
            tasks.spawn(every(settings.housekeep, stop.subscribe(), async move || {
                if let Err(error) = region.housekeep().await {
                    tracing::warn!(region = %region.region(), %error, "housekeeping failed");
                }
            }));
        }
        Self { tasks, stop }
    }

    /// Stops the work after the running steps.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a task of the pump failed");
            }
        }
    }
}

/// Often checks whether a pass is due, and works on it only for a short time: so a stop does not wait for a pass to
/// end, and a restart continues it. A comparison that was never made is due at once.
async fn run_anti_entropy(period: Duration, stop: watch::Receiver<bool>, region: Arc<RegionPump>) {
    let settings = AntiEntropySettings {
        every_ms: u64::try_from(period.as_millis()).unwrap_or(u64::MAX),
        pause: ANTI_ENTROPY_PAUSE,
    };
    every(ANTI_ENTROPY_RUN.min(period), stop, async move || {
        let until = region.home().clock.now().plus(u64::try_from(ANTI_ENTROPY_RUN.as_millis()).unwrap_or(u64::MAX));
        region.anti_entropy(&settings, until).await;
    })
    .await;
}

async fn every(period: Duration, mut stop: watch::Receiver<bool>, work: impl AsyncFn()) {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !*stop.borrow() {
        tokio::select! {
            _ = ticks.tick() => work().await,
            _ = stop.changed() => {}
        }
    }
}
