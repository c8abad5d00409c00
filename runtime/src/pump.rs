//! What streams and schedules do in the cloud: turns the change log into copies at the peers, drains the queues, and
//! forgets what has expired.
//!
//! [`RegionPump`] does one step when asked, for tests that decide the order of everything. [`Pump`] runs the steps of
//! every region in tasks. A step may be dropped at any await: it is repeated, and repeating it changes nothing.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};
use umoja_local::{Housekept, RegionStore};
use umoja_reconciler::{
    MergeReport, RepairReport, RetryReport, SweepRun, SweepSettings, drain_retries, merge_users, repair_keys, sweep,
};
use umoja_replicator::{BatchOutcome, Replicator};
use umoja_schema::{Millis, Region};
use umoja_store::ports::StoreError;
use umoja_store::seal::Sealer;
use umoja_store::{Change, Home, Peer};

use crate::record;

/// The cursor of the change log that says what was replicated.
pub const CURSOR: &str = "replicator";

/// The most changes that one step takes: as many as one Lambda invocation would.
const BATCH: usize = 200;
/// The most rows of a kind that one transaction of housekeeping removes.
const HOUSEKEEP: usize = 1000;
/// How often, in milliseconds, a stream notes how far it has come. What was handled after the last note is handled
/// again after a crash.
const SAVE_MS: u64 = 200;
/// How long a sweep works before it is kept, and how often it is looked whether one is due.
const SWEEP_RUN: Duration = Duration::from_secs(2);
/// The pause of a sweep after each page of some hundred items, in which requests find the files free.
const SWEEP_PAUSE: Duration = Duration::from_millis(10);
/// How much older than now a stamp may be to say something about replication. What is older was changed without a new
/// stamp, or waited for a process to serve.
const WRITTEN_WITHIN_MS: u64 = 60_000;
/// How often the depths of the queues are recorded.
const MEASURE: Duration = Duration::from_secs(10);
/// The first and the longest wait of a stream that does not get on.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// The background work of one region, a step at a time.
pub struct RegionPump {
    store: RegionStore,
    home: Home,
    sealer: Arc<Sealer>,
    replicator: Replicator,
}

/// What one step of [`RegionPump::replicate`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The position in the change log after the step: everything up to it is handled.
    pub position: u64,
    /// What became of the batch.
    pub outcome: BatchOutcome,
}

/// What one step of [`RegionPump::reconcile`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reconciled {
    /// Of each peer's retry queue.
    pub retries: Vec<(Region, RetryReport)>,
    /// Of the queue of missing wrapped keys.
    pub keys: RepairReport,
    /// Of the queue of merges.
    pub merges: MergeReport,
}

impl RegionPump {
    /// The work of `store`'s region. `home` holds the same region's ports, with or without faults around them.
    pub fn new(store: RegionStore, home: Home, sealer: Arc<Sealer>) -> Self {
        Self { store, replicator: Replicator::new(home.clone()), home, sealer }
    }

    /// The region.
    pub fn region(&self) -> &Region {
        self.store.region()
    }

    /// Handles the next batch of the change log and notes how far it has come: never past a record that was not
    /// handled.
    pub async fn replicate(&self) -> Result<Step, StoreError> {
        let position = self.store.cursor(CURSOR).await?;
        let step = self.replicate_from(position).await?;
        if step.position > position {
            self.store.advance_cursor(CURSOR, step.position).await?;
        }
        Ok(step)
    }

    async fn replicate_from(&self, position: u64) -> Result<Step, StoreError> {
        let changes = self.store.changes(position, BATCH)?;
        let outcome = self.replicator.handle(&changes).await;
        let handled = handled(&changes, &outcome);
        record::copies(outcome.sent, outcome.queued);
        record::parked(outcome.parked);
        if outcome.sent > 0 {
            self.record_lags(handled);
        }
        // The store writes its sequences as decimal numbers.
        let position = handled.last().and_then(|change| change.sequence.parse().ok()).unwrap_or(position);
        Ok(Step { position, outcome })
    }

    fn record_lags(&self, handled: &[Change]) {
        let now = self.home.clock.now();
        let stamps = handled.iter().filter_map(|change| record::stamp(change, self.region()));
        let lags = stamps.map(|stamp| now.since(stamp.millis()));
        lags.filter(|lag| *lag <= WRITTEN_WITHIN_MS).for_each(record::lag);
    }

    /// Does what is in the retry queue of every peer, the queue of missing wrapped keys and that of merges, once.
    pub async fn reconcile(&self) -> Reconciled {
        let mut retries = Vec::new();
        for peer in &self.home.peers {
            retries.push((peer.ports.name.clone(), self.drain(peer).await));
        }
        Reconciled { retries, keys: self.repair().await, merges: self.merge().await }
    }

    async fn drain(&self, peer: &Peer) -> RetryReport {
        let report = drain_retries(&self.home, peer).await;
        record::copies(report.copied, 0);
        record::parked(report.parked);
        report
    }

    async fn repair(&self) -> RepairReport {
        let report = repair_keys(&self.home, &self.sealer).await;
        record::parked(report.parked);
        report
    }

    async fn merge(&self) -> MergeReport {
        let report = merge_users(&self.home, &self.sealer).await;
        record::parked(report.parked);
        report
    }

    /// Compares the region with each of its peers, and its users with what is derived from them, and mends what differs,
    /// until all is done or the time is `until`.
    pub async fn sweep(&self, settings: &SweepSettings, until: Millis) -> Vec<SweepRun> {
        let peers: Vec<Region> = self.home.peers.iter().map(|peer| peer.ports.name.clone()).collect();
        let runs = sweep(&self.home, &peers, settings, until).await;
        record::sweeps(&runs);
        if let Some(parts) = record::missing_keys(&runs) {
            record::set_missing_keys(self.region(), parts);
        }
        if let Some(age_ms) = record::age_ms(&runs, self.home.clock.now()) {
            record::set_sweep_age(self.region(), age_ms);
        }
        runs
    }

    /// Records how many messages are in each queue.
    async fn measure(&self) {
        for (name, queue) in self.home.queues() {
            match queue.depth().await {
                Ok(depth) => record::queued(self.region(), &name, depth),
                Err(error) => tracing::warn!(region = %self.region(), queue = name, %error, "a queue does not answer"),
            }
        }
    }

    /// Removes what has expired, and changes that were handled. Gives what it removed.
    pub async fn housekeep(&self) -> Result<Housekept, StoreError> {
        let mut all = Housekept::default();
        loop {
            let removed = self.store.housekeep(HOUSEKEEP).await?;
            all.idempotency += removed.idempotency;
            all.changes += removed.changes;
            if !removed.may_have_more(HOUSEKEEP) {
                return Ok(all);
            }
        }
    }

    /// Replicates until told to stop. Wakes on each commit of this process, and now and then for those of others.
    async fn stream(&self, settings: PumpSettings, mut stop: watch::Receiver<bool>) {
        let mut cursor = Cursor::default();
        let mut back_off = BACK_OFF.0;
        while !*stop.borrow() {
            let wait = match self.stream_step(&mut cursor).await {
                Ok(Progress::More) => {
                    back_off = BACK_OFF.0;
                    continue;
                }
                Ok(Progress::Idle) => {
                    back_off = BACK_OFF.0;
                    None
                }
                Ok(Progress::Stuck) => Some(back_off),
                Err(error) => {
                    tracing::error!(region = %self.region(), %error, "the change log cannot be read");
                    Some(back_off)
                }
            };
            if let Some(wait) = wait {
                back_off = (back_off * 2).min(BACK_OFF.1);
                tokio::select! {
                    () = sleep(wait) => {}
                    _ = stop.changed() => {}
                }
            } else {
                tokio::select! {
                    () = self.store.wait_for_change(cursor.position) => {}
                    () = sleep(settings.poll) => {}
                    _ = stop.changed() => {}
                }
            }
        }
        if let Err(error) = self.save(&mut cursor).await {
            tracing::warn!(region = %self.region(), %error, "what was replicated last will be replicated again");
        }
    }

    async fn stream_step(&self, cursor: &mut Cursor) -> Result<Progress, StoreError> {
        if !cursor.read {
            cursor.position = self.store.cursor(CURSOR).await?;
            (cursor.saved, cursor.read) = (cursor.position, true);
        }
        let step = self.replicate_from(cursor.position).await?;
        let advanced = step.position > cursor.position;
        cursor.position = step.position;
        let now = self.home.clock.now();
        // A note costs a durable write that the next batch would wait for: one now and then is enough.
        if cursor.saved_at.is_none_or(|saved| now.since(saved) >= SAVE_MS) {
            self.save(cursor).await?;
            cursor.saved_at = Some(now);
        }
        Ok(match (&step.outcome.failed, advanced) {
            (None, false) => Progress::Idle,
            (Some(_), false) => Progress::Stuck,
            (_, true) => Progress::More,
        })
    }

    async fn save(&self, cursor: &mut Cursor) -> Result<(), StoreError> {
        if cursor.position > cursor.saved {
            self.store.advance_cursor(CURSOR, cursor.position).await?;
            cursor.saved = cursor.position;
        }
        Ok(())
    }
}

/// How far a stream has come, and what of that is noted.
#[derive(Default)]
struct Cursor {
    read: bool,
    position: u64,
    saved: u64,
    saved_at: Option<Millis>,
}

enum Progress {
    More,
    Idle,
    Stuck,
}

/// What of a batch was handled: everything before the lowest record that failed.
fn handled<'a>(changes: &'a [Change], outcome: &BatchOutcome) -> &'a [Change] {
    match &outcome.failed {
        None => changes,
        Some(failed) => changes.split(|change| change.sequence == *failed).next().unwrap_or_default(),
    }
}

/// How often a [`Pump`] does what.
#[derive(Debug, Clone, Copy)]
pub struct PumpSettings {
    /// How often the change log is looked at for commits of other processes.
    pub poll: Duration,
    /// How often retries are drained and keys are repaired.
    pub reconcile: Duration,
    /// How often what has expired is removed.
    pub housekeep: Duration,
    /// How often regions are compared; never if absent.
    pub sweep: Option<Duration>,
}

impl Default for PumpSettings {
    fn default() -> Self {
        let [poll, reconcile, housekeep] = [100, 1000, 10_000].map(Duration::from_millis);
        Self { poll, reconcile, housekeep, sweep: Some(Duration::from_hours(1)) }
    }
}

/// The background work of all regions of this process. Needs a tokio runtime. Dropping it ends the work at once, which
/// loses nothing; [`Pump::stop`] lets the steps that are under way end first.
pub struct Pump {
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
}

impl Pump {
    /// Starts the work: tasks of their own for each region's stream, each peer's retries, missing wrapped keys, merges and housekeeping, so
    /// that nothing waits for something that does not answer.
    pub fn start(regions: impl IntoIterator<Item = RegionPump>, settings: PumpSettings) -> Self {
        let stop = watch::Sender::new(false);
        let mut tasks = JoinSet::new();
        for region in regions.into_iter().map(Arc::new) {
            let stream = Arc::clone(&region);
            let stopped = stop.subscribe();
            tasks.spawn(async move { stream.stream(settings, stopped).await });
            for position in 0..region.home.peers.len() {
                let retries = Arc::clone(&region);
                tasks.spawn(every(settings.reconcile, stop.subscribe(), async move || {
                    retries.drain(&retries.home.peers[position]).await;
                }));
            }
            let keys = Arc::clone(&region);
            tasks.spawn(every(settings.reconcile, stop.subscribe(), async move || {
                keys.repair().await;
            }));
            let merges = Arc::clone(&region);
            tasks.spawn(every(settings.reconcile, stop.subscribe(), async move || {
                merges.merge().await;
            }));
            let measured = Arc::clone(&region);
            tasks.spawn(every(MEASURE, stop.subscribe(), async move || measured.measure().await));
            if let Some(period) = settings.sweep {
                let swept = Arc::clone(&region);
                tasks.spawn(sweeps(period, stop.subscribe(), swept));
            }
            tasks.spawn(every(settings.housekeep, stop.subscribe(), async move || {
                if let Err(error) = region.housekeep().await {
                    tracing::warn!(region = %region.region(), %error, "housekeeping failed");
                }
            }));
        }
        Self { tasks, stop }
    }

    /// Ends the work after the steps that are under way.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a task of the pump did not end well");
            }
        }
    }
}

/// Looks often whether a pass is due, and works for a short time at once: so a stop does not wait for a pass to end, and
/// a restart goes on with it. What was never swept is due at once.
async fn sweeps(period: Duration, stop: watch::Receiver<bool>, region: Arc<RegionPump>) {
    let settings =
        SweepSettings { every_ms: u64::try_from(period.as_millis()).unwrap_or(u64::MAX), pause: SWEEP_PAUSE };
    every(SWEEP_RUN.min(period), stop, async move || {
        let until = region.home.clock.now().plus(u64::try_from(SWEEP_RUN.as_millis()).unwrap_or(u64::MAX));
        region.sweep(&settings, until).await;
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
