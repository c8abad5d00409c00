//! A part that an attacker has replaced in one region: only the newest copy takes its place.

use umoja_schema::{Hlc, Item, Millis, Part, PartRecord, UserId, Version};
use umoja_store::RegionPorts;
use umoja_store::apply::Applied;
use umoja_store::ports::StoreError;
use umoja_store::replicate::{replicate, replicate_newest};
use umoja_tests::world::{World, run};

/// A region's profile of a user becomes a tombstone without a proof.
async fn damage(world: &World, at: usize, id: UserId) {
    let users = &world.regions[at].tables.raw_users;
    let stored = users.part(id, Part::Profile).await.unwrap().unwrap();
    let version = Version { erased: true, hlc: Hlc::at(Millis(stored.version.hlc.millis().0 + 1)), ..stored.version };
    let forged = Item::from(PartRecord::tombstone(id, Part::Profile, version));
    let etag = users.etag(&forged.key()).await.unwrap().unwrap();
    assert!(users.replace(&forged, &etag).await.unwrap());
    world.skip_stream(at).await;
    assert!(is_damaged(world, at, id).await);
}

async fn is_damaged(world: &World, at: usize, id: UserId) -> bool {
    let read = world.regions[at].tables.users.part(id, Part::Profile).await;
    matches!(read, Err(StoreError::Unreadable(_)))
}

/// A user whose address has changed in three regions, and its profile of before.
async fn renamed(world: &World) -> (UserId, Item) {
    let id = world.register(0, "ada@example.com", "phc").await.unwrap();
    world.settle().await;
    let before = world.stored(2, id, Part::Profile).await.unwrap();
    world.rename(0, id, "new@example.com").await.unwrap();
    world.settle().await;
    (id, before.into())
}

/// The ports of one region as another one has them.
fn link(world: &World, from: usize, to: usize) -> &RegionPorts {
    let peers = &world.regions[from].home.peers;
    &peers.iter().find(|peer| peer.ports.name == *world.name(to)).unwrap().ports
}

/// Failure: an attacker writes into a region's tables
#[test]
fn an_older_version_that_arrives_late_does_not_replace_a_damaged_part() {
    run(async {
        let world = World::new(40, 3).await;
        let (id, before) = renamed(&world).await;
        damage(&world, 1, id).await;
        let late = replicate(&world.regions[2].home, link(&world, 2, 1), &before).await;
        assert!(matches!(late, Err(StoreError::Unreadable(_))), "{late:?}");
        assert!(is_damaged(&world, 1, id).await);
        world.anti_entropy().await;
        world.settle().await;
        assert_eq!(world.find(1, "new@example.com").await, Some(id));
        assert_eq!(world.find(1, "ada@example.com").await, None);
        world.check_invariants().await;
    });
}

/// Failure: an attacker writes into a region's tables
#[test]
fn the_newest_copy_of_all_regions_replaces_a_damaged_part() {
    run(async {
        let world = World::new(41, 3).await;
        let (id, before) = renamed(&world).await;
        // The region that repairs gives an older version, as a page that it has read before.
        let newest = world.stored(0, id, Part::Profile).await.unwrap();
        damage(&world, 1, id).await;
        let done = replicate_newest(&world.regions[2].home, link(&world, 2, 1), &before).await;
        assert_eq!(done, Ok(Applied::Written));
        assert_eq!(world.stored(1, id, Part::Profile).await.unwrap().version, newest.version);
        world.settle().await;
        world.check_invariants().await;
    });
}

/// Failure: an attacker writes into a region's tables
#[test]
fn an_edit_of_a_user_replaces_a_damaged_part_in_another_region() {
    run(async {
        let world = World::new(42, 3).await;
        let (id, _) = renamed(&world).await;
        damage(&world, 1, id).await;
        let edited = world.edit(0, id, "Ada").await.unwrap();
        world.settle().await;
        assert_eq!(world.stored(1, id, Part::Profile).await.unwrap().version, edited);
        world.check_invariants().await;
    });
}

/// Failure: an attacker writes into a region's tables
#[test]
fn an_erasure_replaces_a_damaged_part_and_is_confirmed() {
    run(async {
        let world = World::new(43, 3).await;
        let (id, _) = renamed(&world).await;
        damage(&world, 1, id).await;
        world.erase(2, id).await.unwrap();
        world.settle().await;
        assert!(world.stored(1, id, Part::Profile).await.unwrap().version.erased);
        // The damaged part did not say what the user owned.
        world.anti_entropy().await;
        world.settle().await;
        world.check_invariants().await;
    });
}
