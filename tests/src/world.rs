//! A deployment in memory: two or more regions on the local adapters, with faults, one clock and one seed.
//!
//! All work runs on the caller's thread in the order of its calls, so a seed determines a whole run. Writes follow the
//! rules of `umoja-accounts`. Streams and schedules run when a test runs them.
//!
//! Each region sees its own tables, key and queues through their faults, and each of its peers through that peer's
//! faults and those of the link between them. So a region that is down is down for all regions, and a link is cut in
//! one direction only.

#![allow(clippy::missing_panics_doc, reason = "a world ends the test when an invariant is violated")]

mod invariants;
mod items;
mod people;
mod region;
mod rotation;
mod setup;
mod tables;
mod time;

use std::collections::{BTreeMap, BTreeSet};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use umoja_reconciler::{AntiEntropyRun, AntiEntropySettings, ON_ITS_WAY_MS};
use umoja_schema::{BlindIndex, Millis, Part, Region, UserId, Version};
use umoja_store::Change;
use umoja_store::keyring::{KeyRing, PEER_WRAP_BUDGET_MS};
use umoja_store::ports::{Queue as _, QueueDepth};
use umoja_store::secrets::{SETTING, SecretsDocument};

pub use region::{RegionFaults, WorldRegion};
pub use setup::{Setup, Short};
pub use tables::{Tables, TablesOn};
pub use time::{RegionClock, SeededEntropy, WorldClock};

/// The time at which worlds begin.
const START: Millis = Millis(1_800_000_000_000);
/// More than the longest delay of a queue and than any visibility time-out.
const LONG_MS: u64 = 16 * 60 * 1000;
/// A world that is not quiet after this number of rounds sends in circles.
const MAX_ROUNDS: usize = 60;
/// Anti-entropy passes that are always due and have no pauses.
pub const ANTI_ENTROPY: AntiEntropySettings = AntiEntropySettings { every_ms: 0, pause: std::time::Duration::ZERO };
const NAMES: [&str; 5] = ["af-south-1", "eu-west-1", "us-east-1", "ap-south-1", "me-south-1"];

/// A deployment in memory.
pub struct World {
    /// The clock that all regions' clocks follow.
    pub clock: Arc<WorldClock>,
    /// The randomness of the whole world.
    pub entropy: Arc<SeededEntropy>,
    /// The regions, in the order of [`World::name`].
    pub regions: Vec<WorldRegion>,
    known: Mutex<Known>,
}

/// The state that a world keeps to check the invariants.
#[derive(Default)]
struct Known {
    /// The newest acknowledged version of each part.
    acknowledged: BTreeMap<(UserId, Part), Version>,
    /// The newest version of each part that was seen in each region.
    seen: BTreeMap<(Region, UserId, Part), Version>,
    /// The newest acknowledged version of each item.
    items: BTreeMap<(UserId, String), Version>,
    /// Every identifier that was ever owned.
    indexes: BTreeSet<BlindIndex>,
}

/// The work of one round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Round {
    /// Stream records that were handled, echoes included.
    pub records: usize,
    /// Messages that were received.
    pub messages: usize,
    /// True if every stream is read to its end and every queue except the quarantined one is empty.
    pub quiet: bool,
}

impl World {
    /// A deployment of `count` regions (2 to 5) with its secrets.
    pub async fn new(seed: u64, count: usize) -> Self {
        let (around, around_short) = (&|ports, _| ports, &std::convert::identity);
        Self::of(seed, &Setup { regions: count, tables: TablesOn::Local, around, around_short }).await
    }

    /// A deployment with its secrets.
    pub async fn of(seed: u64, setup: &Setup<'_>) -> Self {
        let clock = Arc::new(WorldClock::new(START));
        let entropy = Arc::new(SeededEntropy::new(seed));
        let regions = region::build(&NAMES[..setup.regions], setup, &clock, &entropy).await;
        let ring = KeyRing::new(&regions[0].home, PEER_WRAP_BUDGET_MS);
        let document = SecretsDocument::create(&ring, START).await.expect("every KMS answers");
        let document = serde_json::to_value(document).expect("secrets are JSON");
        for region in &regions {
            region.tables.registry.put_setting(SETTING, &document).await.expect("settings can be written");
        }
        let mut world = Self { clock, entropy, regions, known: Mutex::default() };
        for region in &mut world.regions {
            region.load_secrets().await;
        }
        world
    }

    /// The name of a region by its number.
    pub fn name(&self, at: usize) -> &Region {
        &self.regions[at].name
    }

    /// Takes a whole region down for all regions, or brings it back: its tables, its KMS and its queues.
    pub fn set_down(&self, at: usize, down: bool) {
        let faults = &self.regions[at].faults;
        faults.tables.set_down(down);
        faults.kms.set_down(down);
        for queue in faults.retries.values().chain([&faults.repairs, &faults.quarantined]) {
            queue.set_down(down);
        }
    }

    /// Cuts the link from one region to another (tables and KMS), or repairs it.
    pub fn set_cut(&self, from: usize, to: usize, cut: bool) {
        let to = self.name(to).clone();
        self.regions[from].faults.links[&to].set_down(cut);
        self.regions[from].faults.kms_links[&to].set_down(cut);
    }

    /// Makes every call to every port yield (see [`umoja_store::faulty::Faults::set_pausing`]).
    pub fn set_pausing(&self, pausing: bool) {
        self.regions.iter().flat_map(|region| region.faults.all()).for_each(|faults| faults.set_pausing(pausing));
    }

    /// Reads every stream to its end, or to the record that fails. Returns the number of records.
    pub async fn deliver(&self) -> usize {
        let mut records = 0;
        for region in &self.regions {
            let mut position = None;
            loop {
                let step = region.pump.replicate().await.expect("a change log can be read");
                records += step.outcome.records;
                let stuck = position.replace(step.position) == Some(step.position);
                if step.outcome.records == 0 || stuck {
                    break;
                }
            }
        }
        self.observe().await;
        records
    }

    /// Makes the events of all changes in every region's stream, and returns how many. A world makes none by itself.
    pub async fn feed(&self) -> usize {
        let mut made = 0;
        for region in &self.regions {
            made += feed_of(region).await;
        }
        made
    }

    /// One round of all background work: streams, retries, repairs.
    pub async fn round(&self) -> Round {
        let mut round = Round { records: self.deliver().await, ..Round::default() };
        for region in &self.regions {
            let reconciled = region.pump.reconcile().await;
            round.messages += reconciled.keys.received + reconciled.merges.received;
            round.messages += reconciled.retries.iter().map(|(_, report)| report.received).sum::<usize>();
            round.messages += region.pump.ingest().await.received;
        }
        self.observe().await;
        round.quiet = self.is_quiet().await;
        round
    }

    /// Runs rounds with time passing between them, whatever they do. For the time while a service is down.
    pub async fn rounds(&self, count: usize) {
        for _ in 0..count {
            self.round().await;
            self.clock.advance(LONG_MS);
        }
    }

    /// Runs rounds until no work is left. Time passes whenever a round receives no message.
    ///
    /// # Panics
    /// If the world never gets quiet.
    pub async fn settle(&self) {
        let mut rounds = Vec::new();
        while rounds.len() < MAX_ROUNDS {
            let round = self.round().await;
            if round.quiet {
                return;
            }
            if round.records == 0 {
                self.clock.advance(LONG_MS);
            }
            rounds.push(round);
        }
        panic!("not quiet after {MAX_ROUNDS} rounds: {rounds:?}");
    }

    async fn is_quiet(&self) -> bool {
        for region in &self.regions {
            let position = region.store.cursor(umoja_runtime::backlog::CURSOR).await.expect("a cursor can be read");
            if region.store.newest_change().expect("a change log can be read") > position {
                return false;
            }
            for queue in region.working_queues() {
                let depth = region.store.queue(&queue).depth().await.expect("a queue can be counted");
                if depth.waiting + depth.in_flight > 0 {
                    return false;
                }
            }
        }
        true
    }

    /// Runs all queues and anti-entropy until no more follows from what was written, and checks the invariants.
    ///
    /// # Panics
    /// If the world never gets quiet, or an invariant does not hold.
    pub async fn drain(&self) {
        for _ in 0..2 {
            self.settle().await;
            self.anti_entropy().await;
        }
        self.settle().await;
        self.check_invariants().await;
    }

    /// Runs complete anti-entropy in every region a minute later, when no message is in flight: each region with each
    /// of its peers, and its users with its derived tables.
    pub async fn anti_entropy(&self) -> Vec<AntiEntropyRun> {
        self.clock.advance(ON_ITS_WAY_MS + 1);
        let mut runs = Vec::new();
        for region in &self.regions {
            runs.extend(region.pump.anti_entropy(&ANTI_ENTROPY, Millis(u64::MAX)).await);
        }
        self.observe().await;
        runs
    }

    /// Deletes every message of a region's queues, as an operator may by mistake.
    pub async fn purge(&self, at: usize) {
        let region = &self.regions[at];
        for name in region.working_queues() {
            let queue = region.store.queue(&name);
            self.clock.advance(LONG_MS);
            loop {
                let received = queue.receive(10, 60).await.expect("a queue can be read");
                if received.is_empty() {
                    break;
                }
                for delivery in received {
                    queue.delete(&delivery.receipt).await.expect("a queue can be written");
                }
            }
        }
    }

    /// The depth of a region's retry queue for a peer.
    pub async fn backlog(&self, at: usize, peer: usize) -> QueueDepth {
        let queue = umoja_schema::names::queue::retry(self.name(peer));
        self.regions[at].store.queue(&queue).depth().await.expect("a queue can be counted")
    }

    /// The depth of a region's key-repair queue.
    pub async fn unrepaired(&self, at: usize) -> QueueDepth {
        let queue = umoja_schema::names::queue::KEYS;
        self.regions[at].store.queue(queue).depth().await.expect("a queue can be counted")
    }

    /// The texts of a region's quarantined records, which stay quarantined.
    pub async fn quarantined(&self, at: usize) -> Vec<String> {
        let queue = self.regions[at].store.queue(umoja_schema::names::queue::QUARANTINED);
        let mut texts = Vec::new();
        loop {
            let received = queue.receive(10, 0).await.expect("a queue can be read");
            for delivery in &received {
                queue.release(&delivery.receipt, 1).await.expect("a queue can be written");
            }
            if received.is_empty() {
                self.clock.advance(1000);
                return texts;
            }
            texts.extend(received.into_iter().map(|delivery| delivery.text));
        }
    }

    /// All records that a region's stream has delivered and will deliver.
    pub fn changes(&self, at: usize) -> Vec<Change> {
        self.regions[at].store.changes(0, usize::MAX).expect("a change log can be read")
    }

    /// Marks all records in a region's stream as handled, for tests that deliver them themselves.
    pub async fn skip_stream(&self, at: usize) {
        let store = &self.regions[at].store;
        let newest = store.newest_change().expect("a change log can be read");
        store.advance_cursor(umoja_runtime::backlog::CURSOR, newest).await.expect("a cursor can be written");
    }

    /// Records that a region's tables were restored from a backup, so its parts may be older than those seen there.
    pub fn restored(&self, at: usize) {
        let name = self.name(at);
        self.known().seen.retain(|(region, _, _), _| region != name);
    }

    /// The number of write calls to other regions since the world began or the calls were last reset.
    pub fn sends(&self) -> u64 {
        let links = self.regions.iter().flat_map(|region| region.faults.links.values());
        let of = |calls: BTreeMap<&str, u64>| {
            ["commit", "append", "add_wrapped_key"].iter().filter_map(|name| calls.get(name)).sum::<u64>()
        };
        links.map(|faults| of(faults.calls())).sum()
    }

    /// The number of calls of the KMS of any region, without probes.
    pub fn kms_calls(&self) -> u64 {
        let of = |calls: BTreeMap<&str, u64>| {
            ["generate", "wrap", "unwrap"].iter().filter_map(|name| calls.get(name)).sum::<u64>()
        };
        self.regions.iter().map(|region| of(region.faults.kms.calls())).sum()
    }

    /// Resets the counts of calls.
    pub fn reset_calls(&self) {
        self.regions.iter().flat_map(|region| region.faults.all()).for_each(|faults| faults.reset_calls());
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes the events of all changes in one region's stream, or of those before the change that fails.
async fn feed_of(region: &WorldRegion) -> usize {
    let mut made = 0;
    loop {
        let fed = region.pump.feed().await.expect("a change log can be read");
        made += fed.outcome.made;
        if fed.outcome.records == 0 || fed.outcome.failed.is_some() {
            return made;
        }
    }
}

/// Runs a test on one thread, with tokio's timers but no other tasks.
pub fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime").block_on(test)
}

/// Polls a future a number of times. Returns its value if it ended by then.
pub async fn polled<T>(polls: usize, mut future: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        let polled = future.as_mut().poll(context).map(Some);
        if polled.is_pending() {
            context.waker().wake_by_ref();
        }
        polled
    })
    .await
}

/// Polls a future a number of times and then drops it, as if a function were killed at an await. Returns its value if
/// it ended before.
pub async fn killed_after<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    polled(polls, pin!(future)).await
}
