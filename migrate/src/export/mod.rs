//! The export of all users, which an import reads back, in another deployment or another system.
//!
//! NDJSON: the first line is a [`Header`], each other line a [`Record`]. An export does not contain erased users, the
//! journal, receipts or the secrets of the deployment. A password that was hashed with a pepper therefore verifies
//! nowhere else.

mod read;
mod write;

pub use self::read::read;
pub use self::write::{Exported, Exporter};
pub use umoja_accounts::import::{FORMAT, Header, HeldOwnership, Record};
