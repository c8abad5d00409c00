//! Work that is done later: changes that a peer did not accept at once, data keys that some regions have not wrapped,
//! users that turn out to be one person, the backfill of a new region, and differences that no queue knows of
//! ([`anti_entropy`]).
//!
//! [`drain_retries`], [`repair_keys`] and [`merge_users`] are one run each, started by a schedule. Runs may overlap and
//! may be dropped at any await: a message is deleted only after its work is done, and doing the work twice has the same
//! effect as once. A run never fails as a whole: its report says what was done and why it ended. [`Backfill`] is
//! started by an operator and may be interrupted and restarted in the same way.
//!
//! A message is never dropped. A message that cannot be processed yet is released with a growing delay, and after a few
//! rounds replaced by a fresh one, so that waiting for a region does not make dead letters. Dead letters are for
//! permanent failures.

mod anti_entropy;
mod audit_chains;
mod backfill;
mod drop_wrapped_keys;
mod expired;
pub mod jobs;
mod merges;
mod missing_wrapped_keys;
mod proving;
mod redrive;
mod reencrypt;
mod restore;
mod retries;
mod users_against_audit;

pub use anti_entropy::{
    AntiEntropy, AntiEntropyEnd, AntiEntropyReport, AntiEntropyRun, AntiEntropySettings, Difference, LastPass,
    ON_ITS_WAY_MS, anti_entropy, last_passes,
};
pub use audit_chains::{AuditCheck, AuditDrop, Broken};
pub use backfill::{Backfill, BackfillReport};
pub use drop_wrapped_keys::{DropWrappedKeys, DropWrappedKeysReport};
pub use expired::drop_expired;
pub use merges::{MergeReport, merge_users};
pub use missing_wrapped_keys::{RepairReport, repair_keys};
pub use proving::{Proving, ProvingReport, prove_documents};
pub use redrive::{Redriven, redrive_quarantined};
pub use reencrypt::{Reencryption, ReencryptionReport, Rule};
pub use retries::{RetryReport, drain_retries};
pub(crate) use umoja_store::queue_runs::CONCURRENT;
pub use umoja_store::queue_runs::{Ended, VISIBILITY_SECS};
pub use users_against_audit::{Contradicted, Contradiction, TrailCheck};
