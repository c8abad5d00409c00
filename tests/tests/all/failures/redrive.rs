//! Quarantined records that are redriven once their reason is gone.

use umoja_reconciler::{Redriven, redrive_quarantined};
use umoja_replicator::Replicator;
use umoja_schema::{Attribute, Message, Part};
use umoja_store::ports::Queue as _;
use umoja_tests::world::{World, run};

/// Redrives everything that region 0 has quarantined.
async fn redrive(world: &World) -> Vec<Redriven> {
    let home = &world.regions[0].home;
    let mut redriven = Vec::new();
    for quarantined in home.quarantined.receive(10, 60).await.unwrap() {
        redriven.push(redrive_quarantined(home, &quarantined).await.unwrap());
    }
    redriven
}

/// Failure: poison record
#[test]
fn a_redriven_record_reaches_every_peer() {
    run(async {
        for overtaken in [false, true] {
            let world = World::new(1, 3).await;
            let id = world.register(0, "ada@example.com", "phc").await.unwrap();
            world.settle().await;
            world.regions[0].clock.set_skew(10 * 60 * 1000);
            world.edit(0, id, "from the future").await.unwrap();
            world.regions[0].clock.set_skew(0);
            world.settle().await;
            assert_eq!(world.quarantined(0).await.len(), 1);
            let ahead = world.stored(0, id, Part::Profile).await.unwrap().version;
            assert!(world.stored(1, id, Part::Profile).await.unwrap().version < ahead);

            // A redrive that is too early: the record is quarantined again, for each peer, and no change is lost.
            assert_eq!(redrive(&world).await, [Redriven::Queued]);
            world.round().await;
            assert_eq!(world.quarantined(0).await.len(), 2);

            world.clock.advance(10 * 60 * 1000);
            if overtaken {
                world.edit(0, id, "later").await.unwrap();
                world.settle().await;
            }
            assert_eq!(redrive(&world).await, [Redriven::Queued; 2]);
            world.settle().await;
            assert_eq!(world.quarantined(0).await.len(), 0);
            world.check_invariants().await;
        }
    });
}

#[test]
fn a_redriven_row_is_replicated_as_stored() {
    run(async {
        let world = World::new(2, 2).await;
        let id = world.register(0, "ada@example.com", "phc").await.unwrap();
        world.settle().await;
        world.erase(0, id).await.unwrap();
        let mut changes = world.changes(0);
        let receipt = changes.iter().position(|change| change.table == "receipts").unwrap();
        changes[receipt].image.insert("fields".into(), Attribute::Null);
        world.skip_stream(0).await;
        let outcome = Replicator::new(world.regions[0].home.clone()).handle(&changes).await;
        assert_eq!((outcome.failed, outcome.quarantined), (None, 1));
        assert_eq!(redrive(&world).await, [Redriven::Queued]);
        world.settle().await;
        let rows = async |at: usize| world.regions[at].home.own.logs.rows(umoja_schema::Log::Receipts, id).await;
        assert_eq!(rows(0).await.unwrap(), rows(1).await.unwrap());
        world.check_invariants().await;
    });
}

#[test]
fn only_dead_letters_that_name_an_item_are_redriven() {
    run(async {
        let world = World::new(3, 3).await;
        let id = world.register(0, "ada@example.com", "phc").await.unwrap();
        world.settle().await;
        let quarantined = world.regions[0].store.queue("quarantined");
        let retry = format!("retry-{}", world.name(1));
        let key = format!("{id}/profile");
        for (table, key) in [(retry.as_str(), key.as_str()), ("keys", &key), ("retry-gone", &key), (&retry, "?")] {
            let [table, key] = [table, key].map(str::to_owned);
            let (reason, region) = ("a reason".to_owned(), world.name(0).clone());
            quarantined
                .send(&Message::Quarantined { table, sequence: String::new(), key, reason, region }, 0)
                .await
                .unwrap();
        }
        let redriven = redrive(&world).await;
        assert_eq!(redriven[..3], [Redriven::Queued, Redriven::Queued, Redriven::Settled]);
        assert!(matches!(redriven[3], Redriven::Left(_)), "{redriven:?}");
        assert_eq!((world.backlog(0, 1).await.waiting, world.backlog(0, 2).await.waiting), (1, 0));
        assert_eq!(world.unrepaired(0).await.waiting, 1);
        world.settle().await;
        world.check_invariants().await;
    });
}
