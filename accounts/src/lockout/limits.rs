//! How many attempts are allowed, and how long further ones are locked out.

use umoja_store::ports::Limit;

pub(super) const HOUR_MS: u64 = 60 * 60 * 1000;

/// The longest wait of a caller.
pub(super) const LONGEST_MS: u64 = HOUR_MS / 4;

/// The limit for one identifier. The fifth failure within an hour locks it for 2 seconds, and each further one for
/// twice as long, up to a quarter of an hour.
pub(super) const IDENTIFIER: Limit =
    Limit { at_once: 5, shortest_ms: 2_000, longest_ms: LONGEST_MS, window_ms: HOUR_MS, slides: true };

/// The limit for all identifiers of one person together.
pub(super) const PERSON: Limit = Limit { at_once: 20, ..IDENTIFIER };

/// The limit for one client of a company over all identifiers. Its hour does not slide, because many people may share
/// one address.
pub(super) const CLIENT: Limit = Limit { at_once: 100, slides: false, ..IDENTIFIER };

/// The attempts of a known device since its last login. After these it counts as an unknown device.
pub(super) const DEVICE: u32 = 5;

/// How long a device is remembered after a login, in milliseconds.
pub(super) const REMEMBER_MS: u64 = 30 * 24 * HOUR_MS;

/// If this number of identifiers failed from one client within an hour, it is logged once.
pub(super) const MANY_IDENTIFIERS: u64 = 20;
