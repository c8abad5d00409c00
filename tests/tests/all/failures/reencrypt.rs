//! A region whose KMS key was replaced: re-encryption wraps the data keys of all parts under the new one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use umoja_accounts::Error;
use umoja_local::LocalKeys;
use umoja_reconciler::{Reencryption, ReencryptionReport, Rule};
use umoja_schema::{AccountStatus, Attributes, Credentials, Facts, Hlc, Identity, Part, PartRecord, UserId, Version};
use umoja_store::Home;
use umoja_store::keyring::KeyRing;
use umoja_store::ports::{Clock, Commit, Condition, Entropy, Keys, KeysError, PartWrite, StoreError, Writes};
use umoja_store::previous_kms_key::{WithOldKey, with_old_keys};
use umoja_store::seal::{SealError, Sealer};
use umoja_store::shared_secrets::{SharedSecrets, SharedSecretsError};
use umoja_tests::world::{World, killed_after, run};

/// Three regions with six users, one of them erased.
async fn world(seed: u64) -> (World, Vec<UserId>) {
    let world = World::new(seed, 3).await;
    let mut ids = Vec::new();
    for n in 0..6 {
        ids.push(world.register(n % 3, &format!("user{n}@example.com"), "phc").await.unwrap());
    }
    world.settle().await;
    world.erase(0, ids[5]).await.unwrap();
    world.settle().await;
    (world, ids)
}

async fn stored(world: &World, at: usize, ids: &[UserId]) -> Vec<PartRecord> {
    let mut records = Vec::new();
    for id in ids {
        for part in Part::ALL {
            records.push(world.stored(at, *id, part).await.unwrap());
        }
    }
    records
}

/// Makes passes until one finds no part to re-encrypt.
async fn reencrypted(world: &World, at: usize) {
    let mut passes = Vec::new();
    while passes.last().is_none_or(|pass: &ReencryptionReport| !pass.is_complete()) {
        assert!(passes.len() < 5, "{passes:?}");
        passes.push(world.reencrypt_parts(at).await.unwrap());
        world.settle().await;
    }
}

/// Failure: KMS key rotated
#[test]
fn a_rotated_kms_key_still_unwraps_old_data_keys() {
    run(async {
        let (world, ids) = world(20).await;
        let before = stored(&world, 1, &ids).await;
        world.regions[1].store.keys().rotate().unwrap();
        // Every reader's cache of unwrapped keys is cleared.
        world.clock.advance(10 * 60 * 1000);
        world.check_invariants().await;
        let pass = world.reencrypt_parts(1).await.unwrap();
        assert!(pass.is_complete() && pass.parts == 36, "{pass:?}");
        assert_eq!(stored(&world, 1, &ids).await, before);
        assert!(world.shared_secrets().is_wrapped_by(world.name(1)).await.unwrap());
        // New writes are wrapped under the new key material, and old data keys stay under the old one.
        world.edit(1, ids[0], "Ada").await.unwrap();
        world.settle().await;
        assert!(world.reencrypt_parts(1).await.unwrap().is_complete());
        world.check_invariants().await;
    });
}

/// Failure: KMS key rotated
#[test]
fn after_re_encryption_every_part_opens_under_a_replaced_key() {
    run(async {
        let (mut world, ids) = world(21).await;
        let before = stored(&world, 0, &ids).await;
        world.regions[1].store.keys().replace().unwrap();
        world.clock.advance(10 * 60 * 1000);
        // Reads are slower, never wrong.
        assert!(world.read::<Identity>(1, ids[0]).await.is_ok(), "another region's wrapped key opens it");
        assert!(!world.shared_secrets().is_wrapped_by(world.name(1)).await.unwrap());
        let now = world.clock.now();
        world.shared_secrets().ensure(&BTreeSet::from([world.name(1).clone()]), now).await.unwrap();
        assert!(world.shared_secrets().is_wrapped_by(world.name(1)).await.unwrap());
        world.regions[1].load_secrets().await;

        let first = world.reencrypt_parts(1).await.unwrap();
        assert_eq!(
            (first.parts, first.reencrypted, first.unreadable),
            (36, 10, 0),
            "two parts of five users: {first:?}"
        );
        world.settle().await;
        let second = world.reencrypt_parts(1).await.unwrap();
        assert!(second.is_complete(), "{second:?}");
        world.check_invariants().await;
        for at in [0, 2] {
            world.regions[at].faults.kms.set_down(true);
        }
        for id in &ids[..5] {
            assert!(world.read::<Credentials>(1, *id).await.is_ok(), "with only the own wrapped key");
        }
        // Callers see the same time of change, and erased users are unchanged.
        for (before, after) in before.iter().zip(stored(&world, 0, &ids).await) {
            assert_eq!(before.version.hlc.millis(), after.version.hlc.millis());
            assert_eq!(before.live().is_none(), after.live().is_none());
            assert_eq!(before.live().is_none(), *before == after);
        }
    });
}

#[test]
fn a_change_during_re_encryption_survives() {
    run(async {
        let (world, ids) = world(22).await;
        world.regions[1].store.keys().replace().unwrap();
        world.clock.advance(1000);
        world.edit(0, ids[0], "Ada").await.unwrap();
        world.set_password(2, ids[1], "changed").await.unwrap();
        world.clock.advance(1000);
        // Neither change has arrived in the region yet.
        assert!(world.reencrypt_parts(1).await.unwrap().reencrypted >= 8);
        world.erase(0, ids[2]).await.unwrap();
        world.settle().await;
        for at in 0..3 {
            let name = world.read::<Identity>(at, ids[0]).await.unwrap().profile.given_name;
            assert_eq!(name.as_deref(), Some("Ada"));
            assert_eq!(world.read::<Credentials>(at, ids[1]).await.unwrap().secret.as_deref(), Some("changed"));
            assert!(world.read::<Credentials>(at, ids[2]).await.is_err());
        }
        reencrypted(&world, 1).await;
        world.check_invariants().await;
    });
}

/// Failure: any function killed at any await
#[test]
fn a_killed_re_encryption_is_continued() {
    run(async {
        let (world, ids) = world(23).await;
        world.regions[2].store.keys().replace().unwrap();
        world.set_pausing(true);
        for polls in (1..500).step_by(17) {
            killed_after(polls, world.reencrypt_parts(2)).await;
        }
        world.set_pausing(false);
        world.edit(0, ids[0], "Ada").await.unwrap();
        world.settle().await;
        reencrypted(&world, 2).await;
        world.check_invariants().await;
    });
}

#[test]
fn an_unreachable_key_is_not_taken_for_a_replaced_one() {
    run(async {
        let (world, ids) = world(24).await;
        let before = stored(&world, 1, &ids).await;
        world.regions[1].faults.kms.set_down(true);
        assert!(matches!(world.reencrypt_parts(1).await, Err(StoreError::Unavailable(_))));
        world.regions[1].faults.kms.set_down(false);
        world.regions[1].store.keys().set_enabled(false).unwrap();
        assert!(matches!(world.reencrypt_parts(1).await, Err(StoreError::Rejected(_))));
        world.regions[1].store.keys().set_enabled(true).unwrap();
        assert_eq!(stored(&world, 1, &ids).await, before);
        assert!(world.reencrypt_parts(1).await.unwrap().is_complete());
    });
}

#[test]
fn parts_that_no_key_opens_are_counted_and_skipped() {
    run(async {
        let (world, ids) = world(25).await;
        // The part was written while every other region's KMS was unavailable, and the key is lost before the repair.
        for at in [0, 2] {
            world.regions[at].faults.kms.set_down(true);
        }
        world.clock.advance(1000);
        world.set_password(1, ids[0], "lost").await.unwrap();
        for at in [0, 2] {
            world.regions[at].faults.kms.set_down(false);
        }
        world.regions[1].store.keys().replace().unwrap();
        world.clock.advance(10 * 60 * 1000);
        let rejected = world.read::<Credentials>(1, ids[0]).await.map(drop).unwrap_err();
        assert_eq!(rejected, Error::Seal(SealError::Keys(KeysError::Rejected)));
        let pass = world.reencrypt_parts(1).await.unwrap();
        assert_eq!((pass.unreadable, &pass.unreadable_users[..]), (1, &ids[..1]), "{pass:?}");
        assert_eq!(pass.reencrypted, 9);
    });
}

#[test]
fn the_previous_key_opens_parts_of_a_single_region() {
    run(async {
        let world = World::new(26, 2).await;
        // A deployment with one region: no other region has a wrapped key.
        let mut home = world.regions[0].home.clone();
        home.peers.clear();
        let entropy = || Arc::clone(&world.entropy) as Arc<dyn Entropy>;
        let key = |name: &str| -> Arc<dyn Keys> {
            let clock = Arc::clone(&world.regions[0].clock) as Arc<dyn Clock>;
            Arc::new(LocalKeys::in_memory(name.parse().unwrap(), clock, entropy(), None))
        };
        let (old, new) = (key("old"), key("new"));
        home.own.keys = Arc::clone(&new);
        let sealer = |keys: &Arc<dyn Keys>| {
            let mut with = home.clone();
            with.own.keys = Arc::clone(keys);
            Sealer::new(KeyRing::new(&with, 0), entropy())
        };
        let (id, origin) = (UserId::v8([1; 16]), home.own.name.clone());
        let version = Version { erased: false, hlc: Hlc::at(world.clock.now()), origin };
        let facts = Facts::Credentials { status: AccountStatus::Active };
        let credentials = Credentials { secret: Some("phc".into()), ..Credentials::default() };
        let record = sealer(&old).seal(id, version, facts, &credentials, Attributes::new()).await.unwrap();
        let parts = vec![PartWrite { record, condition: Condition::Absent }];
        assert_eq!(home.own.users.commit(&Writes { parts, ..Writes::default() }).await, Ok(Commit::Done));

        let pass = async |sealer: &Sealer| {
            let mut pass = Reencryption::new(Rule::WrappedBy(&home.own), [(&home, sealer)]);
            while pass.step().await.unwrap() {}
            pass.report().clone()
        };
        assert_eq!(pass(&sealer(&new)).await.unreadable, 1);
        let with_old: Arc<dyn Keys> = Arc::new(WithOldKey { key: Arc::clone(&new), old: Arc::clone(&old) });
        let done = pass(&sealer(&with_old)).await;
        assert_eq!((done.reencrypted, done.unreadable), (1, 0), "the old key does not count as the current one");
        assert!(pass(&sealer(&new)).await.is_complete());
        let stored = home.own.users.part(id, Part::Credentials).await.unwrap().unwrap();
        assert_eq!(sealer(&new).open::<Credentials>(&stored).await.unwrap().secret.as_deref(), Some("phc"));
        assert!(sealer(&old).open::<Credentials>(&stored).await.is_err());
    });
}

#[test]
fn the_previous_key_moves_the_secrets_to_the_new_one() {
    run(async {
        for regions in [1, 2] {
            let world = World::new(27, regions).await;
            let now = world.clock.now();
            let entropy = Arc::clone(&world.entropy) as Arc<dyn Entropy>;
            // The state after every region's key was replaced.
            let mut home = world.regions[0].home.clone();
            let mut old = BTreeMap::new();
            let all = std::iter::once(&mut home.own).chain(home.peers.iter_mut().map(|peer| &mut peer.ports));
            for ports in all {
                let clock = Arc::clone(&world.regions[0].clock) as Arc<dyn Clock>;
                let new = LocalKeys::in_memory(ports.name.clone(), clock, Arc::clone(&entropy), None);
                old.insert(ports.name.clone(), std::mem::replace(&mut ports.keys, Arc::new(new)));
            }
            let replaced: BTreeSet<_> = old.keys().cloned().collect();
            let shared = |home: &Home| {
                let homes = world.regions.iter().map(|region| &region.home);
                SharedSecrets::new(homes, KeyRing::new(home, 1000))
            };
            let rejected = shared(&home).ensure(&replaced, now).await;
            assert!(matches!(rejected, Err(SharedSecretsError::Secrets(_))), "{rejected:?}");
            shared(&with_old_keys(&home, &old)).ensure(&replaced, now).await.unwrap();
            for name in &replaced {
                assert!(shared(&home).is_wrapped_by(name).await.unwrap(), "with only the new key");
            }
        }
    });
}

#[test]
fn missing_wrapped_keys_are_queued_only_on_request() {
    run(async {
        let (world, ids) = world(28).await;
        world.regions[1].faults.kms.set_down(true);
        world.set_password(0, ids[0], "changed").await.unwrap();
        world.regions[1].faults.kms.set_down(false);
        assert_eq!(world.unrepaired(0).await.waiting, 0);
        for (lists, waiting) in [(false, 0), (true, 1), (false, 1)] {
            let regions = world.regions.iter().map(|region| (&region.home, &*region.sealer));
            let mut pass = Reencryption::new(Rule::WrappedBy(&world.regions[1].home.own), regions);
            if !lists {
                pass = pass.without_listing();
            }
            while pass.step().await.unwrap() {}
            assert_eq!(pass.report().unwrapped, 1);
            assert_eq!(world.unrepaired(0).await.waiting, waiting);
        }
    });
}
