//! Replication in a directory, as a command that waits for it needs it: by the process that serves the directory, or by
//! the command itself if there is none.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use umoja_local::RegionStore;
use umoja_reconciler::Backfill;
use umoja_runtime::RegionPump;
use umoja_schema::Millis;
use umoja_schema::names::queue;
use umoja_store::Home;
use umoja_store::ports::StoreError;

use crate::CliError;
use crate::deployment::local::in_region;
use crate::deployment::{Deployment, locks};
use crate::output::note;

/// How long to wait for the process that serves the directory, and for messages that are not due yet.
const BETWEEN: Duration = Duration::from_secs(1);

/// After how many deliveries in sequence that had nothing to do a command gives up.
const IDLE: u32 = 3;

/// Brings changes to the other regions of a directory.
#[derive(Default)]
pub(super) struct Delivery {
    /// How many of the last deliveries had nothing to do.
    idle: AtomicU32,
}

/// What a delivery had to do.
#[derive(PartialEq, Eq)]
enum Found {
    /// Changes, messages or differences.
    Work,
    /// Messages that are not due yet.
    NotDue,
    Nothing,
}

impl Delivery {
    /// Waits until the process that serves the directory has replicated changes. If there is none, replicates them: the
    /// change log, the queues, and, once both are empty, the differences that no change will bring.
    ///
    /// # Errors
    /// If a region fails, or again and again there was nothing to deliver: then waiting is in vain.
    pub(super) async fn arrive(&self, deployment: &Deployment) -> Result<(), CliError> {
        if locks::is_served(deployment.dir())? {
            tokio::time::sleep(BETWEEN).await;
            return Ok(());
        }
        let found = deliver(deployment).await?;
        if found != Found::Nothing {
            self.idle.store(0, Ordering::Relaxed);
        } else if self.idle.fetch_add(1, Ordering::Relaxed) + 1 >= IDLE {
            return Err(CliError::Failed(
                "not done yet, and nothing is on its way that could complete it: the regions hold items that cannot be \
                 replicated, or one of them is frozen and sends none; see `umoja doctor` and `umoja region list`, then \
                 run the same command again: it continues"
                    .into(),
            ));
        }
        if found != Found::Work {
            tokio::time::sleep(BETWEEN).await;
        }
        Ok(())
    }
}

async fn deliver(deployment: &Deployment) -> Result<Found, CliError> {
    let homes = deployment.homes(None);
    let (mut handled, mut waiting) = (0, 0);
    for (home, store) in sending(deployment, &homes) {
        let pump = RegionPump::new(store.clone(), home.clone(), Arc::new(deployment.sealer(home)));
        let mut position = None;
        loop {
            let step = pump.replicate().await.map_err(|source| in_region(store, source))?;
            let is_stuck = position.replace(step.position) == Some(step.position);
            if step.outcome.records == 0 || is_stuck {
                break;
            }
            handled += step.outcome.records;
        }
        let reconciled = pump.reconcile().await;
        handled += reconciled.retries.iter().map(|(_, report)| report.received).sum::<usize>();
        handled += reconciled.keys.received + reconciled.merges.received;
        waiting += messages(home).await.map_err(|source| in_region(store, source))?;
    }
    match (handled, waiting) {
        (0, 0) => repair(deployment, &homes).await,
        (0, _) => Ok(Found::NotDue),
        _ => Ok(Found::Work),
    }
}

/// How many messages wait in the queues that replication drains. Events of sources wait until the deployment is served.
async fn messages(home: &Home) -> Result<u64, StoreError> {
    let mut waiting = 0;
    for (_, port) in home.queues().filter(|(name, _)| ![queue::QUARANTINED, queue::INGEST].contains(&&**name)) {
        let depth = port.depth().await?;
        waiting += depth.waiting + depth.in_flight;
    }
    Ok(waiting)
}

/// Replicates what the other regions lack although no change brings it. Nothing is on its way in a directory that no
/// process serves, so young items count too.
async fn repair(deployment: &Deployment, homes: &[Home]) -> Result<Found, CliError> {
    note("no process serves the directory, and no change waits: replicating what the regions lack of each other");
    let mut found = Found::Nothing;
    for (home, store) in sending(deployment, homes) {
        for peer in &home.peers {
            let Some(mut pass) = Backfill::new(home, &peer.ports.name, Millis(u64::MAX)) else { continue };
            while pass.step().await.map_err(|source| in_region(store, source))? {}
            if pass.report().missing > 0 {
                found = Found::Work;
            }
        }
    }
    Ok(found)
}

/// The regions that send changes.
fn sending<'a>(deployment: &'a Deployment, homes: &'a [Home]) -> impl Iterator<Item = (&'a Home, &'a RegionStore)> {
    let states = deployment.config().regions.iter().map(|region| region.state);
    let regions = homes.iter().zip(deployment.stores()).zip(states);
    regions.filter(|(_, state)| state.sends()).map(|(region, _)| region)
}
