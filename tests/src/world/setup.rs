//! The configuration of a world.

use umoja_store::RegionPorts;

use super::tables::TablesOn;

/// The configuration of a world.
pub struct Setup<'a> {
    /// The number of regions, 2 to 5.
    pub regions: usize,
    /// The adapter of their tables.
    pub tables: TablesOn,
    /// A wrapper around each region's ports, inside the faults. All regions, including itself, see the region through
    /// it.
    pub around: &'a dyn Fn(RegionPorts) -> RegionPorts,
}
