//! Profiles that are behind the index keys: in transit, or unreadable.

use super::*;

#[test]
fn a_pass_makes_profiles_under_a_dropped_key_findable() {
    run(async {
        let mut world = World::new(9, 2).await;
        let before = Arc::clone(world.regions[0].secrets());
        publish(&mut world).await;
        world.finish_index_rotation().await;
        // As in a table that was restored from a backup.
        let now = world.regions[0].work_with(before);
        let id = world.register(0, "ada@example.com", "phc").await.unwrap();
        world.regions[0].work_with(now);
        world.settle().await;
        assert_eq!(world.find(1, "ada@example.com").await, None);
        world.settle_ownerships().await;
        assert_eq!(world.find(1, "ada@example.com").await, Some(id));
        check_finished(&world, &[id], 2).await;
    });
}

#[test]
fn the_old_key_stays_while_an_old_version_is_in_transit() {
    run(async {
        let mut world = World::new(10, 2).await;
        let id = world.register(0, "ada@example.com", "phc").await.unwrap();
        world.settle().await;
        let old = Arc::clone(world.regions[0].secrets());
        publish(&mut world).await;
        assert_eq!(world.reencrypt_profiles().await.unwrap().reencrypted, 1, "in the first region");
        // An instance of the second region with only the old key changes the previous version.
        world.clock.advance(1000);
        let new = world.regions[1].work_with(old);
        world.edit(1, id, "Ada").await.unwrap();
        world.regions[1].work_with(new);
        assert_eq!(key_versions(&world, 1, id).await, [1].into());
        assert_eq!(world.reencrypt_profiles().await.unwrap().reencrypted, 1, "in the second region");
        // No region has an item without the new key, but the version in between has not reached the first region yet.
        assert!(world.reencrypt_profiles().await.unwrap().is_complete());
        let proof = world.prove_ownerships().await.unwrap();
        assert_eq!((proof.reencrypted, proof.on_their_way), (0, 2), "{proof:?}");
        world.deliver().await;
        assert!(world.prove_ownerships().await.unwrap().is_complete());
        // Nor before every region has every user.
        for at in 0..2 {
            world.register(at, &format!("new{at}@example.com"), "phc").await.unwrap();
        }
        assert_eq!(world.prove_ownerships().await.unwrap().on_their_way, 2);
        world.settle().await;
        world.finish_index_rotation().await;
        check_finished(&world, &[id], 2).await;
    });
}

#[test]
fn a_later_pass_checks_versions_in_transit() {
    run(async {
        let mut world = World::new(11, 3).await;
        let id = world.register(0, "ada@example.com", "phc").await.unwrap();
        world.settle().await;
        publish(&mut world).await;
        world.settle_ownerships().await;
        world.edit(1, id, "Ada").await.unwrap();
        let secrets = world.opened_secrets(0).await;
        let regions = world.regions.iter().map(|region| (&region.home, &*region.sealer));
        let mut pass =
            umoja_reconciler::Reencryption::new(umoja_reconciler::Rule::OwnershipsArrived(&secrets), regions);
        while pass.step().await.unwrap() {}
        assert!(pass.look_again().await.unwrap());
        assert!(!pass.report().is_complete());
        world.deliver().await;
        assert!(!pass.look_again().await.unwrap());
        assert!(pass.report().is_complete(), "{:?}", pass.report());
    });
}

#[test]
fn an_unreadable_profile_is_reported_as_blocking_a_rotation() {
    run(async {
        let mut world = World::new(12, 2).await;
        // The profile was written while the other region's KMS was unavailable, and the key is lost before the repair.
        world.regions[1].faults.kms.set_down(true);
        let lost = world.register(0, "lost@example.com", "phc").await.unwrap();
        world.regions[1].faults.kms.set_down(false);
        world.regions[0].store.keys().replace().unwrap();
        for region in &world.regions {
            region.pump.replicate().await.unwrap();
        }
        world.clock.advance(10 * 60 * 1000);
        let now = umoja_store::ports::Clock::now(&*world.clock);
        world.shared_secrets().ensure(&BTreeSet::from([world.name(0).clone()]), now).await.unwrap();
        publish(&mut world).await;
        let other = world.register(0, "ada@example.com", "phc").await.unwrap();
        let first = world.reencrypt_profiles().await.unwrap();
        assert_eq!((first.unreadable, first.on_their_way), (1, 1), "the other region has the same version: {first:?}");
        assert!(!first.is_stuck_since(None), "it may be in transit");
        let second = world.reencrypt_profiles().await.unwrap();
        assert!(second.is_stuck_since(Some(&first)), "{second:?}");
        assert_eq!(second.unreadable_users, [lost]);
        // Not while the pass does any work.
        assert_eq!(key_versions(&world, 0, other).await, [1, 2].into());
        let done = umoja_reconciler::ReencryptionReport::default();
        assert!(!done.is_stuck_since(Some(&second)));
    });
}
