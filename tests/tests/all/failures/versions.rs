//! Two versions of Umoja in one fleet. The tests put items of the next version into the tables and queues. This version
//! replicates, retries, counts and erases them without opening them.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use umoja_accounts::Error;
use umoja_reconciler::{Ended, drain_retries, repair_keys};
use umoja_schema::names::attribute;
use umoja_schema::{
    Attribute, Attributes, Body, Credentials, Facts, Hlc, Identity, Log, LogRow, Message, Millis, Part, PartRecord,
    SealedData, UserId,
};
use umoja_store::apply::{apply_replicated, plan_ownerships};
use umoja_store::ports::{Clock as _, Commit, Condition, Delivery, PartWrite, Queue, QueueDepth, StoreError, Writes};
use umoja_store::seal::SealError;
use umoja_tests::deployment::Deployment;
use umoja_tests::world::{World, run};

/// Unknown attributes of every kind.
fn novelties() -> Attributes {
    let list = vec![Attribute::Bool(true), Attribute::Null, Attribute::N("-1.5e3".into())];
    Attributes::from([
        ("novel_set".into(), Attribute::Ss(vec!["a".into(), "b".into()])),
        ("novel_map".into(), Attribute::M(Attributes::from([("inner".into(), Attribute::L(list))]))),
    ])
}

/// Adds attributes of the next version to an item that otherwise has this version's format.
fn with_novelties(record: &mut PartRecord) {
    record.unknown.extend(novelties());
    if let Body::Live(live) = &mut record.body
        && let Facts::Profile(facts) = &mut live.facts
    {
        facts.ownerships.values_mut().for_each(|ownership| ownership.unknown.extend(novelties()));
    }
}

/// A profile part as the next version writes it: an envelope of another format, wrapped for all regions but one.
async fn write_next(world: &World, at: usize, id: UserId, lacking: usize) -> PartRecord {
    let stored = world.stored(at, id, Part::Profile).await.unwrap();
    let mut next = stored.clone();
    next.version.hlc = Hlc::next(world.clock.now(), Some(stored.version.hlc)).unwrap();
    next.version.origin = world.name(at).clone();
    with_novelties(&mut next);
    let Body::Live(live) = &mut next.body else { panic!("{id} is not live") };
    live.data = SealedData(Attributes::from([
        ("fmt".into(), 2u64.into()),
        ("suite".into(), 7u64.into()),
        ("mid".into(), Attribute::B(vec![2; 48])),
        ("chunks".into(), Attribute::L(vec![Attribute::B(vec![1, 2, 3]), Attribute::M(novelties())])),
    ]));
    live.keys.remove(world.name(lacking));
    put(world, at, &stored, &next).await;
    next
}

/// Writes the part with its ownerships, as every version does.
async fn put(world: &World, at: usize, stored: &PartRecord, next: &PartRecord) {
    let store = &*world.regions[at].tables.users;
    let ownerships = plan_ownerships(store, next.id, stored.ownerships(), next.ownerships()).await.unwrap();
    let condition = Condition::VersionIs(stored.version.clone());
    let parts = vec![PartWrite { record: next.clone(), condition }];
    assert_eq!(store.commit(&Writes { parts, ownerships, ..Writes::default() }).await, Ok(Commit::Done));
}

/// Failure: old and new software side by side
#[test]
fn a_part_of_the_next_format_is_handled_unopened() {
    run(async {
        let world = World::new(1, 3).await;
        let id = world.register(0, "ada@example.com", "phc").await.unwrap();
        world.settle().await;
        world.set_cut(0, 2, true);
        let written = write_next(&world, 0, id, 1).await;
        world.deliver().await;
        assert_eq!(world.backlog(0, 2).await.waiting, 1);
        world.set_cut(0, 2, false);
        world.rounds(20).await;

        // Every region stores the part unchanged, finds it and answers that it cannot read it.
        let digests = world.digests().await;
        assert!(digests.iter().all(|digest| *digest == digests[0]));
        let newer = || Error::Seal(SealError::Newer);
        for at in 0..3 {
            assert_eq!(world.stored(at, id, Part::Profile).await.as_ref(), Some(&written));
            assert_eq!(world.find(at, "ada@example.com").await, Some(id));
            assert_eq!(world.read::<Identity>(at, id).await.err(), Some(newer()));
            assert_eq!(world.edit(at, id, "old").await.err(), Some(newer()));
            let credentials: Credentials = world.read(at, id).await.unwrap();
            assert_eq!(credentials.secret.as_deref(), Some("phc"), "the other part is of this format");
        }

        // The missing wrapped key waits for a version that can open the part.
        for at in 0..3 {
            assert!(world.quarantined(at).await.is_empty());
        }
        let waiting = world.unrepaired(0).await;
        assert_eq!((waiting.waiting + waiting.in_flight, waiting.dead), (1, 0));
        let (version, region) = (&written.version, world.name(1));
        world.regions[0]
            .tables
            .users
            .add_wrapped_key(id, Part::Profile, version, region, None, b"of the next")
            .await
            .unwrap();
        world.settle().await;
        let digests = world.digests().await;
        assert!(digests.iter().all(|digest| *digest == digests[0] && digest.missing_keys == 0));

        // This version would have to open the part to write a newer one. An erasure does not.
        world.erase(1, id).await.unwrap();
        world.settle().await;
        world.check_invariants().await;
        assert_eq!(world.find(0, "ada@example.com").await, None);
    });
}

/// Failure: old and new software side by side
#[test]
fn attributes_of_the_next_version_survive_changes() {
    run(async {
        let d = Deployment::of(World::new(2, 3).await).await;
        let world = &d.world;
        let id: UserId = d.register(0, "ada@example.com", "correct horse").await.id().parse().unwrap();
        world.settle().await;
        // As if every region had received a write of the next version.
        for (at, part) in (0..3).flat_map(|at| Part::ALL.map(|part| (at, part))) {
            let stored = world.stored(at, id, part).await.unwrap();
            let mut next = stored.clone();
            with_novelties(&mut next);
            put(world, at, &stored, &next).await;
        }
        let set = json!({ "id": id.to_string(), "set": { "profile": { "name": "Ada" }, "username": "ada" } });
        d.call(1, "update", set).await.ok(200);
        world.settle().await;
        let change =
            json!({ "id": id.to_string(), "current_password": "correct horse", "new_password": "battery staple" });
        d.call(2, "password/change", change).await.ok(200);
        d.call(2, "status", json!({ "id": id.to_string(), "status": "disabled" })).await.ok(200);
        world.settle().await;
        world.check_invariants().await;
        for at in 0..3 {
            for part in Part::ALL {
                let mut stored = world.stored(at, id, part).await.unwrap();
                stored.unknown.remove(attribute::NOTICED);
                assert_eq!(stored.unknown, novelties(), "{part} in region {at}");
                let unknown: Vec<_> = stored.ownerships().values().map(|ownership| &ownership.unknown).collect();
                assert!(part == Part::Credentials || unknown.contains(&&novelties()), "the address was not changed");
            }
        }
    });
}

/// Failure: old and new software side by side
#[test]
fn a_region_unable_to_read_a_user_asks_to_retry() {
    run(async {
        let d = Deployment::new(3).await;
        let created = d.register(0, "ada@example.com", "correct horse").await;
        d.world.settle().await;
        let id: UserId = created.id().parse().unwrap();
        let next = write_next(&d.world, 0, id, 1).await;
        let there = &d.world.regions[1];
        apply_replicated(&*there.tables.users, &next, &there.name).await.unwrap();
        for (operation, body) in [
            ("lookup", json!({ "email": "ada@example.com" })),
            ("update", json!({ "id": id.to_string(), "set": { "profile": { "name": "Ada" } } })),
            ("export", json!({ "id": id.to_string() })),
        ] {
            let reply = d.call(1, operation, body).await;
            assert_eq!(reply.rejected(503, "newer_format").retry_after, Some(60), "{operation}");
        }
        assert_eq!(d.world.stored(1, id, Part::Profile).await, Some(next), "and it is unchanged");
    });
}

/// A queue whose messages have the number of the next version.
struct OfNextVersion(Arc<dyn Queue>, &'static str);

#[async_trait]
impl Queue for OfNextVersion {
    async fn receive(&self, max: usize, visibility_secs: u32) -> Result<Vec<Delivery>, StoreError> {
        let mut deliveries = self.0.receive(max, visibility_secs).await?;
        for delivery in &mut deliveries {
            let text = match self.1 {
                "version" => delivery.text.replace("\"v\":1", "\"v\":2"),
                _ => delivery.text.replace("\"type\":\"", "\"type\":\"novel_"),
            };
            assert_ne!(text, delivery.text);
            delivery.text = text;
        }
        Ok(deliveries)
    }

    async fn send(&self, message: &Message, delay_secs: u32) -> Result<(), StoreError> {
        self.0.send(message, delay_secs).await
    }

    async fn delete(&self, receipt: &str) -> Result<(), StoreError> {
        self.0.delete(receipt).await
    }

    async fn release(&self, receipt: &str, delay_secs: u32) -> Result<(), StoreError> {
        self.0.release(receipt, delay_secs).await
    }

    async fn depth(&self) -> Result<QueueDepth, StoreError> {
        self.0.depth().await
    }

    async fn receive_dead(&self, max: usize, visibility_secs: u32) -> Result<Vec<Delivery>, StoreError> {
        self.0.receive_dead(max, visibility_secs).await
    }

    async fn redrive(&self, dead: &Delivery) -> Result<(), StoreError> {
        self.0.redrive(dead).await
    }

    async fn release_dead(&self, receipt: &str) -> Result<(), StoreError> {
        self.0.release_dead(receipt).await
    }
}

/// Failure: old and new software side by side
#[test]
fn messages_of_the_next_version_are_left_for_it() {
    run(async {
        for what in ["version", "kind"] {
            let world = World::new(4, 2).await;
            world.set_cut(0, 1, true);
            world.register(0, "ada@example.com", "phc").await.unwrap();
            world.deliver().await;
            world.set_cut(0, 1, false);
            let mut home = world.regions[0].home.clone();
            home.peers[0].retry = Arc::new(OfNextVersion(Arc::clone(&home.peers[0].retry), what));
            home.repairs = Arc::new(OfNextVersion(Arc::clone(&home.repairs), what));
            let report = drain_retries(&home, &home.peers[0]).await;
            assert_eq!((report.received, report.postponed, report.quarantined, report.replicated), (3, 3, 0, 0));
            let repairs = repair_keys(&home, &world.regions[0].sealer).await;
            assert_eq!((repairs.received, repairs.postponed, repairs.quarantined), (2, 2, 0));
            assert_eq!(repairs.ended, Ended::Empty);
            // A version that can read them finds them.
            world.settle().await;
            world.check_invariants().await;
        }
    });
}

/// Failure: old and new software side by side
#[test]
fn a_row_of_an_unknown_kind_is_replicated_unchanged() {
    run(async {
        let world = World::new(5, 3).await;
        let user = world.register(0, "ada@example.com", "phc").await.unwrap();
        let at = Hlc::at(Millis(world.clock.now().0));
        let origin = world.name(0).clone();
        let row = LogRow {
            user,
            key: "novel#1".into(),
            at,
            origin,
            kind: "novel".into(),
            fields: novelties(),
            unknown: Attributes::new(),
        };
        world.set_cut(0, 2, true);
        for log in Log::ALL {
            world.regions[0].tables.logs.append(log, &row).await.unwrap();
        }
        world.rounds(2).await;
        world.set_cut(0, 2, false);
        world.settle().await;
        for region in &world.regions {
            for log in Log::ALL {
                assert_eq!(region.tables.logs.row(log, user, &row.key).await.unwrap().as_ref(), Some(&row));
            }
            // It belongs to no chain, which does not matter for replication.
            region.tables.logs.drop_row(Log::Audit, user, &row.key).await.unwrap();
        }
        world.check_invariants().await;
    });
}
