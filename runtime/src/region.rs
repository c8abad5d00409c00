//! A region built from its settings, which are read at the start and again while the process lives.
//!
//! # What is promised
//!
//! - A request or event is handled with settings that were read at most [`SETTINGS_RELOAD_SECS`] before it came, or
//!   with the previous ones while another request reads them. If reading fails, the old settings serve until they are
//!   twice as old, and then no settings do: an operator who changes settings waits that long and may then rely on the
//!   change.
//! - A service is rebuilt only when its settings differ.
//! - Without settings (before `umoja init`) a process stays up, reports why, and reads them again at each request or
//!   event.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join;
use tokio::sync::Mutex;
use umoja_schema::{Millis, Region};
use umoja_store::deployment::SETTINGS_RELOAD_SECS;
use umoja_store::ports::{Clock, Registry, StoreError};
use umoja_store::secrets::{SecretsDocument, SecretsError};
use umoja_store::{Home, RegionEntry, RegionsDocument};

/// How long reading the settings may take while the old ones are still valid.
const READ: Duration = Duration::from_secs(2);

/// The source of a region's ports.
#[async_trait]
pub trait Source: Send + Sync {
    /// The settings.
    fn registry(&self) -> &dyn Registry;

    /// The ports for the services of `own`. All other `regions` are its peers.
    fn home(&self, own: &RegionEntry, regions: &[RegionEntry]) -> Home;

    /// Opens connections to the peers among `regions`, so that the first event does not wait for them.
    async fn connect(&self, regions: &[RegionEntry]);
}

/// Builds a service once the region is known.
#[async_trait]
pub trait Build: Send + Sync {
    /// The service.
    type Service: Send + Sync;

    /// Whether it needs the deployment's secrets.
    const SECRETS: bool;

    /// Builds the service.
    async fn build(&self, home: Home, settings: &Settings) -> Result<Self::Service, NotReady>;
}

/// The settings that a service works with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The own region.
    pub own: RegionEntry,
    /// All regions.
    pub regions: Vec<RegionEntry>,
    /// The wrapped secrets, if the service needs them.
    pub secrets: Option<SecretsDocument>,
}

/// Why a service is not available yet. This ends without a restart once an operator has acted.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// The deployment is not set up.
    #[error("the deployment has no settings yet; run `umoja init`")]
    NoSettings,
    /// This region is not one of the deployment.
    #[error("the region is not in the deployment's settings; run `umoja region add`")]
    NotAMember,
    /// An operator has frozen this region: it sends no data.
    #[error(
        "the region is frozen and sends no data; `umoja region thaw` compares it with the others and lets it serve"
    )]
    Frozen,
    /// This region is being backfilled or compared: it may lack events that it has made.
    #[error("the region is being backfilled or compared with the others, and makes no events until that has ended")]
    Incomplete,
    /// The settings cannot be read.
    #[error("the settings cannot be read: {0}")]
    Settings(#[from] StoreError),
    /// The settings were not read in time.
    #[error("the settings cannot be read in time")]
    Late,
    /// The secrets are not available.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
}

impl Settings {
    /// Reads the list of regions and the secrets concurrently.
    async fn read(registry: &dyn Registry, own: &Region, with_secrets: bool) -> Result<Self, NotReady> {
        let secrets = async { if with_secrets { SecretsDocument::stored(registry).await } else { Ok(None) } };
        let (regions, secrets) = join(RegionsDocument::load(registry), secrets).await;
        let (regions, secrets) = (regions?.ok_or(NotReady::NoSettings)?, secrets?);
        if with_secrets && secrets.is_none() {
            return Err(NotReady::NoSettings);
        }
        let own = regions.get(own).cloned().ok_or(NotReady::NotAMember)?;
        Ok(Self { own, regions: regions.regions, secrets })
    }

    /// The regions that serve.
    pub fn serving(&self) -> impl Iterator<Item = &RegionEntry> {
        self.regions.iter().filter(|entry| entry.state.serves())
    }

    /// Rejects work that would send data to a peer while the region is frozen.
    ///
    /// # Errors
    /// [`NotReady::Frozen`]
    pub const fn may_send(&self) -> Result<(), NotReady> {
        if self.own.state.sends() { Ok(()) } else { Err(NotReady::Frozen) }
    }

    /// Rejects making events while the region may lack some that it has made.
    ///
    /// # Errors
    /// [`NotReady::Frozen`], [`NotReady::Incomplete`]
    pub fn may_make_events(&self) -> Result<(), NotReady> {
        self.may_send()?;
        if self.own.state.makes_events() { Ok(()) } else { Err(NotReady::Incomplete) }
    }
}

/// A service that follows the settings.
pub struct Live<B: Build> {
    source: Arc<dyn Source>,
    build: B,
    own: Region,
    clock: Arc<dyn Clock>,
    built: RwLock<Option<Arc<Built<B::Service>>>>,
    /// Held by the caller that reads the settings again.
    renewing: Mutex<()>,
}

struct Built<S> {
    service: Arc<S>,
    settings: Settings,
    read_at: Millis,
}

impl<B: Build> Live<B> {
    /// A service of the region `own`. No settings are read yet.
    pub fn new(source: Arc<dyn Source>, build: B, own: Region, clock: Arc<dyn Clock>) -> Self {
        Self { source, build, own, clock, built: RwLock::default(), renewing: Mutex::default() }
    }

    /// The time.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// The service under the current settings. While one caller reads them again, others use the old ones as long as
    /// those are valid.
    ///
    /// # Errors
    /// If there are no settings, or none that are recent enough.
    pub async fn service(&self) -> Result<Arc<B::Service>, NotReady> {
        let now = self.clock.now();
        if let Some(young) = self.built(now, SETTINGS_RELOAD_SECS * 1000) {
            return Ok(Arc::clone(&young.service));
        }
        let old = self.built(now, 2 * SETTINGS_RELOAD_SECS * 1000);
        let _renewing = match &old {
            Some(old) => match self.renewing.try_lock() {
                Ok(renewing) => renewing,
                Err(_) => return Ok(Arc::clone(&old.service)),
            },
            None => tokio::time::timeout(READ, self.renewing.lock()).await.map_err(|_| NotReady::Late)?,
        };
        // Another caller may have read them in the meantime.
        if let Some(young) = self.built(now, SETTINGS_RELOAD_SECS * 1000) {
            return Ok(Arc::clone(&young.service));
        }
        let last = self.built.read().unwrap_or_else(PoisonError::into_inner).clone();
        match self.renewed(last.as_deref(), now).await {
            Ok(new) => {
                let service = Arc::clone(&new.service);
                *self.built.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(new));
                Ok(service)
            }
            Err(reason) => match old {
                Some(old) => {
                    tracing::warn!(%reason, "the settings cannot be read again; the old ones are still used");
                    Ok(Arc::clone(&old.service))
                }
                None => Err(reason),
            },
        }
    }

    /// The last service that was built, if its settings were read less than `within_ms` ago.
    fn built(&self, now: Millis, within_ms: u64) -> Option<Arc<Built<B::Service>>> {
        let built = self.built.read().unwrap_or_else(PoisonError::into_inner);
        built.as_ref().filter(|built| built.read_at.is_within(within_ms, now)).cloned()
    }

    async fn renewed(&self, old: Option<&Built<B::Service>>, now: Millis) -> Result<Built<B::Service>, NotReady> {
        let read = Settings::read(self.source.registry(), &self.own, B::SECRETS);
        let settings = tokio::time::timeout(READ, read).await.map_err(|_| NotReady::Late)??;
        if let Some(old) = old.filter(|old| old.settings == settings) {
            return Ok(Built { service: Arc::clone(&old.service), settings, read_at: now });
        }
        let home = self.source.home(&settings.own, &settings.regions);
        // The list of regions names the keys that verify it, so it is verified after it was read.
        let verified = tokio::time::timeout(READ, RegionsDocument::load(&*home.registry)).await;
        let verified = verified.map_err(|_| NotReady::Late)??;
        if verified.map(|verified| verified.regions).as_ref() != Some(&settings.regions) {
            return Err(NotReady::Late);
        }
        let (service, ()) = join(self.build.build(home, &settings), self.source.connect(&settings.regions)).await;
        let service = Arc::new(service?);
        if old.is_some() {
            tracing::info!("the settings have changed");
        }
        Ok(Built { service, settings, read_at: now })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Regions, document};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use umoja_store::RegionState;

    /// Returns the names of the peers, and counts how often it was built.
    #[derive(Default)]
    struct Peers(AtomicUsize);

    #[async_trait]
    impl Build for Peers {
        type Service = Vec<String>;
        const SECRETS: bool = false;

        async fn build(&self, home: Home, _: &Settings) -> Result<Vec<String>, NotReady> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(home.peers.iter().map(|peer| peer.ports.name.to_string()).collect())
        }
    }

    fn live(regions: &Arc<Regions>) -> Live<Peers> {
        Live::new(Arc::clone(regions) as _, Peers::default(), regions.own().clone(), Arc::clone(&regions.clock) as _)
    }

    #[tokio::test]
    async fn a_service_is_ready_once_it_has_settings() {
        let regions = Regions::new(&["eu", "us"]);
        let live = live(&regions);
        assert!(matches!(live.service().await, Err(NotReady::NoSettings)));
        regions.put(&document(&[("us", RegionState::Serving)])).await;
        assert!(matches!(live.service().await, Err(NotReady::NotAMember)));
        regions.put(&document(&[("eu", RegionState::Serving), ("us", RegionState::Serving)])).await;
        assert_eq!(*live.service().await.unwrap(), ["us"]);
    }

    #[tokio::test]
    async fn only_a_changed_list_is_rebuilt_after_the_interval() {
        let regions = Regions::new(&["eu", "us", "af"]);
        let live = live(&regions);
        regions.put(&document(&[("eu", RegionState::Serving), ("us", RegionState::Serving)])).await;
        assert_eq!(*live.service().await.unwrap(), ["us"]);
        regions.clock.pass(SETTINGS_RELOAD_SECS * 1000);
        assert_eq!(*live.service().await.unwrap(), ["us"]);
        assert_eq!(live.build.0.load(Ordering::Relaxed), 1);

        let three = [("eu", RegionState::Serving), ("us", RegionState::Serving), ("af", RegionState::Joining)];
        regions.put(&document(&three)).await;
        regions.clock.pass(SETTINGS_RELOAD_SECS * 1000 - 1);
        assert_eq!(*live.service().await.unwrap(), ["us"]);
        regions.clock.pass(1);
        assert_eq!(*live.service().await.unwrap(), ["us", "af"]);
        assert_eq!(live.build.0.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn old_settings_serve_for_twice_the_interval() {
        let regions = Regions::new(&["eu"]);
        let live = live(&regions);
        regions.put(&document(&[("eu", RegionState::Serving)])).await;
        live.service().await.unwrap();
        regions
            .store()
            .documents()
            .put_setting(umoja_schema::names::setting::REGIONS, &serde_json::json!(7))
            .await
            .unwrap();
        regions.clock.pass(2 * SETTINGS_RELOAD_SECS * 1000 - 1);
        live.service().await.unwrap();
        regions.clock.pass(1);
        assert!(matches!(live.service().await, Err(NotReady::Settings(StoreError::Unreadable(_)))));
    }

    /// Builds at once the first time, and later when it is notified.
    #[derive(Default)]
    struct Slow(AtomicUsize, tokio::sync::Notify);

    #[async_trait]
    impl Build for Slow {
        type Service = usize;
        const SECRETS: bool = false;

        async fn build(&self, home: Home, _: &Settings) -> Result<usize, NotReady> {
            if self.0.fetch_add(1, Ordering::Relaxed) > 0 {
                self.1.notified().await;
            }
            Ok(home.peers.len())
        }
    }

    #[tokio::test]
    async fn requests_use_old_settings_during_a_reload() {
        let regions = Regions::new(&["eu", "us"]);
        let (own, clock) = (regions.own().clone(), Arc::clone(&regions.clock) as _);
        let live = Live::new(Arc::clone(&regions) as _, Slow::default(), own, clock);
        regions.put(&document(&[("eu", RegionState::Serving)])).await;
        live.service().await.unwrap();
        regions.put(&document(&[("eu", RegionState::Serving), ("us", RegionState::Serving)])).await;
        regions.clock.pass(SETTINGS_RELOAD_SECS * 1000);
        let others = async {
            assert_eq!(*live.service().await.unwrap(), 0);
            live.build.1.notify_one();
        };
        let (renewed, ()) = join(live.service(), others).await;
        assert_eq!(*renewed.unwrap(), 1);
    }
}
