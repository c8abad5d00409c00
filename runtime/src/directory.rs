//! Every region of a deployment in one process: each region's API on a port of its own, and the pump behind them.

use std::any::Any;
use std::sync::Arc;

use tokio::net::TcpListener;
use umoja_api::{ApiConfig, App, closed, router};
use umoja_local::RegionStore;
use umoja_schema::Region;
use umoja_store::keyring::KeyRing;
use umoja_store::ports::Hasher;
use umoja_store::seal::Sealer;
use umoja_store::secrets::{Secrets, SecretsError};
use umoja_store::{Home, RegionState};

use crate::counting::CountingKeys;
use crate::listeners::Listeners;
use crate::pump::{Pump, PumpSettings, RegionPump};

/// A region that is to be served.
pub struct DirectoryRegion {
    /// Where its API is served.
    pub listener: TcpListener,
    /// What clients call it: the `aud` of requests.
    pub url: String,
    /// What it does.
    pub state: RegionState,
    /// What it keeps.
    pub store: RegionStore,
    /// What its services run with.
    pub home: Home,
}

/// What the regions have in common.
pub struct DirectorySettings {
    /// How often the background work is done.
    pub pump: PumpSettings,
    /// How long a write waits for its peers' key services, in milliseconds.
    pub peer_wrap_budget_ms: u64,
    /// The fewest characters of a new password.
    pub min_password_chars: usize,
    /// The least `zxcvbn` score of a new password.
    pub min_password_score: u8,
    /// The threads that hash passwords.
    pub hasher: Arc<dyn Hasher>,
    /// What is held for as long as the regions are served.
    pub lock: Box<dyn Any + Send>,
}

/// A deployment that is being served. Dropping it ends the service at once, which loses nothing that was
/// acknowledged; [`DirectoryServer::stop`] lets requests end first.
pub struct DirectoryServer {
    urls: Vec<(Region, String)>,
    homes: Vec<Home>,
    listeners: Listeners,
    pump: Pump,
    _lock: Box<dyn Any + Send>,
}

impl std::fmt::Debug for DirectoryServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DirectoryServer").field("urls", &self.urls).finish_non_exhaustive()
    }
}

impl DirectoryServer {
    /// Starts to serve every region. Requests are answered once this returns.
    ///
    /// # Errors
    /// If a region's secrets cannot be had.
    pub async fn start(regions: Vec<DirectoryRegion>, settings: DirectorySettings) -> Result<Self, SecretsError> {
        let name = |region: &DirectoryRegion| (region.store.region().clone(), region.url.clone());
        let urls: Vec<_> = regions.iter().map(name).collect();
        let serving: Vec<_> = regions.iter().filter(|region| region.state.serves()).map(name).collect();
        let mut listeners = Listeners::default();
        let (mut homes, mut pumps) = (Vec::new(), Vec::new());
        for DirectoryRegion { listener, url, state, store, home } in regions {
            let home = CountingKeys::around(home);
            let ring = KeyRing::new(&home, settings.peer_wrap_budget_ms);
            let sealer = Arc::new(Sealer::new(ring, Arc::clone(&home.entropy)));
            let secrets = Arc::new(Secrets::load(&*home.registry, sealer.ring()).await?);
            let config = ApiConfig {
                base_url: url.clone(),
                regions: serving.clone(),
                min_password_chars: settings.min_password_chars,
                min_password_score: settings.min_password_score,
                rate_lease: None,
            };
            let app = App::new(home.clone(), Arc::clone(&sealer), secrets, Arc::clone(&settings.hasher), config);
            let app = Arc::new(app);
            let router = if state.serves() { router(app) } else { closed(app) };
            listeners.serve(store.region().as_str(), listener, router);
            tracing::info!(region = %store.region(), url, state = state.as_str(), "serving");
            if state.sends() {
                pumps.push(RegionPump::new(store, home.clone(), sealer));
            }
            homes.push(home);
        }
        let pump = Pump::start(pumps, settings.pump);
        Ok(Self { urls, homes, listeners, pump, _lock: settings.lock })
    }

    /// Every region and its base URL.
    pub fn urls(&self) -> &[(Region, String)] {
        &self.urls
    }

    /// What each region runs with.
    pub fn homes(&self) -> &[Home] {
        &self.homes
    }

    /// Takes no more requests, lets those that are under way end, and then stops the background work.
    pub async fn stop(self) {
        self.listeners.stop().await;
        self.pump.stop().await;
    }
}
