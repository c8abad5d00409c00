//! Serves a deployment in a directory: turns its settings into the regions that `umoja_runtime` serves.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use umoja_crypto::{Params, PasswordKeys, Passwords};
use umoja_host::{BreachedList, HttpsOutbound, OldEndpoint, PoolSettings};
use umoja_runtime::api::hasher;
use umoja_runtime::directory::{DirectoryRegion, DirectoryServer, DirectorySettings, Issuer};
use umoja_runtime::listeners::{Limits, Proxies, Tls};
use umoja_runtime::old_systems::old_systems;
use umoja_runtime::pump::PumpSettings;
use umoja_schema::Region;
use umoja_store::Home;
use umoja_store::ports::{Mailer, Outbound};

use crate::deployment::served::InForce;
use crate::deployment::{Deployment, locks};
use crate::links::Links;
use crate::sockets::Sockets;
use crate::{CliError, DeploymentError, ServerError};

/// How often the settings are checked for changes.
const SETTINGS_RELOAD: Duration = Duration::from_millis(500);

/// How a deployment is served.
#[derive(Clone, Default)]
pub(crate) struct ServerSettings {
    /// How often the background work is done.
    pub(crate) pump: PumpSettings,
    /// What clients may use of the process.
    pub(crate) limits: Limits,
    /// The network between the regions, to cut them off from each other.
    pub(crate) links: Option<Links>,
    /// Whether the old system of a company may be on this machine.
    pub(crate) old_system_loopback: bool,
    /// Whether what Umoja calls, such as a webhook, may be on this machine.
    pub(crate) outbound_loopback: bool,
    /// The certificate of the ports; without it they speak no TLS.
    pub(crate) tls: Option<Tls>,
    /// The proxies in front of the ports.
    pub(crate) proxies: Proxies,
    /// Ports that are open already.
    pub(crate) sockets: Sockets,
    /// What sends mail to people.
    pub(crate) mailer: Option<Arc<dyn Mailer>>,
    /// Whether a region whose port is taken moves to another port, which is then stored.
    pub(crate) may_move_ports: bool,
}

/// The lock for serving a deployment. Released when dropped.
pub(crate) struct ServeLock(#[allow(dead_code, reason = "the lock lasts as long as the file is open")] File);

impl ServeLock {
    /// Takes the lock. Commands hold it for a moment to see whether a process serves, so this tries a few times.
    pub(crate) async fn take(dir: &Path) -> Result<Self, DeploymentError> {
        for _ in 0..5 {
            match locks::serve(dir) {
                Err(DeploymentError::Served(_)) => tokio::time::sleep(Duration::from_millis(50)).await,
                other => return other.map(Self),
            }
        }
        locks::serve(dir).map(Self)
    }
}

/// A directory that is being served.
pub(crate) struct Server {
    deployment: Deployment,
    regions: DirectoryServer,
    links: Option<Links>,
    in_force: InForce,
    sockets: Sockets,
}

impl Server {
    /// Starts to serve every region by the current settings. Requests are answered once this returns.
    pub(crate) async fn start(
        deployment: &Deployment,
        settings: ServerSettings,
        lock: ServeLock,
    ) -> Result<Self, CliError> {
        InForce::take_back(deployment.dir())?;
        let mut deployment = deployment.reread()?;
        // All settings are read after this, so they are at least as new.
        let in_force = InForce::of(&deployment).await?;
        let (sockets, may_move) = (settings.sockets, settings.may_move_ports);
        let listeners = bind(&mut deployment, &[], &in_force, (&sockets, may_move)).await?;
        let listener = bind_issuer(&mut deployment, (&sockets, may_move)).await?;
        for address in sockets.left() {
            tracing::warn!(%address, "no region and no issuer has the port that the supervisor opened; its clients wait in vain");
        }
        let config = deployment.config();
        let issuer = config.issuer_url().map(|url| Issuer { url, listener });
        let passwords = Passwords::new(Params::OWASP, config.password_engine.into(), None)?;
        let open = |path: &PathBuf| {
            BreachedList::open(path).map_err(|source| ServerError::Breached { path: path.clone(), source })
        };
        let breached = config.breached_passwords.as_ref().map(open).transpose()?;
        let common = DirectorySettings {
            pump: settings.pump,
            peer_wrap_budget_ms: config.peer_wrap_budget_ms,
            min_password_chars: config.min_password_chars,
            min_password_score: config.min_password_score,
            explains: config.is_for_trying_out(),
            limits: settings.limits.within_descriptors(),
            tls: settings.tls,
            proxies: settings.proxies,
            passwords: Arc::new(passwords.with_keys(PasswordKeys::default())),
            hasher: hasher(passwords, PoolSettings::default(), breached),
            old_systems: old_systems(if settings.old_system_loopback {
                OldEndpoint::new().with_loopback()
            } else {
                OldEndpoint::new()
            }),
            outbound: outbound(settings.outbound_loopback),
            mailer: settings.mailer,
            issuer,
            lock: Box::new(lock),
        };
        let links = settings.links;
        let server = DirectoryServer::start(regions(&deployment, &[], links.as_ref(), listeners), common).await?;
        in_force.say(deployment.dir())?;
        Ok(Self { deployment, regions: server, links, in_force, sockets })
    }

    /// Every region and its base URL.
    pub(crate) fn urls(&self) -> &[(Region, String)] {
        self.regions.urls()
    }

    /// The base URL of the issuer, if its port is open.
    pub(crate) fn issuer(&self) -> Option<String> {
        self.deployment.config().issuer_url()
    }

    /// What each region runs with.
    pub(crate) fn homes(&self) -> &[Home] {
        self.regions.homes()
    }

    /// Applies the changes of commands, for as long as it is polled.
    pub(crate) async fn follow(&mut self) {
        let mut failed = String::new();
        loop {
            tokio::time::sleep(SETTINGS_RELOAD).await;
            match self.take_over().await {
                Ok(()) => failed.clear(),
                Err(error) if error.to_string() == failed => {}
                Err(error) => {
                    tracing::warn!(%error, "the new settings cannot be taken over; continuing with the previous ones");
                    failed = error.to_string();
                }
            }
        }
    }

    async fn take_over(&mut self) -> Result<(), CliError> {
        let mut deployment = self.deployment.reread()?;
        let in_force = InForce::of(&deployment).await?;
        if in_force == self.in_force {
            return Ok(());
        }
        let listeners = bind(&mut deployment, self.regions.urls(), &in_force, (&self.sockets, false)).await?;
        let regions = regions(&deployment, self.regions.urls(), self.links.as_ref(), listeners);
        self.regions.replace(regions).await?;
        tracing::info!("the settings have changed");
        self.deployment = deployment;
        in_force.say(self.deployment.dir())?;
        self.in_force = in_force;
        Ok(())
    }

    /// Accepts no more requests, completes those that are under way, and then stops the background work.
    pub(crate) async fn stop(self) {
        self.regions.stop().await;
    }
}

/// What calls webhooks.
pub(crate) fn outbound(may_be_loopback: bool) -> Arc<dyn Outbound> {
    let outbound = HttpsOutbound::new();
    Arc::new(if may_be_loopback { outbound.with_loopback() } else { outbound })
}

/// The regions, with the listeners of those that are not `served` yet. The others keep their URLs, as their ports.
fn regions(
    deployment: &Deployment,
    served: &[(Region, String)],
    links: Option<&Links>,
    mut listeners: BTreeMap<Region, TcpListener>,
) -> Vec<DirectoryRegion> {
    let config = deployment.config();
    let regions = deployment.homes(links).into_iter().zip(deployment.stores()).zip(&config.regions);
    let regions = regions.filter_map(|((home, store), region)| {
        let listener = listeners.remove(&region.name);
        let url = match served.iter().find(|(name, _)| *name == region.name) {
            Some((_, url)) => url.clone(),
            // The region is not to be served yet, or was added after the ports were opened.
            None => listener.as_ref().map(|_| region.url(config.listen))?,
        };
        Some(DirectoryRegion { listener, url, state: region.state, store: store.clone(), home })
    });
    regions.collect()
}

/// Opens the ports of those regions of `in_force` that are not `served` yet, and stores their numbers.
async fn bind(
    deployment: &mut Deployment,
    served: &[(Region, String)],
    in_force: &InForce,
    ports_of: (&Sockets, bool),
) -> Result<BTreeMap<Region, TcpListener>, CliError> {
    let listen = deployment.config().listen;
    let (mut listeners, mut ports) = (BTreeMap::new(), BTreeMap::new());
    for region in &deployment.config().regions {
        if !in_force.is_of(&region.name) || served.iter().any(|(name, _)| *name == region.name) {
            continue;
        }
        let address = SocketAddr::new(listen, region.port);
        let bound = listener(address, ports_of).await;
        let failed = |source| ServerError::Bind { region: region.name.clone(), address, source };
        let bound = bound.map_err(failed)?;
        ports.insert(region.name.clone(), bound.local_addr().map_err(failed)?.port());
        listeners.insert(region.name.clone(), bound);
    }
    deployment.reconfigure(|config| {
        for region in &mut config.regions {
            region.port = ports.get(&region.name).copied().unwrap_or(region.port);
        }
        Ok::<_, CliError>(())
    })?;
    Ok(listeners)
}

/// Opens the port of the issuer, if there is one, and stores its number.
async fn bind_issuer(deployment: &mut Deployment, ports_of: (&Sockets, bool)) -> Result<Option<TcpListener>, CliError> {
    let config = deployment.config();
    let Some(port) = config.issuer_port else { return Ok(None) };
    let address = SocketAddr::new(config.listen, port);
    let failed = |source| ServerError::BindIssuer { address, source };
    let bound = listener(address, ports_of).await.map_err(failed)?;
    let port = bound.local_addr().map_err(failed)?.port();
    deployment.reconfigure(|config| {
        config.issuer_port = Some(port);
        Ok::<_, CliError>(())
    })?;
    Ok(Some(bound))
}

/// A port that the supervisor has opened or that is opened now, or any free one if it is taken and may move.
pub(crate) async fn listener(
    address: SocketAddr,
    (sockets, may_move): (&Sockets, bool),
) -> std::io::Result<TcpListener> {
    if let Some(open) = sockets.take(address) {
        open.set_nonblocking(true)?;
        return TcpListener::from_std(open);
    }
    match TcpListener::bind(address).await {
        Err(_) if may_move => TcpListener::bind(SocketAddr::new(address.ip(), 0)).await,
        bound => bound,
    }
}
