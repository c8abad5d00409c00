//! What a job says meanwhile.

use std::time::Duration;

use umoja_schema::Region;
use umoja_store::ports::StoreError;

use crate::{FillReport, RewriteReport, UnlistReport};

/// Who is told how far a job is.
pub trait Watch: Send + Sync {
    /// Something has happened, or a while has passed.
    fn see(&self, event: &Event<'_>);
}

/// What has happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// How far a pass is that writes parts again.
    Rewriting {
        /// What is written again.
        what: &'static str,
        /// What the pass has done.
        report: &'a RewriteReport,
        /// In how many milliseconds.
        ms: u64,
    },
    /// How far a pass is that brings to a region what another one holds.
    Filling {
        /// The one that is copied from.
        from: &'a Region,
        /// The one that is copied to.
        to: &'a Region,
        /// What the pass has done.
        report: &'a FillReport,
        /// In how many milliseconds.
        ms: u64,
    },
    /// A pass has found nothing missing.
    Filled {
        /// The one that was copied from.
        from: &'a Region,
        /// The one that has everything.
        to: &'a Region,
    },
    /// Messages are left to the scheduled key repair.
    Repairing {
        /// The region of the queue.
        region: &'a Region,
        /// How many.
        left: u64,
    },
    /// How far a pass is that drops the keys of a removed region.
    Unlisting {
        /// The region that is looked at.
        region: &'a Region,
        /// The removed one.
        removed: &'a Region,
        /// What the pass has done.
        report: &'a UnlistReport,
    },
    /// Rows of the audit trail were dropped.
    DroppingRows {
        /// Of which region.
        region: &'a Region,
        /// How many so far.
        rows: u64,
    },
    /// Messages were sent back.
    Redriving {
        /// The region of the queue.
        region: &'a Region,
        /// The queue.
        queue: &'a str,
        /// How many so far, in all queues.
        done: usize,
    },
    /// A message was not released: it stays hidden for a while.
    Hidden {
        /// The region of the queue.
        region: &'a Region,
        /// The queue.
        queue: &'a str,
        /// Why.
        error: &'a StoreError,
    },
    /// A region does not answer, and is tried again.
    Again {
        /// Where.
        at: &'a str,
        /// What it answered.
        error: &'a StoreError,
        /// After this long.
        wait: Duration,
    },
    /// The job goes on where it was stopped.
    GoesOn,
    /// Where the job is could not be kept: stopped now, it begins anew.
    NotKept {
        /// Why.
        error: &'a StoreError,
    },
}

/// Writes what jobs say into the log.
#[derive(Debug, Clone, Copy, Default)]
pub struct Log;

impl Watch for Log {
    fn see(&self, event: &Event<'_>) {
        match event {
            Event::Again { at, error, wait } => tracing::warn!(at, %error, ?wait, "a job tries again"),
            Event::Hidden { region, queue, error } => {
                tracing::warn!(%region, queue, %error, "a message stays hidden for a while");
            }
            Event::NotKept { error } => tracing::warn!(%error, "where a job is could not be kept"),
            event => tracing::info!(?event, "a job goes on"),
        }
    }
}
