//! Two regions in directories; one of them wrote every frozen item.

use std::path::Path;
use std::sync::Arc;

use umoja_local::{Options, RegionStore};
use umoja_schema::{Millis, Region};
use umoja_store::Home;
use umoja_store::keyring::{KeyRing, PEER_WRAP_BUDGET_MS};
use umoja_store::seal::Sealer;
use umoja_tests::world::{SeededEntropy, WorldClock};

/// The regions; the first one writes.
pub(super) const REGIONS: [&str; 2] = ["af-south-1", "eu-west-1"];
/// The time of every write.
pub(super) const NOW: Millis = Millis(1_800_000_000_000);

pub(super) struct Place {
    pub(super) store: RegionStore,
    pub(super) home: Home,
    pub(super) sealer: Sealer,
}

/// Opens both regions, each in the directory of its name, with the existing key rings.
pub(super) fn open(dir: &Path) -> [Place; 2] {
    let clock = Arc::new(WorldClock::new(NOW));
    let entropy = Arc::new(SeededEntropy::new(1));
    let stores = REGIONS.map(|name| {
        let (dir, region): (_, Region) = (dir.join(name), name.parse().unwrap());
        RegionStore::create(&dir, region, clock.clone(), entropy.clone(), Options::default()).unwrap()
    });
    [0, 1].map(|at| {
        let (own, peer) = (&stores[at], &stores[1 - at]);
        let home = own.home([peer.ports()], clock.clone(), entropy.clone());
        let sealer = Sealer::new(KeyRing::new(&home, PEER_WRAP_BUDGET_MS), entropy.clone());
        Place { store: own.clone(), home, sealer }
    })
}
