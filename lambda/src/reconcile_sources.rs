//! Compares a user pool with the store, by a schedule: [`umoja_ingest::cognito`]. The only function with the client of
//! Amazon Cognito.

use async_trait::async_trait;
use lambda_runtime::{Error, LambdaEvent};
use serde_json::Value;
use umoja_aws::{Deployment, UserPools};
use umoja_runtime::region::{Build, NotReady, Settings};
use umoja_store::Home;
use umoja_store::ports::UserPool;

use crate::cognito::{BuildCognito, Triggers};
use crate::environment::Environment;
use crate::function::{Function, time_left};
use crate::reconcile::ready;

pub use crate::cognito::NEEDS;

/// Builds what compares.
pub struct BuildReconciler {
    triggers: BuildCognito,
    pools: UserPools,
}

impl BuildReconciler {
    /// As [`BuildCognito::new`], with the region's user pools.
    ///
    /// # Errors
    /// As [`BuildCognito::new`].
    pub fn new(deployment: &Deployment, environment: &Environment) -> Result<Self, Error> {
        let pools = deployment.user_pools(&environment.region);
        Ok(Self { triggers: BuildCognito::new(environment)?, pools })
    }
}

/// The rules, and the list of the pool.
pub struct Comparing {
    triggers: Triggers,
    pools: UserPools,
}

#[async_trait]
impl Build for BuildReconciler {
    type Service = Comparing;
    const SECRETS: bool = true;

    async fn build(&self, home: Home, settings: &Settings) -> Result<Comparing, NotReady> {
        Ok(Comparing { triggers: self.triggers.build(home, settings).await?, pools: self.pools.clone() })
    }
}

/// Compares the pool with the store as far as time allows.
///
/// # Errors
/// Never: the next run compares again.
pub async fn handle(function: &Function<BuildReconciler>, event: LambdaEvent<Value>) -> Result<(), Error> {
    let time = time_left(&event.context, function.live.clock().now());
    if let Some(comparing) = ready(function).await {
        match tokio::time::timeout(time, compared(&comparing.triggers, &comparing.pools)).await {
            Ok(Some((only_in_pool, only_in_store))) => function.metrics.write_ghosts(only_in_pool, only_in_store),
            Ok(None) => {}
            Err(_) => tracing::error!("the time is over; the pool was not compared to its end"),
        }
    }
    function.metrics.write();
    Ok(())
}

/// The numbers of users whom only the pool has, and whom only the store has. `None` if the comparison did not come to
/// its end.
async fn compared(triggers: &Triggers, list: &dyn UserPool) -> Option<(u64, u64)> {
    match triggers.serving()?.reconcile(list).await {
        Ok(done) => {
            let (only_in_pool, only_in_store) = (done.only_in_pool as u64, done.only_in_store as u64);
            let report = serde_json::to_string(&done).unwrap_or_default();
            if only_in_pool + only_in_store > 0 || done.failed > 0 || done.is_held {
                tracing::warn!(report, "the pool and the store differ");
            } else {
                tracing::info!(report, "the pool was compared with the store");
            }
            Some((only_in_pool, only_in_store))
        }
        Err(error) => {
            tracing::error!(%error, "the pool was not compared to its end");
            None
        }
    }
}
