//! A story for each operation, through the signed API, over two regions.

mod audit;
mod authenticate;
mod budget;
mod conflicts;
mod description;
#[cfg(feature = "aws")]
mod dynamodb;
mod erase;
mod events;
mod export;
mod faults;
mod idempotency;
mod limits;
mod lockout;
mod lookup;
mod merge;
mod numbers;
mod old_system;
mod password;
mod policy;
mod races;
mod rate;
mod register;
mod repeats;
mod request_id;
mod reset;
mod rotation;
mod sample;
mod secrets;
mod source_rates;
mod sources;
mod status;
mod support;
mod two_people;
mod update;
mod verify;

use umoja_tests::deployment::Deployment;
use umoja_tests::world::{World, run};

/// Runs a story over a deployment of two regions.
fn story(seed: u64, story: impl AsyncFnOnce(Deployment)) {
    run(async { story(Deployment::new(seed).await).await });
}

/// The API with instances that read the settings now, and the same companies.
async fn restarted(mut world: World) -> Deployment {
    // Longer than request ids are remembered, because the callers count theirs from the start.
    world.clock.advance(120_000);
    world.reload().await;
    Deployment::of(world).await
}
