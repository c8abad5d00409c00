//! The behaviour that a replicated table gets from its entry in the list. The tests use a test table of
//! versioned items: the newest version wins, and the items are deleted with their user.

use umoja_reconciler::{AntiEntropyEnd, Backfill, Redriven, redrive_quarantined};
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
fn an_item_waits_in_the_retry_queue_during_an_outage() {
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
fn an_item_lost_by_a_stream_arrives_in_its_newest_version() {
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
        assert_ne!(digests[0], digests[1], "digests differ between versions");
        let runs = world.anti_entropy().await;
        assert!(runs.iter().all(|run| run.ended == AntiEntropyEnd::Done), "{runs:?}");
        everywhere(&world, id, &[first, second]).await;
        let found: u64 = world.anti_entropy().await.iter().map(|run| run.report.found).sum();
        assert_eq!(found, 0);
    });
}

/// Makes passes from one region to another until one finds no missing item. Returns the number of replicated items.
async fn bring(world: &World, from: usize, to: usize) -> u64 {
    let mut copied = 0;
    for _ in 0..5 {
        world.clock.advance(61_000);
        let mut backfill =
            Backfill::new(&world.regions[from].home, world.name(to), Millis(0)).unwrap().of_ended().deriving();
        while backfill.step().await.unwrap() {}
        copied += backfill.report().rows_replicated;
        if backfill.report().is_complete() {
            return copied;
        }
    }
    panic!("{from} to {to} is never complete");
}

#[test]
fn a_joining_or_thawing_region_exchanges_items() {
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
fn an_item_from_the_far_future_is_quarantined_and_can_be_redriven() {
    run(async {
        let (world, id) = populated(5, 2).await;
        world.regions[0].clock.set_skew(10 * 60 * 1000);
        let item = put(&world, 0, id, "a").await;
        world.regions[0].clock.set_skew(0);
        world.settle().await;
        let quarantined = world.regions[0].home.quarantined.receive(10, 60).await.unwrap();
        let [quarantined] = &quarantined[..] else { panic!("{quarantined:?}") };
        assert!(
            matches!(Message::from_text(&quarantined.text), Ok(Message::Quarantined { table, .. }) if table == "sample")
        );
        world.clock.advance(10 * 60 * 1000);
        assert_eq!(redrive_quarantined(&world.regions[0].home, quarantined).await, Ok(Redriven::Queued));
        world.settle().await;
        everywhere(&world, id, &[item]).await;
    });
}

#[test]
fn items_are_erased_after_a_quarantined_erasure_is_redriven() {
    run(async {
        let (world, id) = populated(10, 2).await;
        put(&world, 0, id, "a").await;
        world.settle().await;
        world.regions[0].clock.set_skew(10 * 60 * 1000);
        world.erase(0, id).await.unwrap();
        world.regions[0].clock.set_skew(0);
        world.settle().await;
        world.clock.advance(10 * 60 * 1000);
        for quarantined in world.regions[0].home.quarantined.receive(10, 60).await.unwrap() {
            assert_eq!(redrive_quarantined(&world.regions[0].home, &quarantined).await, Ok(Redriven::Queued));
        }
        world.settle().await;
        everywhere(&world, id, &[]).await;
    });
}

#[test]
fn items_are_erased_with_their_user_in_every_region() {
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
        assert_eq!(world.put_item(1, id, "a").await, Ok(None), "the user is unknown in the region");
        world.settle().await;
        everywhere(&world, id, &[]).await;
        everywhere(&world, other, &[stays]).await;
    });
}

#[test]
fn an_item_in_transit_during_an_erasure_is_deleted() {
    run(async {
        let (world, id) = populated(7, 2).await;
        world.set_cut(0, 1, true);
        put(&world, 0, id, "a").await;
        world.rounds(1).await;
        world.erase(1, id).await.unwrap();
        // The tombstone arrives before the item is sent.
        world.rounds(1).await;
        assert!(world.stored(0, id, Part::Profile).await.unwrap().version.erased);
        world.set_cut(0, 1, false);
        world.settle().await;
        everywhere(&world, id, &[]).await;
    });
}

#[test]
fn anti_entropy_deletes_items_left_by_an_erasure() {
    run(async {
        let (world, id) = populated(8, 2).await;
        put(&world, 0, id, "a").await;
        world.settle().await;
        world.erase(0, id).await.unwrap();
        world.skip_stream(0).await;
        world.settle().await;
        assert_eq!(world.items(0, id).await.len(), 1);
        world.anti_entropy().await;
        world.settle().await;
        everywhere(&world, id, &[]).await;
    });
}

/// Failure: any function killed at any await
#[test]
fn a_killed_replicator_loses_and_leaves_no_item() {
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
