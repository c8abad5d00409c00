//! Functions that are killed at any await.

use proptest::prelude::*;
use umoja_reconciler::{drain_retries, merge_users, repair_keys};
use umoja_schema::UserId;
use umoja_tests::world::{World, killed_after, run};

#[derive(Debug, Clone)]
enum Act {
    Register(usize),
    Edit(usize),
    Password(usize),
    Erase(usize),
    Merge(usize, usize),
    Unmerge(usize),
    Replicate(usize),
    Retry(usize, usize),
    Repair(usize),
    Cut(usize, usize, bool),
    Kms(usize, bool),
    Wait,
}

fn act() -> impl Strategy<Value = Act> {
    let at = || 0usize..3;
    prop_oneof![
        2 => at().prop_map(Act::Register),
        3 => at().prop_map(Act::Edit),
        2 => at().prop_map(Act::Password),
        1 => at().prop_map(Act::Erase),
        3 => (at(), 0usize..4).prop_map(|(at, into)| Act::Merge(at, into)),
        1 => at().prop_map(Act::Unmerge),
        8 => at().prop_map(Act::Replicate),
        4 => (at(), 0usize..2).prop_map(|(at, peer)| Act::Retry(at, peer)),
        4 => at().prop_map(Act::Repair),
        1 => (at(), at(), any::<bool>()).prop_map(|(from, to, cut)| Act::Cut(from, to, cut)),
        1 => (at(), any::<bool>()).prop_map(|(at, down)| Act::Kms(at, down)),
        3 => Just(Act::Wait),
    ]
}

/// Runs an operation and kills it after N polls. A killed write was not acknowledged: it may have been done or not,
/// but never half done.
async fn perform(world: &World, act: &Act, polls: usize, ids: &[UserId]) {
    let user = |at: usize| ids[(polls + at) % ids.len()];
    match act {
        Act::Register(at) => {
            let email = format!("user{}@example.com", polls % 5);
            drop(killed_after(polls, Box::pin(world.register(*at, &email, "phc"))).await);
        }
        Act::Edit(at) => drop(killed_after(polls, world.edit(*at, user(*at), "edited")).await),
        Act::Password(at) => {
            drop(killed_after(polls, Box::pin(world.set_password(*at, user(*at), "changed"))).await);
        }
        Act::Erase(at) => drop(killed_after(polls, world.erase(*at, user(*at))).await),
        Act::Merge(at, into) => {
            drop(killed_after(polls, Box::pin(world.merge(*at, user(*at), Some(ids[*into])))).await);
        }
        Act::Unmerge(at) => drop(killed_after(polls, Box::pin(world.merge(*at, user(*at), None))).await),
        Act::Replicate(at) => drop(killed_after(polls, world.regions[*at].pump.replicate()).await),
        Act::Retry(at, peer) => {
            let home = &world.regions[*at].home;
            killed_after(polls, drain_retries(home, &home.peers[*peer])).await;
        }
        Act::Repair(at) => {
            let region = &world.regions[*at];
            drop(killed_after(polls, repair_keys(&region.home, &region.sealer)).await);
            killed_after(polls, merge_users(&region.home, &region.sealer)).await;
        }
        Act::Cut(from, to, cut) if from != to => world.set_cut(*from, *to, *cut),
        Act::Cut(..) => {}
        Act::Kms(at, down) => world.regions[*at].faults.kms.set_down(*down),
        Act::Wait => world.clock.advance(61_000),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// Failure: any function killed at any await
    #[test]
    fn killed_functions_lose_nothing_and_leave_no_half_effects(
        seed: u64,
        acts in prop::collection::vec((act(), 0usize..80), 1..60),
    ) {
        run(async {
            let world = World::new(seed, 3).await;
            let mut ids = Vec::new();
            for n in 0..4 {
                ids.push(world.register(n % 3, &format!("first{n}@example.com"), "phc").await.unwrap());
            }
            world.set_pausing(true);
            for (act, polls) in &acts {
                Box::pin(perform(&world, act, *polls, &ids)).await;
            }
            world.set_pausing(false);
            for at in 0..3 {
                world.regions[at].faults.kms.set_down(false);
                (0..3).filter(|to| *to != at).for_each(|to| world.set_cut(at, to, false));
            }
            world.settle().await;
            world.check_invariants().await;
            world.check_persons(&ids).await;
        });
    }
}
