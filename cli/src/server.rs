//! Serving a deployment in a directory: its settings become what `umoja_runtime` serves.

use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::net::TcpListener;
use umoja_crypto::{Params, Passwords};
use umoja_host::{BreachedList, PoolSettings};
use umoja_runtime::api::hasher;
use umoja_runtime::directory::{DirectoryRegion, DirectoryServer, DirectorySettings};
use umoja_runtime::pump::PumpSettings;

use crate::deployment::Deployment;
use crate::links::Links;
use crate::{CliError, DeploymentError, ServerError};

/// How a deployment is served.
#[derive(Clone, Default)]
pub(crate) struct ServerSettings {
    /// How often the background work is done.
    pub(crate) pump: PumpSettings,
    /// The network between the regions, to cut them off from each other.
    pub(crate) links: Option<Links>,
    /// Takes another port where the one of the settings is taken, and keeps it.
    pub(crate) may_move_ports: bool,
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

/// Starts to serve every region. Requests are answered once this returns.
pub(crate) async fn start(
    deployment: &mut Deployment,
    settings: ServerSettings,
    lock: ServeLock,
) -> Result<DirectoryServer, CliError> {
    let listeners = bind(deployment, settings.may_move_ports).await?;
    let config = deployment.config();
    let passwords = Passwords::new(Params::OWASP, config.password_engine.into(), None)?;
    let open = |path: &PathBuf| {
        BreachedList::open(path).map_err(|source| ServerError::Breached { path: path.clone(), source })
    };
    let breached = config.breached_passwords.as_ref().map(open).transpose()?;
    let homes = deployment.homes(settings.links.as_ref());
    let regions = homes.into_iter().zip(deployment.stores()).zip(listeners).zip(&config.regions);
    let regions = regions.map(|(((home, store), listener), region)| DirectoryRegion {
        listener,
        url: region.url(config.listen),
        state: region.state,
        store: store.clone(),
        home,
    });
    let settings = DirectorySettings {
        pump: settings.pump,
        peer_wrap_budget_ms: config.peer_wrap_budget_ms,
        min_password_chars: config.min_password_chars,
        min_password_score: config.min_password_score,
        hasher: hasher(passwords, PoolSettings::default(), breached),
        lock: Box::new(lock),
    };
    Ok(DirectoryServer::start(regions.collect(), settings).await?)
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
