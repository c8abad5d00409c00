//! What is done later: copies that a peer did not take at once, data keys that some region has not wrapped, users that
//! turn out to be one person, everything for a region that joins, and what nobody remembers ([`sweep`]).
//!
//! [`drain_retries`], [`repair_keys`] and [`merge_users`] are one run each, started by a schedule; runs may overlap and may be dropped at
//! any await, because a message is deleted only after what it asks for is done, and doing it twice is doing it once. A
//! run never fails as a whole: its report says what was done and why it ended. [`Fill`] is an operator's, and may be
//! broken off and begun anew in the same way.
//!
//! A message is never dropped. One that cannot be served yet is released with a growing delay, and after a few rounds
//! replaced by a fresh one, so that waiting for a region does not make dead letters. Dead letters are for what fails
//! for good.

mod audit;
mod fill;
pub mod jobs;
mod keys;
mod merges;
mod messages;
mod redrive;
mod retries;
mod rewrite;
mod runs;
mod served;
mod sweep;
mod unlist;

pub use audit::{AuditCheck, AuditDrop, Broken};
pub use fill::{Fill, FillReport};
pub use keys::{RepairReport, repair_keys};
pub use merges::{MergeReport, merge_users};
pub use redrive::{Redriven, redrive_parked};
pub use retries::{RetryReport, drain_retries};
pub use rewrite::{Rewrite, RewriteReport, Rule};
pub(crate) use runs::{CHUNKS, CONCURRENT};
pub use runs::{Ended, VISIBILITY_SECS};
pub use sweep::{
    Difference, LastSweep, ON_ITS_WAY_MS, Sweep, SweepEnd, SweepReport, SweepRun, SweepSettings, last_sweeps, sweep,
};
pub use unlist::{Unlist, UnlistReport};
