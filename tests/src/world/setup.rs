//! How a world is made.

use umoja_store::RegionPorts;

use super::tables::TablesOn;

/// How a world is made.
pub struct Setup<'a> {
    /// How many regions, 2 to 5.
    pub regions: usize,
    /// What keeps their tables.
    pub tables: TablesOn,
    /// Put around each region's ports, inside of the faults: everybody, the region itself too, sees it through this.
    pub around: &'a dyn Fn(RegionPorts) -> RegionPorts,
}
