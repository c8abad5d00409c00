//! What a replicated table gets from its entry in the list: shown with a table that only tests have, of versioned items of
//! which the newest is kept and which are deleted with their user.

use umoja_reconciler::{Fill, Redriven, SweepEnd, redrive_parked};
use umoja_schema::{Message, Millis, Part, UserId, VersionedItem};
use umoja_tests::world::{World, killed_after, run};

async fn populated(seed: u64, regions: usize) -> (World, UserId) {
    let world = World::new(seed, regions).await;
    let id = world.register(0, "ada@example.com", "phc").await.unwrap();
    world.settle().await;
    (world, id)
}

async fn put(world: &World, at: usize, id: UserId, key: &str) -> VersionedItem {
    world.clock.advance(1);
    world.put_item(at, id, key).await.unwrap().unwrap()
}

async fn everywhere(world: &World, id: UserId, items: &[VersionedItem]) {
    for at in 0..world.regions.len() {
        assert_eq!(world.items(at, id).await, items, "{}", world.name(at));
    }
    world.check_invariants().await;
}

#[test]
fn an_item_reaches_every_region_and_the_newest_version_wins() {
    run(async {
        let (world, id) = populated(1, 3).await;
        put(&world, 0, id, "a").await;
        put(&world, 1, id, "a").await;
        let newest = put(&world, 2, id, "a").await;
        world.settle().await;
        everywhere(&world, id, &[newest]).await;
    });
}

#[test]
fn an_item_waits_in_the_retry_queue_while_a_peer_is_out() {
    run(async {
        let (world, id) = populated(2, 3).await;
        world.set_down(1, true);
        put(&world, 0, id, "a").await;
        let newest = put(&world, 0, id, "a").await;
        world.rounds(2).await;
        assert!(world.backlog(0, 1).await.waiting > 0);
        assert_eq!(world.items(2, id).await, std::slice::from_ref(&newest), "no other peer waits");
        world.set_down(1, false);
        world.settle().await;
        everywhere(&world, id, &[newest]).await;
    });
}

#[test]
fn an_item_that_a_stream_lost_arrives_by_the_sweep_in_its_newest_version() {
    run(async {
        let (world, id) = populated(3, 2).await;
        put(&world, 0, id, "a").await;
        world.settle().await;
        let first = put(&world, 0, id, "a").await;
        let second = put(&world, 1, id, "b").await;
        for at in 0..2 {
            world.skip_stream(at).await;
        }
        world.settle().await;
        let digests = world.digests().await;
        assert_ne!(digests[0], digests[1], "digests tell the versions apart");
        let runs = world.sweep().await;
        assert!(runs.iter().all(|run| run.ended == SweepEnd::Done), "{runs:?}");
        everywhere(&world, id, &[first, second]).await;
        let found: u64 = world.sweep().await.iter().map(|run| run.report.found).sum();
        assert_eq!(found, 0);
    });
}

/// Passes from one region to another until one finds nothing missing; gives how many items were brought.
async fn bring(world: &World, from: usize, to: usize) -> u64 {
    let mut copied = 0;
    for _ in 0..5 {
        world.clock.advance(61_000);
        let mut fill = Fill::new(&world.regions[from].home, world.name(to), Millis(0)).unwrap().of_ended().deriving();
        while fill.step().await.unwrap() {}
        copied += fill.report().rows_copied;
        if fill.report().is_complete() {
            return copied;
        }
    }
    panic!("{from} to {to} is never complete");
}

#[test]
fn a_region_that_joins_or_thaws_gets_and_gives_items() {
    run(async {
        let (world, id) = populated(4, 2).await;
        put(&world, 0, id, "a").await;
        world.settle().await;
        let newer = put(&world, 0, id, "a").await;
        let own = put(&world, 1, id, "b").await;
        for at in 0..2 {
            world.skip_stream(at).await;
        }
        assert_eq!(bring(&world, 0, 1).await, 1);
        assert_eq!(world.items(1, id).await, [newer.clone(), own.clone()]);
        assert_eq!(bring(&world, 1, 0).await, 1);
        everywhere(&world, id, &[newer, own]).await;
    });
}

#[test]
fn an_item_with_a_stamp_from_the_far_future_is_parked_and_can_be_sent_back() {
    run(async {
        let (world, id) = populated(5, 2).await;
        world.regions[0].clock.set_skew(10 * 60 * 1000);
        let item = put(&world, 0, id, "a").await;
        world.regions[0].clock.set_skew(0);
        world.settle().await;
        let parked = world.regions[0].home.parked.receive(10, 60).await.unwrap();
        let [parked] = &parked[..] else { panic!("{parked:?}") };
        assert!(matches!(Message::from_text(&parked.text), Ok(Message::Parked { table, .. }) if table == "sample"));
        world.clock.advance(10 * 60 * 1000);
        assert_eq!(redrive_parked(&world.regions[0].home, parked).await, Ok(Redriven::Queued));
        world.settle().await;
        everywhere(&world, id, &[item]).await;
    });
}

#[test]
fn items_go_with_their_user_after_a_parked_erasure_is_sent_back() {
    run(async {
        let (world, id) = populated(10, 2).await;
        put(&world, 0, id, "a").await;
        world.settle().await;
        world.regions[0].clock.set_skew(10 * 60 * 1000);
        world.erase(0, id).await.unwrap();
        world.regions[0].clock.set_skew(0);
        world.settle().await;
        world.clock.advance(10 * 60 * 1000);
        for parked in world.regions[0].home.parked.receive(10, 60).await.unwrap() {
            assert_eq!(redrive_parked(&world.regions[0].home, &parked).await, Ok(Redriven::Queued));
        }
        world.settle().await;
        everywhere(&world, id, &[]).await;
    });
}

#[test]
fn items_go_with_their_user_in_every_region() {
    run(async {
        let (world, id) = populated(6, 3).await;
        let other = world.register(1, "eve@example.com", "phc").await.unwrap();
        world.settle().await;
        for at in 0..3 {
            put(&world, at, id, "a").await;
        }
        put(&world, 0, id, "b").await;
        let stays = put(&world, 0, other, "a").await;
        world.settle().await;
        world.erase(1, id).await.unwrap();
        assert_eq!(world.put_item(1, id, "a").await, Ok(None), "the region knows no such user");
        world.settle().await;
        everywhere(&world, id, &[]).await;
        everywhere(&world, other, &[stays]).await;
    });
}

#[test]
fn an_item_that_is_on_its_way_during_an_erasure_does_not_stay() {
    run(async {
        let (world, id) = populated(7, 2).await;
        world.set_cut(0, 1, true);
        put(&world, 0, id, "a").await;
        world.rounds(1).await;
        world.erase(1, id).await.unwrap();
        // The tombstone arrives first, then the item leaves.
        world.rounds(1).await;
        assert!(world.stored(0, id, Part::Profile).await.unwrap().version.erased);
        world.set_cut(0, 1, false);
        world.settle().await;
        everywhere(&world, id, &[]).await;
    });
}

#[test]
fn items_that_an_erasure_left_behind_are_deleted_by_the_sweep() {
    run(async {
        let (world, id) = populated(8, 2).await;
        put(&world, 0, id, "a").await;
        world.settle().await;
        world.erase(0, id).await.unwrap();
        world.skip_stream(0).await;
        world.settle().await;
        assert_eq!(world.items(0, id).await.len(), 1);
        world.sweep().await;
        world.settle().await;
        everywhere(&world, id, &[]).await;
    });
}

/// Failure: any function killed at any await
#[test]
fn a_replicator_that_is_killed_at_any_await_loses_no_item_and_leaves_none_of_an_erased_user() {
    run(async {
        for awaits in 0..40 {
            let (world, id) = populated(100 + awaits, 2).await;
            let other = world.register(0, "eve@example.com", "phc").await.unwrap();
            world.settle().await;
            put(&world, 0, id, "a").await;
            world.settle().await;
            let stays = put(&world, 0, other, "a").await;
            world.erase(0, id).await.unwrap();
            world.set_pausing(true);
            let polls = usize::try_from(awaits).unwrap();
            killed_after(polls, world.regions[0].pump.replicate()).await;
            world.set_pausing(false);
            world.settle().await;
            everywhere(&world, id, &[]).await;
            everywhere(&world, other, &[stays]).await;
        }
    });
}
