//! The region as its settings say, read at the start and again while the instance lives.
//!
//! # What is promised
//!
//! - An event is handled with settings that were read at most [`SETTINGS_RELOAD_SECS`] before it came. If they cannot be
//!   read again, the old ones serve until they are twice as old, and then nothing does: who changes settings waits that
//!   long and may rely on the change.
//! - What is built of the settings is built again when they differ, and not otherwise.
//! - Without settings (before `umoja init`) an instance stays up, says why, and looks again at each event.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join;
use tokio::sync::Mutex;
use umoja_schema::{Millis, Region};
use umoja_store::deployment::SETTINGS_RELOAD_SECS;
use umoja_store::ports::{Clock, Registry, StoreError};
use umoja_store::secrets::{SecretsDocument, SecretsError};
use umoja_store::{Home, RegionEntry, RegionsDocument};

/// How long reading the settings may take, while the old ones would still do.
const READ: Duration = Duration::from_secs(2);

/// Where a region's ports come from.
#[async_trait]
pub trait Source: Send + Sync {
    /// The settings.
    fn registry(&self) -> &dyn Registry;

    /// What the services of `own` run with: every other one of `regions` is a peer.
    fn home(&self, own: &RegionEntry, regions: &[RegionEntry]) -> Home;

    /// Opens connections to the peers among `regions`, so that the first event does not wait for them.
    async fn connect(&self, regions: &[RegionEntry]);
}

/// What a function is made of, once the region is known.
#[async_trait]
pub trait Build: Send + Sync {
    /// The function.
    type Service: Send + Sync;

    /// Whether it needs the deployment's secrets.
    const SECRETS: bool;

    /// Makes it.
    async fn build(&self, home: Home, settings: &Settings) -> Result<Self::Service, NotReady>;
}

/// The settings that a function works with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The own region.
    pub own: RegionEntry,
    /// All regions.
    pub regions: Vec<RegionEntry>,
    /// The wrapped secrets, if the function needs them.
    pub secrets: Option<SecretsDocument>,
}

/// Why nothing can be done yet. It passes by itself once an operator has done their part.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// Nobody has set the deployment up.
    #[error("the deployment has no settings yet; run `umoja init`")]
    NoSettings,
    /// This region is not one of the deployment.
    #[error("the region is not in the deployment's settings; run `umoja region add`")]
    NotAMember,
    /// An operator has frozen this region: it sends nothing.
    #[error(
        "the region is frozen and sends nothing; `umoja region thaw` compares it with the others and lets it serve"
    )]
    Frozen,
    /// The settings cannot be read.
    #[error("the settings cannot be read: {0}")]
    Settings(#[from] StoreError),
    /// The settings did not come in time.
    #[error("the settings cannot be read in time")]
    Late,
    /// The secrets cannot be had.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
}

impl Settings {
    /// Reads them, at once.
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

    /// Refuses what would send something to a peer while the region is frozen.
    ///
    /// # Errors
    /// [`NotReady::Frozen`]
    pub const fn may_send(&self) -> Result<(), NotReady> {
        if self.own.state.sends() { Ok(()) } else { Err(NotReady::Frozen) }
    }
}

/// A function that follows the settings.
pub struct Live<B: Build> {
    source: Arc<dyn Source>,
    build: B,
    own: Region,
    clock: Arc<dyn Clock>,
    built: Mutex<Option<Built<B::Service>>>,
}

struct Built<S> {
    service: Arc<S>,
    settings: Settings,
    read_at: Millis,
}

impl<B: Build> Live<B> {
    /// A function of the region `own`. Nothing is read yet.
    pub fn new(source: Arc<dyn Source>, build: B, own: Region, clock: Arc<dyn Clock>) -> Self {
        Self { source, build, own, clock, built: Mutex::new(None) }
    }

    /// The time.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// The function, as the settings are now.
    ///
    /// # Errors
    /// If there are no settings, or none that are young enough.
    pub async fn service(&self) -> Result<Arc<B::Service>, NotReady> {
        let mut built = self.built.lock().await;
        let now = self.clock.now();
        let age_ms = built.as_ref().map(|built| now.since(built.read_at));
        if let Some(built) = built.as_ref()
            && now.since(built.read_at) < SETTINGS_RELOAD_SECS * 1000
        {
            return Ok(Arc::clone(&built.service));
        }
        match self.renewed(built.as_ref(), now).await {
            Ok(new) => Ok(Arc::clone(&built.insert(new).service)),
            Err(reason) => match built.as_ref() {
                Some(old) if age_ms.is_some_and(|age| age < 2 * SETTINGS_RELOAD_SECS * 1000) => {
                    tracing::warn!(%reason, "going on with the settings of a moment ago");
                    Ok(Arc::clone(&old.service))
                }
                _ => Err(reason),
            },
        }
    }

    async fn renewed(&self, old: Option<&Built<B::Service>>, now: Millis) -> Result<Built<B::Service>, NotReady> {
        let read = Settings::read(self.source.registry(), &self.own, B::SECRETS);
        let settings = tokio::time::timeout(READ, read).await.map_err(|_| NotReady::Late)??;
        if let Some(old) = old.filter(|old| old.settings == settings) {
            return Ok(Built { service: Arc::clone(&old.service), settings, read_at: now });
        }
        let home = self.source.home(&settings.own, &settings.regions);
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

    /// Gives the names of the peers, and counts how often it was built.
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
    async fn without_settings_it_waits_and_with_them_it_serves() {
        let regions = Regions::new(&["eu", "us"]);
        let live = live(&regions);
        assert!(matches!(live.service().await, Err(NotReady::NoSettings)));
        regions.put(&document(&[("us", RegionState::Serving)])).await;
        assert!(matches!(live.service().await, Err(NotReady::NotAMember)));
        regions.put(&document(&[("eu", RegionState::Serving), ("us", RegionState::Serving)])).await;
        assert_eq!(*live.service().await.unwrap(), ["us"]);
    }

    #[tokio::test]
    async fn a_changed_list_is_seen_at_the_first_event_after_the_interval_and_the_same_list_builds_nothing() {
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

    async fn ready<B: Build>(regions: &Arc<Regions>, build: B) -> Result<(), NotReady> {
        let (own, clock) = (regions.own().clone(), Arc::clone(&regions.clock) as _);
        Live::new(Arc::clone(regions) as _, build, own, clock).service().await.map(drop)
    }

    #[tokio::test]
    async fn a_frozen_region_sends_nothing_and_goes_on_once_it_is_thawed() {
        use crate::reconcile::{BuildHome, BuildRepair};
        use crate::replicator::BuildReplicator;
        let regions = Regions::new(&["eu", "us"]);
        let of = |state| document(&[("eu", state), ("us", RegionState::Serving)]);
        regions.put(&of(RegionState::Frozen)).await;
        assert!(matches!(ready(&regions, BuildReplicator).await, Err(NotReady::Frozen)));
        assert!(matches!(ready(&regions, BuildHome).await, Err(NotReady::Frozen)));
        assert!(matches!(ready(&regions, BuildRepair).await, Err(NotReady::Frozen)));
        for state in [RegionState::Thawing, RegionState::Leaving, RegionState::Joining, RegionState::Serving] {
            regions.put(&of(state)).await;
            assert!(ready(&regions, BuildReplicator).await.is_ok(), "{state:?}");
            assert!(ready(&regions, BuildHome).await.is_ok() && ready(&regions, BuildRepair).await.is_ok());
        }
    }

    #[tokio::test]
    async fn settings_that_cannot_be_read_again_serve_for_twice_the_interval() {
        let regions = Regions::new(&["eu"]);
        let live = live(&regions);
        regions.put(&document(&[("eu", RegionState::Serving)])).await;
        live.service().await.unwrap();
        regions.store().put_setting(umoja_schema::names::setting::REGIONS, &serde_json::json!(7)).await.unwrap();
        regions.clock.pass(2 * SETTINGS_RELOAD_SECS * 1000 - 1);
        live.service().await.unwrap();
        regions.clock.pass(1);
        assert!(matches!(live.service().await, Err(NotReady::Settings(StoreError::Refused(_)))));
    }
}
