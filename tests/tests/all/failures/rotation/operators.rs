//! Several and interrupted operators, while every region writes.

use super::*;

#[test]
fn neither_of_two_concurrent_keys_overwrites_the_other() {
    run(async {
        let world = World::new(13, 2).await;
        let now = umoja_store::ports::Clock::now(&*world.clock);
        let ring = || umoja_store::keyring::KeyRing::new(&world.regions[0].home, 1000);
        // The state that two operators leave if each reached only one region.
        for region in &world.regions {
            let shared = umoja_store::shared_secrets::SharedSecrets::new([&region.home], ring());
            let (mut secrets, _) = shared.newest().await.unwrap();
            shared.rotate_index(&mut secrets, now).await.unwrap();
        }
        let stored = async || {
            let mut stored = Vec::new();
            for region in &world.regions {
                stored.push(region.tables.registry.setting(SETTING).await.unwrap().unwrap());
            }
            stored
        };
        let before = stored().await;
        assert_ne!(before[0], before[1]);
        let newest = world.shared_secrets().newest().await;
        assert!(matches!(newest, Err(SharedSecretsError::Different(_))), "{newest:?}");
        assert_eq!(stored().await, before);
    });
}

#[test]
fn a_concurrent_write_in_another_region_is_never_overwritten() {
    run(async {
        let mut rejected = 0;
        for polls in 0..60 {
            let world = World::new(14, 2).await;
            let now = umoja_store::ports::Clock::now(&*world.clock);
            let mut secrets = world.secrets().await.unwrap();
            let mut others = secrets.clone();
            others.rotate_signing(world.regions[0].sealer.ring(), now).await.unwrap();
            let other = serde_json::to_value(&others).unwrap();
            let (shared, store) = (world.shared_secrets(), &world.regions[1].tables.registry);
            world.set_pausing(true);
            let write = async {
                for _ in 0..polls {
                    tokio::task::yield_now().await;
                }
                store.put_setting(SETTING, &other).await.unwrap();
            };
            let (rotated, ()) = tokio::join!(shared.rotate_index(&mut secrets, now), write);
            world.set_pausing(false);
            rejected += usize::from(matches!(rotated, Err(SharedSecretsError::Changing(_))));
            assert_eq!(
                world.regions[1].tables.registry.setting(SETTING).await.unwrap().unwrap(),
                other,
                "after {polls} polls"
            );
        }
        assert!(rejected > 0);
    });
}

#[test]
fn only_one_of_two_concurrent_operators_makes_a_key() {
    run(async {
        let mut world = World::new(8, 3).await;
        let now = umoja_store::ports::Clock::now(&*world.clock);
        let id = world.register(0, "ada@example.com", "phc").await.unwrap();
        let mut one = world.secrets().await.unwrap();
        let mut other = one.clone();
        world.set_pausing(true);
        let (shared, again) = (world.shared_secrets(), world.shared_secrets());
        let (a, b) = tokio::join!(shared.rotate_index(&mut one, now), again.rotate_index(&mut other, now));
        world.set_pausing(false);
        let rejected = |done: &Result<_, _>| matches!(done, Err(SharedSecretsError::Changing(_)));
        assert!(a.is_ok() != b.is_ok() && (rejected(&a) || rejected(&b)), "{a:?} {b:?}");
        drop((shared, again));
        let stored = world.secrets().await.unwrap();
        assert_eq!(stored, if a.is_ok() { one } else { other });
        // Both operators continue, each from another region.
        world.reload().await;
        let both: Vec<Arc<Secrets>> = vec![world.opened_secrets(0).await, world.opened_secrets(2).await];
        world.settle().await;
        world.set_pausing(true);
        let pass = async |secrets: &Secrets, order: [usize; 3]| {
            let regions = order.map(|at| (&world.regions[at].home, &*world.regions[at].sealer));
            let mut pass = umoja_reconciler::Reencryption::new(umoja_reconciler::Rule::Ownerships(secrets), regions);
            while pass.step().await.unwrap() {}
        };
        tokio::join!(pass(&both[0], [0, 1, 2]), pass(&both[1], [2, 1, 0]));
        world.set_pausing(false);
        world.settle().await;
        world.finish_index_rotation().await;
        check_finished(&world, &[id], 2).await;
    });
}

#[derive(Debug, Clone)]
enum Act {
    Register(usize),
    Edit(usize),
    Rename(usize),
    Erase(usize),
    Replicate(usize),
    Cut(usize, usize, bool),
    /// A region reads its settings.
    Read(usize),
    /// The operator makes a pass, and does the next step if all instances have read the last one and no item is behind.
    Operate,
    Wait,
}

fn act() -> impl Strategy<Value = Act> {
    let at = || 0usize..3;
    prop_oneof![
        3 => at().prop_map(Act::Register),
        3 => at().prop_map(Act::Edit),
        3 => at().prop_map(Act::Rename),
        1 => at().prop_map(Act::Erase),
        8 => at().prop_map(Act::Replicate),
        1 => (at(), at(), any::<bool>()).prop_map(|(from, to, cut)| Act::Cut(from, to, cut)),
        5 => at().prop_map(Act::Read),
        6 => Just(Act::Operate),
        2 => Just(Act::Wait),
    ]
}

/// Every instance reads the settings within a minute. An operator waits for that before the next step.
async fn operate(world: &World, unread: &mut BTreeSet<usize>, polls: usize) {
    let done = killed_after(20 * polls, world.prove_ownerships()).await;
    let is_proven = unread.is_empty() && done.is_some_and(|pass| pass.is_ok_and(|pass| pass.is_complete()));
    let step = world.secrets().await.unwrap().index_step();
    if step == IndexStep::Publish && unread.is_empty() || is_proven {
        // No new key is made while a region's KMS does not answer.
        if world.rotate_index().await.is_ok() {
            *unread = BTreeSet::from([0, 1, 2]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn rotations_lose_no_user_and_keep_no_old_ownership(
        seed: u64,
        acts in prop::collection::vec((act(), 0usize..80), 1..80),
    ) {
        run(async {
            let mut world = World::new(seed, 3).await;
            let mut ids = Vec::new();
            for n in 0..4 {
                ids.push(world.register(n % 3, &format!("first{n}@example.com"), "phc").await.unwrap());
            }
            let mut unread = BTreeSet::new();
            for (act, polls) in &acts {
                let user = ids[*polls % ids.len()];
                let email = format!("user{}@example.com", polls % 5);
                world.set_pausing(true);
                match act {
                    Act::Register(at) => {
                        if let Some(Ok(id)) = killed_after(*polls, Box::pin(world.register(*at, &email, "phc"))).await {
                            ids.push(id);
                        }
                    }
                    Act::Edit(at) => drop(killed_after(*polls, world.edit(*at, user, "edited")).await),
                    Act::Rename(at) => drop(killed_after(*polls, world.rename(*at, user, &email)).await),
                    Act::Erase(at) => drop(killed_after(*polls, world.erase(*at, user)).await),
                    Act::Replicate(at) => drop(killed_after(*polls, world.regions[*at].pump.replicate()).await),
                    Act::Cut(from, to, cut) if from != to => world.set_cut(*from, *to, *cut),
                    Act::Cut(..) => {}
                    Act::Read(at) => {
                        world.set_pausing(false);
                        world.regions[*at].load_secrets().await;
                        unread.remove(at);
                    }
                    Act::Operate => operate(&world, &mut unread, *polls).await,
                    Act::Wait => world.clock.advance(61_000),
                }
                world.set_pausing(false);
            }
            for at in 0..3 {
                (0..3).filter(|to| *to != at).for_each(|to| world.set_cut(at, to, false));
            }
            world.settle().await;
            world.finish_index_rotation().await;
            let newest = *world.secrets().await.unwrap().index_key_versions().last().unwrap();
            check_finished(&world, &ids, newest).await;
            // A look-up of an address finds the user that has it, or another owner of it.
            for id in ids {
                let Ok(identity) = world.read::<Identity>(0, id).await else { continue };
                let email = identity.email.unwrap();
                let found = world.find(1, &email).await.unwrap();
                assert_eq!(world.read::<Identity>(1, found).await.unwrap().email.as_deref(), Some(email.as_str()));
            }
        });
    }
}
