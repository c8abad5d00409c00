//! Sending to one peer, and what is done when it does not answer.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::stream::{self, StreamExt as _};
use umoja_store::copy::copy;
use umoja_store::{Home, Peer, repairs};

use crate::batch::Job;

/// How many writes to one peer are under way at the same time. All of a batch are of different items.
const CONCURRENT: usize = 32;

/// What became of the jobs for one destination.
#[derive(Default)]
pub(crate) struct Tally {
    /// How many the peer took.
    pub(crate) sent: usize,
    /// How many went into a queue.
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

async fn all<F: Future<Output = Done>>(jobs: Vec<F>) -> Tally {
    stream::iter(jobs).buffer_unordered(CONCURRENT).fold(Tally::default(), async |tally, done| tally.count(done)).await
}

/// Sends every job to a peer or else into its retry queue.
pub(crate) async fn to_peer(home: &Home, peer: &Peer, jobs: &[Job]) -> Tally {
    let out = Out::default();
    let tally = all(jobs.iter().map(|job| to_peer_or_queue(home, peer, job, &out)).collect()).await;
    if tally.queued > 0 {
        tracing::warn!(peer = %peer.ports.name, copies = tally.queued, "copies went to the retry queue");
    }
    tally
}

/// What is known, within this batch, not to answer.
#[derive(Default)]
struct Out {
    peer: AtomicBool,
    queue: AtomicBool,
}

async fn to_peer_or_queue(home: &Home, peer: &Peer, job: &Job, out: &Out) -> Done {
    if !out.peer.load(Ordering::Relaxed) {
        match copy(home, &peer.ports, &job.item).await {
            Ok(_) => return Done::Sent,
            Err(error) => {
                tracing::warn!(peer = %peer.ports.name, %error, "a peer did not take a copy");
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
                tracing::error!(peer = %peer.ports.name, %error, "a retry queue did not take a message");
                if error.is_transient() {
                    out.queue.store(true, Ordering::Relaxed);
                }
            }
        }
    }
    Done::Failed(job.first)
}

/// Does what is to be done in the own region: lists parts that lack a wrapped key, and users that are one person because two
/// trusted companies verified the same identifier of both; deletes what goes with an erased user.
pub(crate) async fn repairs(home: &Home, jobs: &[Job]) -> Tally {
    all(jobs.iter().map(|job| follow_up(home, job)).collect()).await
}

async fn follow_up(home: &Home, job: &Job) -> Done {
    match repairs::follow_up(home, &job.item).await {
        Ok(true) => Done::Queued,
        Ok(false) => Done::Nothing,
        Err(error) => {
            tracing::error!(%error, "the own region did not do what a write asks of it");
            Done::Failed(job.first)
        }
    }
}
