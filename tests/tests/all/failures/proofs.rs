//! The secret of proofs is rotated: beside an older backup, after the removal of a region, and without a KMS.

use serde_json::{Map, json};
use umoja_reconciler::{Proving, ProvingReport, prove_documents};
use umoja_schema::{Item, Part, PartRecord, Target, UserId};
use umoja_store::events::EPOCH_CHECKPOINT;
use umoja_store::ports::{Begun, Clock as _, Outcome, StoreError};
use umoja_store::rotation::ProofStep;
use umoja_tests::world::{World, run};

/// Does the next step of the rotation.
async fn rotate(world: &World) -> ProofStep {
    let mut secrets = world.secrets().await.unwrap();
    world.shared_secrets().rotate_proof(&mut secrets, world.clock.now()).await.unwrap()
}

/// Every region reads the settings, and proves its items by the newest version.
async fn prove(world: &World) -> ProvingReport {
    let mut all = ProvingReport::default();
    for region in &world.regions {
        region.tables.proofs.reload().await.unwrap();
    }
    for region in &world.regions {
        let mut proving = Proving::new(&region.home);
        while proving.step().await.unwrap() {}
        prove_documents(&region.home).await.unwrap();
        all.proved += proving.report().proved;
        all.unreadable += proving.report().unreadable;
    }
    all
}

/// Publishes a new version, proves everything by it and retires the older ones.
async fn rotate_and_retire(world: &World) {
    assert_eq!(rotate(world).await, ProofStep::Publish);
    assert_eq!(prove(world).await.unreadable, 0);
    assert_eq!(rotate(world).await, ProofStep::Retire);
    for region in &world.regions {
        region.tables.proofs.reload().await.unwrap();
    }
}

/// The parts of a region as they are stored, with their proofs.
async fn backup(world: &World, at: usize) -> Vec<PartRecord> {
    world.regions[at].tables.raw_users.scan(None, 1_000).await.unwrap().records
}

/// Failure: secret of proofs rotated
#[test]
fn what_checkpoints_hold_for_operators_survives_a_rotation() {
    run(async {
        let world = World::new(37, 2).await;
        let home = &world.regions[0].home;
        let id = "crm".parse().unwrap();
        home.registry.replace_setting(&Target::setting(&id), None, &json!({})).await.unwrap();
        let names = [Target::removals(&id), Target::outage(&id), EPOCH_CHECKPOINT.to_owned()];
        for name in &names {
            home.checkpoints.put_checkpoint(name, b"held").await.unwrap();
        }
        for _ in 0..2 {
            rotate_and_retire(&world).await;
        }
        for name in &names {
            assert_eq!(home.checkpoints.checkpoint(name).await, Ok(Some(b"held".to_vec())), "{name}");
        }
    });
}

async fn restore(world: &World, at: usize, backup: Vec<PartRecord>) {
    let users = &world.regions[at].tables.raw_users;
    for record in backup {
        let item = Item::from(record);
        let etag = users.etag(&item.key()).await.unwrap().unwrap();
        assert!(users.replace(&item, &etag).await.unwrap());
    }
    world.skip_stream(at).await;
    world.restored(at);
}

async fn registered(world: &World) -> UserId {
    let id = world.register(0, "ada@example.com", "phc").await.unwrap();
    world.settle().await;
    id
}

/// Failure: secret of proofs rotated
#[test]
fn a_backup_verifies_until_its_version_is_retired() {
    run(async {
        let world = World::new(31, 2).await;
        let id = registered(&world).await;
        let old = backup(&world, 1).await;
        world.edit(0, id, "Ada").await.unwrap();
        world.settle().await;
        assert_eq!(rotate(&world).await, ProofStep::Publish);
        assert_eq!(prove(&world).await.unreadable, 0);

        restore(&world, 1, old.clone()).await;
        let stored = world.stored(1, id, Part::Profile).await.unwrap();
        assert!(stored.version < world.stored(0, id, Part::Profile).await.unwrap().version);
        world.anti_entropy().await;
        world.check_invariants().await;

        assert_eq!(rotate(&world).await, ProofStep::Retire);
        restore(&world, 1, old).await;
        world.regions[1].tables.proofs.reload().await.unwrap();
        let read = world.regions[1].tables.users.part(id, Part::Profile).await;
        assert!(matches!(read, Err(StoreError::Unreadable(_))), "{read:?}");
        world.anti_entropy().await;
        world.check_invariants().await;
    });
}

/// Failure: secret of proofs rotated
#[test]
fn the_secret_is_rotated_after_a_region_was_removed() {
    run(async {
        let mut world = World::new(32, 3).await;
        let id = registered(&world).await;
        let gone = world.regions.pop().unwrap();
        gone.faults.proof_kms.set_down(true);
        gone.faults.kms.set_down(true);
        for at in 0..2 {
            let mut home = world.regions[at].home.clone();
            home.peers.retain(|peer| peer.ports.name != gone.name);
            world.regions[at].run_with(home);
        }
        rotate_and_retire(&world).await;
        world.edit(1, id, "Ada").await.unwrap();
        world.settle().await;
        world.check_invariants().await;
    });
}

/// Failure: secret of proofs rotated
#[test]
fn a_region_without_its_proof_key_continues_until_the_secret_is_rotated() {
    run(async {
        let world = World::new(33, 2).await;
        let id = registered(&world).await;
        world.regions[1].faults.proof_kms.set_down(true);
        world.clock.advance(10 * 60 * 1000);
        world.edit(1, id, "Ada").await.unwrap();
        world.settle().await;

        let mut secrets = world.secrets().await.unwrap();
        let rotated = world.shared_secrets().rotate_proof(&mut secrets, world.clock.now()).await;
        assert!(rotated.is_err(), "a version that a region cannot open must not be published");
        world.edit(1, id, "Ada L.").await.unwrap();
        world.settle().await;

        world.regions[1].faults.proof_kms.set_down(false);
        rotate_and_retire(&world).await;
        world.edit(0, id, "Ada Lovelace").await.unwrap();
        world.settle().await;
        world.check_invariants().await;
    });
}

/// Failure: secret of proofs rotated
#[test]
fn what_a_region_proves_by_a_new_version_verifies_where_only_the_older_one_is_known() {
    run(async {
        let world = World::new(34, 2).await;
        let id = registered(&world).await;
        assert_eq!(rotate(&world).await, ProofStep::Publish);
        world.regions[0].tables.proofs.reload().await.unwrap();
        world.edit(0, id, "Ada").await.unwrap();
        world.settle().await;
        world.edit(1, id, "Ada L.").await.unwrap();
        world.settle().await;
        world.check_invariants().await;
    });
}

/// Failure: secret of proofs rotated
#[test]
fn outcomes_of_requests_stay_usable_across_a_rotation() {
    run(async {
        let world = World::new(35, 2).await;
        let requests = &world.regions[0].tables.requests;
        let now = world.clock.now();
        let (until, new) = (now.plus(60_000), Outcome { request: "r".into(), ..Outcome::default() });
        let begin = async |key: u8| requests.begin(&[key; 32], new.clone(), now, until).await.unwrap();
        let Begun::First(withdrawn) = begin(1).await else { panic!("a new key") };
        let Begun::First(kept) = begin(2).await else { panic!("a new key") };
        assert_eq!(rotate(&world).await, ProofStep::Publish);
        prove(&world).await;

        requests.withdraw(&[1; 32], &withdrawn, now).await.unwrap();
        assert!(matches!(begin(1).await, Begun::First(_)), "the key was withdrawn");
        let Begun::Earlier(verified) = begin(2).await else { panic!("a used key") };
        assert_eq!(verified, new);
        requests.finish(&[2; 32], &Outcome { status: Some(200), ..kept }, until).await.unwrap();

        assert_eq!(rotate(&world).await, ProofStep::Retire);
        world.regions[0].tables.proofs.reload().await.unwrap();
        let Begun::Earlier(finished) = begin(2).await else { panic!("a used key") };
        assert_eq!(finished, Outcome { status: Some(200), ..new.clone() });
    });
}

/// Failure: secret of proofs rotated
#[test]
fn events_and_sources_outlast_a_rotation() {
    run(async {
        let world = World::new(36, 2).await;
        let (home, now) = (&world.regions[0].home, world.clock.now());
        let (inbox, until) = (&home.own.inbox, now.plus(60_000));
        let document = Map::from_iter([("n".to_owned(), 1.into())]);
        for n in 0..150 {
            assert_eq!(inbox.replace_inbox_document(&[n; 32], None, &document, now, until).await, Ok(true));
        }
        home.registry.put_setting("source/shop", &json!({ "n": 1 })).await.unwrap();
        rotate_and_retire(&world).await;
        for n in 0..150 {
            let read = inbox.inbox_document(&[n; 32], now).await.unwrap().unwrap();
            assert_eq!((read.members.as_ref(), read.expires_at), (Some(&document), until));
        }
        assert_eq!(home.registry.settings("source/").await, Ok(vec![("source/shop".into(), json!({ "n": 1 }))]));
    });
}
