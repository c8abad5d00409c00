//! Streams that deliver late, out of order and repeatedly.

use proptest::prelude::*;
use umoja_replicator::Replicator;
use umoja_schema::{Message, Part, UserId, Version};
use umoja_store::Change;
use umoja_store::ports::Queue;
use umoja_tests::world::{World, run};

/// Three regions with every kind of race.
async fn busy_world() -> World {
    let world = World::new(1, 3).await;
    let ada = world.register(0, "ada@example.com", "phc").await.unwrap();
    let eve = world.register(1, "eve@example.com", "phc").await.unwrap();
    let bob = world.register(2, "bob@example.com", "phc").await.unwrap();
    world.settle().await;
    world.register(0, "new@example.com", "phc").await.unwrap();
    world.clock.advance(5);
    world.register(1, "new@example.com", "phc").await.unwrap();
    world.edit(0, ada, "zero").await.unwrap();
    world.edit(1, ada, "one").await.unwrap();
    world.rename(1, ada, "countess@example.com").await.unwrap();
    world.set_password(2, ada, "two").await.unwrap();
    world.erase(0, eve).await.unwrap();
    world.edit(1, eve, "risen").await.unwrap();
    world.rename(2, bob, "eve@example.com").await.unwrap_err();
    world.clock.advance(5);
    world.edit(2, bob, "Bob").await.unwrap();
    world.rename(2, bob, "ada@example.com").await.unwrap_err();
    world.rename(2, bob, "robert@example.com").await.unwrap();
    world.regions[1].faults.kms.set_down(true);
    world.edit(2, eve, "wrapped elsewhere").await.unwrap();
    world.set_password(0, bob, "zero").await.unwrap();
    // Merged in opposite directions in two regions, and merged and unmerged in the third.
    world.merge(0, ada, Some(bob)).await.unwrap();
    world.merge(1, bob, Some(ada)).await.unwrap();
    world.merge(2, ada, Some(bob)).await.unwrap();
    world.clock.advance(5);
    world.merge(2, ada, None).await.unwrap();
    world.regions[1].faults.kms.set_down(false);
    world
}

/// The records that the streams have not delivered yet, with their region.
async fn undelivered(world: &World) -> Vec<(usize, Change)> {
    let mut all = Vec::new();
    for (at, region) in world.regions.iter().enumerate() {
        let position = region.store.cursor(umoja_runtime::backlog::CURSOR).await.unwrap();
        let changes = region.store.changes(position, usize::MAX).unwrap();
        all.extend(changes.into_iter().map(|change| (at, change)));
        world.skip_stream(at).await;
    }
    all
}

/// The versions of the parts that every region holds. A wrap makes another blob each time, so the contents of two worlds
/// differ.
type Versions = Vec<(UserId, Part, Version)>;

async fn versions(world: &World) -> Versions {
    let digests = world.digests_of_parts().await;
    assert!(digests.iter().all(|digest| *digest == digests[0]), "{digests:?}");
    let page = world.regions[0].tables.users.scan(None, 10_000).await.unwrap();
    let mut versions: Versions =
        page.records.into_iter().map(|record| (record.id, record.part, record.version)).collect();
    versions.sort();
    versions
}

async fn expected() -> (Versions, usize) {
    let world = busy_world().await;
    world.settle().await;
    world.check_invariants().await;
    (versions(&world).await, world.changes(0).len())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// Failure: queue duplicate, reorder
    #[test]
    fn any_order_and_repetition_gives_the_same_state(
        copies in 1usize..=3,
        batch in 1usize..8,
        order in prop::collection::vec(any::<prop::sample::Index>(), 200),
    ) {
        run(async {
            let world = busy_world().await;
            let once = undelivered(&world).await;
            let mut all: Vec<(usize, Change)> = (0..copies).flat_map(|_| once.clone()).collect();
            // A Fisher-Yates shuffle with the order from proptest.
            for at in (1..all.len()).rev() {
                all.swap(at, order[at % order.len()].index(at + 1));
            }
            let replicators: Vec<_> =
                world.regions.iter().map(|region| Replicator::new(region.home.clone())).collect();
            for chunk in all.chunks(batch) {
                for (at, replicator) in replicators.iter().enumerate() {
                    let own = chunk.iter().filter(|(region, _)| *region == at).map(|(_, change)| change.clone());
                    let outcome = replicator.handle(&own.collect::<Vec<_>>()).await;
                    assert_eq!(outcome.failed, None);
                }
            }
            world.settle().await;
            world.check_invariants().await;
            assert_eq!(versions(&world).await, expected().await.0);
        });
    }
}

/// Takes every message out of a queue and sends it N times, each time with a separate delay.
async fn shuffle(queue: &dyn Queue, copies: usize, delays: &mut impl Iterator<Item = u32>) -> usize {
    let mut messages = Vec::new();
    loop {
        let received = queue.receive(10, 60).await.unwrap();
        if received.is_empty() {
            break;
        }
        for delivery in received {
            messages.push(Message::from_text(&delivery.text).unwrap());
            queue.delete(&delivery.receipt).await.unwrap();
        }
    }
    for message in (0..copies).flat_map(|_| &messages) {
        queue.send(message, delays.next().unwrap()).await.unwrap();
    }
    messages.len()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Failure: queue duplicate, reorder
    #[test]
    fn queue_messages_in_any_order_give_the_same_state(
        copies in 1usize..=3,
        delays in prop::collection::vec(0u32..900, 40..80),
    ) {
        run(async {
            let world = busy_world().await;
            let pairs = || (0..3).flat_map(|from| (0..3).map(move |to| (from, to))).filter(|(from, to)| from != to);
            pairs().for_each(|(from, to)| world.set_cut(from, to, true));
            world.deliver().await;
            let (mut delays, mut messages) = (delays.into_iter().cycle(), 0);
            for region in &world.regions {
                for name in region.working_queues() {
                    messages += shuffle(&region.store.queue(&name), copies, &mut delays).await;
                }
            }
            assert!(messages > 20, "{messages}");
            pairs().for_each(|(from, to)| world.set_cut(from, to, false));
            for _ in 0..10 {
                world.clock.advance(90_000);
                world.round().await;
            }
            world.settle().await;
            world.check_invariants().await;
            assert_eq!(versions(&world).await, expected().await.0);
        });
    }
}

#[test]
fn one_delivery_brings_every_region_to_the_same_parts() {
    run(async {
        let world = busy_world().await;
        let once = undelivered(&world).await;
        for (at, change) in once.iter().rev() {
            let replicator = Replicator::new(world.regions[*at].home.clone());
            replicator.handle(std::slice::from_ref(change)).await;
        }
        // Only wrapped keys are missing now, and the stream does not replicate those.
        let mut versions = Vec::new();
        for region in &world.regions {
            let page = umoja_store::ports::Users::scan(&region.store, None, 500).await.unwrap();
            let mut parts: Vec<_> = page.records.into_iter().map(|part| (part.id, part.part, part.version)).collect();
            parts.sort();
            versions.push(parts);
        }
        assert_eq!(versions[0], versions[1]);
        assert_eq!(versions[0], versions[2]);
        assert!(versions[0].iter().any(|(_, part, version)| *part == Part::Profile && version.erased));
    });
}
