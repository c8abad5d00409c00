//! Replicates a region's stream to its peers: one conditional write per peer, with peers in parallel and independent of
//! each other.
//!
//! # Guarantees
//!
//! - **No unhandled record is acknowledged.** A record is handled for a peer once the peer holds it (or a newer
//!   version), or once a message that names it is in that peer's retry queue. Otherwise the batch reports the lowest
//!   failed sequence, and the stream delivers again from there. Handling a record twice has the same effect as
//!   handling it once.
//! - **No loops.** Only images whose `origin` is the own region are sent. A record that another region replicated here
//!   is sent by that region.
//! - **A hot user costs one write.** Of the images of one part in a batch, only the newest is sent.
//! - **Peers do not wait for each other.** A peer that is out is not called again in the same batch: its remaining
//!   records go to its retry queue.
//! - **Poison does not stop its neighbours.** A record that is unreadable, or whose HLC timestamp is far in the
//!   future, is quarantined with a reason. Records after the lowest failed sequence are not quarantined, because they
//!   will be delivered again.
//! - **Missing wrapped keys are queued here, and only here** (see [`umoja_store::repairs`]).
//!
//! Items of an envelope format that this version does not know are replicated unopened.

mod batch;
mod feed;
mod send;

use futures_util::future::{join, join_all};
use serde::Serialize;
use umoja_schema::Message;
use umoja_store::{Change, Home};

pub use feed::{Feed, FeedOutcome};

use batch::Batch;

/// Sends a region's changes to its peers.
pub struct Replicator {
    home: Home,
}

/// The result of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BatchOutcome {
    /// The lowest sequence that was not handled. It and all later records have to be delivered again. `None` if the
    /// whole batch was handled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// Records in the batch.
    pub records: usize,
    /// Records of other regions, which those regions send.
    pub echoes: usize,
    /// Records that a newer record of the same batch replaced.
    pub coalesced: usize,
    /// Replicated items that a peer accepted, counted for each peer.
    pub sent: usize,
    /// Items that went into a retry queue, counted for each peer.
    pub queued: usize,
    /// Parts whose data key some region has not wrapped, now queued for repair.
    pub repairs: usize,
    /// Records that cannot be processed, now quarantined for an operator.
    pub quarantined: usize,
}

impl Replicator {
    /// The replicator of a region.
    pub fn new(home: Home) -> Self {
        Self { home }
    }

    /// Handles a batch in the order of the stream. The future may be dropped at any await: when the batch is delivered
    /// again, the completed work is repeated without effect.
    pub async fn handle(&self, changes: &[Change]) -> BatchOutcome {
        let batch = match Batch::sort(&self.home, changes).await {
            Ok(batch) => batch,
            Err(error) => {
                tracing::error!(%error, "a batch could not be verified and will be delivered again");
                let failed = changes.first().map(|change| change.sequence.clone());
                return BatchOutcome { failed, records: changes.len(), ..BatchOutcome::default() };
            }
        };
        let to_peers = self.home.peers.iter().map(|peer| send::to_peer(&self.home, peer, &batch.jobs));
        let (peers, repairs) = join(join_all(to_peers), send::repairs(&self.home, &batch.jobs)).await;

        let failures = peers.iter().map(|peer| peer.failed).chain([repairs.failed]);
        let failed = failures.flatten().min();
        let (quarantined, failed) = self.quarantine(&batch.poison, failed).await;

        let outcome = BatchOutcome {
            failed: failed.map(|position| changes[position].sequence.clone()),
            records: changes.len(),
            echoes: batch.echoes,
            coalesced: batch.coalesced,
            sent: peers.iter().map(|peer| peer.sent).sum(),
            queued: peers.iter().map(|peer| peer.queued).sum(),
            repairs: repairs.queued,
            quarantined,
        };
        if outcome.failed.is_some() {
            tracing::warn!(?outcome, "part of a batch was not handled and will be delivered again");
        }
        outcome
    }

    /// Quarantines the poison before `failed`. Returns the number of quarantined records and the lowest failed
    /// position.
    async fn quarantine(&self, poison: &[(usize, Message)], failed: Option<usize>) -> (usize, Option<usize>) {
        let due = poison.iter().filter(|(position, _)| failed.is_none_or(|failed| *position < failed));
        let mut quarantined = 0;
        for (position, message) in due {
            if let Err(error) = self.home.quarantined.send(message, 0).await {
                tracing::error!(%error, "a record that cannot be processed could not be quarantined");
                return (quarantined, Some(*position));
            }
            if let Message::Quarantined { table, sequence, reason, .. } = message {
                tracing::error!(table, sequence, reason, "a record that cannot be processed was quarantined");
            }
            quarantined += 1;
        }
        (quarantined, failed)
    }
}
