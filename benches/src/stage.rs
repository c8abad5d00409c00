//! The measured deployment: two regions in their own directory, a company, and users that were registered through the
//! API and replicated to the other region by the pump.

use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Request;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tower::ServiceExt as _;
use umoja_api::{ApiConfig, App, router};
use umoja_cli::{Config, Deployment};
use umoja_crypto::{EngineChoice, Weakness};
use umoja_local::RegionStore;
use umoja_runtime::backlog::CURSOR;
use umoja_runtime::{Pump, PumpSettings, RegionPump};
use umoja_schema::Region;
use umoja_store::ports::{Attempt, Busy, Hasher, NewPassword, Verdict};
use umoja_store::secrets::Secrets;

use crate::company::Caller;
use crate::error::{BenchError, io};
use crate::hash::{Hashing, PASSWORD};

/// The regions.
const REGIONS: [&str; 2] = ["eu-west-1", "af-south-1"];

/// Registrations at the same time.
const WORKERS: usize = 64;

/// A deployment with users that is not being served.
pub(crate) struct Stage {
    dir: TempDir,
    urls: Vec<String>,
    company: Arc<Caller>,
    /// The id of each user, in the order of their numbers.
    ids: Vec<String>,
}

impl Stage {
    /// Makes a deployment below `dir`.
    pub(crate) fn new(dir: &Path) -> Result<Self, BenchError> {
        let dir = tempfile::Builder::new().prefix("umoja-bench-").tempdir_in(dir).map_err(io("a directory"))?;
        let regions = REGIONS.map(str::parse::<Region>).into_iter().collect::<Result<Vec<_>, _>>();
        let mut config = Config::new(&regions.map_err(|_| BenchError::Broken("a region's name"))?, 0);
        config.env = "bench".into();
        for (region, port) in config.regions.iter_mut().zip(free_ports().map_err(io("a port"))?) {
            region.port = port;
        }
        let urls = config.urls().into_iter().map(|(_, url)| url).collect();
        let company = Arc::new(Caller::new("bench")?);
        let deployment = Deployment::create(dir.path(), config)?;
        runtime()?.block_on(async {
            deployment.ensure_secrets().await?;
            deployment.put_company(company.record()).await
        })?;
        Ok(Self { dir, urls, company, ids: Vec::new() })
    }

    /// A deployment with this many users.
    pub(crate) fn with_users(dir: &Path, users: usize) -> Result<Self, BenchError> {
        let mut stage = Self::new(dir)?;
        stage.grow(users)?;
        Ok(stage)
    }

    /// Adds another company.
    pub(crate) fn admit(&self, company: &Caller) -> Result<(), BenchError> {
        let deployment = Deployment::open(self.dir.path())?;
        runtime()?.block_on(deployment.put_company(company.record()))?;
        Ok(())
    }

    /// The directory of the deployment.
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Each region's base URL.
    pub(crate) fn urls(&self) -> &[String] {
        &self.urls
    }

    /// The calling company.
    pub(crate) fn company(&self) -> &Caller {
        &self.company
    }

    /// The number of users.
    pub(crate) fn users(&self) -> usize {
        self.ids.len()
    }

    /// The id of a user; numbers beyond the last wrap around.
    pub(crate) fn id(&self, number: usize) -> &str {
        &self.ids[number % self.ids.len()]
    }

    /// The e-mail address of a user.
    pub(crate) fn email(&self, number: usize) -> String {
        email(number % self.ids.len())
    }

    /// Registers users until there are this many: through the API's router, in this process, with one hash for all of
    /// them. Returns when both regions have them and no work is left in the background.
    pub(crate) fn grow(&mut self, users: usize) -> Result<(), BenchError> {
        let numbers = self.ids.len()..users;
        let deployment = Deployment::open(self.dir.path())?;
        let ids = runtime()?.block_on(register(&deployment, &self.urls[0], &self.company, numbers))?;
        self.ids.extend(ids);
        Ok(())
    }
}

pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, BenchError> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(io("threads to run on"))
}

fn free_ports() -> std::io::Result<[u16; REGIONS.len()]> {
    let listen = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let (one, two) = (listen()?, listen()?);
    Ok([one.local_addr()?.port(), two.local_addr()?.port()])
}

/// A port that no one uses now.
pub(crate) fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn email(number: usize) -> String {
    format!("user.{number}@example.com")
}

/// A profile as a shop would keep it: about 600 bytes.
pub(crate) fn profile(number: usize) -> Value {
    json!({
        "name": format!("Amina Wanjiru {number}"),
        "given_name": "Amina",
        "family_name": format!("Wanjiru {number}"),
        "nickname": "new",
        "picture": format!("https://images.example.com/people/{number:08}.jpg"),
        "birthdate": "1990-04-17",
        "zoneinfo": "Africa/Nairobi",
        "locale": "sw-KE",
        "address": {
            "street_address": format!("{number} Kenyatta Avenue"),
            "locality": "Nairobi",
            "postal_code": "00100",
            "country": "KE",
        },
        "custom": {
            "newsletter": true,
            "loyalty": { "card": format!("KE-{number:010}"), "level": "silver", "points": 1240 },
            "preferences": { "currency": "KES", "delivery": "pick-up", "store": "Nairobi CBD" },
        },
    })
}

async fn register(
    deployment: &Deployment,
    url: &str,
    company: &Arc<Caller>,
    numbers: Range<usize>,
) -> Result<Vec<String>, BenchError> {
    let hasher: Arc<dyn Hasher> = Arc::new(OneHash(Hashing::new(EngineChoice::Auto)?.stored().to_owned()));
    let homes = deployment.homes(None);
    let (mut pumps, mut routers) = (Vec::new(), Vec::new());
    for (home, store) in homes.iter().zip(deployment.stores()) {
        let sealer = Arc::new(deployment.sealer(home));
        let secrets = Arc::new(Secrets::load(&*home.registry, sealer.ring()).await?);
        let config = ApiConfig {
            base_url: url.to_owned(),
            regions: Vec::new(),
            min_password_chars: 8,
            min_password_score: 3,
            rate_lease: None,
            explains: false,
        };
        let app = App::new(home.clone(), Arc::clone(&sealer), secrets, Arc::clone(&hasher), config);
        routers.push(router(Arc::new(app)));
        pumps.push(RegionPump::new(store.clone(), home.clone(), sealer));
    }
    let pump = Pump::start(pumps, PumpSettings::default());
    let router = routers.swap_remove(0);

    let next = Arc::new(AtomicUsize::new(numbers.start));
    let mut workers = JoinSet::new();
    for _ in 0..WORKERS.min(numbers.len()) {
        let (router, company, url) = (router.clone(), Arc::clone(company), url.to_owned());
        let (next, end) = (Arc::clone(&next), numbers.end);
        workers.spawn(async move {
            let mut done = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= end {
                    return Ok::<_, BenchError>(done);
                }
                done.push((number, register_one(&router, &company, &url, number).await?));
            }
        });
    }
    let mut registered = Vec::with_capacity(numbers.len());
    while let Some(done) = workers.join_next().await {
        registered.extend(done.map_err(|_| BenchError::Broken("a registration"))??);
    }
    registered.sort_by_key(|(number, _)| *number);
    for store in deployment.stores() {
        settle(store).await?;
    }
    pump.stop().await;
    for store in deployment.stores() {
        while store.housekeep(10_000).await?.may_have_more(10_000) {}
    }
    Ok(registered.into_iter().map(|(_, id)| id).collect())
}

async fn register_one(router: &axum::Router, company: &Caller, url: &str, number: usize) -> Result<String, BenchError> {
    let body = json!({
        "email": email(number),
        "email_verified": true,
        "external_id": format!("customer-{number}"),
        "password": PASSWORD,
        "profile": profile(number),
    });
    let (head, body) = company.shot(url, "register", body)?.request.into_parts();
    let Ok(response) = router.clone().oneshot(Request::from_parts(head, Body::new(body))).await;
    let status = response.status().as_u16();
    let answer = response.into_body().collect().await.map_err(|_| BenchError::Broken("an answer"))?.to_bytes();
    // The measurements that use the id check the answer later.
    let id = answer.split(|byte| *byte == b'.').nth(1).and_then(|payload| {
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        Some(claims.pointer("/body/user/id")?.as_str()?.to_owned())
    });
    id.ok_or_else(|| BenchError::Answer {
        what: "register".into(),
        status,
        body: String::from_utf8_lossy(&answer).into_owned(),
    })
}

/// Waits until every write is replicated.
async fn settle(store: &RegionStore) -> Result<(), BenchError> {
    while store.cursor(CURSOR).await? < store.newest_change()? {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Returns the same hash for every password, because the preparation of users is not measured.
struct OneHash(String);

#[async_trait]
impl Hasher for OneHash {
    async fn hash(&self, _: NewPassword) -> Result<Result<String, Weakness>, Busy> {
        Ok(Ok(self.0.clone()))
    }

    async fn verify(&self, _: Attempt) -> Result<Verdict, Busy> {
        Ok(Verdict::Wrong)
    }
}
