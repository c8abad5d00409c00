//! Unavailable, throttled and disabled KMS keys, and the repairs that follow.

use std::pin::pin;

use umoja_accounts::Error;
use umoja_crypto::DataKey;
use umoja_reconciler::repair_keys;
use umoja_schema::{Body, Credentials, Identity, Key, Part, UserId};
use umoja_store::faulty::Fault;
use umoja_store::ports::{Commit, Condition, KeysError, PartWrite, Writes};
use umoja_store::repairs::{enqueue_if_incomplete, missing_regions};
use umoja_store::seal::SealError;
use umoja_tests::world::{World, polled, run};

async fn entries(world: &World, at: usize, id: UserId) -> Vec<usize> {
    let record = world.stored(at, id, Part::Profile).await.unwrap();
    let keys = &record.live().unwrap().keys;
    (0..world.regions.len()).filter(|region| keys.contains_key(world.name(*region))).collect()
}

/// Failure: own KMS down at write
#[test]
fn a_write_without_the_own_kms_is_repaired_later() {
    run(async {
        let world = World::new(1, 3).await;
        world.regions[0].faults.kms.set_down(true);
        let id = world.register(0, "ada@example.com", "phc").await.unwrap();
        assert_eq!(entries(&world, 0, id).await, [1, 2]);
        world.rounds(2).await;
        for at in 0..3 {
            assert!(world.read::<Identity>(at, id).await.is_ok(), "another region's KMS unwraps it");
        }
        world.regions[0].faults.kms.set_down(false);
        world.settle().await;
        world.check_invariants().await;
        assert_eq!(entries(&world, 2, id).await, [0, 1, 2]);
    });
}

/// Failure: one region's KMS down at write
#[test]
fn a_write_without_a_peers_kms_is_repaired_later() {
    run(async {
        let world = World::new(2, 3).await;
        world.regions[2].faults.kms.set_down(true);
        let id = world.register(0, "ada@example.com", "phc").await.unwrap();
        assert_eq!(entries(&world, 0, id).await, [0, 1]);
        world.rounds(20).await;
        assert_eq!(entries(&world, 2, id).await, [0, 1]);
        world.regions[2].faults.kms.set_down(false);
        world.settle().await;
        world.check_invariants().await;
        // Now it can be read there while every other KMS is unavailable.
        world.regions[0].faults.kms.set_down(true);
        world.regions[1].faults.kms.set_down(true);
        assert!(world.read::<Credentials>(2, id).await.is_ok());
    });
}

/// Failure: own KMS down at read
#[test]
fn a_read_without_the_own_kms_uses_another_wrapped_key() {
    run(async {
        let world = World::new(3, 3).await;
        let id = world.register(0, "ada@example.com", "phc").await.unwrap();
        world.settle().await;
        world.regions[1].faults.kms.set_down(true);
        let identity: Identity = world.read(1, id).await.unwrap();
        assert_eq!(identity.email.as_deref(), Some("ada@example.com"));
        for region in &world.regions {
            region.faults.kms.set_down(true);
        }
        let unavailable = Err(Error::Seal(SealError::Keys(KeysError::Unavailable)));
        assert_eq!(world.read::<Credentials>(1, id).await, unavailable);
    });
}

#[test]
fn a_write_without_any_kms_is_rejected() {
    run(async {
        let world = World::new(4, 2).await;
        world.regions.iter().for_each(|region| region.faults.kms.set_down(true));
        assert!(matches!(world.register(0, "ada@example.com", "phc").await, Err(Error::Seal(_))));
        assert!(world.changes(0).is_empty());
    });
}

/// Failure: KMS key disabled
#[test]
fn a_disabled_key_is_repaired_once_enabled() {
    run(async {
        let world = World::new(5, 3).await;
        world.regions[1].store.keys().set_enabled(false).unwrap();
        let id = world.register(0, "ada@example.com", "phc").await.unwrap();
        world.deliver().await;
        world.reset_calls();
        world.rounds(40).await;
        assert_eq!(world.kms_calls(), 0);
        let waiting = world.unrepaired(0).await;
        assert_eq!((waiting.waiting + waiting.in_flight, waiting.dead), (2, 0));
        // A message waits for minutes, however often the schedule fires.
        repair_keys(&world.regions[0].home, &world.regions[0].sealer).await;
        for _ in 0..10 {
            let report = repair_keys(&world.regions[0].home, &world.regions[0].sealer).await;
            assert_eq!(report.received, 0);
            world.clock.advance(1000);
        }
        world.regions[1].store.keys().set_enabled(true).unwrap();
        world.settle().await;
        world.check_invariants().await;
        assert_eq!(entries(&world, 2, id).await, [0, 1, 2]);
    });
}

/// Failure: KMS key disabled
#[test]
fn a_disabled_key_does_not_stop_the_repairs_of_other_regions() {
    run(async {
        let world = World::new(6, 3).await;
        world.regions[1].store.keys().set_enabled(false).unwrap();
        world.regions[2].faults.kms.set_down(true);
        let id = world.register(0, "ada@example.com", "phc").await.unwrap();
        world.rounds(2).await;
        world.regions[2].faults.kms.set_down(false);
        world.rounds(3).await;
        for at in 0..3 {
            assert_eq!(entries(&world, at, id).await, [0, 2]);
        }
        assert_eq!(world.unrepaired(0).await.dead, 0);
        world.regions[1].store.keys().set_enabled(true).unwrap();
        world.settle().await;
        world.check_invariants().await;
    });
}

/// Failure: KMS throttled
#[test]
fn a_throttled_kms_is_retried_later() {
    run(async {
        let world = World::new(7, 2).await;
        for n in 0..10 {
            world.regions[0].faults.kms_links[world.name(1)].then([Fault::Throttled; 2]);
            world.register(0, &format!("user{n}@example.com"), "phc").await.unwrap();
        }
        world.deliver().await;
        // The probe succeeds and the first wrap is throttled: the rest of the run makes no further call.
        world.regions[0].faults.kms_links[world.name(1)].then([Fault::None, Fault::Throttled]);
        world.reset_calls();
        let report = repair_keys(&world.regions[0].home, &world.regions[0].sealer).await;
        assert_eq!((report.received, report.wrapped, report.postponed), (20, 0, 20));
        let calls = world.regions[0].faults.kms_links[world.name(1)].calls();
        assert_eq!(calls["wrap"], 1);
        world.settle().await;
        world.check_invariants().await;
    });
}

/// Failure: KMS throttled
#[test]
fn calls_to_kms_are_bounded_for_each_operation() {
    run(async {
        let world = World::new(8, 3).await;
        world.reset_calls();
        let id = world.register(0, "ada@example.com", "phc").await.unwrap();
        assert_eq!(world.kms_calls(), 6, "each part: one call makes the key, one per peer wraps it");
        world.settle().await;
        assert_eq!(world.kms_calls(), 6, "replication needs no keys");
        for _ in 0..3 {
            world.read::<Identity>(1, id).await.unwrap();
        }
        assert_eq!(world.kms_calls(), 7, "repeated reads unwrap once");
        world.regions[2].faults.kms.set_down(true);
        world.edit(0, id, "Ada").await.unwrap();
        world.regions[2].faults.kms.set_down(false);
        world.reset_calls();
        world.settle().await;
        assert_eq!(world.kms_calls(), 2, "a repair unwraps once and wraps for the missing regions");
        world.check_invariants().await;
    });
}

/// Failure: key repair overtaken by a newer version
#[test]
fn an_overtaken_repair_changes_nothing() {
    run(async {
        let world = World::new(9, 2).await;
        let id = world.register(0, "ada@example.com", "phc").await.unwrap();
        world.settle().await;
        world.regions[1].faults.kms.set_down(true);
        world.edit(0, id, "old").await.unwrap();
        world.deliver().await;
        world.regions[1].faults.kms.set_down(false);
        world.edit(0, id, "new").await.unwrap();
        world.reset_calls();
        let report = repair_keys(&world.regions[0].home, &world.regions[0].sealer).await;
        assert_eq!((report.overtaken, report.wrapped), (1, 0));
        assert_eq!(world.kms_calls(), 0);
        world.settle().await;
        world.check_invariants().await;
    });
}

/// Failure: key repair overtaken by a newer version
#[test]
fn a_version_written_during_a_repair_gets_no_foreign_key() {
    run(async {
        let mut overtaken = 0;
        for polls in 0..60 {
            let world = World::new(10, 2).await;
            let id = world.register(0, "ada@example.com", "phc").await.unwrap();
            world.settle().await;
            let kms = &world.regions[0].faults.kms_links[world.name(1)];
            kms.then([Fault::Throttled]);
            world.edit(0, id, "old").await.unwrap();
            world.deliver().await;

            // The repair runs for N polls; then a version is written that also lacks a wrapped key.
            world.set_pausing(true);
            let mut repair = pin!(repair_keys(&world.regions[0].home, &world.regions[0].sealer));
            let early = polled(polls, repair.as_mut()).await;
            world.set_pausing(false);
            kms.then([Fault::Throttled]);
            world.edit(0, id, "new").await.unwrap();
            let report = match early {
                Some(report) => report,
                None => repair.await,
            };
            overtaken += report.overtaken;
            world.settle().await;
            world.check_invariants().await;
        }
        assert!(overtaken > 10, "{overtaken}");
    });
}

#[test]
fn a_wrong_data_key_is_never_wrapped() {
    run(async {
        let world = World::new(11, 2).await;
        world.regions[1].faults.kms.set_down(true);
        let id = world.register(0, "ada@example.com", "phc").await.unwrap();
        world.regions[1].faults.kms.set_down(false);
        // An attacker who may write the table and wrap keys replaces the right data key by another one.
        let region = &world.regions[0];
        let mut record = world.stored(0, id, Part::Profile).await.unwrap();
        let blob = region.sealer.wrap_for(&record, &DataKey::new([9; 32]), world.name(0)).await.unwrap();
        let condition = Condition::VersionIs(record.version.clone());
        let Body::Live(live) = &mut record.body else { panic!() };
        live.keys.insert(world.name(0).clone(), blob);
        let writes = Writes { parts: vec![PartWrite { record, condition }], ..Writes::default() };
        assert_eq!(region.tables.users.commit(&writes).await, Ok(Commit::Done));
        world.deliver().await;
        let report = repair_keys(&region.home, &region.sealer).await;
        assert_eq!((report.quarantined, report.repaired), (1, 1), "the other part is repaired: {report:?}");
        assert_eq!(entries(&world, 0, id).await, [0]);
        assert!(world.quarantined(0).await[0].contains("does not fit"));
    });
}

#[test]
fn a_part_of_a_lost_region_is_repaired_by_another() {
    run(async {
        let world = World::new(12, 3).await;
        world.regions[2].faults.kms.set_down(true);
        let id = world.register(1, "ada@example.com", "phc").await.unwrap();
        world.deliver().await;
        world.set_down(1, true);
        world.regions[2].faults.kms.set_down(false);
        let record = world.stored(0, id, Part::Profile).await.unwrap();
        assert_eq!(missing_regions(&world.regions[0].home, &record), [world.name(2).clone()]);
        // As anti-entropy does.
        assert!(enqueue_if_incomplete(&world.regions[0].home, &record).await.unwrap());
        world.rounds(2).await;
        assert_eq!(entries(&world, 0, id).await, [0, 1, 2]);
        assert_eq!(entries(&world, 2, id).await, [0, 1, 2]);
        assert_eq!(entries(&world, 1, id).await, [0, 1], "the origin is down");
        assert_eq!(world.unrepaired(0).await.waiting, 1, "so the message stays");
        world.set_down(1, false);
        world.settle().await;
        world.check_invariants().await;
    });
}

#[test]
fn a_repair_updates_a_lagging_peer() {
    run(async {
        let world = World::new(13, 3).await;
        world.regions[2].faults.kms.set_down(true);
        let id = world.register(0, "ada@example.com", "phc").await.unwrap();
        let record = world.stored(0, id, Part::Profile).await.unwrap();
        world.regions[2].faults.kms.set_down(false);
        // The message overtakes the replicated items.
        enqueue_if_incomplete(&world.regions[0].home, &record).await.unwrap();
        let report = repair_keys(&world.regions[0].home, &world.regions[0].sealer).await;
        assert_eq!((report.repaired, report.wrapped), (1, 1));
        assert_eq!(entries(&world, 2, id).await, [0, 1, 2]);
        world.settle().await;
        world.check_invariants().await;
    });
}

#[test]
fn a_message_not_about_keys_is_quarantined() {
    run(async {
        let world = World::new(14, 2).await;
        let id = world.register(0, "ada@example.com", "phc").await.unwrap();
        let home = &world.regions[0].home;
        home.repairs.send(&Key::of_part(id, Part::Profile).to_message(), 0).await.unwrap();
        let report = repair_keys(home, &world.regions[0].sealer).await;
        assert_eq!((report.received, report.quarantined), (1, 1));
        assert_eq!(world.quarantined(0).await.len(), 1);
    });
}
