//! Rotations of the blind index key while everything else continues.

mod behind;
mod operators;

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use umoja_accounts::Error;
use umoja_schema::{IdentifierKind, Identity, Part, UserId};
use umoja_store::rotation::IndexStep;
use umoja_store::secrets::{SETTING, Secrets};
use umoja_store::shared_secrets::SharedSecretsError;
use umoja_tests::world::{World, killed_after, run};

/// The versions of the index keys under which a user's profile has ownerships.
async fn key_versions(world: &World, at: usize, id: UserId) -> BTreeSet<u32> {
    let profile = world.stored(at, id, Part::Profile).await.unwrap();
    profile.ownerships().values().map(|ownership| ownership.key_version).collect()
}

async fn publish(world: &mut World) {
    assert_eq!(world.rotate_index().await.unwrap(), IndexStep::Publish);
    world.reload().await;
}

/// Asserts that every ownership is under the newest key.
async fn check_finished(world: &World, ids: &[UserId], newest: u32) {
    world.check_invariants().await;
    for id in ids {
        for at in 0..world.regions.len() {
            let stored = world.stored(at, *id, Part::Profile).await.unwrap();
            if stored.live().is_some() {
                assert_eq!(key_versions(world, at, *id).await, BTreeSet::from([newest]));
            }
        }
    }
}

#[test]
fn an_index_rotation_keeps_users_findable_and_drops_the_old_key() {
    run(async {
        let mut world = World::new(1, 3).await;
        let mut ids = Vec::new();
        for n in 0..8 {
            ids.push(world.register(n % 3, &format!("user{n}@example.com"), "phc").await.unwrap());
        }
        world.settle().await;
        world.erase(0, ids[7]).await.unwrap();
        let email = |n: usize| format!("user{n}@example.com");
        let old = Arc::clone(world.regions[0].secrets());

        publish(&mut world).await;
        // Look-ups use both keys while some users have ownerships under only one of them.
        world.edit(1, ids[0], "Ada").await.unwrap();
        world.rename(1, ids[1], "new@example.com").await.unwrap();
        world.deliver().await;
        assert_eq!(key_versions(&world, 0, ids[0]).await, [1, 2].into(), "so does an edit");
        assert_eq!(key_versions(&world, 0, ids[1]).await, [1, 2].into());
        assert_eq!(world.find(2, "new@example.com").await, Some(ids[1]));
        assert_eq!(world.find(2, &email(2)).await, Some(ids[2]));
        assert_eq!(world.register(2, &email(2), "phc").await, Err(Error::Taken(IdentifierKind::Email)));

        let first = world.reencrypt_profiles().await.unwrap();
        assert_eq!((first.reencrypted, first.overtaken, first.unreadable), (5, 0, 0), "{first:?}");
        assert!(first.on_their_way > 0 && !first.is_complete(), "the other regions still lack them: {first:?}");
        world.settle().await;
        assert!(world.reencrypt_profiles().await.unwrap().is_complete());
        for id in &ids[2..7] {
            assert_eq!(key_versions(&world, 2, *id).await, [1, 2].into());
        }
        assert_eq!(world.rotate_index().await.unwrap(), IndexStep::Drop);
        // Regions with both keys and a region with only the new one share the new one.
        world.regions[1].load_secrets().await;
        assert_eq!(world.find(1, &email(3)).await, Some(ids[3]));
        let late = world.register(1, "late@example.com", "phc").await.unwrap();
        world.deliver().await;
        assert_eq!(key_versions(&world, 0, late).await, [2].into());
        assert_eq!(
            world.find(0, "late@example.com").await,
            Some(late),
            "a region with both keys finds it under the new one"
        );
        assert_eq!(world.register(0, "late@example.com", "phc").await, Err(Error::Taken(IdentifierKind::Email)));
        world.reload().await;
        world.finish_index_rotation().await;
        for n in [0, 2, 3, 4, 5, 6] {
            assert_eq!(world.find(n % 3, &email(n)).await, Some(ids[n]));
        }
        assert_eq!(world.find(0, &email(1)).await, None, "renamed before");
        assert_eq!(world.find(0, &email(7)).await, None, "erased before");
        check_finished(&world, &ids, 2).await;
        // The table of identifiers has no item of the old key.
        for n in 0..8 {
            for (_, index) in old.indexes(IdentifierKind::Email, None, &email(n)) {
                assert!(world.regions[0].tables.users.ownerships(&[index]).await.unwrap()[0].owners.is_empty());
            }
        }
        assert_eq!(world.read::<Identity>(2, ids[0]).await.unwrap().profile.given_name.as_deref(), Some("Ada"));
    });
}

#[test]
fn re_encryption_never_wins_over_a_concurrent_change() {
    run(async {
        for first in [true, false] {
            let mut world = World::new(2, 2).await;
            let id = world.register(0, "ada@example.com", "phc").await.unwrap();
            world.settle().await;
            // An instance without the new key makes the change: it knows only the existing ownerships.
            let old = Arc::clone(world.regions[1].secrets());
            publish(&mut world).await;
            world.regions[1].work_with(old);
            world.clock.advance(1000);
            // Neither region has the other's write. The re-encryption has the later timestamp if the change is first.
            let edit = async || world.edit(1, id, "Ada").await.map(drop).unwrap();
            let reencrypt = async || assert!(world.reencrypt_profiles().await.unwrap().reencrypted > 0);
            world.set_cut(0, 1, true);
            world.set_cut(1, 0, true);
            if first {
                edit().await;
                world.clock.advance(1000);
            }
            let pass = world.reencrypt_profiles().await;
            assert!(pass.is_err(), "the second region reads the items of the first");
            assert_eq!(key_versions(&world, 0, id).await, [1, 2].into(), "the first was re-encrypted");
            if !first {
                world.clock.advance(1000);
                edit().await;
            }
            world.set_cut(0, 1, false);
            world.set_cut(1, 0, false);
            world.settle().await;
            for at in 0..2 {
                let name = world.read::<Identity>(at, id).await.unwrap().profile.given_name;
                assert_eq!(name.as_deref(), Some("Ada"), "first: {first}");
            }
            reencrypt().await;
            world.finish_index_rotation().await;
            check_finished(&world, &[id], 2).await;
        }
    });
}

#[test]
fn the_old_key_stays_until_a_disconnected_region_is_heard() {
    run(async {
        let mut world = World::new(3, 3).await;
        let ada = world.register(0, "ada@example.com", "phc").await.unwrap();
        world.settle().await;
        // The third region is disconnected, and an instance in it continues with the old settings.
        let old = Arc::clone(world.regions[2].secrets());
        publish(&mut world).await;
        for at in 0..2 {
            world.set_cut(2, at, true);
            world.set_cut(at, 2, true);
        }
        world.regions[2].work_with(old);
        let eve = world.register(2, "eve@example.com", "phc").await.unwrap();
        assert_eq!(key_versions(&world, 2, eve).await, [1].into());
        world.regions[2].load_secrets().await;
        assert!(world.reencrypt_profiles().await.is_err(), "a pass that cannot reach every region is no proof");
        for at in 0..2 {
            world.set_cut(2, at, false);
            world.set_cut(at, 2, false);
        }
        let pass = world.reencrypt_profiles().await.unwrap();
        assert!(!pass.is_complete());
        world.settle().await;
        assert_eq!(key_versions(&world, 0, eve).await, [1, 2].into(), "re-encrypted in its region");
        world.finish_index_rotation().await;
        assert_eq!(world.find(0, "eve@example.com").await, Some(eve));
        check_finished(&world, &[ada, eve], 2).await;
    });
}

#[test]
fn instances_with_old_and_new_settings_share_the_old_index() {
    run(async {
        let mut world = World::new(4, 2).await;
        let old = Arc::clone(world.regions[0].secrets());
        publish(&mut world).await;
        let new = Arc::clone(world.regions[0].secrets());
        // Two instances in one region write one after the other, in either order.
        for (n, order) in [[&old, &new], [&new, &old]].into_iter().enumerate() {
            let email = format!("user{n}@example.com");
            world.regions[0].work_with(Arc::clone(order[0]));
            let id = world.register(0, &email, "phc").await.unwrap();
            world.regions[0].work_with(Arc::clone(order[1]));
            assert_eq!(world.register(0, &email, "phc").await, Err(Error::Taken(IdentifierKind::Email)));
            assert_eq!(world.find(0, &email).await, Some(id));
            // One instance writes under both keys, and the other deletes under both.
            world.rename(0, id, &format!("renamed{n}@example.com")).await.unwrap();
            world.regions[0].work_with(Arc::clone(&new));
            assert_eq!(world.find(0, &email).await, None);
        }
        world.settle().await;
        world.finish_index_rotation().await;
        world.check_invariants().await;
    });
}

#[test]
fn the_winner_of_an_identifier_is_the_same_at_every_step() {
    run(async {
        let mut world = World::new(5, 3).await;
        // Each region has a different owner: the first one wins.
        let mut ids = Vec::new();
        for at in [1, 0, 2] {
            ids.push(world.register(at, "ada@example.com", "phc").await.unwrap());
            world.clock.advance(10);
        }
        world.settle().await;
        let check = async |world: &World, what: &str| {
            for at in 0..3 {
                assert_eq!(world.find(at, "ada@example.com").await, Some(ids[0]), "{what}, in region {at}");
            }
        };
        check(&world, "before").await;
        publish(&mut world).await;
        // Losers are re-encrypted before the winner.
        for at in [2, 1, 0] {
            check(&world, "published").await;
            let secrets = world.opened_secrets(at).await;
            let region = &world.regions[at];
            let rule = umoja_reconciler::Rule::Ownerships(&secrets);
            let mut pass = umoja_reconciler::Reencryption::new(rule, [(&region.home, &*region.sealer)]);
            while pass.step().await.unwrap() {}
            check(&world, "written again").await;
            world.deliver().await;
        }
        world.settle_ownerships().await;
        check(&world, "under both").await;
        assert_eq!(world.rotate_index().await.unwrap(), IndexStep::Drop);
        world.reload().await;
        check(&world, "dropped").await;
        world.finish_index_rotation().await;
        check(&world, "finished").await;
        check_finished(&world, &ids, 2).await;
    });
}

/// Failure: any function killed at any await
#[test]
fn a_killed_rotation_is_continued() {
    run(async {
        let mut world = World::new(6, 3).await;
        let mut ids = Vec::new();
        for n in 0..6 {
            ids.push(world.register(n % 3, &format!("user{n}@example.com"), "phc").await.unwrap());
        }
        world.settle().await;
        for newest in 2..4 {
            publish(&mut world).await;
            while world.secrets().await.unwrap().index_step() != IndexStep::Publish {
                for polls in (1..300).step_by(13) {
                    world.set_pausing(true);
                    killed_after(polls, world.reencrypt_profiles()).await;
                    world.set_pausing(false);
                    if polls % 5 == 0 {
                        world.edit(polls % 3, ids[polls % 6], &format!("name{polls}")).await.unwrap();
                        world.deliver().await;
                    }
                }
                world.settle_ownerships().await;
                world.rotate_index().await.unwrap();
                world.reload().await;
            }
            check_finished(&world, &ids, newest).await;
        }
    });
}

#[test]
fn a_step_written_in_one_region_reaches_the_others() {
    run(async {
        let mut world = World::new(7, 3).await;
        let id = world.register(0, "ada@example.com", "phc").await.unwrap();
        world.settle().await;
        let mut steps = Vec::new();
        for _ in 0..3 {
            let before = world.regions[1].tables.registry.setting(SETTING).await.unwrap().unwrap();
            world.settle_ownerships().await;
            steps.push(world.rotate_index().await.unwrap());
            let after = world.regions[0].tables.registry.setting(SETTING).await.unwrap();
            for at in 1..3 {
                world.regions[at].tables.registry.put_setting(SETTING, &before).await.unwrap();
            }
            let (_, was_behind) = world.shared_secrets().newest().await.unwrap();
            assert!(was_behind);
            for region in &world.regions {
                assert_eq!(region.tables.registry.setting(SETTING).await.unwrap(), after);
            }
            world.reload().await;
        }
        assert_eq!(steps, [IndexStep::Publish, IndexStep::Drop, IndexStep::Finish]);
        check_finished(&world, &[id], 2).await;
    });
}
