//! Sign-ups of which every step fails at random: no ghost on either side.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use umoja_schema::ingest::PoolDirection;
use umoja_store::faulty::Fault;
use umoja_store::ports::Entropy;
use umoja_tests::deployment::{CountingHasher, Deployment};
use umoja_tests::pool::Pool;
use umoja_tests::world::{SeededEntropy, World, killed_after};

use super::{HOUR, MINUTE, finish, stored};
use crate::import::everything;

/// How many sign-ups one world has.
const IN_A_WORLD: u64 = 100;

struct Random(SeededEntropy);

impl Random {
    /// A number below `end`.
    fn below(&self, end: u64) -> u64 {
        let entropy: &dyn Entropy = &self.0;
        u64::from_le_bytes(entropy.array()) % end
    }

    /// True once in `of` times.
    fn once_in(&self, of: u64) -> bool {
        self.below(of) == 0
    }
}

/// What has become of the sign-ups.
#[derive(Debug, Default, PartialEq, Eq)]
struct Ended {
    /// People who have a user and a token.
    users: usize,
    /// Sign-ups that were given up before or after the sign-up itself.
    abandoned: usize,
    /// Calls that were answered by an error, or were killed.
    failed: usize,
    /// Users that were only made by the token gate or by the worker.
    late: usize,
    /// People who have confirmed and not logged in for a day.
    away: usize,
    /// Users that were only made by a comparison of the pool with the store.
    repaired: usize,
}

/// Plans faults of the next calls, and may take a key or a peer out.
fn break_something(d: &Deployment, random: &Random) {
    let faults = &d.world.regions[0].faults;
    for service in [&faults.tables, &faults.kms, &faults.ingest] {
        let fault = |n| match n {
            0 => Fault::RequestLost,
            1 => Fault::AnswerLost,
            2 => Fault::Throttled,
            _ => Fault::None,
        };
        let most = if random.once_in(3) { 4 } else { 12 };
        let calls = random.below(12);
        service.then((0..calls).map(|_| fault(random.below(most))));
    }
    if random.once_in(6) {
        faults.kms.set_down(true);
        d.world.set_cut(0, 1, random.once_in(2));
    }
    if random.once_in(5) {
        faults.tables.set_down(true);
    }
}

fn heal(d: &Deployment) {
    d.world.regions.iter().flat_map(|region| region.faults.all()).for_each(|faults| faults.heal());
    d.world.set_cut(0, 1, false);
}

/// A step with random faults, which may be killed at any await. True if it succeeded.
async fn step<T, E>(
    d: &Deployment,
    random: &Random,
    ended: &mut Ended,
    work: impl Future<Output = Result<T, E>>,
) -> bool {
    let is_broken = random.once_in(2);
    if is_broken {
        break_something(d, random);
    }
    let polls = if random.once_in(8) { usize::try_from(random.below(120)).unwrap_or(0) } else { 100_000 };
    d.world.set_pausing(polls < 120);
    let done = killed_after(polls, work).await;
    d.world.set_pausing(false);
    heal(d);
    let succeeded = matches!(done, Some(Ok(_)));
    ended.failed += usize::from(!succeeded);
    succeeded
}

/// A person who signs up, and tries again after a minute or after a day if that fails.
async fn person(d: &Deployment, pool: &Pool, random: &Random, n: u64, ended: &mut Ended) {
    let (name, email) = (format!("user-{n}"), format!("user-{n}@example.com"));
    let mut fails = random.once_in(4);
    for _ in 0..3 {
        let signed_up = step(d, random, ended, pool.sign_up(d, &name, &email, fails)).await;
        if signed_up && pool.user(&name).is_some() {
            break;
        }
        d.world.clock.advance(if random.once_in(3) { 25 * HOUR } else { MINUTE });
        fails = false;
    }
    if pool.user(&name).is_none() {
        pool.sign_up(d, &name, &email, false).await.unwrap();
    }
    if random.once_in(5) {
        ended.abandoned += 1;
        return;
    }
    let confirmed = step(d, random, ended, pool.confirm(&name)).await;
    if !pool.user(&name).is_some_and(|user| user.is_confirmed) {
        // The call never reached Cognito, so the person tries again.
        pool.confirm(&name).await.unwrap();
    }
    if !confirmed && random.once_in(2) {
        // The worker has its turn first.
        d.world.clock.advance(MINUTE);
        d.world.round().await;
    }
    if random.once_in(4) {
        // The person does not log in for a day.
        ended.away += 1;
        return;
    }
    for _ in 0..random.below(3) {
        let _ = step(d, random, ended, pool.token(&name)).await;
    }
    let before = everything(d, 0).await.len();
    pool.token(&name).await.unwrap();
    ended.late += usize::from(everything(d, 0).await.len() > before || !confirmed);
    ended.users += 1;
}

async fn world(seed: u64, hasher: &Arc<CountingHasher>) -> Ended {
    let d = Deployment::hashing_with(World::new(seed, 2).await, Arc::clone(hasher)).await;
    let pool = Pool::new(&d, 0, PoolDirection::FromPool).await;
    let random = Random(SeededEntropy::new(seed ^ 0x00C0_6217_0000_0000));
    let mut ended = Ended::default();
    for n in 0..IN_A_WORLD {
        person(&d, &pool, &random, n, &mut ended).await;
    }
    // The schedule rings for what waits.
    d.world.clock.advance(2 * MINUTE);
    d.world.regions[0].pump.ring_again().await.unwrap();
    finish(&d).await;
    // A sign-up of which nothing was stored after its confirmation is found in the list of the pool.
    d.world.clock.advance(25 * HOUR);
    let done = pool.reconcile().await.unwrap();
    assert_eq!((done.only_in_pool, done.only_in_store, done.failed), (done.repaired, 0, 0), "seed {seed}: {done:?}");
    ended.repaired += done.repaired;
    finish(&d).await;
    // No ghost in Umoja: every user is one of the pool, and none was erased.
    let mut ids = BTreeMap::new();
    for (name, user) in pool.all() {
        let found = d.call(1, "lookup", json!({ "external_id": user.sub })).await.body["user"]["id"].clone();
        if user.is_confirmed {
            // No ghost in the pool either: who has confirmed is a user with the id of the token.
            let id = pool.token(&name).await.unwrap();
            assert_eq!(found, json!(id), "seed {seed}: {name}");
            ids.insert(id, name);
        } else {
            assert!(found.is_null(), "seed {seed}: {name} has not confirmed");
        }
    }
    let parts = everything(&d, 0).await;
    assert!(parts.iter().all(|part| !part.version.erased && ids.contains_key(&part.id.to_string())), "seed {seed}");
    assert_eq!((parts.len(), ended.users), (2 * ids.len(), ids.len() - ended.away), "seed {seed}");
    // What was abandoned leaves nothing, and what was applied is forgotten after a while.
    d.world.clock.advance(31 * 24 * HOUR);
    assert_eq!(stored(&d).await.1, 0, "seed {seed}");
    ended
}

/// Worlds in which this many people sign up.
#[allow(clippy::print_stdout, reason = "the numbers are what a long run shows")]
fn sign_ups(people: u64) -> Ended {
    let hasher = Arc::new(CountingHasher::default());
    let mut all = Ended::default();
    for seed in 0..people / IN_A_WORLD {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let Ended { users, abandoned, failed, late, away, repaired } = runtime.block_on(world(seed, &hasher));
        all.users += users;
        all.abandoned += abandoned;
        all.failed += failed;
        all.late += late;
        all.away += away;
        all.repaired += repaired;
    }
    println!("{people} sign-ups: {all:?}");
    assert!(all.users > 0 && all.abandoned > 0 && all.failed > 0 && all.late > 0 && all.repaired > 0, "{all:?}");
    all
}

/// Failure: PostConfirmation fails
#[test]
fn sign_ups_of_which_every_step_fails_leave_no_ghost() {
    sign_ups(300);
}

#[test]
#[ignore = "takes minutes: .ci/long sign-ups"]
fn twenty_thousand_sign_ups_of_which_every_step_fails_leave_no_ghost() {
    sign_ups(20_000);
}
