//! The events that a running job reports.

use std::time::Duration;

use umoja_schema::Region;
use umoja_store::ports::StoreError;

use crate::{BackfillReport, DropWrappedKeysReport, ProvingReport, ReencryptionReport};

/// Observes the progress of a job.
pub trait Watch: Send + Sync {
    /// An event happened, or some time has passed.
    fn see(&self, event: &Event<'_>);
}

/// An event.
#[derive(Debug)]
pub enum Event<'a> {
    /// Progress of a pass that re-encrypts parts.
    Reencrypting {
        /// What is re-encrypted.
        what: &'static str,
        /// What the pass has done.
        report: &'a ReencryptionReport,
        /// How long the pass has run, in milliseconds.
        ms: u64,
    },
    /// Progress of a pass that backfills a region.
    Backfilling {
        /// The source region.
        from: &'a Region,
        /// The region that is backfilled.
        to: &'a Region,
        /// What the pass has done.
        report: &'a BackfillReport,
        /// How long the pass has run, in milliseconds.
        ms: u64,
    },
    /// A pass has found no item missing.
    Backfilled {
        /// The source region.
        from: &'a Region,
        /// The region that is complete.
        to: &'a Region,
    },
    /// Messages are left to the scheduled key repair.
    Repairing {
        /// The region of the queue.
        region: &'a Region,
        /// How many.
        left: u64,
    },
    /// Progress of a pass that drops the wrapped keys of a removed region.
    DroppingWrappedKeys {
        /// The region that is examined.
        region: &'a Region,
        /// The removed one.
        removed: &'a Region,
        /// What the pass has done.
        report: &'a DropWrappedKeysReport,
    },
    /// Progress of a pass that proves items again.
    Proving {
        /// The region.
        region: &'a Region,
        /// What the pass has done.
        report: &'a ProvingReport,
    },
    /// Rows of the audit trail were dropped.
    DroppingRows {
        /// Of which region.
        region: &'a Region,
        /// How many so far.
        rows: u64,
    },
    /// Messages were redriven.
    Redriving {
        /// The region of the queue.
        region: &'a Region,
        /// The queue.
        queue: &'a str,
        /// How many so far, over all queues.
        done: usize,
    },
    /// A message was not released and stays hidden for a while.
    Hidden {
        /// The region of the queue.
        region: &'a Region,
        /// The queue.
        queue: &'a str,
        /// Why.
        error: &'a StoreError,
    },
    /// A region did not respond and is tried again.
    Retry {
        /// Where.
        at: &'a str,
        /// The error.
        error: &'a StoreError,
        /// The wait before the retry.
        wait: Duration,
    },
    /// The job continues from its checkpoint.
    Continues,
    /// The checkpoint of the job could not be stored: if the job stops now, it starts from the beginning.
    NotKept {
        /// Why.
        error: &'a StoreError,
    },
}

/// Logs the events of jobs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Log;

impl Watch for Log {
    fn see(&self, event: &Event<'_>) {
        match event {
            Event::Retry { at, error, wait } => tracing::warn!(at, %error, ?wait, "a job retries"),
            Event::Hidden { region, queue, error } => {
                tracing::warn!(%region, queue, %error, "a message stays hidden for a while");
            }
            Event::NotKept { error } => tracing::warn!(%error, "the checkpoint of a job could not be stored"),
            event => tracing::info!(?event, "a job continues"),
        }
    }
}
