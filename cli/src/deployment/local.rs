//! A deployment on this machine: one directory with a directory for each region.
//!
//! ```text
//! DIR/deployment.json   regions, their ports and public URLs, settings
//! DIR/serve.lock        held by the process that serves the deployment
//! DIR/served.json       the settings by which that process works
//! DIR/change.lock       held by the command that changes keys or regions
//! DIR/settings.lock     held by the process that writes deployment.json
//! DIR/companies.lock    held by the command that changes companies or sources
//! DIR/backup.lock       held by `umoja backup`, which copies databases into DIR/.backup
//! DIR/<region>/         one region: its tables and queues, and its key ring
//! ```
//!
//! Directories have mode 0700, files 0600. Several processes may have a deployment open: commands read and write its
//! files while `umoja serve` runs. What operators write (companies, settings) goes to every region.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use umoja_host::{OsEntropy, SystemClock};
use umoja_local::{OpenError, Options, RegionStore};
use umoja_reconciler::jobs::backfill::Repairs;
use umoja_schema::{Company, Region};
use umoja_store::keyring::KeyRing;
use umoja_store::ports::{Clock, Entropy, StoreError};
use umoja_store::seal::Sealer;
use umoja_store::{Home, RegionPorts, RegionState};

use super::{DeployedRegion, Regions, locks};
use crate::config::{Config, RegionConfig};
use crate::files;
use crate::links::Links;
use crate::{CliError, DeploymentError};

/// An open deployment in a directory.
pub struct Deployment {
    dir: PathBuf,
    config: Config,
    stores: Vec<RegionStore>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl std::fmt::Debug for Deployment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deployment").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl Deployment {
    /// Makes a deployment, or completes the making of one that was interrupted.
    pub fn create(dir: &Path, config: Config) -> Result<Self, DeploymentError> {
        config.check()?;
        files::private_dir(dir).map_err(|source| DeploymentError::Io { path: dir.to_owned(), source })?;
        // The settings last: once they exist, every region was made, and what is missing was lost.
        let (existing, missing): (Vec<_>, Vec<_>) =
            config.regions.iter().map(|region| &region.name).partition(|name| dir.join(name.as_str()).exists());
        for name in existing.iter().chain(&missing) {
            let is_used = Self::make_region(dir, name)?.is_used();
            let failed = |source| DeploymentError::Unreadable { region: (*name).clone(), source };
            if let (true, Some(missing)) = (is_used.map_err(failed)?, missing.first()) {
                let (dir, used, missing) = (dir.to_owned(), (*name).clone(), (*missing).clone());
                return Err(DeploymentError::SettingsLost { dir, used, missing });
            }
        }
        config.save(dir)?;
        Self::with(dir, config)
    }

    /// Makes the store of a new region, or completes the making of one.
    pub(crate) fn make_region(dir: &Path, name: &Region) -> Result<RegionStore, DeploymentError> {
        open_region(dir, name, RegionStore::create)
    }

    /// Makes again what the directory of an existing region has lost ([`RegionStore::recreate`]).
    pub(crate) fn remake_region(dir: &Path, name: &Region) -> Result<(), DeploymentError> {
        open_region(dir, name, RegionStore::recreate).map(drop)
    }

    /// Checks that a region can be opened.
    pub(crate) fn check_region(dir: &Path, name: &Region) -> Result<(), DeploymentError> {
        open_region(dir, name, RegionStore::open).map(drop)
    }

    /// The state of a region by the settings; `None` if it is not listed.
    pub(crate) fn state_of(dir: &Path, name: &Region) -> Result<Option<RegionState>, DeploymentError> {
        let config = Config::read(dir)?.ok_or_else(|| DeploymentError::Absent(dir.to_owned()))?;
        Ok(config.regions.iter().find(|region| region.name == *name).map(|region| region.state))
    }

    /// Changes the state of a region that cannot be opened.
    pub(crate) fn set_state_of(dir: &Path, name: &Region, state: RegionState) -> Result<(), DeploymentError> {
        let _held = locks::settings(dir)?;
        let mut config = Config::read(dir)?.ok_or_else(|| DeploymentError::Absent(dir.to_owned()))?;
        config.regions.iter_mut().filter(|region| region.name == *name).for_each(|region| region.state = state);
        config.save(dir)
    }

    /// Opens the deployment in a directory. Other processes may have it open. A region that has lost its directory, its
    /// database or its key ring is an error: no command but `umoja region add --again` makes them again.
    pub fn open(dir: &Path) -> Result<Self, DeploymentError> {
        let config = Config::read(dir)?.ok_or_else(|| DeploymentError::Absent(dir.to_owned()))?;
        Self::with(dir, config)
    }

    /// Opens the deployment in a directory without this region, which is lost.
    pub(crate) fn open_without(dir: &Path, lost: &Region) -> Result<Self, DeploymentError> {
        Self::open_some(dir, |region| region.name != *lost)
    }

    /// Opens the deployment in a directory with only some of its regions.
    pub(crate) fn open_some(dir: &Path, keep: impl Fn(&RegionConfig) -> bool) -> Result<Self, DeploymentError> {
        let mut config = Config::read(dir)?.ok_or_else(|| DeploymentError::Absent(dir.to_owned()))?;
        config.regions.retain(keep);
        config.check()?;
        Self::with(dir, config)
    }

    fn with(dir: &Path, config: Config) -> Result<Self, DeploymentError> {
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy));
        let none = Self { dir: dir.to_owned(), config: config.clone(), stores: Vec::new(), clock, entropy };
        none.with_settings(config)
    }

    /// The same deployment with these settings. Stores that are open already stay open.
    fn with_settings(&self, config: Config) -> Result<Self, DeploymentError> {
        let open = |region: &RegionConfig| {
            let name = region.name.clone();
            if let Some(known) = self.stores.iter().find(|store| *store.region() == name) {
                return Ok(known.clone());
            }
            open_region(&self.dir, &name, RegionStore::open)
        };
        let stores = config.regions.iter().map(open).collect::<Result<_, _>>()?;
        let (clock, entropy) = (Arc::clone(&self.clock), Arc::clone(&self.entropy));
        Ok(Self { dir: self.dir.clone(), config, stores, clock, entropy })
    }

    /// The same deployment with its current settings.
    pub(crate) fn reread(&self) -> Result<Self, DeploymentError> {
        self.with_settings(Config::read(&self.dir)?.ok_or_else(|| DeploymentError::Absent(self.dir.clone()))?)
    }

    /// Its directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Its settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Changes its stored settings and takes them over. The process that serves it follows.
    pub(crate) fn reconfigure<E: From<DeploymentError>>(
        &mut self,
        change: impl FnOnce(&mut Config) -> Result<(), E>,
    ) -> Result<(), E> {
        let _held = locks::settings(&self.dir)?;
        let stored = Config::read(&self.dir)?.ok_or_else(|| DeploymentError::Absent(self.dir.clone()))?;
        let mut config = stored.clone();
        change(&mut config)?;
        if config != stored {
            config.check()?;
            config.save(&self.dir)?;
        }
        *self = self.with_settings(config)?;
        Ok(())
    }

    /// Changes the state of a region.
    pub(crate) fn set_state(&mut self, region: &Region, state: RegionState) -> Result<(), DeploymentError> {
        self.reconfigure(|config| {
            config.regions.iter_mut().filter(|one| one.name == *region).for_each(|one| one.state = state);
            Ok(())
        })
    }

    /// The stores of its regions, in the order of the settings.
    pub fn stores(&self) -> &[RegionStore] {
        &self.stores
    }

    /// The machine's clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The machine's randomness.
    pub fn entropy(&self) -> &Arc<dyn Entropy> {
        &self.entropy
    }

    /// The ports of each region's services. The peers are the other regions of this process, behind `links` if given.
    pub fn homes(&self, links: Option<&Links>) -> Vec<Home> {
        let home = |store: &RegionStore| {
            let reach =
                |ports: RegionPorts| links.map_or_else(|| ports.clone(), |links| links.reach(store.region(), &ports));
            store.home(self.peers_of(store).map(reach), Arc::clone(&self.clock), Arc::clone(&self.entropy))
        };
        self.stores.iter().map(home).collect()
    }

    fn peers_of<'a>(&'a self, store: &'a RegionStore) -> impl Iterator<Item = RegionPorts> + 'a {
        self.stores.iter().filter(|peer| peer.region() != store.region()).map(RegionStore::ports)
    }

    /// The sealer of a region, which seals and opens parts.
    pub fn sealer(&self, home: &Home) -> Sealer {
        Sealer::new(KeyRing::new(home, self.config.peer_wrap_budget_ms), Arc::clone(&self.entropy))
    }

    /// The key repair for a directory, where no schedule runs it.
    pub(crate) fn repairs(&self) -> Repairs {
        Repairs::Here { wrap_budget_ms: self.config.peer_wrap_budget_ms }
    }

    /// Its regions, for commands that work on any deployment.
    pub fn regions(&self) -> Regions {
        let known = |region: &RegionConfig| region.port != 0 || region.public_url.is_some();
        let url = |region: &RegionConfig| known(region).then(|| region.url(self.config.listen));
        let region = |(home, config): (Home, &RegionConfig)| DeployedRegion {
            home,
            url: url(config),
            sources_url: None,
            state: config.state,
        };
        let home = |store: &RegionStore| {
            store.home_elsewhere(self.peers_of(store), Arc::clone(&self.clock), Arc::clone(&self.entropy))
        };
        Regions {
            env: self.config.env.clone(),
            list: self.stores.iter().map(home).zip(&self.config.regions).map(region).collect(),
            first: 0,
            clock: Arc::clone(&self.clock),
            entropy: Arc::clone(&self.entropy),
        }
    }

    /// Makes the deployment's secrets, or stores them in the regions that lack them. True if they were made now.
    pub async fn ensure_secrets(&self) -> Result<bool, CliError> {
        self.regions().ensure_secrets().await
    }

    /// Writes a company in every region. The error names every region that did not store it.
    pub async fn put_company(&self, company: &Company) -> Result<(), CliError> {
        self.regions().put_company(company).await
    }
}

/// Opens or makes a store.
type Open = fn(&Path, Region, Arc<dyn Clock>, Arc<dyn Entropy>, Options) -> Result<RegionStore, OpenError>;

/// Opens or makes the store of a region, on the machine's clock and randomness.
fn open_region(dir: &Path, name: &Region, open: Open) -> Result<RegionStore, DeploymentError> {
    let store =
        open(&dir.join(name.as_str()), name.clone(), Arc::new(SystemClock), Arc::new(OsEntropy), Options::default());
    store.map_err(|source| DeploymentError::Region { region: name.clone(), source })
}

/// An error of a region's store.
pub(crate) fn in_region(store: &RegionStore, source: StoreError) -> CliError {
    CliError::Region { region: store.region().clone(), source }
}
