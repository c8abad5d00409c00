//! The removal of a region: its peers get the items that only it has, the settings drop it, and then its wrapped keys
//! are dropped for good.

use umoja_accounts::Error;
use umoja_reconciler::{Backfill, DropWrappedKeys, DropWrappedKeysReport};
use umoja_schema::{Credentials, Key, Millis, Part, PartRecord, UserId};
use umoja_store::apply::{Applied, apply_replicated};
use umoja_store::seal::SealError;
use umoja_tests::world::{World, killed_after, run};

/// The region that is removed.
const GONE: usize = 2;

async fn registered(world: &World, users: usize) -> Vec<UserId> {
    let mut ids = Vec::new();
    for n in 0..users {
        ids.push(world.register(n % 3, &format!("user{n}@example.com"), "phc").await.unwrap());
    }
    ids
}

/// A region reads the settings, in which the last region is no longer part of the deployment.
fn drop_wrapped_keys(world: &mut World, at: usize) {
    let gone = world.name(GONE).clone();
    let mut home = world.regions[at].home.clone();
    home.peers.retain(|peer| peer.ports.name != gone);
    world.regions[at].run_with(home);
}

async fn pass(mut drop_wrapped_keys: DropWrappedKeys<'_>) -> DropWrappedKeysReport {
    while drop_wrapped_keys.step().await.unwrap() {}
    *drop_wrapped_keys.report()
}

async fn drop_keys(world: &World, at: usize) -> DropWrappedKeysReport {
    pass(DropWrappedKeys::drop_keys(&world.regions[at].home, world.name(GONE)).unwrap()).await
}

fn has_key_of_gone(world: &World, record: &PartRecord) -> bool {
    record.live().is_some_and(|live| live.keys.contains_key(world.name(GONE)))
}

#[test]
fn wrapped_keys_of_a_removed_region_are_dropped_during_writes() {
    run(async {
        let mut world = World::new(1, 3).await;
        let ids = registered(&world, 40).await;
        world.settle().await;
        world.erase(0, ids[0]).await.unwrap();
        // Streams and queues contain images with the region's wrapped keys when it is removed.
        world.edit(1, ids[1], "in the stream").await.unwrap();
        world.set_cut(0, 1, true);
        world.edit(0, ids[2], "in the queue").await.unwrap();
        world.round().await;
        (0..GONE).for_each(|at| drop_wrapped_keys(&mut world, at));
        let gone = world.regions.pop().unwrap();

        let mut dropping = DropWrappedKeys::drop_keys(&world.regions[0].home, &gone.name).unwrap();
        let mut step = 0;
        while dropping.step().await.unwrap() {
            world.edit(step % 2, ids[3 + step], "meanwhile").await.unwrap();
            world.deliver().await;
            step += 1;
        }
        world.set_cut(0, 1, false);
        let first = pass(DropWrappedKeys::drop_keys(&world.regions[1].home, &gone.name).unwrap()).await;
        assert!(first.dropped > 60 && first.needed == 0, "{first:?}");
        world.settle().await;
        for at in 0..GONE {
            let again = pass(DropWrappedKeys::drop_keys(&world.regions[at].home, &gone.name).unwrap()).await;
            assert_eq!((again.dropped, again.overtaken), (0, 0), "{at}: no dropped key came back");
        }
        world.check_invariants().await;
    });
}

#[test]
fn a_late_version_restores_no_key_of_a_removed_region() {
    run(async {
        let mut world = World::new(2, 3).await;
        let ids = registered(&world, 2).await;
        let id = ids[0];
        world.settle().await;
        world.edit(1, ids[1], "in the stream").await.unwrap();
        (0..GONE).for_each(|at| drop_wrapped_keys(&mut world, at));
        assert_eq!(drop_keys(&world, 0).await.dropped, 4);
        // Region 1 still has it and sends it by every path.
        let home = &world.regions[1].home;
        home.peers[0].retry.send(&Key::of_part(id, Part::Profile).to_message(), 0).await.unwrap();
        let step = world.regions[1].pump.replicate().await.unwrap();
        let reconciled = world.regions[1].pump.reconcile().await;
        assert_eq!((step.outcome.sent, reconciled.retries[0].1.replicated), (1, 1));
        for id in ids {
            let held = world.stored(0, id, Part::Profile).await.unwrap();
            assert_eq!(held.version, world.stored(1, id, Part::Profile).await.unwrap().version);
            assert!(!has_key_of_gone(&world, &held));
        }
        let mut backfill = Backfill::new(&world.regions[1].home, world.name(0), Millis(0)).unwrap();
        while backfill.step().await.unwrap() {}
        assert_eq!(backfill.report().parts_replicated, 0, "it is not missing either");

        // The table does not enforce this rule: a region with old settings would accept the key.
        let stale = world.stored(1, id, Part::Credentials).await.unwrap();
        assert!(has_key_of_gone(&world, &stale));
        let taken = apply_replicated(&*world.regions[0].tables.users, &stale, world.name(0)).await;
        assert_eq!(taken, Ok(Applied::KeysAdded));
        assert_eq!(drop_keys(&world, 0).await.dropped, 1, "and the next pass drops it again");
    });
}

#[test]
fn a_part_only_the_leaving_region_opens_is_wrapped_first() {
    run(async {
        let mut world = World::new(3, 3).await;
        for at in 0..GONE {
            world.regions[at].faults.kms.set_down(true);
        }
        let id = world.register(0, "ada@example.com", "phc").await.unwrap();
        world.round().await;
        let gone = world.name(GONE).clone();
        for at in 0..GONE {
            let looked = pass(DropWrappedKeys::look(&world.regions[at].home, &gone)).await;
            assert_eq!((looked.parts, looked.needed, looked.dropped), (2, 2, 0));
        }
        // If the removal continues anyway, the wrapped key stays, because it is the only one.
        let homes: Vec<_> = world.regions.iter().map(|region| region.home.clone()).collect();
        drop_wrapped_keys(&mut world, 0);
        assert_eq!(
            drop_keys(&world, 0).await,
            DropWrappedKeysReport { parts: 2, needed: 2, ..DropWrappedKeysReport::default() }
        );
        assert!(has_key_of_gone(&world, &world.stored(0, id, Part::Profile).await.unwrap()));
        let read = world.read::<Credentials>(0, id).await;
        assert!(matches!(read, Err(Error::Seal(SealError::Keys(_)))), "{read:?}");
        world.regions[0].run_with(homes[0].clone());

        for at in 0..GONE {
            world.regions[at].faults.kms.set_down(false);
        }
        world.settle().await;
        for at in 0..GONE {
            assert_eq!(pass(DropWrappedKeys::look(&world.regions[at].home, &gone)).await.needed, 0);
            drop_wrapped_keys(&mut world, at);
            assert_eq!(drop_keys(&world, at).await.dropped, 2);
        }
        world.regions.pop();
        world.settle().await;
        world.check_invariants().await;
    });
}

#[test]
fn unsent_writes_of_a_leaving_region_reach_every_peer() {
    run(async {
        let mut world = World::new(4, 3).await;
        let ids = registered(&world, 12).await;
        world.settle().await;
        // The region is disconnected, and its stream and its queues are lost.
        for at in 0..GONE {
            world.set_cut(GONE, at, true);
            world.set_cut(at, GONE, true);
        }
        let late = world.register(GONE, "late@example.com", "phc").await.unwrap();
        world.edit(GONE, ids[0], "only here").await.unwrap();
        world.erase(GONE, ids[1]).await.unwrap();
        world.edit(0, ids[2], "newer").await.unwrap();
        world.skip_stream(GONE).await;
        for at in 0..GONE {
            world.set_cut(GONE, at, false);
            world.set_cut(at, GONE, false);
        }
        let homes: Vec<_> = world.regions.iter().map(|region| region.home.clone()).collect();
        for at in 0..GONE {
            let mut passes = 0;
            loop {
                let mut backfill = Backfill::new(&homes[GONE], world.name(at), Millis(0)).unwrap().of_ended();
                while backfill.step().await.unwrap() {}
                if backfill.report().is_complete() {
                    break;
                }
                world.settle().await;
                passes += 1;
                assert!(passes < 5);
            }
        }
        (0..GONE).for_each(|at| drop_wrapped_keys(&mut world, at));
        world.regions.pop();
        for at in 0..GONE {
            let gone = homes[GONE].own.name.clone();
            pass(DropWrappedKeys::drop_keys(&world.regions[at].home, &gone).unwrap()).await;
            assert!(world.stored(at, late, Part::Profile).await.is_some());
            assert!(world.stored(at, ids[1], Part::Profile).await.unwrap().version.erased);
        }
        world.settle().await;
        world.check_invariants().await;
    });
}

#[test]
fn a_killed_key_drop_completes_when_repeated() {
    run(async {
        let mut world = World::new(5, 3).await;
        registered(&world, 10).await;
        world.settle().await;
        (0..GONE).for_each(|at| drop_wrapped_keys(&mut world, at));
        let gone = world.regions.pop().unwrap().name;
        world.set_pausing(true);
        for polls in (1..120).step_by(7) {
            for at in 0..GONE {
                killed_after(polls, pass(DropWrappedKeys::drop_keys(&world.regions[at].home, &gone).unwrap())).await;
            }
        }
        world.set_pausing(false);
        for at in 0..GONE {
            pass(DropWrappedKeys::drop_keys(&world.regions[at].home, &gone).unwrap()).await;
            let page = world.regions[at].tables.users.scan(None, 100).await.unwrap();
            assert!(page.records.iter().all(|record| !record.live().unwrap().keys.contains_key(&gone)));
        }
        world.settle().await;
        world.check_invariants().await;
        assert!(
            DropWrappedKeys::drop_keys(&world.regions[0].home, world.name(1)).is_none(),
            "a listed region keeps its keys"
        );
    });
}
