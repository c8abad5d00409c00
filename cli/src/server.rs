//! Serving a deployment: every region's API on a port of its own, and what happens behind them.

use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use umoja_api::{ApiConfig, App, closed, router};
use umoja_crypto::{Params, Passwords};
use umoja_host::{BreachedError, BreachedList, HashPool, PoolSettings, SystemClock};
use umoja_local::{Pump, PumpSettings, RegionPump};
use umoja_schema::Region;
use umoja_store::Home;
use umoja_store::ports::Hasher;
use umoja_store::seal::Sealer;
use umoja_store::secrets::Secrets;

use crate::deployment::Deployment;
use crate::links::Links;
use crate::{CliError, DeploymentError};

/// How long requests that are under way may take after the stop.
const GRACE: Duration = Duration::from_secs(10);

/// How a deployment is served.
#[derive(Clone, Default)]
pub struct ServerSettings {
    /// How often the background work is done.
    pub pump: PumpSettings,
    /// The network between the regions, to cut them off from each other.
    pub links: Option<Links>,
    /// Takes another port where the one of the settings is taken, and keeps it.
    pub may_move_ports: bool,
}

/// Why a deployment cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// A port cannot be listened on.
    #[error("{region} cannot listen on {address}: {source}; choose other ports with --port-base")]
    Bind {
        /// Which region.
        region: Region,
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The list of breached passwords cannot be used.
    #[error("{}: {source}", path.display())]
    Breached {
        /// Where it should be.
        path: PathBuf,
        /// Why.
        source: BreachedError,
    },
}

/// A deployment that is being served. Dropping it ends the service at once, which loses nothing that was
/// acknowledged; [`Server::stop`] lets requests end first.
pub struct Server {
    urls: Vec<(Region, String)>,
    homes: Vec<Home>,
    sealers: Vec<Arc<Sealer>>,
    stop: watch::Sender<bool>,
    listeners: JoinSet<()>,
    pump: Pump,
    _lock: ServeLock,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("urls", &self.urls).finish_non_exhaustive()
    }
}

/// The right to serve a deployment. Given back when dropped.
pub(crate) struct ServeLock(#[allow(dead_code, reason = "the lock lasts as long as the file is open")] File);

impl ServeLock {
    /// Takes it. `umoja status` holds it for a moment to see whether somebody else does, so this tries a few times.
    pub(crate) async fn take(deployment: &Deployment) -> Result<Self, DeploymentError> {
        for _ in 0..5 {
            match deployment.lock() {
                Err(DeploymentError::Served(_)) => tokio::time::sleep(Duration::from_millis(50)).await,
                other => return other.map(Self),
            }
        }
        deployment.lock().map(Self)
    }
}

impl Server {
    /// Starts to serve every region. Requests are answered once this returns.
    pub async fn start(deployment: &mut Deployment, settings: ServerSettings) -> Result<Self, CliError> {
        let lock = ServeLock::take(deployment).await?;
        Self::start_locked(deployment, settings, lock).await
    }

    /// As [`Server::start`], for who has taken the lock already, to change something first.
    pub(crate) async fn start_locked(
        deployment: &mut Deployment,
        settings: ServerSettings,
        lock: ServeLock,
    ) -> Result<Self, CliError> {
        let listeners = bind(deployment, settings.may_move_ports).await?;
        let urls = deployment.config().urls();
        let passwords = Passwords::new(Params::OWASP, deployment.config().password_engine.into(), None)?;
        tracing::info!(engine = passwords.engine_name(), "passwords are hashed by argon2id");
        let mut pool = HashPool::new(Arc::new(passwords), PoolSettings::default(), Arc::new(SystemClock));
        if let Some(path) = &deployment.config().breached_passwords {
            let unreadable = |source| ServerError::Breached { path: path.clone(), source };
            let list = BreachedList::open(path).map_err(unreadable)?;
            tracing::info!(entries = list.entries(), "new passwords are held against a list of breached ones");
            pool = pool.with_breached(list);
        }
        let hasher: Arc<dyn Hasher> = Arc::new(pool);

        let homes = deployment.homes(settings.links.as_ref());
        let (stop, _) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let (mut pumps, mut sealers) = (Vec::new(), Vec::new());
        let serving: Vec<_> =
            urls.iter().filter(|(name, _)| deployment.config().state(name).serves()).cloned().collect();
        for (((home, store), listener), (region, url)) in
            homes.iter().zip(deployment.stores()).zip(listeners).zip(&urls)
        {
            let sealer = Arc::new(deployment.sealer(home));
            let secrets = Arc::new(Secrets::load(&*home.registry, sealer.ring()).await?);
            let state = deployment.config().state(region);
            let config = ApiConfig {
                base_url: url.clone(),
                regions: serving.clone(),
                min_password_chars: deployment.config().min_password_chars,
                min_password_score: deployment.config().min_password_score,
                rate_lease: None,
            };
            let app = App::new(home.clone(), Arc::clone(&sealer), secrets, Arc::clone(&hasher), config);
            let app = Arc::new(app);
            let router = if state.serves() { router(app) } else { closed(app) };
            tasks.spawn(serve(region.clone(), listener, router, stop.subscribe()));
            if state.sends() {
                pumps.push(RegionPump::new(store.clone(), home.clone(), Arc::clone(&sealer)));
            }
            sealers.push(sealer);
            tracing::info!(%region, url, state = state.as_str(), "serving");
        }
        let pump = Pump::start(pumps, settings.pump);
        Ok(Self { urls, homes, sealers, stop, listeners: tasks, pump, _lock: lock })
    }

    /// Every region and its base URL.
    pub fn urls(&self) -> &[(Region, String)] {
        &self.urls
    }

    /// What each region runs with.
    pub fn homes(&self) -> &[Home] {
        &self.homes
    }

    /// What seals and opens the parts of each region.
    pub fn sealers(&self) -> &[Arc<Sealer>] {
        &self.sealers
    }

    /// Takes no more requests, lets those that are under way end, and then stops the background work.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let ended = async { while self.listeners.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, ended).await.is_err() {
            tracing::warn!("some requests did not end in time and are broken off");
        }
        self.pump.stop().await;
    }
}

async fn bind(deployment: &mut Deployment, may_move_ports: bool) -> Result<Vec<TcpListener>, CliError> {
    let listen = deployment.config().listen;
    let mut listeners = Vec::new();
    for region in deployment.config().regions.clone() {
        let address = SocketAddr::new(listen, region.port);
        let mut bound = TcpListener::bind(address).await;
        if bound.is_err() && may_move_ports {
            bound = TcpListener::bind(SocketAddr::new(listen, 0)).await;
        }
        listeners.push(bound.map_err(|source| ServerError::Bind { region: region.name, address, source })?);
    }
    let ports = listeners.iter().map(TcpListener::local_addr).collect::<Result<Vec<_>, _>>();
    let ports = ports.map_err(|source| DeploymentError::Io { path: deployment.dir().to_owned(), source })?;
    deployment.reconfigure(|config| {
        config.regions.iter_mut().zip(&ports).for_each(|(region, address)| region.port = address.port());
    })?;
    Ok(listeners)
}

async fn serve(region: Region, listener: TcpListener, router: axum::Router, mut stop: watch::Receiver<bool>) {
    // Answers are small and awaited: none should wait for another packet.
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps its delay");
        }
    });
    let stopped = async move {
        let _ = stop.wait_for(|stop| *stop).await;
    };
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped).await {
        tracing::error!(%region, %error, "a region is no longer served");
    }
}
