//! How long rows are kept.

use crate::Millis;

/// The longest life of a session or a family, in milliseconds.
pub const MAX_LIFE_MS: u64 = 400 * Millis::DAY_MS;
/// For how much longer than a live row its end is kept, in milliseconds: more than any queue or outage keeps a copy.
pub const ENDED_FOR_MS: u64 = 14 * Millis::DAY_MS;
