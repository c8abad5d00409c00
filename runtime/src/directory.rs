//! Every region of a deployment in one process: each region's API on its own port, one port that stands for the routing
//! by latency before them, and the pump behind them.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::sleep;
use umoja_accounts::import::Hashing;
use umoja_accounts::rates::Rates;
use umoja_accounts::{Accounts, OldSystems, PasswordRules, People};
use umoja_api::{ApiConfig, App, closed, not_served, router, with_request_ids};
use umoja_crypto::Passwords;
use umoja_ingest::scim::{self, Scim};
use umoja_ingest::{Acceptor, Worker};
use umoja_local::RegionStore;
use umoja_oidc::Provider;
use umoja_oidc::browser::with_pages;
use umoja_oidc::subject_tokens::Tokens;
use umoja_page::{Events, Page};
use umoja_provisioner::targets::OnTime;
use umoja_provisioner::{Logouts, Provisioner, Webhooks};
use umoja_schema::Region;
use umoja_store::keyring::KeyRing;
use umoja_store::ports::{Hasher, Mailer, Outbound};
use umoja_store::seal::Sealer;
use umoja_store::secrets::{Secrets, SecretsError};
use umoja_store::{Home, RegionState};

use crate::counting::CountingKeys;
use crate::listeners::{Limits, Listeners, Proxies, Tls};
use crate::pump::{Pump, PumpSettings, RegionPump};

/// How often it is checked whether requests that began under earlier settings have ended.
const LOOK: Duration = Duration::from_millis(10);

/// How often a status page looks at its accounts, beside at each change that is reported to it.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// A region to serve.
pub struct DirectoryRegion {
    /// Where its API is served; `None` if its port is already open.
    pub listener: Option<TcpListener>,
    /// The URL that clients use: the `aud` of requests.
    pub url: String,
    /// Its state.
    pub state: RegionState,
    /// Its store.
    pub store: RegionStore,
    /// The ports of its services.
    pub home: Home,
}

/// Settings that all regions share.
pub struct DirectorySettings {
    /// How often the background work runs.
    pub pump: PumpSettings,
    /// How long a write waits for its peers' key services, in milliseconds.
    pub peer_wrap_budget_ms: u64,
    /// The fewest characters of a new password.
    pub min_password_chars: usize,
    /// The least `zxcvbn` score of a new password.
    pub min_password_score: u8,
    /// Whether the answer to a request that is not accepted says which check it failed.
    pub explains: bool,
    /// What clients may use of the process.
    pub limits: Limits,
    /// The certificate of the ports; without it they speak no TLS.
    pub tls: Option<Tls>,
    /// The proxies in front of the ports.
    pub proxies: Proxies,
    /// The threads that hash passwords.
    pub hasher: Arc<dyn Hasher>,
    /// The hasher of the hashes that come with the events of sources.
    pub passwords: Arc<Passwords>,
    /// The old systems of companies.
    pub old_systems: Arc<OldSystems>,
    /// What calls webhooks and targets.
    pub outbound: Arc<dyn Outbound>,
    /// What sends mail to people.
    pub mailer: Option<Arc<dyn Mailer>>,
    /// Single sign-on, if it is served.
    pub issuer: Option<Issuer>,
    /// A lock that is held for as long as the regions are served.
    pub lock: Box<dyn Any + Send>,
}

/// The issuer of single sign-on.
pub struct Issuer {
    /// Its URL without a trailing slash. Every region serves its routes, also on the region's own port.
    pub url: String,
    /// Its port: each of its connections is handed to a region that serves, by turns, as routing by latency hands a client now to this region
    /// and now to that. `None` if the port is already open.
    pub listener: Option<TcpListener>,
}

/// A deployment that is being served. Dropping it ends the service at once, without losing an acknowledged write;
/// [`DirectoryServer::stop`] lets requests finish first.
pub struct DirectoryServer {
    urls: Vec<(Region, String)>,
    homes: Vec<Home>,
    listeners: Listeners,
    /// The open ports. Dropping one closes it.
    ports: BTreeMap<Region, watch::Sender<Vec<Router>>>,
    /// The open port of the issuer.
    issuer: Option<watch::Sender<Vec<Router>>>,
    /// What answers requests now.
    serving: Vec<Serving>,
    pump: Option<Pump>,
    settings: DirectorySettings,
}

/// What answers requests, for as long as requests use it.
type Serving = Weak<dyn Any + Send + Sync>;

/// A built region.
struct Built {
    region: Region,
    listener: Option<TcpListener>,
    serving: Vec<Serving>,
    serves: bool,
    router: Router,
    pump: Option<RegionPump>,
    home: Home,
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
    /// If a region's secrets are not available.
    pub async fn start(regions: Vec<DirectoryRegion>, mut settings: DirectorySettings) -> Result<Self, SecretsError> {
        let mut listeners = Listeners::new(settings.limits).with_tls(settings.tls.take());
        listeners = listeners.behind(std::mem::take(&mut settings.proxies));
        let issuer = settings.issuer.as_mut().and_then(|issuer| issuer.listener.take());
        let issuer = issuer.map(|port| listeners.serve_replaceable("issuer", port, Vec::new()));
        let mut server = Self {
            urls: Vec::new(),
            homes: Vec::new(),
            listeners,
            ports: BTreeMap::new(),
            issuer,
            serving: Vec::new(),
            pump: None,
            settings,
        };
        server.replace(regions).await?;
        Ok(server)
    }

    /// Continues with these regions and their current secrets. Open ports stay open; ports of regions that are not
    /// among these are closed. Once this returns, no request and no step of the background work is running that began
    /// under the earlier settings.
    ///
    /// # Errors
    /// If a region's secrets are not available. Then the earlier regions stay in service.
    pub async fn replace(&mut self, regions: Vec<DirectoryRegion>) -> Result<(), SecretsError> {
        let urls: Vec<_> = regions.iter().map(name).collect();
        let serving: Vec<_> = regions.iter().filter(|region| region.state.serves()).map(name).collect();
        let mut all = Vec::new();
        for region in regions {
            all.push(self.build(region, &serving).await?);
        }
        let (mut ports, mut answering, mut pumps) = (BTreeMap::new(), Vec::new(), Vec::new());
        if let Some(issuer) = &self.issuer {
            let by_turns = all.iter().filter(|built| built.serves).map(|built| built.router.clone());
            drop(issuer.send_replace(by_turns.collect()));
        }
        self.homes.clear();
        for Built { region, listener, serving, serves: _, router, pump, home } in all {
            let port = match (self.ports.remove(&region), listener) {
                (Some(port), _) => {
                    drop(port.send_replace(vec![router]));
                    Some(port)
                }
                (None, Some(listener)) => {
                    Some(self.listeners.serve_replaceable(region.as_str(), listener, vec![router]))
                }
                (None, None) => None,
            };
            ports.extend(port.map(|port| (region, port)));
            answering.extend(serving);
            pumps.extend(pump);
            self.homes.push(home);
        }
        self.urls = urls;
        self.ports = ports;
        let before = std::mem::replace(&mut self.serving, answering);
        // A port aborts requests that take too long.
        while before.iter().any(|served| served.strong_count() > 0) {
            sleep(LOOK).await;
        }
        if let Some(pump) = self.pump.take() {
            pump.stop().await;
        }
        self.pump = Some(Pump::start(pumps, self.settings.pump));
        Ok(())
    }

    async fn build(&self, region: DirectoryRegion, serving: &[(Region, String)]) -> Result<Built, SecretsError> {
        let DirectoryRegion { listener, url, state, store, home } = region;
        let region = store.region().clone();
        let home = CountingKeys::around(home);
        let ring = KeyRing::new(&home, self.settings.peer_wrap_budget_ms);
        let sealer = Arc::new(Sealer::new(ring, Arc::clone(&home.entropy)));
        let secrets = Arc::new(Secrets::load(&*home.registry, sealer.ring()).await?);
        // A region that is about to join may hold secrets that no command has wrapped for it yet.
        if let Err(error) = home.proofs.reload().await {
            tracing::warn!(%region, %error, "the secret of proofs cannot be read");
        }
        tracing::info!(%region, url, state = state.as_str(), "serving");
        let config = ApiConfig {
            base_url: url.clone(),
            regions: serving.to_vec(),
            min_password_chars: self.settings.min_password_chars,
            min_password_score: self.settings.min_password_score,
            rate_lease: None,
            explains: self.settings.explains,
        };
        let hasher = Arc::clone(&self.settings.hasher);
        let hashing = Hashing::Threads(Arc::new(self.settings.passwords.with_keys(secrets.password_keys())));
        let people = People { home: home.clone(), sealer: Arc::clone(&sealer), secrets: Arc::clone(&secrets) };
        let webhooks =
            Webhooks::new(home.clone(), Arc::clone(&secrets), Arc::clone(&self.settings.outbound), url.clone());
        let provider = self.settings.issuer.as_ref().map(|issuer| {
            let accounts = self.accounts(&people, Some(Arc::clone(&self.settings.old_systems)));
            Arc::new(Provider::new(accounts, &issuer.url, Arc::clone(&self.settings.outbound)))
        });
        let subject_tokens = Tokens::new(home.clone(), Arc::clone(&self.settings.outbound), provider.clone());
        let app = App::new(home.clone(), Arc::clone(&sealer), secrets, hasher, config);
        let app = app.with_subject_tokens(Arc::new(subject_tokens));
        let app = app.with_old_systems(Arc::clone(&self.settings.old_systems));
        let app = app.with_deliveries(Arc::new(OnTime::new(people.clone())));
        let app = Arc::new(match &self.settings.mailer {
            Some(mailer) => app.with_mailer(Arc::clone(mailer)),
            None => app,
        });
        // No gateway stands in front, so the process itself counts what sources send.
        let rates = Arc::new(Rates::in_memory());
        let sources = Arc::new(Acceptor::new(home.clone()).with_rates(Arc::clone(&rates)));
        let directory = Arc::new(self.users_of_scim(&people, &hashing));
        let page = Arc::new(Page::of_region(people.clone(), &url, Events::Streamed(LOOK_AGAIN)));
        let watchers = Arc::downgrade(&page.watchers());
        let logouts = self
            .settings
            .issuer
            .as_ref()
            .map(|issuer| Logouts::new(people.clone(), Arc::clone(&self.settings.outbound), issuer.url.clone()));
        let mut serving = vec![
            Arc::downgrade(&app) as Serving,
            Arc::downgrade(&sources) as _,
            Arc::downgrade(&directory) as _,
            Arc::downgrade(&page) as _,
        ];
        serving.extend(provider.as_ref().map(|provider| Arc::downgrade(provider) as Serving));
        Ok(Built {
            region,
            listener,
            serving,
            serves: state.serves(),
            router: if state.serves() {
                let scim = Scim {
                    base_url: url,
                    directory,
                    sources: Arc::new(Arc::clone(&home.registry)),
                    clock: Arc::clone(&home.clock),
                    rates: Some(rates),
                };
                let feeds = umoja_ingest::router(sources).merge(scim::router(scim)).merge(umoja_page::router(page));
                let others = feeds.merge(provider.map(umoja_oidc::router).unwrap_or_default());
                let all = router(app).merge(with_request_ids(others, &home.entropy));
                match &self.settings.issuer {
                    Some(issuer) => with_pages(&issuer.url, all),
                    None => all,
                }
            } else {
                let sign_on = provider.map(umoja_oidc::router).unwrap_or_default();
                closed(app).merge(with_request_ids(not_served(sign_on), &home.entropy))
            },
            pump: state.sends().then(|| {
                let provisioner = Arc::new(Provisioner::new(people.clone(), Arc::clone(&self.settings.outbound)));
                let pump = RegionPump::new(store, home.clone(), sealer).with_ingest(Worker::new(people, hashing));
                let pump = pump.with_provisioner(provisioner).with_pages(watchers);
                let pump = match logouts {
                    Some(logouts) => pump.with_logouts(logouts),
                    None => pump,
                };
                if state.makes_events() { pump.with_webhooks(webhooks) } else { pump.without_feed() }
            }),
            home,
        })
    }

    /// The users that the SCIM server of a region reads and writes.
    fn users_of_scim(&self, people: &People, hashing: &Hashing) -> scim::People {
        scim::People { accounts: self.accounts(people, None), hashing: hashing.clone() }
    }

    fn accounts(&self, people: &People, old_systems: Option<Arc<OldSystems>>) -> Accounts {
        let passwords =
            PasswordRules { min_chars: self.settings.min_password_chars, min_score: self.settings.min_password_score };
        let (hasher, mailer) = (Arc::clone(&self.settings.hasher), self.settings.mailer.clone());
        Accounts { people: people.clone(), hasher, passwords, old_systems, mailer }
    }

    /// Every region with its base URL.
    pub fn urls(&self) -> &[(Region, String)] {
        &self.urls
    }

    /// The ports of each region's services.
    pub fn homes(&self) -> &[Home] {
        &self.homes
    }

    /// Accepts no more requests, lets running ones finish, and then stops the background work.
    pub async fn stop(self) {
        self.listeners.stop().await;
        if let Some(pump) = self.pump {
            pump.stop().await;
        }
    }
}

fn name(region: &DirectoryRegion) -> (Region, String) {
    (region.store.region().clone(), region.url.clone())
}
