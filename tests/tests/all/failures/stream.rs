//! The stream: partial batches, poison records, hot users and loops.

use umoja_replicator::Replicator;
use umoja_schema::{Attribute, Attributes, Body, Identity, Log, Message, Part};
use umoja_store::Change;
use umoja_store::digest::Digest;
use umoja_store::faulty::Fault;
use umoja_store::ports::{Clock as _, Commit, Condition, PartWrite, Writes};
use umoja_tests::world::{World, run};

/// Failure: retry queue unreachable
#[test]
fn no_record_is_acknowledged_without_the_peer_or_its_queue() {
    run(async {
        let world = World::new(1, 2).await;
        world.set_cut(0, 1, true);
        world.regions[0].faults.retries[world.name(1)].set_down(true);
        world.register(0, "ada@example.com", "phc").await.unwrap();
        let first = world.changes(0)[0].sequence.clone();
        let step = world.regions[0].pump.replicate().await.unwrap();
        assert_eq!((step.position, step.outcome.failed), (0, Some(first)));

        world.set_cut(0, 1, false);
        let step = world.regions[0].pump.replicate().await.unwrap();
        assert_eq!((step.outcome.failed, step.outcome.sent), (None, 3));
        world.regions[0].faults.retries[world.name(1)].set_down(false);
        world.settle().await;
        world.check_invariants().await;
    });
}

/// Failure: stream partial batch
#[test]
fn a_failed_batch_is_redelivered_from_the_failure() {
    run(async {
        let world = World::new(2, 2).await;
        let id = world.register(0, "ada@example.com", "phc").await.unwrap();
        world.settle().await;
        world.set_password(0, id, "one").await.unwrap();
        world.edit(0, id, "one").await.unwrap();
        world.register(0, "eve@example.com", "phc").await.unwrap();
        // The first write succeeds (without a prior read). From the second on, neither the peer nor the queue answers.
        world.regions[0].faults.links[world.name(1)].then([Fault::None, Fault::RequestLost]);
        world.regions[0].faults.retries[world.name(1)].then([Fault::RequestLost]);
        let changes = world.changes(0);
        let step = world.regions[0].pump.replicate().await.unwrap();
        assert_eq!(step.outcome.failed.as_ref(), Some(&changes[4].sequence));
        assert_eq!(format!("{:020}", step.position), changes[3].sequence);
        assert_eq!(step.outcome.sent, 1);
        world.settle().await;
        world.check_invariants().await;
    });
}

/// Failure: stream partial batch
#[test]
fn the_earliest_failure_of_two_peers_counts() {
    run(async {
        let world = World::new(13, 3).await;
        for n in 0..3 {
            world.register(0, &format!("user{n}@example.com"), "phc").await.unwrap();
        }
        let changes = world.changes(0);
        // One peer and its queue fail from the fourth record on, the other and its queue from the second.
        for (peer, good) in [(1, 5), (2, 2)] {
            let faults = &world.regions[0].faults;
            faults.links[world.name(peer)].then([Fault::None; 9].into_iter().take(good).chain([Fault::RequestLost]));
            faults.retries[world.name(peer)].set_down(true);
        }
        let outcome = Replicator::new(world.regions[0].home.clone()).handle(&changes).await;
        let taken = |failed: &str| changes.iter().position(|change| change.sequence == failed).unwrap();
        let failed = taken(outcome.failed.as_ref().unwrap());
        let stored = Digest::of(&world.regions[2].tables.ports(&world.regions[2].store), 3).await.unwrap().parts;
        let other = Digest::of(&world.regions[1].tables.ports(&world.regions[1].store), 3).await.unwrap().parts;
        assert!(stored < other, "{stored} {other}");
        assert_eq!(failed as u64, stored, "both accepted the records before it");
        for at in [1, 2] {
            world.regions[0].faults.retries[world.name(at)].set_down(false);
        }
        world.settle().await;
        world.check_invariants().await;
    });
}

/// Failure: stream partial batch
#[test]
fn a_coalesced_record_waits_for_its_newest_version() {
    run(async {
        let world = World::new(3, 2).await;
        let id = world.register(0, "ada@example.com", "phc").await.unwrap();
        world.settle().await;
        let before = world.changes(0).len();
        world.edit(0, id, "one").await.unwrap();
        world.set_password(0, id, "one").await.unwrap();
        world.edit(0, id, "two").await.unwrap();
        // Reads and writes of the profile are lost, and so is its message.
        world.regions[0].faults.links[world.name(1)].then([Fault::RequestLost]);
        world.regions[0].faults.retries[world.name(1)].then([Fault::RequestLost]);
        let step = world.regions[0].pump.replicate().await.unwrap();
        assert_eq!(step.outcome.failed.as_ref(), Some(&world.changes(0)[before].sequence));
        world.settle().await;
        world.check_invariants().await;
    });
}

#[test]
fn a_record_waits_until_its_key_repair_is_queued() {
    run(async {
        let world = World::new(4, 2).await;
        world.regions[1].faults.kms.set_down(true);
        world.regions[0].faults.repairs.set_down(true);
        world.register(0, "ada@example.com", "phc").await.unwrap();
        let step = world.regions[0].pump.replicate().await.unwrap();
        assert_eq!(step.position, 0);
        assert_eq!((step.outcome.sent, step.outcome.repairs), (3, 0));
        world.regions[1].faults.kms.set_down(false);
        world.regions[0].faults.repairs.set_down(false);
        world.settle().await;
        world.check_invariants().await;
    });
}

fn spoil(change: &mut Change, how: usize) {
    let image = &mut change.image;
    match how {
        0 => drop(image.remove("keys")),
        1 => drop(image.insert("version".into(), "3-x".into())),
        2 => drop(image.remove("origin")),
        3 => change.table = "unheard-of".into(),
        4 => drop(image.insert("data".into(), Attribute::Null)),
        _ => image.clear(),
    }
}

/// Failure: poison record
#[test]
fn a_poison_record_is_quarantined_alone_with_a_reason() {
    run(async {
        for how in 0..6 {
            let world = World::new(5, 3).await;
            let poisoned = world.register(0, "ada@example.com", "phc").await.unwrap();
            let healthy = world.register(0, "eve@example.com", "phc").await.unwrap();
            let mut changes = world.changes(0);
            spoil(&mut changes[0], how);
            world.skip_stream(0).await;
            let outcome = Replicator::new(world.regions[0].home.clone()).handle(&changes).await;
            assert_eq!((outcome.failed, outcome.quarantined, outcome.sent), (None, 1, 10), "{how}");
            for at in [1, 2] {
                assert!(world.read::<Identity>(at, healthy).await.is_ok());
            }
            let quarantined = world.quarantined(0).await;
            let Ok(Message::Quarantined { sequence, reason, key, .. }) = Message::from_text(&quarantined[0]) else {
                panic!()
            };
            assert_eq!((quarantined.len(), sequence), (1, changes[0].sequence.clone()));
            assert!(!reason.is_empty());
            if how < 5 {
                assert_eq!(key, format!("{poisoned}/profile"));
            }
        }
    });
}

/// Failure: poison record
#[test]
fn a_redelivered_poison_record_is_quarantined_once() {
    run(async {
        let world = World::new(6, 2).await;
        world.register(0, "ada@example.com", "phc").await.unwrap();
        world.register(0, "eve@example.com", "phc").await.unwrap();
        let mut changes = world.changes(0);
        // The first part of the other user.
        spoil(&mut changes[3], 0);
        let replicator = Replicator::new(world.regions[0].home.clone());
        world.set_cut(0, 1, true);
        world.regions[0].faults.retries[world.name(1)].set_down(true);
        let outcome = replicator.handle(&changes).await;
        assert_eq!((outcome.failed.as_ref(), outcome.quarantined), (Some(&changes[0].sequence), 0));
        world.set_cut(0, 1, false);
        // The record cannot be quarantined, so it and the later records stay.
        world.regions[0].faults.quarantined.set_down(true);
        let outcome = replicator.handle(&changes).await;
        assert_eq!((outcome.failed.as_ref(), outcome.quarantined), (Some(&changes[3].sequence), 0));
        world.regions[0].faults.quarantined.set_down(false);
        let outcome = replicator.handle(&changes[3..]).await;
        assert_eq!((outcome.failed, outcome.quarantined), (None, 1));
        assert_eq!(world.quarantined(0).await.len(), 1);
    });
}

#[test]
fn a_quarantined_record_contains_only_a_key() {
    run(async {
        let world = World::new(7, 2).await;
        let text = |text: &str| Attribute::S(text.to_owned());
        let image = Attributes::from([
            ("id".into(), text("ada@example.com")),
            ("key".into(), text("Ada Lovelace <ada@example.com>")),
            ("origin".into(), text(world.name(0).as_str())),
        ]);
        let change = Change { table: "journal".into(), sequence: "1".into(), image };
        let outcome = Replicator::new(world.regions[0].home.clone()).handle(&[change]).await;
        assert_eq!(outcome.quarantined, 1);
        assert!(!world.quarantined(0).await[0].to_lowercase().contains("ada"));
    });
}

/// Failure: clock skew of +/-10 min
#[test]
fn a_write_from_the_far_future_is_quarantined_and_not_sent() {
    run(async {
        let world = World::new(8, 2).await;
        let id = world.register(0, "ada@example.com", "phc").await.unwrap();
        world.settle().await;
        world.regions[0].clock.set_skew(10 * 60 * 1000);
        world.edit(0, id, "from the future").await.unwrap();
        world.regions[0].clock.set_skew(0);
        let step = world.regions[0].pump.replicate().await.unwrap();
        assert_eq!((step.outcome.failed, step.outcome.quarantined, step.outcome.sent), (None, 1, 0));
        let stored = world.stored(1, id, Part::Profile).await.unwrap();
        assert!(!stored.version.hlc.is_far_ahead_of(umoja_store::ports::Clock::now(&*world.clock)));
        // The bad clock does not capture the peer's writes.
        assert!(world.edit(1, id, "from now").await.is_ok());
    });
}

/// Failure: hot user (1,000 updates)
#[test]
fn a_thousand_updates_are_coalesced_into_a_few_writes() {
    run(async {
        let world = World::new(9, 3).await;
        let id = world.register(0, "ada@example.com", "phc").await.unwrap();
        world.settle().await;
        world.reset_calls();
        for n in 0..1000 {
            world.clock.advance(1);
            world.edit(0, id, &format!("name {n}")).await.unwrap();
        }
        world.settle().await;
        assert!(world.sends() <= 10, "{}", world.sends());
        world.check_invariants().await;
        let identity: Identity = world.read(2, id).await.unwrap();
        assert_eq!(identity.profile.given_name.as_deref(), Some("name 999"));
    });
}

#[test]
fn replicated_writes_are_never_forwarded() {
    run(async {
        let world = World::new(10, 3).await;
        let id = world.register(0, "ada@example.com", "phc").await.unwrap();
        world.edit(0, id, "Ada").await.unwrap();
        world.reset_calls();
        world.settle().await;
        // Two parts and a row go to two peers, and no change returns or circulates.
        assert_eq!(world.sends(), 6);
        assert_eq!(world.changes(1).len(), 3);
        let step = world.regions[1].pump.replicate().await.unwrap();
        assert_eq!(step.outcome.records, 0);
        world.check_invariants().await;
    });
}

#[test]
fn rows_are_replicated_unchanged() {
    run(async {
        let world = World::new(11, 3).await;
        let id = world.register(0, "ada@example.com", "phc").await.unwrap();
        world.settle().await;
        world.set_cut(0, 2, true);
        world.erase(0, id).await.unwrap();
        world.rounds(2).await;
        world.set_cut(0, 2, false);
        world.settle().await;
        world.check_invariants().await;
        let mut receipts = Vec::new();
        for region in &world.regions {
            receipts.push(region.tables.logs.rows(Log::Receipts, id).await.unwrap());
        }
        assert_eq!(receipts[0], receipts[1]);
        assert_eq!(receipts[0], receipts[2]);
        let keys: Vec<_> = receipts[0].iter().map(|row| row.key.as_str()).collect();
        for peer in [1, 2] {
            for part in Part::ALL {
                assert!(keys.contains(&format!("confirm#{}#{part}", world.name(peer)).as_str()), "{keys:?}");
            }
        }
    });
}

#[test]
fn a_part_of_an_unknown_format_is_replicated_unopened() {
    run(async {
        let world = World::new(12, 2).await;
        let id = world.register(0, "ada@example.com", "phc").await.unwrap();
        // The region runs newer software, which writes parts of its own format.
        let users = &world.regions[0].tables.users;
        world.skip_stream(0).await;
        let before = world.changes(0).len();
        for part in Part::ALL {
            let mut record = users.part(id, part).await.unwrap().unwrap();
            let written = record.version.clone();
            record.version.hlc = umoja_schema::Hlc::next(world.clock.now(), Some(written.hlc)).unwrap();
            record.unknown.insert("novel".into(), Attribute::Ss(vec!["a".into()]));
            let Body::Live(live) = &mut record.body else { panic!("live") };
            live.data.0.insert("fmt".into(), 99u64.into());
            live.data.0.insert("novel".into(), Attribute::L(vec![Attribute::Bool(true)]));
            let parts = vec![PartWrite { record, condition: Condition::VersionIs(written) }];
            assert_eq!(users.commit(&Writes { parts, ..Writes::default() }).await, Ok(Commit::Done));
        }
        let changes = world.changes(0).split_off(before);
        let outcome = Replicator::new(world.regions[0].home.clone()).handle(&changes).await;
        assert_eq!((outcome.failed, outcome.sent), (None, 2));
        for part in Part::ALL {
            let copied = world.regions[1].tables.users.part(id, part).await.unwrap();
            assert_eq!(copied, users.part(id, part).await.unwrap());
        }
    });
}
