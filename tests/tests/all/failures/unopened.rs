//! A region is removed although a region that stays cannot open what it holds with its own, current KMS key: an entry
//! under its name proves nothing. Every part and secret is opened by the key of a region that stays before the removed
//! region's wrapped key of it is dropped.

use std::collections::BTreeSet;

use umoja_reconciler::{DropWrappedKeys, DropWrappedKeysReport};
use umoja_schema::{Credentials, Identity, Part, Region, UserId};
use umoja_store::ports::Clock as _;
use umoja_store::secrets::{Secrets, SecretsError};
use umoja_store::shared_secrets::{SharedSecrets, SharedSecretsError};
use umoja_tests::world::{World, run};

/// The region that is removed.
const GONE: usize = 2;

/// Three regions with six users, and the name of the region that is removed.
async fn world(seed: u64) -> (World, Vec<UserId>, Region) {
    let world = World::new(seed, 3).await;
    let mut ids = Vec::new();
    for n in 0..6 {
        ids.push(world.register(n % 3, &format!("user{n}@example.com"), "phc").await.unwrap());
    }
    world.settle().await;
    let gone = world.name(GONE).clone();
    (world, ids, gone)
}

/// The regions that stay read the settings, in which the last region is no longer part of the deployment.
fn take_off_the_list(world: &mut World) {
    let gone = world.name(GONE).clone();
    for at in 0..GONE {
        let mut home = world.regions[at].home.clone();
        home.peers.retain(|peer| peer.ports.name != gone);
        world.regions[at].run_with(home);
    }
}

async fn pass(mut pass: DropWrappedKeys<'_>) -> (DropWrappedKeysReport, Vec<(UserId, Part)>) {
    while pass.step().await.unwrap() {}
    (*pass.report(), pass.named().to_vec())
}

/// The number of wrapped keys of a region over all parts in another one.
async fn keys_of(world: &World, at: usize, ids: &[UserId], region: &Region) -> usize {
    let mut keys = 0;
    for id in ids {
        for part in Part::ALL {
            let record = world.stored(at, *id, part).await.unwrap();
            keys += usize::from(record.live().unwrap().keys.contains_key(region));
        }
    }
    keys
}

#[test]
fn every_region_that_stays_opens_every_part_alone_after_a_removal() {
    run(async {
        let (mut world, ids, gone) = world(40).await;
        // Both regions that stay have lost their keys; only the leaving one opens anything.
        for at in 0..GONE {
            world.regions[at].store.keys().replace().unwrap();
        }
        world.clock.advance(10 * 60 * 1000);
        assert!(world.shared_secrets().wrap_where_unopened(Some(&gone)).await.unwrap());
        for at in 0..GONE {
            let mut passes = 0;
            while !pass(DropWrappedKeys::look(&world.regions[at].home, &gone)).await.0.is_proof() {
                world.settle().await;
                passes += 1;
                assert!(passes < 4);
            }
        }
        take_off_the_list(&mut world);
        for at in 0..GONE {
            let dropped = pass(DropWrappedKeys::drop_keys(&world.regions[at].home, &gone).unwrap()).await.0;
            assert_eq!((dropped.dropped, dropped.kept(), dropped.repaired), (12, 0, 0), "{dropped:?}");
        }
        world.regions.pop();
        world.shared_secrets().forget(&gone).await.unwrap();
        world.settle().await;
        world.clock.advance(10 * 60 * 1000);
        for at in 0..GONE {
            world.regions[1 - at].faults.kms.set_down(true);
            for id in &ids {
                assert!(
                    world.read::<Identity>(at, *id).await.is_ok() && world.read::<Credentials>(at, *id).await.is_ok()
                );
            }
            let home = &world.regions[at].home;
            let alone = umoja_store::keyring::KeyRing::new(home, 0);
            assert!(Secrets::load(&*home.registry, &alone).await.is_ok());
            world.regions[1 - at].faults.kms.set_down(false);
        }
        world.check_invariants().await;
    });
}

#[test]
fn a_wrapped_key_that_is_needed_is_kept_and_its_part_is_named() {
    run(async {
        let (mut world, ids, gone) = world(41).await;
        take_off_the_list(&mut world);
        // The region was taken off the list, and then the others lose their keys.
        for at in 0..GONE {
            world.regions[at].store.keys().replace().unwrap();
        }
        world.clock.advance(10 * 60 * 1000);
        for at in 0..GONE {
            let (found, named) = pass(DropWrappedKeys::look(&world.regions[at].home, &gone)).await;
            assert_eq!((found.unopened, found.is_proof()), (12, false), "{found:?}");
            assert_eq!(named.len(), 10, "the first ones");
            let (found, named) = pass(DropWrappedKeys::drop_keys(&world.regions[at].home, &gone).unwrap()).await;
            assert_eq!((found.dropped, found.unopened, found.repaired), (0, 12, 0), "{found:?}");
            assert!(named.iter().all(|(id, _)| ids.contains(id)));
            assert_eq!(keys_of(&world, at, &ids, &gone).await, 12);
        }
    });
}

#[test]
fn what_one_region_that_stays_opens_is_repaired_for_the_other_before_the_drop() {
    run(async {
        let (mut world, ids, gone) = world(42).await;
        take_off_the_list(&mut world);
        world.regions[0].store.keys().replace().unwrap();
        world.clock.advance(10 * 60 * 1000);
        let (found, _) = pass(DropWrappedKeys::drop_keys(&world.regions[0].home, &gone).unwrap()).await;
        assert_eq!((found.dropped, found.repaired, found.kept()), (0, 12, 0), "as new versions: {found:?}");
        world.regions.pop();
        world.settle().await;
        let (found, _) = pass(DropWrappedKeys::drop_keys(&world.regions[1].home, &gone).unwrap()).await;
        assert_eq!((found.dropped, found.repaired, found.kept()), (0, 0, 0), "they arrived without the key: {found:?}");
        world.regions[1].faults.kms.set_down(true);
        world.clock.advance(10 * 60 * 1000);
        for id in &ids {
            assert!(world.read::<Credentials>(0, *id).await.is_ok());
        }
        assert_eq!(keys_of(&world, 0, &ids, &gone).await + keys_of(&world, 1, &ids, &gone).await, 0);
    });
}

#[test]
fn a_kms_that_does_not_answer_stops_the_pass_and_drops_no_key() {
    run(async {
        let (mut world, ids, gone) = world(43).await;
        take_off_the_list(&mut world);
        world.regions[0].faults.kms.set_down(true);
        let mut dropping = DropWrappedKeys::drop_keys(&world.regions[0].home, &gone).unwrap();
        assert!(dropping.step().await.unwrap_err().is_transient());
        assert_eq!(keys_of(&world, 0, &ids, &gone).await, 12);
        world.regions[0].faults.kms.set_down(false);
        while dropping.step().await.unwrap() {}
        assert_eq!(keys_of(&world, 0, &ids, &gone).await, 0);
    });
}

#[test]
fn a_secret_is_forgotten_only_after_another_region_has_opened_it() {
    run(async {
        let (mut world, _, gone) = world(44).await;
        take_off_the_list(&mut world);
        world.regions.pop();
        let before = world.secrets().await.unwrap();
        for at in 0..GONE {
            world.regions[at].store.keys().replace().unwrap();
        }
        let unopened = world.shared_secrets().forget(&gone).await;
        assert!(
            matches!(unopened, Err(SharedSecretsError::Secrets(SecretsError::Unopened { version: 1, .. }))),
            "{unopened:?}"
        );
        for region in &world.regions {
            let stored = umoja_store::secrets::SecretsDocument::stored(&*region.home.registry).await.unwrap();
            assert_eq!(stored.as_ref(), Some(&before));
        }
    });
}

#[test]
fn a_secret_is_wrapped_for_a_region_with_another_key_before_a_region_is_forgotten() {
    run(async {
        let (mut world, _, gone) = world(45).await;
        take_off_the_list(&mut world);
        world.regions.pop();
        world.regions[0].store.keys().replace().unwrap();
        assert!(world.shared_secrets().is_wrapped_for(&gone).await.unwrap());
        world.shared_secrets().forget(&gone).await.unwrap();
        assert!(!world.shared_secrets().is_wrapped_for(&gone).await.unwrap());
        for at in 0..GONE {
            assert!(world.shared_secrets().is_wrapped_by(world.name(at)).await.unwrap(), "{at}");
        }
    });
}

/// The first region's KMS key was replaced, and the command that wraps the secrets with it was interrupted between two
/// regions.
#[test]
fn of_two_wrapped_secrets_of_a_region_the_one_that_its_key_opens_stays() {
    run(async {
        for newer in 0..3 {
            let (world, ..) = world(46).await;
            let replaced = world.name(0).clone();
            world.regions[0].store.keys().replace().unwrap();
            let before = world.secrets().await.unwrap();
            let now = world.clock.now();
            world.shared_secrets().ensure(&BTreeSet::from([replaced.clone()]), now).await.unwrap();
            for (at, region) in world.regions.iter().enumerate().filter(|(at, _)| *at != newer) {
                let value = serde_json::to_value(&before).unwrap();
                region.home.registry.put_setting(umoja_store::secrets::SETTING, &value).await.unwrap();
                assert_ne!(at, newer);
            }
            let homes: Vec<_> = world.regions.iter().map(|region| &region.home).collect();
            let ring = umoja_store::keyring::KeyRing::new(homes[1], 0);
            let (document, behind) = SharedSecrets::new(homes, ring).newest().await.unwrap();
            assert!(behind);
            let ring = umoja_store::keyring::KeyRing::new(&world.regions[0].home, 0);
            assert!(document.is_wrapped_by(&ring, &replaced).await.unwrap(), "{newer}");
        }
    });
}
