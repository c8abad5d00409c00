//! A region that is removed: what only it holds goes out, then it is taken off the list, then its wrapped keys are
//! dropped, and nothing brings them back.

use umoja_accounts::Error;
use umoja_reconciler::{Fill, Unlist, UnlistReport};
use umoja_schema::{Credentials, Key, Millis, Part, PartRecord, UserId};
use umoja_store::apply::{Applied, apply_copy};
use umoja_store::ports::Users as _;
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

/// A region reads the settings, which say that the last one is none of the deployment any more.
fn unlist(world: &mut World, at: usize) {
    let gone = world.name(GONE).clone();
    let mut home = world.regions[at].home.clone();
    home.peers.retain(|peer| peer.ports.name != gone);
    world.regions[at].run_with(home);
}

async fn pass(mut unlist: Unlist<'_>) -> UnlistReport {
    while unlist.step().await.unwrap() {}
    *unlist.report()
}

async fn drop_keys(world: &World, at: usize) -> UnlistReport {
    pass(Unlist::drop_keys(&world.regions[at].home, world.name(GONE)).unwrap()).await
}

fn has_key_of_gone(world: &World, record: &PartRecord) -> bool {
    record.live().is_some_and(|live| live.keys.contains_key(world.name(GONE)))
}

#[test]
fn the_wrapped_keys_of_a_removed_region_are_dropped_while_users_are_written() {
    run(async {
        let mut world = World::new(1, 3).await;
        let ids = registered(&world, 40).await;
        world.settle().await;
        world.erase(0, ids[0]).await.unwrap();
        // Images with the keys of the region are on their way when it is removed, in streams and queues.
        world.edit(1, ids[1], "in the stream").await.unwrap();
        world.set_cut(0, 1, true);
        world.edit(0, ids[2], "in the queue").await.unwrap();
        world.round().await;
        (0..GONE).for_each(|at| unlist(&mut world, at));
        let gone = world.regions.pop().unwrap();

        let mut dropping = Unlist::drop_keys(&world.regions[0].home, &gone.name).unwrap();
        let mut step = 0;
        while dropping.step().await.unwrap() {
            world.edit(step % 2, ids[3 + step], "meanwhile").await.unwrap();
            world.deliver().await;
            step += 1;
        }
        world.set_cut(0, 1, false);
        let first = pass(Unlist::drop_keys(&world.regions[1].home, &gone.name).unwrap()).await;
        assert!(first.dropped > 60 && first.needed == 0, "{first:?}");
        world.settle().await;
        for at in 0..GONE {
            let again = pass(Unlist::drop_keys(&world.regions[at].home, &gone.name).unwrap()).await;
            assert_eq!((again.dropped, again.overtaken), (0, 0), "{at}: nothing brought one back");
        }
        world.check_invariants().await;
    });
}

#[test]
fn a_copy_that_still_has_the_key_of_a_removed_region_does_not_bring_it_back() {
    run(async {
        let mut world = World::new(2, 3).await;
        let ids = registered(&world, 2).await;
        let id = ids[0];
        world.settle().await;
        world.edit(1, ids[1], "in the stream").await.unwrap();
        (0..GONE).for_each(|at| unlist(&mut world, at));
        assert_eq!(drop_keys(&world, 0).await.dropped, 4);
        // Region 1 holds it still, and sends it by every way there is.
        let home = &world.regions[1].home;
        home.peers[0].retry.send(&Key::of_part(id, Part::Profile).to_message(), 0).await.unwrap();
        let step = world.regions[1].pump.replicate().await.unwrap();
        let reconciled = world.regions[1].pump.reconcile().await;
        assert_eq!((step.outcome.sent, reconciled.retries[0].1.copied), (1, 1));
        for id in ids {
            let held = world.stored(0, id, Part::Profile).await.unwrap();
            assert_eq!(held.version, world.stored(1, id, Part::Profile).await.unwrap().version);
            assert!(!has_key_of_gone(&world, &held));
        }
        let mut fill = Fill::new(&world.regions[1].home, world.name(0), Millis(0)).unwrap();
        while fill.step().await.unwrap() {}
        assert_eq!(fill.report().parts_copied, 0, "it is not missing either");

        // The rule that keeps it out is not the table's: a region that did not know better would take it.
        let stale = world.stored(1, id, Part::Credentials).await.unwrap();
        assert!(has_key_of_gone(&world, &stale));
        let taken = apply_copy(&world.regions[0].store, &stale, world.name(0)).await;
        assert_eq!(taken, Ok(Applied::KeysAdded));
        assert_eq!(drop_keys(&world, 0).await.dropped, 1, "and the next pass drops it again");
    });
}

#[test]
fn a_part_that_only_the_leaving_regions_key_opens_is_wrapped_by_the_others_first() {
    run(async {
        let mut world = World::new(3, 3).await;
        for at in 0..GONE {
            world.regions[at].faults.kms.set_down(true);
        }
        let id = world.register(0, "ada@example.com", "phc").await.unwrap();
        world.round().await;
        let gone = world.name(GONE).clone();
        for at in 0..GONE {
            let looked = pass(Unlist::look(&world.regions[at].home, &gone)).await;
            assert_eq!((looked.parts, looked.needed, looked.dropped), (2, 2, 0));
        }
        // Who goes on all the same keeps the entry: it is all there is.
        let homes: Vec<_> = world.regions.iter().map(|region| region.home.clone()).collect();
        unlist(&mut world, 0);
        assert_eq!(drop_keys(&world, 0).await, UnlistReport { parts: 2, needed: 2, ..UnlistReport::default() });
        assert!(has_key_of_gone(&world, &world.stored(0, id, Part::Profile).await.unwrap()));
        let read = world.read::<Credentials>(0, id).await;
        assert!(matches!(read, Err(Error::Seal(SealError::Keys(_)))), "{read:?}");
        world.regions[0].run_with(homes[0].clone());

        for at in 0..GONE {
            world.regions[at].faults.kms.set_down(false);
        }
        world.settle().await;
        for at in 0..GONE {
            assert_eq!(pass(Unlist::look(&world.regions[at].home, &gone)).await.needed, 0);
            unlist(&mut world, at);
            assert_eq!(drop_keys(&world, at).await.dropped, 2);
        }
        world.regions.pop();
        world.settle().await;
        world.check_invariants().await;
    });
}

#[test]
fn what_a_leaving_region_could_not_send_is_brought_to_every_other_one_before_it_goes() {
    run(async {
        let mut world = World::new(4, 3).await;
        let ids = registered(&world, 12).await;
        world.settle().await;
        // It is cut off, and its stream and its queues are gone.
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
                let mut fill = Fill::new(&homes[GONE], world.name(at), Millis(0)).unwrap().of_ended();
                while fill.step().await.unwrap() {}
                if fill.report().is_complete() {
                    break;
                }
                world.settle().await;
                passes += 1;
                assert!(passes < 5);
            }
        }
        (0..GONE).for_each(|at| unlist(&mut world, at));
        world.regions.pop();
        for at in 0..GONE {
            let gone = homes[GONE].own.name.clone();
            pass(Unlist::drop_keys(&world.regions[at].home, &gone).unwrap()).await;
            assert!(world.stored(at, late, Part::Profile).await.is_some());
            assert!(world.stored(at, ids[1], Part::Profile).await.unwrap().version.erased);
        }
        world.settle().await;
        world.check_invariants().await;
    });
}

#[test]
fn dropping_keys_can_be_killed_anywhere_and_begun_anew() {
    run(async {
        let mut world = World::new(5, 3).await;
        registered(&world, 10).await;
        world.settle().await;
        (0..GONE).for_each(|at| unlist(&mut world, at));
        let gone = world.regions.pop().unwrap().name;
        world.set_pausing(true);
        for polls in (1..120).step_by(7) {
            for at in 0..GONE {
                killed_after(polls, pass(Unlist::drop_keys(&world.regions[at].home, &gone).unwrap())).await;
            }
        }
        world.set_pausing(false);
        for at in 0..GONE {
            pass(Unlist::drop_keys(&world.regions[at].home, &gone).unwrap()).await;
            let page = world.regions[at].store.scan(None, 100).await.unwrap();
            assert!(page.records.iter().all(|record| !record.live().unwrap().keys.contains_key(&gone)));
        }
        world.settle().await;
        world.check_invariants().await;
        assert!(Unlist::drop_keys(&world.regions[0].home, world.name(1)).is_none(), "a listed region keeps its keys");
    });
}
