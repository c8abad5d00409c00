//! The background work of one region, a step at a time.

use std::sync::{Arc, Weak};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;
use tokio::time::sleep;
use umoja_ingest::{IngestReport, Waiting, Worker};
use umoja_local::{Housekept, RegionStore};
use umoja_page::Watchers;
use umoja_provisioner::{Logouts, Provisioner, Webhooks};
use umoja_reconciler::{
    AntiEntropyRun, AntiEntropySettings, MergeReport, RepairReport, RetryReport, anti_entropy, drain_retries,
    drop_expired, merge_users, repair_keys,
};
use umoja_replicator::{BatchOutcome, Feed, FeedOutcome, Replicator};
use umoja_schema::{Millis, Region};
use umoja_store::ports::StoreError;
use umoja_store::seal::Sealer;
use umoja_store::{Change, Home, Peer};

use super::follow::{BATCH, Followed, Follower};
use super::pages::Pages;
use super::provision::{Provisioned, Provisioning};
use crate::backlog::{Backlog, CURSOR, DELIVER_CURSOR, FEED_CURSOR, LagThresholds};
use crate::record;

/// The most rows of a kind that one housekeeping transaction removes.
const HOUSEKEEP: usize = 1000;
/// How old an HLC timestamp may be to count for the replication lag. An older item was changed without a new HLC
/// timestamp, or had to wait for a process to serve it.
const WRITTEN_WITHIN_MS: u64 = 60_000;

/// The background work of one region, a step at a time.
pub struct RegionPump {
    store: RegionStore,
    home: Home,
    sealer: Arc<Sealer>,
    replicator: Replicator,
    feed: Feed,
    feeds: bool,
    ingest: Option<Worker>,
    provisioning: Option<Provisioning>,
    pages: Option<Pages>,
    webhooks: Option<Arc<Webhooks>>,
    logouts: Option<Arc<Logouts>>,
}

/// The result of one step of [`RegionPump::replicate`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The position in the change log after the step: all changes up to it are handled.
    pub position: u64,
    /// The result of the batch.
    pub outcome: BatchOutcome,
}

/// The result of one step of [`RegionPump::feed`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Fed {
    /// The position in the change log after the step: all changes up to it have their events.
    pub position: u64,
    /// The result of the batch.
    pub outcome: FeedOutcome,
}

/// The result of one step of [`RegionPump::reconcile`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reconciled {
    /// The report of each peer's retry queue.
    pub retries: Vec<(Region, RetryReport)>,
    /// The report of the queue of missing wrapped keys.
    pub keys: RepairReport,
    /// The report of the queue of merges.
    pub merges: MergeReport,
}

impl RegionPump {
    /// The work of `store`'s region. `home` holds the same region's ports, with or without injected faults.
    pub fn new(store: RegionStore, home: Home, sealer: Arc<Sealer>) -> Self {
        let (replicator, feed) = (Replicator::new(home.clone()), Feed::new(home.clone()));
        let (ingest, webhooks, provisioning, pages, logouts) = (None, None, None, None, None);
        Self { store, replicator, feed, feeds: true, home, sealer, ingest, webhooks, provisioning, pages, logouts }
    }

    /// The same work without making events, as long as the region may lack events that it has made: while it is
    /// backfilled or compared.
    #[must_use]
    pub fn without_feed(self) -> Self {
        Self { feeds: false, ..self }
    }

    /// True if it makes events.
    pub(super) const fn feeds(&self) -> bool {
        self.feeds
    }

    /// The same work, and that of applying the events of sources.
    #[must_use]
    pub fn with_ingest(self, worker: Worker) -> Self {
        Self { ingest: Some(worker), ..self }
    }

    /// The same work, and that of bringing the accounts of targets up to date.
    #[must_use]
    pub fn with_provisioner(self, provisioner: Arc<Provisioner>) -> Self {
        let provisioning = Some(Provisioning::new(self.store.clone(), provisioner));
        Self { provisioning, ..self }
    }

    /// The same work, and that of informing the status pages that are open.
    #[must_use]
    pub fn with_pages(self, watchers: Weak<Watchers>) -> Self {
        let pages = Some(Pages::new(self.store.clone(), watchers));
        Self { pages, ..self }
    }

    /// Informs status pages until stopped.
    pub(super) async fn report_until(&self, poll: Duration, stop: watch::Receiver<bool>) {
        if let Some(pages) = &self.pages {
            pages.report_until(poll, stop).await;
        }
    }

    /// True if it delivers to targets.
    pub(super) const fn provisions(&self) -> bool {
        self.provisioning.is_some()
    }

    /// Rings for the changes of the region, and delivers what is due once at each target.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn provision(&self) -> Result<Provisioned, StoreError> {
        match &self.provisioning {
            Some(provisioning) => provisioning.step().await,
            None => Ok(Provisioned::default()),
        }
    }

    /// Rings, or delivers, until stopped.
    pub(super) async fn provision_until(&self, is_ring: bool, poll: Duration, stop: watch::Receiver<bool>) {
        match &self.provisioning {
            Some(provisioning) if is_ring => {
                let follower = self.follower((DELIVER_CURSOR, "provisioning"), poll, stop);
                let handle = |position, changes: Arc<[Change]>| async move {
                    Ok(provisioning.ring_changes(position, &changes).await?.followed)
                };
                follower.follow(handle).await;
            }
            Some(provisioning) => provisioning.deliver_until(poll, stop).await,
            None => {}
        }
    }

    /// Records what is due at targets.
    pub(super) async fn measure_targets(&self) {
        if let Some(provisioning) = &self.provisioning {
            super::provision::measure(provisioning).await;
        }
    }

    /// The same work, and that of posting events to webhooks.
    #[must_use]
    pub fn with_webhooks(self, webhooks: Webhooks) -> Self {
        Self { webhooks: Some(Arc::new(webhooks)), ..self }
    }

    /// The same work, and that of telling clients about ended sessions.
    #[must_use]
    pub fn with_logouts(self, logouts: Logouts) -> Self {
        Self { logouts: Some(Arc::new(logouts)), ..self }
    }

    /// What informs clients about ended sessions.
    pub(super) const fn logouts(&self) -> Option<&Arc<Logouts>> {
        self.logouts.as_ref()
    }

    /// What posts events to webhooks.
    pub(super) const fn webhooks(&self) -> Option<&Arc<Webhooks>> {
        self.webhooks.as_ref()
    }

    /// The ports of its services.
    pub(super) const fn home(&self) -> &Home {
        &self.home
    }

    /// True if it applies the events of sources.
    pub(super) const fn ingests(&self) -> bool {
        self.ingest.is_some()
    }

    /// The region.
    pub fn region(&self) -> &Region {
        self.store.region()
    }

    /// Handles the next batch of the change log and stores its position, which never passes a record that was not
    /// handled.
    pub async fn replicate(&self) -> Result<Step, StoreError> {
        let position = self.store.cursor(CURSOR).await?;
        let step = self.replicate_changes(position, &self.store.changes(position, BATCH)?).await;
        if step.position > position {
            self.store.advance_cursor(CURSOR, step.position).await?;
        }
        Ok(step)
    }

    async fn replicate_changes(&self, position: u64, changes: &[Change]) -> Step {
        let outcome = self.replicator.handle(changes).await;
        let handled = handled(changes, outcome.failed.as_deref());
        record::replicated(outcome.sent, outcome.queued);
        record::quarantined(outcome.quarantined);
        if outcome.sent > 0 {
            self.record_lags(handled);
        }
        Step { position: after(position, handled), outcome }
    }

    /// Replicates until stopped.
    pub(super) async fn replicate_until(&self, poll: Duration, stop: watch::Receiver<bool>) {
        let handle = |position, changes: Arc<[Change]>| async move {
            let Step { position, outcome } = self.replicate_changes(position, &changes).await;
            Ok(Followed { position, has_failed: outcome.failed.is_some() })
        };
        self.follower((CURSOR, "replication"), poll, stop).follow(handle).await;
    }

    /// Makes the events of the next batch of the change log and stores its position, which never passes a change whose
    /// events were not made.
    pub async fn feed(&self) -> Result<Fed, StoreError> {
        let position = self.store.cursor(FEED_CURSOR).await?;
        let fed = self.feed_changes(position, &self.store.changes(position, BATCH)?).await;
        if fed.position > position {
            self.store.advance_cursor(FEED_CURSOR, fed.position).await?;
        }
        Ok(fed)
    }

    async fn feed_changes(&self, position: u64, changes: &[Change]) -> Fed {
        let outcome = self.feed.handle(changes).await;
        record::made(outcome.made);
        Fed { position: after(position, handled(changes, outcome.failed.as_deref())), outcome }
    }

    /// Makes events until stopped.
    pub(super) async fn feed_until(&self, poll: Duration, stop: watch::Receiver<bool>) {
        let handle = |position, changes: Arc<[Change]>| async move {
            let Fed { position, outcome } = self.feed_changes(position, &changes).await;
            Ok(Followed { position, has_failed: outcome.failed.is_some() })
        };
        self.follower((FEED_CURSOR, "events"), poll, stop).follow(handle).await;
    }

    fn follower(
        &self,
        (cursor, what): (&'static str, &'static str),
        poll: Duration,
        stop: watch::Receiver<bool>,
    ) -> Follower<'_> {
        Follower { store: &self.store, clock: Arc::clone(&self.home.clock), cursor, what, poll, stop }
    }

    fn record_lags(&self, handled: &[Change]) {
        let now = self.home.clock.now();
        let timestamps = handled.iter().filter_map(|change| record::hlc(change, self.region()));
        let lags = timestamps.map(|hlc| now.since(hlc.millis()));
        lags.filter(|lag| *lag <= WRITTEN_WITHIN_MS).for_each(record::lag);
    }

    /// Processes the retry queue of every peer, the queue of missing wrapped keys and the queue of merges once.
    pub async fn reconcile(&self) -> Reconciled {
        let mut retries = Vec::new();
        for peer in &self.home.peers {
            retries.push((peer.ports.name.clone(), self.drain(peer).await));
        }
        Reconciled { retries, keys: self.repair().await, merges: self.merge().await }
    }

    pub(super) async fn drain(&self, peer: &Peer) -> RetryReport {
        let report = drain_retries(&self.home, peer).await;
        record::replicated(report.replicated, 0);
        record::quarantined(report.quarantined);
        report
    }

    pub(super) async fn repair(&self) -> RepairReport {
        let report = repair_keys(&self.home, &self.sealer).await;
        record::quarantined(report.quarantined);
        report
    }

    pub(super) async fn merge(&self) -> MergeReport {
        let report = merge_users(&self.home, &self.sealer).await;
        record::quarantined(report.quarantined);
        report
    }

    /// Applies the events of sources in the queue once.
    pub async fn ingest(&self) -> IngestReport {
        let Some(worker) = &self.ingest else { return IngestReport::default() };
        let report = worker.run().await;
        record::quarantined(report.quarantined);
        record::parked(report.parked);
        report
    }

    /// Rings again for events that wait in the inbox without a message in the queue.
    ///
    /// # Errors
    /// If the inbox or the queue fails.
    pub async fn ring_again(&self) -> Result<Waiting, StoreError> {
        let waiting = match &self.ingest {
            Some(worker) => worker.ring_again().await?,
            None => Waiting::default(),
        };
        record::set_oldest_event(self.region(), waiting.oldest_ms);
        Ok(waiting)
    }

    /// Applies events until stopped: at once while there are some, and looks again after the pause.
    pub(super) async fn apply_events(&self, pause: Duration, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            if self.ingest().await.done == 0 {
                tokio::select! {
                    () = sleep(pause) => {}
                    _ = stop.changed() => {}
                }
            }
        }
    }

    /// Deletes the events and other items that have expired. Returns how many.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn drop_expired(&self) -> Result<u64, StoreError> {
        drop_expired(&self.home).await
    }

    /// Compares the region with each of its peers and with its derived tables, and repairs what differs, until all
    /// comparisons are done or the time is `until`.
    pub async fn anti_entropy(&self, settings: &AntiEntropySettings, until: Millis) -> Vec<AntiEntropyRun> {
        let peers: Vec<Region> = self.home.peers.iter().map(|peer| peer.ports.name.clone()).collect();
        let runs = anti_entropy(&self.home, &peers, settings, until).await;
        record::anti_entropy(&runs);
        if let Some(parts) = record::missing_keys(&runs) {
            record::set_missing_keys(self.region(), parts);
        }
        if let Some(age_ms) = record::age_ms(&runs, self.home.clock.now()) {
            record::set_anti_entropy_age(self.region(), age_ms);
        }
        runs
    }

    /// Records how many messages are in each queue, and how far the peers are behind.
    pub(super) async fn measure(&self) {
        match Backlog::of(&self.store, &*self.home.clock).await {
            Ok(backlog) => {
                record::backlog(self.region(), &backlog);
                if backlog.exceeds(&LagThresholds::default()) {
                    let Backlog { changes, oldest_ms } = backlog;
                    tracing::warn!(region = %self.region(), changes, oldest_ms, "the peers are far behind a region");
                }
            }
            Err(error) => tracing::warn!(region = %self.region(), %error, "the change log cannot be read"),
        }
        for (name, queue) in self.home.queues() {
            match queue.depth().await {
                Ok(depth) => record::queued(self.region(), &name, depth),
                Err(error) => tracing::warn!(region = %self.region(), queue = name, %error, "a queue does not respond"),
            }
        }
    }

    /// Removes expired rows and handled changes. Returns what it removed.
    pub async fn housekeep(&self) -> Result<Housekept, StoreError> {
        let mut all = Housekept::default();
        loop {
            let removed = self.store.housekeep(HOUSEKEEP).await?;
            all.idempotency += removed.idempotency;
            all.inbox += removed.inbox;
            all.changes += removed.changes;
            if !removed.may_have_more(HOUSEKEEP) {
                return Ok(all);
            }
        }
    }
}

/// The handled changes of a batch: all before the lowest record that failed.
fn handled<'a>(changes: &'a [Change], failed: Option<&str>) -> &'a [Change] {
    match failed {
        None => changes,
        Some(failed) => changes.split(|change| change.sequence == failed).next().unwrap_or_default(),
    }
}

/// The position after the handled changes.
fn after(position: u64, handled: &[Change]) -> u64 {
    // The store's sequences are decimal numbers.
    handled.last().and_then(|change| change.sequence.parse().ok()).unwrap_or(position)
}
