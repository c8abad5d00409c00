//! The triggers of a user pool: sign-up without ghosts, the token gate, and the way of users into a pool.

mod compare;
mod gate;
mod local;
mod migration;
#[cfg(feature = "aws")]
mod old_pool;
mod random;
mod reconcile;
mod sign_up;

use serde_json::{Value, json};
use umoja_schema::ingest::PoolDirection;
use umoja_store::inbox;
use umoja_store::ports::Clock as _;
use umoja_tests::deployment::Deployment;
use umoja_tests::pool::Pool;

use crate::import::everything;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

/// Runs a story over two regions, of which the first has the function that the pool calls. Waiting costs no time, so no
/// limit is met on a slow machine.
fn story(seed: u64, direction: PoolDirection, story: impl AsyncFnOnce(Deployment, Pool)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let d = Deployment::new(seed).await;
        let pool = Pool::new(&d, 0, direction).await;
        story(d, pool).await;
    });
}

/// A story of a pool whose users come to Umoja.
fn feeding(seed: u64, of: impl AsyncFnOnce(Deployment, Pool)) {
    story(seed, PoolDirection::FromPool, of);
}

/// The user with the pool's id, as the shop sees it in a region. Null if there is none.
async fn seen(d: &Deployment, at: usize, pool: &Pool, name: &str) -> Value {
    let sub = pool.user(name).unwrap().sub;
    d.call(at, "lookup", json!({ "external_id": sub })).await.body["user"].clone()
}

/// The number of stored parts and of rows in the inbox of the first region.
async fn stored(d: &Deployment) -> (usize, usize) {
    let region = &d.world.regions[0];
    let (mut rows, mut after) = (0, None);
    loop {
        let page = inbox::page(&*region.tables.inbox, after, 100, region.clock.now()).await.unwrap();
        rows += page.events.len() + page.unreadable;
        after = page.next;
        if after.is_none() {
            return (everything(d, 0).await.len(), rows);
        }
    }
}

async fn finish(d: &Deployment) {
    d.world.settle().await;
    d.world.check_invariants().await;
}
