//! Why a job did not come to its end. Run again, it goes on.

use umoja_schema::Region;
use umoja_store::ports::StoreError;

use crate::{FillReport, RepairReport, RewriteReport};

/// Why a job did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// A region does not do as asked.
    #[error("{at}: {source}")]
    Stopped {
        /// Where.
        at: String,
        /// Why.
        source: StoreError,
    },
    /// Every part is written again but those that nobody can open.
    #[error("{} parts cannot be opened ({})", report.unreadable, users(report))]
    Unopened {
        /// The last pass.
        report: Box<RewriteReport>,
    },
    /// There was no time left to write every part again.
    #[error("not done yet: {report:?}")]
    NotRewritten {
        /// The last pass.
        report: Box<RewriteReport>,
    },
    /// A region does not know the one that is to be filled.
    #[error("{from} does not know {to}")]
    Unknown {
        /// The one that is copied from.
        from: Region,
        /// The one that is copied to.
        to: Region,
    },
    /// Copying stopped.
    #[error("copying from {from} to {to} stopped: {source}")]
    NotCopied {
        /// The one that is copied from.
        from: Region,
        /// The one that is copied to.
        to: Region,
        /// Why.
        source: StoreError,
    },
    /// Some items cannot be read, and were not copied; all others were.
    #[error("{unreadable} items of {from} cannot be read and were not copied to {to}")]
    NotRead {
        /// The one that is copied from.
        from: Region,
        /// The one that is copied to.
        to: Region,
        /// How many.
        unreadable: u64,
    },
    /// There was no time left to fill a region.
    #[error("{to} has not everything yet that {from} holds: {report:?}")]
    NotFilled {
        /// The one that is copied from.
        from: Region,
        /// The one that is copied to.
        to: Region,
        /// The last pass.
        report: Box<FillReport>,
        /// Whether the scheduled key repair wraps data keys, or the job itself.
        scheduled: bool,
    },
    /// Data keys could not be wrapped.
    #[error("{region}: {} data keys could not be wrapped, {} cannot be opened", report.postponed, report.parked)]
    NotRepaired {
        /// The region of the parts.
        region: Region,
        /// What the repair did.
        report: Box<RepairReport>,
    },
    /// Parts cannot be read: whether they need the key of a region that goes is not known.
    #[error("{region}: {unreadable} parts cannot be read")]
    UnknownNeed {
        /// The region of the parts.
        region: Region,
        /// The one that goes.
        removed: Region,
        /// How many.
        unreadable: u64,
    },
    /// There was no time left until other regions could open what needs the key of a region that goes.
    #[error("{region}: {needed} parts can be opened by the key of {removed} alone")]
    Needed {
        /// The region of the parts.
        region: Region,
        /// The one that goes.
        removed: Region,
        /// How many.
        needed: u64,
    },
    /// The region is on the list again.
    #[error("{0} is on the list of regions again")]
    Listed(Region),
}

/// Some of the users whose parts cannot be opened.
fn users(report: &RewriteReport) -> String {
    report.unreadable_users.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
