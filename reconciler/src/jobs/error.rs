//! Why a job did not complete. The next run continues it.

use umoja_schema::Region;
use umoja_store::ports::StoreError;

use crate::{BackfillReport, ReencryptionReport, RepairReport};

/// Why a job did not complete.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// A region failed.
    #[error("{at}: {source}")]
    Stopped {
        /// Where.
        at: String,
        /// Why.
        source: StoreError,
    },
    /// Every part is re-encrypted except those that cannot be opened.
    #[error("{} parts cannot be opened ({})", report.unreadable, users(report))]
    Unopened {
        /// The last pass.
        report: Box<ReencryptionReport>,
    },
    /// The deadline passed before every part was re-encrypted.
    #[error("not done yet: {report:?}")]
    NotReencrypted {
        /// The last pass.
        report: Box<ReencryptionReport>,
    },
    /// The source region does not know the region that is to be backfilled.
    #[error("{from} does not know {to}")]
    Unknown {
        /// The source region.
        from: Region,
        /// The region that is backfilled.
        to: Region,
    },
    /// Backfilling stopped.
    #[error("backfilling {to} from {from} stopped: {source}")]
    NotReplicated {
        /// The source region.
        from: Region,
        /// The region that is backfilled.
        to: Region,
        /// Why.
        source: StoreError,
    },
    /// Some items cannot be read and were not replicated. All others were.
    #[error("{unreadable} items of {from} cannot be read and were not replicated to {to}")]
    NotRead {
        /// The source region.
        from: Region,
        /// The region that is backfilled.
        to: Region,
        /// How many.
        unreadable: u64,
    },
    /// The deadline passed before the region was backfilled.
    #[error("{to} does not have everything yet that {from} holds: {report:?}")]
    NotBackfilled {
        /// The source region.
        from: Region,
        /// The region that is backfilled.
        to: Region,
        /// The last pass.
        report: Box<BackfillReport>,
        /// Whether the scheduled key repair wraps data keys, or the job itself.
        scheduled: bool,
    },
    /// Data keys could not be wrapped.
    #[error("{region}: {} data keys could not be wrapped, {} cannot be opened", report.postponed, report.quarantined)]
    NotRepaired {
        /// The region that holds the parts.
        region: Region,
        /// What the repair did.
        report: Box<RepairReport>,
    },
    /// Parts cannot be read, so that it is unknown whether they need the key of the leaving region.
    #[error("{region}: {unreadable} parts cannot be read")]
    UnknownNeed {
        /// The region that holds the parts.
        region: Region,
        /// The leaving region.
        removed: Region,
        /// How many.
        unreadable: u64,
    },
    /// The deadline passed while parts still needed the key of the leaving region.
    #[error("{region}: {needed} parts can be opened by the key of {removed} alone ({})", parts.join(", "))]
    Needed {
        /// The region that holds the parts.
        region: Region,
        /// The leaving region.
        removed: Region,
        /// How many.
        needed: u64,
        /// Some of them, as `id/part`.
        parts: Vec<String>,
    },
    /// Parts cannot be opened by the KMS key of the region that holds them, nor by any other that stays.
    #[error("{region}: no KMS key opens {unopened} parts ({})", parts.join(", "))]
    NotOpened {
        /// The region that holds the parts.
        region: Region,
        /// The leaving region.
        removed: Region,
        /// How many.
        unopened: u64,
        /// Some of them, as `id/part`.
        parts: Vec<String>,
    },
    /// The removed region is listed again.
    #[error("{0} is on the list of regions again")]
    Listed(Region),
}

/// Some of the users whose parts cannot be opened.
fn users(report: &ReencryptionReport) -> String {
    report.unreadable_users.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
