//! The API of one region of a deployment in AWS, served from a container or a virtual machine. Streams and schedules
//! stay with the functions.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use umoja_aws::{Deployment, Options, Session};
use umoja_crypto::EngineError;
use umoja_host::{OsEntropy, SystemClock};
use umoja_page::Events;
use umoja_schema::Region;
use umoja_store::deployment::SETTINGS_RELOAD_SECS;
use umoja_store::ports::Clock;

use crate::api::{ApiSettings, BuildApi, NEEDS, router};
use crate::aws::Aws;
use crate::listeners::{Limits, Listeners, Proxies, Tls};
use crate::region::{Live, NotReady};

/// How often a status page looks at its accounts.
const LOOK: Duration = Duration::from_secs(1);

/// A region that is being served. Dropping it ends the service at once; [`RegionServer::stop`] lets requests finish
/// first.
pub struct RegionServer {
    live: Arc<Live<BuildApi>>,
    listeners: Listeners,
    _renewal: JoinSet<()>,
}

impl std::fmt::Debug for RegionServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegionServer").finish_non_exhaustive()
    }
}

impl RegionServer {
    /// Starts to serve the region `own` of the deployment whose names begin with `prefix`, with the credentials of the
    /// environment. Without settings it also starts, answers 503, and reads them again later.
    ///
    /// # Errors
    /// If no password engine computes the published test vectors on this machine.
    pub async fn start(
        prefix: &str,
        own: Region,
        listener: TcpListener,
        settings: ApiSettings,
        limits: Limits,
        (tls, proxies): (Option<Tls>, Proxies),
    ) -> Result<Self, EngineError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        // Nothing here sees changes, so the pages look themselves.
        let issuer = settings.issuer.clone();
        let build = BuildApi::new(ApiSettings { events: Events::Streamed(LOOK), ..settings })?;
        let deployment = Deployment::new(Session::from_environment(&Options::default()).await, prefix);
        let source = Arc::new(Aws::new(deployment, own.clone(), NEEDS, Arc::clone(&clock)));
        let live = Arc::new(Live::new(Arc::clone(&source) as _, build, own.clone(), clock));
        let (service, ()) = join(live.service(), source.connect_own()).await;
        match service {
            Ok(api) => tracing::info!(region = %own, url = api.url(), "serving"),
            Err(reason) => tracing::warn!(region = %own, %reason, "started, but not ready"),
        }
        let mut listeners = Listeners::new(limits).with_tls(tls).behind(proxies);
        let routes = router(Arc::clone(&live), Arc::new(OsEntropy));
        let routes = match issuer {
            Some(issuer) => umoja_oidc::browser::with_pages(&issuer, routes),
            None => routes,
        };
        listeners.serve(own.as_str(), listener, routes);
        let mut renewal = JoinSet::new();
        renewal.spawn(renew(Arc::clone(&live)));
        Ok(Self { live, listeners, _renewal: renewal })
    }

    /// The region's base URL under the current settings.
    ///
    /// # Errors
    /// If there are no settings yet, or none that are recent enough.
    pub async fn url(&self) -> Result<String, NotReady> {
        Ok(self.live.service().await?.url().to_owned())
    }

    /// Accepts no more requests and lets running ones finish.
    pub async fn stop(self) {
        self.listeners.stop().await;
    }
}

/// Reads the settings again when they are due, so that requests rarely have to.
async fn renew(live: Arc<Live<BuildApi>>) {
    let mut ticks = interval(Duration::from_secs(SETTINGS_RELOAD_SECS));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(reason) = live.service().await {
            tracing::warn!(%reason, "not ready");
        }
    }
}
