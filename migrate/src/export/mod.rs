//! Everything about users, to be read back by an import: into another deployment, or by whoever leaves.
//!
//! NDJSON: the first line is a [`Header`], each other one a [`Record`]. Not in it: who was erased, the journal and receipts,
//! and secrets of the deployment, so a password that was hashed with a pepper verifies nowhere else.

mod read;
mod write;

pub use self::read::read;
pub use self::write::{Exported, Exporter};
pub use umoja_accounts::import::{FORMAT, Header, HeldClaim, Record};
