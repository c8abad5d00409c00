//! Events for companies: what changed about their users, by names and never by values.
//!
//! A part is sealed, so its image does not say what a write changed. The writer records it in the open as [`Noticed`], and
//! the feed of the region that wrote the part makes rows of the table `events` from it: [`EventRow`].

mod notice;
mod place;
mod row;

pub use notice::{Notice, Noticed};
pub use place::{BLOCK, Place};
pub use row::{END, EVENT, EventRow, MADE, end, expires_at, made, made_key, previous};

use crate::names::table;

/// The tables whose changes the feed reads, and the regions whose writes it reads of each: `all`, its `own`, or those of
/// its `peers`, and of the own ones the `requests`. It rings for the targets of users that any region wrote, and for what arrives
/// from other regions.
pub const READ_BY_FEED: [(&str, &str); 4] =
    [(table::USERS, "all"), (table::RECEIPTS, "own"), (table::EVENTS, "peers"), (table::TARGET_ACCOUNTS, "requests")];
