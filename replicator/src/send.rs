//! Sends to one peer, or to its retry queue if the peer does not answer.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::stream::{self, StreamExt as _};
use umoja_store::replicate::replicate;
use umoja_store::{Home, Peer, RegionPorts, repairs};

use crate::batch::Job;

/// The result of the jobs for one destination.
#[derive(Default)]
pub(crate) struct Tally {
    /// The number of jobs that the peer accepted.
    pub(crate) sent: usize,
    /// The number of jobs that went into a queue.
    pub(crate) queued: usize,
    /// The lowest position that was not handled.
    pub(crate) failed: Option<usize>,
}

enum Done {
    Sent,
    Queued,
    Failed(usize),
    Nothing,
}

impl Tally {
    fn count(mut self, done: Done) -> Self {
        match done {
            Done::Sent => self.sent += 1,
            Done::Queued => self.queued += 1,
            Done::Failed(position) => self.failed = Some(self.failed.map_or(position, |failed| failed.min(position))),
            Done::Nothing => {}
        }
        self
    }
}

/// Does the jobs of a batch, which are about different items, as many at the same time as the region takes best.
async fn all<F: Future<Output = Done>>(to: &RegionPorts, jobs: Vec<F>) -> Tally {
    let done = stream::iter(jobs).buffer_unordered(to.users.at_once());
    done.fold(Tally::default(), async |tally, done| tally.count(done)).await
}

/// Sends every job to a peer, or to its retry queue if that fails.
pub(crate) async fn to_peer(home: &Home, peer: &Peer, jobs: &[Job]) -> Tally {
    let out = Out::default();
    let tally = all(&peer.ports, jobs.iter().map(|job| to_peer_or_queue(home, peer, job, &out)).collect()).await;
    if tally.queued > 0 {
        tracing::warn!(peer = %peer.ports.name, copies = tally.queued, "items went to the retry queue");
    }
    tally
}

/// Which destinations, within this batch, do not answer.
#[derive(Default)]
struct Out {
    peer: AtomicBool,
    queue: AtomicBool,
}

async fn to_peer_or_queue(home: &Home, peer: &Peer, job: &Job, out: &Out) -> Done {
    if !out.peer.load(Ordering::Relaxed) {
        match replicate(home, &peer.ports, &job.item).await {
            Ok(_) => return Done::Sent,
            Err(error) => {
                tracing::warn!(peer = %peer.ports.name, %error, "a peer did not accept an item");
                if error.is_transient() {
                    out.peer.store(true, Ordering::Relaxed);
                }
            }
        }
    }
    if !out.queue.load(Ordering::Relaxed) {
        match peer.retry.send(&job.item.key().to_message(), 0).await {
            Ok(()) => return Done::Queued,
            Err(error) => {
                tracing::error!(peer = %peer.ports.name, %error, "a retry queue did not accept a message");
                if error.is_transient() {
                    out.queue.store(true, Ordering::Relaxed);
                }
            }
        }
    }
    Done::Failed(job.first)
}

/// Does the work in the own region: queues repairs of parts that lack a wrapped key, queues merges of users that are
/// one person because two trusted companies verified the same identifier of both, and deletes the items that go with an
/// erased user.
pub(crate) async fn repairs(home: &Home, jobs: &[Job]) -> Tally {
    all(&home.own, jobs.iter().map(|job| follow_up(home, job)).collect()).await
}

async fn follow_up(home: &Home, job: &Job) -> Done {
    match repairs::follow_up(home, &job.item).await {
        Ok(true) => Done::Queued,
        Ok(false) => Done::Nothing,
        Err(error) => {
            tracing::error!(%error, "the follow-up of a write failed in the own region");
            Done::Failed(job.first)
        }
    }
}
