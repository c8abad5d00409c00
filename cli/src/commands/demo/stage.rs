//! Where the story plays: the served regions, and both companies' clients of each.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use umoja_local::RegionStore;
use umoja_runtime::pump::PumpSettings;
use umoja_schema::names::queue;
use umoja_schema::{Credentials, Identity, Part, Region, UserId};
use umoja_store::Home;
use umoja_store::digest::Digest;
use umoja_store::keyring::KeyRing;
use umoja_store::ports::{Clock, Entropy, Queue as _};
use umoja_store::seal::Sealer;

use crate::client::{Answer, Client};
use crate::credentials::{CompanyFile, Signer};
use crate::deployment::Deployment;
use crate::deployment::local::in_region;
use crate::links::Links;
use crate::server::{ServeLock, Server, ServerSettings};
use crate::{CliError, ClientError};

/// How long the story waits for an expected state, in milliseconds.
const PATIENCE_MS: u64 = 12_000;

/// How often the state is read.
const LOOK: Duration = Duration::from_millis(5);

/// A company of the story.
#[derive(Debug, Clone, Copy)]
pub(super) enum Who {
    Soko,
    Safari,
}

/// The served regions. Regions are named by their position.
pub(super) struct Stage {
    server: Server,
    links: Links,
    stores: Vec<RegionStore>,
    /// By region, and then by company.
    clients: Vec<[Client; 2]>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
}

impl Stage {
    /// Starts to serve.
    pub(super) async fn set(
        deployment: &Deployment,
        companies: &[CompanyFile],
        lock: ServeLock,
    ) -> Result<Self, CliError> {
        let regions: Vec<Region> = deployment.stores().iter().map(|store| store.region().clone()).collect();
        let links = Links::new(&regions);
        // Repairs run by a schedule. A short one, so that the demo does not wait.
        let pump = PumpSettings { reconcile: Duration::from_millis(100), ..PumpSettings::default() };
        let settings = ServerSettings {
            pump,
            links: Some(links.clone()),
            may_move_ports: true,
            // The targets of the story are on this machine.
            outbound_loopback: true,
            ..ServerSettings::default()
        };
        let server = Server::start(deployment, settings, lock).await?;
        let (clock, entropy) = (Arc::clone(deployment.clock()), Arc::clone(deployment.entropy()));
        let [soko, safari] = companies else { return Err(CliError::Failed("the story has two companies".into())) };
        let (soko, safari) = (Arc::new(Signer::new(soko)?), Arc::new(Signer::new(safari)?));
        let client = |url: &str, signer: &Arc<Signer>| {
            Client::new(url, Arc::clone(signer), Arc::clone(&clock), Arc::clone(&entropy))
        };
        let pair = |(_, url): &(Region, String)| Ok([client(url, &soko)?, client(url, &safari)?]);
        let clients = server.urls().iter().map(pair).collect::<Result<_, ClientError>>()?;
        Ok(Self { server, links, stores: deployment.stores().to_vec(), clients, clock, entropy })
    }

    /// Applies the changes of commands, for as long as it is polled.
    pub(super) async fn follow(&mut self) {
        self.server.follow().await;
    }

    /// Stops serving.
    pub(super) async fn end(self) {
        // Idle connections would keep the regions waiting.
        drop(self.clients);
        self.server.stop().await;
    }

    pub(super) fn urls(&self) -> &[(Region, String)] {
        self.server.urls()
    }

    /// The URL of the issuer of single sign-on.
    pub(super) fn issuer(&self) -> Option<String> {
        self.server.issuer()
    }

    /// A region's name.
    pub(super) fn name(&self, region: usize) -> &Region {
        self.stores[region].region()
    }

    /// What a region runs with.
    pub(super) fn home(&self, region: usize) -> &Home {
        &self.server.homes()[region]
    }

    /// Calls an operation and expects a status.
    pub(super) async fn call(
        &self,
        region: usize,
        who: Who,
        operation: &str,
        body: Value,
        expected: u16,
    ) -> Result<Answer, CliError> {
        let answer = self.ask(region, who, operation, body).await?;
        if answer.status == expected {
            return Ok(answer);
        }
        let code = answer.code().unwrap_or("no problem");
        Err(CliError::Failed(format!("{expected} was expected, the answer was {} ({code})", answer.status)))
    }

    /// Calls an operation, whatever its status.
    pub(super) async fn ask(&self, region: usize, who: Who, operation: &str, body: Value) -> Result<Answer, CliError> {
        let [soko, safari] = &self.clients[region];
        let client = match who {
            Who::Soko => soko,
            Who::Safari => safari,
        };
        Ok(client.call(operation, body).await?)
    }

    /// Polls `look` until it returns a value.
    pub(super) async fn until<T>(
        &self,
        what: &str,
        mut look: impl AsyncFnMut() -> Result<Option<T>, CliError>,
    ) -> Result<T, CliError> {
        let started = self.clock.now();
        loop {
            if let Some(seen) = look().await? {
                return Ok(seen);
            }
            if self.clock.now().since(started) > PATIENCE_MS {
                return Err(CliError::Failed(format!("waited {} s for {what} without success", PATIENCE_MS / 1000)));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Cuts a region off from the others, or reconnects it.
    pub(super) fn cut_off(&self, region: usize, cut: bool) {
        self.links.cut_off(self.name(region), cut);
    }

    /// Takes a region's key service away, or brings it back.
    pub(super) fn key_service(&self, region: usize, reachable: bool) {
        self.stores[region].keys().set_reachable(reachable);
    }

    /// Waits until all regions hold the same, with every wrapped key, and returns their digest.
    pub(super) async fn agreed(&self) -> Result<Digest, CliError> {
        self.until("equal digests of all regions", async || {
            let first = self.digest(0).await?;
            for region in 1..self.stores.len() {
                if self.digest(region).await? != first {
                    return Ok(None);
                }
            }
            Ok((first.missing_keys == 0).then_some(first))
        })
        .await
    }

    /// The digest of what a region holds.
    pub(super) async fn digest(&self, region: usize) -> Result<Digest, CliError> {
        let store = &self.stores[region];
        Digest::of(&store.ports(), self.stores.len()).await.map_err(|source| in_region(store, source))
    }

    /// How many changes wait in a region for a peer.
    pub(super) async fn waiting_for(&self, region: usize, peer: usize) -> Result<u64, CliError> {
        let store = &self.stores[region];
        let depth = store.queue(&queue::retry(self.name(peer))).depth().await;
        depth.map(|depth| depth.waiting).map_err(|source| in_region(store, source))
    }

    /// How many dead letters and quarantined records all queues hold.
    pub(super) async fn dead_letters(&self) -> Result<u64, CliError> {
        let mut dead = 0;
        for home in self.server.homes() {
            for (_, queue) in home.queues() {
                let depth = queue.depth().await.map_err(|error| CliError::Failed(error.to_string()))?;
                dead += depth.dead;
            }
            let quarantined = home.quarantined.depth().await.map_err(|error| CliError::Failed(error.to_string()))?;
            dead += quarantined.waiting;
        }
        Ok(dead)
    }

    /// Opens both parts of a user in a region with only the region's own key.
    pub(super) async fn opens_alone(&self, region: usize, id: UserId) -> Result<(), CliError> {
        let store = &self.stores[region];
        let alone = Home { peers: Vec::new(), ..self.server.homes()[region].clone() };
        let sealer = Sealer::new(KeyRing::new(&alone, 0), Arc::clone(&self.entropy));
        let parts = alone.own.users.parts(id).await.map_err(|source| in_region(store, source))?;
        let failed = || CliError::Failed(format!("{} cannot open the user with its own key", store.region()));
        let profile = parts.get(Part::Profile).ok_or_else(failed)?;
        let credentials = parts.get(Part::Credentials).ok_or_else(failed)?;
        sealer.open::<Identity>(profile).await.map_err(|_| failed())?;
        sealer.open::<Credentials>(credentials).await.map_err(|_| failed())?;
        Ok(())
    }
}
