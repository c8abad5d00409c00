//! Anti-entropy finds differences between two regions, or between a region's users and its derived tables, by digests
//! of buckets, and repairs them.
//!
//! # What is promised
//!
//! - A pass reads each of the two tables once and so learns in which buckets they differ ([`Buckets`]). If any differ,
//!   it reads both tables once more and compares the items of those buckets one by one. It writes only what differs.
//!   Memory does not grow with the tables.
//! - Between regions it repairs in both directions, regardless of which region wrote the missing item: a region that is
//!   gone cannot forward its own. An item is replicated as the replicator does it, by the rule of its table.
//! - Within a region it adds missing ownerships and removes superfluous ones, if user and ownerships are still as they
//!   were read. It also adds pointers of merged users that the table of linked accounts lacks, and removes those that
//!   no part has. (A superfluous pointer links no account, because a linked account's own part says whether it is one.
//!   But many of them would make a person too large to be read.)
//! - Items younger than a minute are still on their way and are left alone. The HLC timestamp decides: writes of a fast
//!   clock stay young for longer, and those of a slow clock are replicated although they are on their way, which does
//!   no harm.
//! - Users whose verified ownerships meet in an identifier are listed for their merge, in case the stream that lists
//!   them was lost. This is not a difference: users that only an operator may merge are listed in each pass and skipped
//!   each time.
//! - Every region confirms the erasures that it holds and deletes what belongs to the erased user, in case the process
//!   that applied the erasure was stopped before it could.
//! - An item that cannot be read, or that a region rejects, stays as it is, is counted and logged, and does not block
//!   other items.
//! - A pass may be interrupted anywhere and resumes from its last checkpoint ([`AntiEntropy::state`]). Repairing the
//!   same item twice has the same effect as once.
//!
//! A bucket also differs if an item was written between the two scans. That costs reads, never a write.

mod derived;
mod exchange;
mod item;
mod pass;
mod run;
mod state;

pub use pass::AntiEntropy;
pub use run::{AntiEntropyEnd, AntiEntropyRun, AntiEntropySettings, anti_entropy, last_passes};
pub use state::{AntiEntropyReport, Difference, LastPass, ON_ITS_WAY_MS};
