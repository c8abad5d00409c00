//! The events of companies: where they are stored, and how they are read in order, without a gap, in any region.
//!
//! Each company has a sequence of events for each region that makes them. [`Place`] says where an event is in its
//! sequence. The rows of a day are in blocks of 256 numbers, so that no partition grows without a bound: [`block_id`].

mod epoch;
mod read;
mod retention;

pub use epoch::{EPOCH_CHECKPOINT, begin_epoch, epoch};
pub use read::{Page, Position, ReadError, Window, read};
pub use retention::{DEFAULT_KEEP_DAYS, EventRetention, MAX_KEEP_DAYS};

use sha2::{Digest as _, Sha256};
use umoja_schema::{CompanyId, Millis, Place, UserId};

/// The partition key of the rows of all regions in one block of a day. It is a hash, so that the partitions are spread
/// like users, and is the id of no user.
pub fn block_id(company: &CompanyId, day: u16, block: u32) -> UserId {
    let mut hash = Sha256::new();
    hash.update(b"umoja/1/events\0");
    hash.update(company.as_str().as_bytes());
    hash.update(b"\0");
    hash.update(day.to_be_bytes());
    hash.update(block.to_be_bytes());
    let hash: [u8; 32] = hash.finalize().into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    UserId::v8(bytes)
}

/// The partition key of the row at a place.
pub fn block_of(company: &CompanyId, place: Place) -> UserId {
    block_id(company, place.day, place.block())
}

/// The end of a day.
pub(crate) fn end_of(day: u16) -> Millis {
    Millis((u64::from(day) + 1) * Millis::DAY_MS)
}
