//! The configuration of a world.

use std::sync::Arc;

use umoja_store::RegionPorts;
use umoja_store::ports::{Attempts, Requests, Users};

use super::tables::TablesOn;

/// The configuration of a world.
pub struct Setup<'a> {
    /// The number of regions, 2 to 5.
    pub regions: usize,
    /// The adapter of their tables.
    pub tables: TablesOn,
    /// A wrapper around each region's ports, inside the faults, which also gets its users as they are stored. All
    /// regions, including itself, see the region through it.
    pub around: &'a dyn Fn(RegionPorts, Arc<dyn Users>) -> RegionPorts,
    /// A wrapper around what each region remembers for itself, inside the faults.
    pub around_short: &'a dyn Fn(Short) -> Short,
}

/// The short-lived rows of one region.
pub struct Short {
    /// Replays and idempotency keys of requests.
    pub requests: Arc<dyn Requests>,
    /// The same as they are stored: neither proved nor verified.
    pub raw_requests: Arc<dyn Requests>,
    /// Failed logins and remembered devices.
    pub attempts: Arc<dyn Attempts>,
}
