//! The background work of one process: streams, schedules, stop and restart.

use std::sync::Arc;
use std::time::Duration;

use umoja_runtime::backlog::CURSOR;
use umoja_runtime::{Pump, PumpSettings, RegionPump};
use umoja_schema::{Part, UserId};
use umoja_store::digest::Digest;
use umoja_tests::world::{World, run};

const OFTEN: PumpSettings = PumpSettings {
    poll: Duration::from_millis(5),
    reconcile: Duration::from_millis(5),
    housekeep: Duration::from_millis(5),
    anti_entropy: None,
};

fn start(world: &World) -> Pump {
    let pumps = world
        .regions
        .iter()
        .map(|region| RegionPump::new(region.store.clone(), region.home.clone(), Arc::clone(&region.sealer)));
    Pump::start(pumps, OFTEN)
}

/// The limit for work that takes milliseconds: only a hang takes this long.
async fn until(done: impl AsyncFn() -> bool) {
    let waiting = async {
        while !done().await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(20), waiting).await.expect("it never happens");
}

async fn arrives(world: &World, at: usize, id: UserId) {
    let stored = async |part| world.stored(at, id, part).await.is_some();
    until(async || stored(Part::Profile).await && stored(Part::Credentials).await).await;
}

#[test]
fn the_pump_replicates_only_while_it_runs() {
    run(async {
        let world = World::new(1, 3).await;
        let pump = start(&world);
        let ada = world.register(0, "ada@example.com", "phc").await.unwrap();
        arrives(&world, 1, ada).await;
        arrives(&world, 2, ada).await;
        pump.stop().await;
        let newest = world.regions[0].store.newest_change().unwrap();
        assert_eq!(world.regions[0].store.cursor(CURSOR).await.unwrap(), newest);

        let eve = world.register(1, "eve@example.com", "phc").await.unwrap();
        tokio::time::sleep(OFTEN.poll * 4).await;
        assert!(world.stored(0, eve, Part::Profile).await.is_none());
        let pump = start(&world);
        arrives(&world, 0, eve).await;
        pump.stop().await;
        world.settle().await;
        world.check_invariants().await;
    });
}

#[test]
fn a_dropped_pump_loses_nothing() {
    run(async {
        let world = World::new(2, 2).await;
        world.set_pausing(true);
        let mut ids = Vec::new();
        for n in 0..20 {
            let pump = start(&world);
            ids.push(world.register(n % 2, &format!("user{n}@example.com"), "phc").await.unwrap());
            for _ in 0..n {
                tokio::task::yield_now().await;
            }
            drop(pump);
        }
        world.set_pausing(false);
        let pump = start(&world);
        for id in ids {
            arrives(&world, 0, id).await;
            arrives(&world, 1, id).await;
        }
        pump.stop().await;
        world.settle().await;
        world.check_invariants().await;
    });
}

#[test]
fn missed_changes_are_sent_when_a_peer_returns() {
    run(async {
        let world = World::new(3, 2).await;
        let pump = start(&world);
        world.set_cut(0, 1, true);
        let ada = world.register(0, "ada@example.com", "phc").await.unwrap();
        until(async || world.backlog(0, 1).await.waiting > 0).await;
        world.regions[0].faults.retries[world.name(1)].set_down(true);
        let eve = world.register(0, "eve@example.com", "phc").await.unwrap();
        tokio::time::sleep(OFTEN.poll * 4).await;
        assert!(world.stored(1, eve, Part::Profile).await.is_none());
        world.regions[0].faults.retries[world.name(1)].set_down(false);
        world.set_cut(0, 1, false);
        arrives(&world, 1, ada).await;
        arrives(&world, 1, eve).await;
        pump.stop().await;
        world.settle().await;
        world.check_invariants().await;
    });
}

#[test]
fn housekeeping_removes_only_replicated_changes() {
    run(async {
        let world = World::new(4, 2).await;
        let id = world.register(0, "ada@example.com", "phc").await.unwrap();
        world.settle().await;
        world.edit(0, id, "Ada").await.unwrap();
        let removed = world.regions[0].pump.housekeep().await.unwrap();
        assert_eq!(removed.changes, 3);
        assert_eq!(world.changes(0).len(), 1);
        world.settle().await;
        world.check_invariants().await;
        assert_eq!(Digest::of(&world.regions[1].tables.ports(&world.regions[1].store), 2).await.unwrap().parts, 2);
    });
}
