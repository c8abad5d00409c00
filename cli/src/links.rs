//! The network between regions, with switches by which `umoja demo` and tests cut a region off.

use std::collections::BTreeMap;
use std::sync::Arc;

use umoja_schema::Region;
use umoja_store::RegionPorts;
use umoja_store::faulty::{Faults, faulty_region};

/// The ways from each region to each other one. A clone is another handle on the same switches.
#[derive(Clone)]
pub struct Links {
    ways: Arc<BTreeMap<(Region, Region), Way>>,
}

#[derive(Default)]
struct Way {
    tables: Arc<Faults>,
    keys: Arc<Faults>,
}

impl Links {
    /// The ways between regions, all open.
    pub fn new(regions: &[Region]) -> Self {
        let pairs = regions.iter().flat_map(|from| regions.iter().map(move |to| (from.clone(), to.clone())));
        Self { ways: Arc::new(pairs.filter(|(from, to)| from != to).map(|pair| (pair, Way::default())).collect()) }
    }

    /// Cuts a region off from every other region, or reconnects it. The region itself continues to work.
    pub fn cut_off(&self, region: &Region, cut: bool) {
        for ((from, to), way) in self.ways.iter() {
            if from == region || to == region {
                way.tables.set_down(cut);
                way.keys.set_down(cut);
            }
        }
    }

    /// A region's ports as another region reaches them.
    pub(crate) fn reach(&self, from: &Region, to: &RegionPorts) -> RegionPorts {
        match self.ways.get(&(from.clone(), to.name.clone())) {
            Some(way) => faulty_region(to, &way.tables, &way.keys),
            None => to.clone(),
        }
    }
}
