//! Starting a function, and the time budget of an event.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join;
use lambda_runtime::Context;
use umoja_aws::{Deployment, Options, Session};
use umoja_host::SystemClock;
use umoja_runtime::aws::{Aws, Needs};
use umoja_runtime::region::{Build, Live};
use umoja_schema::Millis;
use umoja_store::ports::Clock;

use crate::environment::Environment;
use crate::log;
use crate::metrics::Metrics;

/// The part of an event's time that is reserved for its answer.
const MARGIN_MS: u64 = 2_000;

/// A started function.
pub struct Function<B: Build> {
    /// What handles events.
    pub live: Live<B>,
    /// Its metrics.
    pub metrics: Metrics,
    /// The deployment's prefix of names.
    pub prefix: String,
}

impl<B: Build> Function<B> {
    /// Starts: reads environment and settings, opens connections, and builds the service that handles events. Also
    /// succeeds without settings; they are read again at each event.
    ///
    /// # Errors
    /// If the environment is incomplete, or `build` fails.
    pub async fn start<E: Into<lambda_runtime::Error>>(
        needs: Needs,
        build: impl FnOnce() -> Result<B, E>,
    ) -> Result<Self, lambda_runtime::Error> {
        Self::start_with(needs, |_, _| build()).await
    }

    /// As [`Function::start`], for a service that needs more of the deployment than the region's ports.
    ///
    /// # Errors
    /// If the environment is incomplete, or `build` fails.
    pub async fn start_with<E: Into<lambda_runtime::Error>>(
        needs: Needs,
        build: impl FnOnce(&Deployment, &Environment) -> Result<B, E>,
    ) -> Result<Self, lambda_runtime::Error> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let began = clock.now();
        let environment = Environment::read(|name| std::env::var(name).ok())?;
        log::start(environment.log.as_deref());
        let metrics = Metrics::start(&environment.prefix)?;
        let session = Session::from_environment(&Options::default()).await;
        let deployment = Deployment::new(session, &environment.prefix);
        let build = build(&deployment, &environment).map_err(Into::into)?;
        let source = Arc::new(Aws::new(deployment, environment.region.clone(), needs, Arc::clone(&clock)));
        let live = Live::new(Arc::clone(&source) as _, build, environment.region, Arc::clone(&clock));
        let (service, ()) = join(live.service(), source.connect_own()).await;
        let init_ms = clock.now().since(began);
        match service {
            Ok(_) => tracing::info!(init_ms, "started"),
            Err(reason) => tracing::warn!(init_ms, %reason, "started, but not ready"),
        }
        Ok(Self { live, metrics, prefix: environment.prefix })
    }
}

/// How long the work of an event may take from now on. It is less than Lambda's limit, so that the answer is still
/// sent.
pub fn time_left(context: &Context, now: Millis) -> Duration {
    Duration::from_millis(Millis(context.deadline).since(now).saturating_sub(MARGIN_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_ends_before_the_lambda_timeout() {
        let mut context = Context::default();
        context.deadline = 10_000;
        assert_eq!(time_left(&context, Millis(4_000)), Duration::from_secs(4));
        assert_eq!(time_left(&context, Millis(9_000)), Duration::ZERO);
        assert_eq!(time_left(&context, Millis(11_000)), Duration::ZERO);
    }
}
