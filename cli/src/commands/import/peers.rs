//! An import into a directory waits for the other regions.

use std::sync::Arc;

use umoja_local::RegionStore;
use umoja_runtime::RegionPump;
use umoja_runtime::bulk::Bulk;

use crate::commands::target::Opened;
use crate::deployment::{DeployedRegion, locks};

/// Starts to look after the peers of the region into which rows are imported. In AWS, and in a dry run, rows never wait.
pub(super) fn wait_for_peers(opened: &Opened, region: &DeployedRegion, dry_run: bool) -> Bulk {
    let Opened::Local(deployment) = opened else { return Bulk::unlimited() };
    let store = deployment.stores().iter().find(|store| store.region() == region.name());
    let Some(store) = store.filter(|_| !dry_run) else { return Bulk::unlimited() };
    deployment.stores().iter().for_each(RegionStore::gather_writes);
    if region.home.peers.is_empty() {
        return Bulk::unlimited();
    }
    let home = region.home.clone();
    let clock = Arc::clone(&home.clock);
    let pump = RegionPump::new(store.clone(), home, Arc::new(deployment.sealer(&region.home)));
    let dir = deployment.dir().to_owned();
    // Who serves replicates. If it is unknown, nothing is replicated twice.
    Bulk::start(store.clone(), pump, clock, move || locks::is_served(&dir).unwrap_or(true))
}
