//! Operators' work that may take hours: re-encrypting parts, backfilling a region, dropping the keys of a removed
//! region, redriving quarantined records, dropping old rows of the audit trail, and the order in which keys are
//! rotated.
//!
//! The caller that starts a job sets its speed, its deadline and its observer ([`Worker`]). The `umoja` command shows
//! progress on the terminal; a schedule logs it ([`Log`]). A job may be dropped at any await and run again.
//!
//! # Where a job continues
//!
//! The passes of [`reencrypt`], [`backfill`] and [`drop_wrapped_keys`] store a checkpoint from time to time, in the
//! table `checkpoints` under `job/...`. The next run continues from it. A checkpoint proves nothing: a continued pass
//! is followed by a complete one, and only a complete pass that finds no work ends the job. So a lost, stale or wrong
//! checkpoint costs only reads. Redriving has no checkpoint, because it reads only its queues. Dropping rows of the
//! audit trail has none either: starting over costs only reads, and half a chain must not be taken for a complete one.

pub mod backfill;
pub mod drop_audit_rows;
pub mod drop_wrapped_keys;
mod error;
mod kept;
mod pass;
pub mod prove;
pub mod redrive;
pub mod reencrypt;
pub mod rotate;
mod sight;
mod watch;

pub use error::JobError;
pub use kept::Kept;
pub use pass::Worker;
pub use watch::{Event, Log, Watch};
