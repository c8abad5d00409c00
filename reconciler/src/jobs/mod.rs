//! Operators' work that may take hours: writing parts again, filling a region, dropping the keys of a removed one, sending
//! back what was parked, dropping old rows of the audit trail, and the order in which keys are rotated.
//!
//! Whoever starts a job says how fast it may be, until when, and who watches it ([`Worker`]). The `umoja` command draws
//! what it sees; a schedule logs it ([`Log`]). A job may be dropped at any await and run again.
//!
//! # Where a job goes on
//!
//! The passes of [`rewrite`], [`backfill`] and [`unlist`] keep now and then where they are, in the table `sweeps` under
//! `job/...`; the next run goes on from there. What is kept says where work is left and proves nothing: a pass that went on
//! is followed by a whole one, and only a whole one that finds nothing ends the job. So a place that is lost, stale or
//! wrong costs reads. Redriving begins anew, since its queues are all it looks at; so does dropping rows of the audit
//! trail, where that costs reads only and half a chain must not be taken for a whole one.

pub mod backfill;
mod error;
mod kept;
mod pass;
pub mod redrive;
pub mod rewrite;
pub mod rotate;
mod sight;
pub mod trail;
pub mod unlist;
mod watch;

pub use error::JobError;
pub use kept::Kept;
pub use pass::Worker;
pub use watch::{Event, Log, Watch};
