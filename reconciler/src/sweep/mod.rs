//! Anti-entropy: what two regions, or a region's users and the tables that are derived from them, disagree about, found
//! by digests of buckets and mended.
//!
//! # What is promised
//!
//! - A pass reads each of two tables once and so learns in which buckets they differ ([`Buckets`]). If in any, it reads
//!   both once more, and of the other side what belongs to those buckets, item by item. It writes what differs and nothing
//!   else. Memory does not grow with the tables.
//! - Between regions it mends both ways, whoever wrote what is missing: nobody forwards for a region that is gone. An item
//!   is copied as the replicator copies it, by the rule of its table.
//! - Within a region, claims that are missing are added and superfluous ones removed, if user and claims still are what was
//!   read; and pointers of merged users that the table of members lacks are added. (One too many there does no harm: a
//!   member's own part says whether it is one.)
//! - What is younger than a minute is on its way, and left alone. Young is what the stamp says: writes of a clock that is
//!   fast are young for longer, and those of one that is slow are copied although they are on their way, which does no harm.
//! - Users whose verified claims meet in an identifier are listed for their merge, should the stream that does so have been
//!   lost. That is no difference: who is left to people is listed in each pass, and left again.
//! - Every region confirms the erasures that it holds, and deletes what goes with the user, should whoever brought one have been
//!   stopped before it could.
//! - An item that cannot be read, or that a region refuses, is left as it is, counted and told, and holds up no other.
//! - A pass may be broken off anywhere and goes on from where it was last kept ([`Sweep::state`]); what is mended twice is
//!   mended once.
//!
//! A bucket also differs if something was written between the two scans. That costs reads, never a write.

mod derived;
mod exchange;
mod item;
mod pass;
mod run;
mod state;

pub use pass::Sweep;
pub use run::{SweepEnd, SweepRun, SweepSettings, last_sweeps, sweep};
pub use state::{Difference, LastSweep, ON_ITS_WAY_MS, SweepReport};
