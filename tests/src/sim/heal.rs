//! The end of all faults: everything works, operators do what operators do, and messages stop.

use umoja_reconciler::{Redriven, SweepEnd, redrive_parked};
use umoja_store::ports::Queue as _;

use super::fleet::Fleet;
use super::plan::Service;

/// More than the longest delay of a queue, than any visibility time-out, and than any clock is wrong.
const LONG_MS: u64 = 16 * 60 * 1000;
/// Who is not quiet after so many rounds sends in circles.
const MAX_ROUNDS: usize = 60;

impl Fleet {
    /// Ends every fault and waits until nothing is left to do.
    pub(super) async fn heal(&self) {
        for region in &self.world().regions {
            region.faults.all().for_each(|faults| faults.mend());
            region.clock.set_skew(0);
        }
        // What waits for somebody who was lost with a stream is sent back when a sweep has brought them, not before; and
        // for somebody who was parked, after that.
        let lost = self.lost.get();
        self.settle(!lost && !self.has_parked().await).await;
        // What a region parked because its clock went back is sent back by an operator when the clock has caught up.
        self.world().clock.advance(LONG_MS);
        for region in &self.world().regions {
            loop {
                let parked = region.home.parked.receive(10, 60).await.expect("a queue can be read");
                if parked.is_empty() {
                    break;
                }
                for parked in parked {
                    let redriven = redrive_parked(&region.home, &parked).await.expect("nothing is out of order");
                    assert!(!matches!(redriven, Redriven::Left(_)), "1: {redriven:?}: {}", parked.text);
                }
            }
        }
        self.settle(!lost).await;
        if lost {
            self.sweep().await;
        }
        self.finish_operations().await;
    }

    /// Anti-entropy between all pairs: one pass each, and the next finds nothing.
    async fn sweep(&self) {
        for pass in 0..2 {
            let runs = self.world().sweep().await;
            self.note_changes();
            for run in &runs {
                assert_eq!(run.ended, SweepEnd::Done, "1: a sweep did not come to its end: {run:?}");
                let found = run.report.found + run.report.missing_keys;
                assert!(pass == 0 || found == 0, "1: a second sweep finds something: {run:?}");
            }
            self.settle(true).await;
        }
    }

    /// Streams, retries and repairs, until all is quiet; time passes whenever nothing was delivered. Dead letters are
    /// sent back if `redrive`, and else left.
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

    /// One round of everything that runs by itself; true if a stream had anything to deliver.
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
        }
        delivered
    }

    async fn has_parked(&self) -> bool {
        let mut any = false;
        for region in &self.world().regions {
            let depth = region.home.parked.depth().await.expect("a queue can be counted");
            any |= depth.waiting + depth.in_flight > 0;
        }
        any
    }

    /// What the queues still hold.
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
            for queue in [Service::Retries, Service::Repairs].into_iter().flat_map(|service| self.queues(at, service)) {
                let depth = queue.depth().await.expect("a queue can be counted");
                quiet &= depth.waiting + depth.in_flight == 0;
                if !redrive {
                    continue;
                }
                quiet &= depth.dead == 0;
                for dead in queue.receive_dead(10, 60).await.expect("dead letters can be read") {
                    queue.redrive(&dead).await.expect("dead letters can be sent back");
                }
            }
        }
        quiet
    }
}
