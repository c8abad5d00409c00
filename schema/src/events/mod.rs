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

/// The tables whose changes the feed reads.
pub const READ_BY_FEED: [&str; 2] = [table::USERS, table::RECEIPTS];
