//! The end of all faults: all services work, the operator completes the pending work, and messages stop.

use umoja_reconciler::{AntiEntropyEnd, Redriven, redrive_quarantined};
use umoja_store::ports::Queue as _;

use super::fleet::Fleet;
use super::plan::Service;

/// More than the longest delay of a queue, than any visibility time-out, and than the error of any clock.
const LONG_MS: u64 = 16 * 60 * 1000;
/// A deployment that is not quiet after this number of rounds sends in circles.
const MAX_ROUNDS: usize = 60;

impl Fleet {
    /// Ends every fault and waits until no work is left.
    pub(super) async fn heal(&self) {
        for region in &self.world().regions {
            region.faults.all().for_each(|faults| faults.heal());
            region.clock.set_skew(0);
        }
        if self.is_harmed().await {
            self.repair_harm().await;
        }
        self.post_again().await;
        // Dead letters that wait for a user whose record was lost with a stream are redriven only after an anti-entropy
        // pass brought the user, and those that wait for a quarantined record after that record was redriven.
        let lost = self.lost.get();
        self.settle(!lost && !self.has_quarantined().await).await;
        // Records that a region quarantined because its clock went back are redriven by the operator after the clock
        // caught up.
        self.world().clock.advance(LONG_MS);
        for region in &self.world().regions {
            loop {
                let quarantined = region.home.quarantined.receive(10, 60).await.expect("a queue can be read");
                if quarantined.is_empty() {
                    break;
                }
                for quarantined in quarantined {
                    let redriven = redrive_quarantined(&region.home, &quarantined).await.expect("all services work");
                    assert!(!matches!(redriven, Redriven::Left(_)), "1: {redriven:?}: {}", quarantined.text);
                }
            }
        }
        self.settle(!lost).await;
        if lost {
            self.anti_entropy().await;
        }
        self.ring_again_in_all().await;
        self.finish_operations().await;
    }

    /// Anti-entropy replaces every item that an attacker changed, before anything that waits for one is tried again.
    async fn repair_harm(&self) {
        // What a fast clock wrote is compared later.
        self.world().clock.advance(LONG_MS);
        self.world().anti_entropy().await;
        self.note_changes();
        assert!(self.is_all_repaired().await, "13: an item that an attacker changed was not repaired");
    }

    /// Anti-entropy between all pairs: one pass each, and the next finds no difference.
    pub(super) async fn anti_entropy(&self) {
        for pass in 0..2 {
            let runs = self.world().anti_entropy().await;
            self.note_changes();
            for run in &runs {
                assert_eq!(run.ended, AntiEntropyEnd::Done, "1: an anti-entropy pass did not end: {run:?}");
                let found = run.report.found + run.report.missing_keys;
                assert!(pass == 0 || found == 0, "1: a second anti-entropy pass finds differences: {run:?}");
            }
            self.settle(true).await;
        }
    }

    /// Runs streams, retries and repairs until all is quiet. Time passes whenever no record was delivered. Dead letters
    /// are redriven if `redrive`, and otherwise left, as are events: one may wait for a user of whom a part is quarantined.
    pub(super) async fn settle(&self, redrive: bool) {
        for _ in 0..MAX_ROUNDS {
            let delivered = self.round().await;
            if self.is_quiet(redrive).await {
                return;
            }
            if !delivered {
                self.world().clock.advance(LONG_MS);
            }
        }
        panic!("6: not quiet after {MAX_ROUNDS} rounds: {:?}", self.left().await);
    }

    /// One round of all background work. True if a stream delivered a record.
    pub(super) async fn round(&self) -> bool {
        let mut delivered = false;
        for at in 0..self.world().regions.len() {
            self.note_changes();
            delivered |= !self.streams[at].is_empty();
            self.replicate(at, (0, 0, 0), true).await;
        }
        for at in 0..self.world().regions.len() {
            for peer in 0..self.region(at).home.peers.len() {
                self.note_changes();
                self.drain(at, peer, true).await;
            }
            self.repair(at).await;
            self.note_changes();
            self.ingest(at).await;
            self.note_changes();
        }
        delivered
    }

    async fn has_quarantined(&self) -> bool {
        let mut any = false;
        for region in &self.world().regions {
            let depth = region.home.quarantined.depth().await.expect("a queue can be counted");
            any |= depth.waiting + depth.in_flight > 0;
        }
        any
    }

    /// The messages that the queues still hold.
    async fn left(&self) -> Vec<String> {
        let mut left = Vec::new();
        self.world().clock.advance(LONG_MS);
        for region in &self.world().regions {
            for name in region.working_queues() {
                let queue = region.store.queue(&name);
                let mut held = queue.receive(10, 60).await.expect("a queue can be read");
                held.extend(queue.receive_dead(10, 60).await.expect("dead letters can be read"));
                left.extend(held.iter().map(|held| format!("{name} of {}: {}", region.name, held.text)));
            }
        }
        left
    }

    async fn is_quiet(&self, redrive: bool) -> bool {
        let mut quiet = self.streams.iter().all(super::stream::Stream::is_empty);
        for at in 0..self.world().regions.len() {
            let events = redrive.then_some(Service::Ingest);
            let services = [Service::Retries, Service::Repairs].into_iter().chain(events);
            for queue in services.flat_map(|service| self.queues(at, service)) {
                let depth = queue.depth().await.expect("a queue can be counted");
                quiet &= depth.waiting + depth.in_flight == 0;
                if !redrive {
                    continue;
                }
                quiet &= depth.dead == 0;
                for dead in queue.receive_dead(10, 60).await.expect("dead letters can be read") {
                    queue.redrive(&dead).await.expect("dead letters can be redriven");
                }
            }
        }
        quiet
    }
}
