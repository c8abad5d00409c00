//! From a region's stream to its peers: one conditional write per peer, peers in parallel and apart from each other.
//!
//! # What is promised
//!
//! - **Nothing unhandled is acknowledged.** A record is handled for a peer once the peer holds it (or something newer),
//!   or once a message that names it is in that peer's retry queue. Anything else is reported as failed by the lowest
//!   failed sequence, and the stream delivers from there again. Doing a record twice is doing it once.
//! - **No loops.** Only images whose `origin` is the own region are sent on: what was copied here by another region is
//!   that region's to send.
//! - **A hot user costs one write.** Of the images of one part in a batch only the newest is sent.
//! - **Peers do not wait for each other**, and one that is out is not asked again in the same batch: what is left for
//!   it goes to its retry queue.
//! - **Poison does not stop neighbours.** A record that cannot be read, or whose stamp is far in the future, is parked
//!   with a reason. Records after the lowest failed sequence are not parked, because they will be delivered again.
//! - **Missing wrapped keys are listed here, and only here** (see [`umoja_store::repairs`]).
//!
//! Items of an envelope format that this version does not know are replicated unopened.

mod batch;
mod send;

use futures_util::future::{join, join_all};
use serde::Serialize;
use umoja_schema::Message;
use umoja_store::{Change, Home};

use batch::Batch;

/// Sends what a region wrote to its peers.
pub struct Replicator {
    home: Home,
}

/// What became of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BatchOutcome {
    /// The lowest sequence that was not handled: it and everything after it has to be delivered again. Nothing if
    /// the whole batch was handled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// Records in the batch.
    pub records: usize,
    /// Records of other regions, which those send themselves.
    pub echoes: usize,
    /// Records for which a newer one of the same batch stood in.
    pub coalesced: usize,
    /// Copies that a peer took, counted for each peer.
    pub sent: usize,
    /// Copies that went into a retry queue, counted for each peer.
    pub queued: usize,
    /// Parts whose data key some region has not wrapped, now listed for repair.
    pub repairs: usize,
    /// Records that cannot be handled, now parked for an operator.
    pub parked: usize,
}

impl Replicator {
    /// The replicator of a region.
    pub fn new(home: Home) -> Self {
        Self { home }
    }

    /// Handles a batch, in the order in which the stream delivered it. May be dropped at any await: whatever it did
    /// until then is repeated without effect when the batch is delivered again.
    pub async fn handle(&self, changes: &[Change]) -> BatchOutcome {
        let batch = Batch::sort(&self.home, changes);
        let to_peers = self.home.peers.iter().map(|peer| send::to_peer(&self.home, peer, &batch.jobs));
        let (peers, repairs) = join(join_all(to_peers), send::repairs(&self.home, &batch.jobs)).await;

        let failures = peers.iter().map(|peer| peer.failed).chain([repairs.failed]);
        let failed = failures.flatten().min();
        let (parked, failed) = self.park(&batch.poison, failed).await;

        let outcome = BatchOutcome {
            failed: failed.map(|position| changes[position].sequence.clone()),
            records: changes.len(),
            echoes: batch.echoes,
            coalesced: batch.coalesced,
            sent: peers.iter().map(|peer| peer.sent).sum(),
            queued: peers.iter().map(|peer| peer.queued).sum(),
            repairs: repairs.queued,
            parked,
        };
        if outcome.failed.is_some() {
            tracing::warn!(?outcome, "part of a batch was not handled and will be delivered again");
        }
        outcome
    }

    /// Parks the poison before `failed`. Gives how many records were parked, and the lowest failed position.
    async fn park(&self, poison: &[(usize, Message)], failed: Option<usize>) -> (usize, Option<usize>) {
        let due = poison.iter().filter(|(position, _)| failed.is_none_or(|failed| *position < failed));
        let mut parked = 0;
        for (position, message) in due {
            if let Err(error) = self.home.parked.send(message, 0).await {
                tracing::error!(%error, "a record that cannot be handled could not be parked");
                return (parked, Some(*position));
            }
            if let Message::Parked { table, sequence, reason, .. } = message {
                tracing::error!(table, sequence, reason, "a record that cannot be handled was parked");
            }
            parked += 1;
        }
        (parked, failed)
    }
}
