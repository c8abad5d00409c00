//! A world with the API in front of each region, and companies that call it.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde_json::{Value, json};
use umoja_accounts::provisioning::SubjectTokens;
use umoja_accounts::{OldSystems, People};
use umoja_api::{ApiConfig, App, router};
use umoja_crypto::{EngineChoice, Params, Passwords, Weakness};
use umoja_host::InlineHasher;
use umoja_provisioner::targets::OnTime;
use umoja_schema::{Company, CompanyId, Region, Scope, Target};
use umoja_store::Home;
use umoja_store::ports::{Attempt, Busy, Clock as _, Hasher, LegacyLogin, NewPassword, Verdict};
use umoja_store::seal::Sealer;
use umoja_store::secrets::Secrets;

use crate::caller::{Caller, Endpoint, Reply};
use crate::mailbox::Mailbox;
use crate::world::{World, WorldRegion};

/// A deployment with its API.
pub struct Deployment {
    /// The regions.
    pub world: World,
    /// Each region's API, in the order of the world's regions.
    pub endpoints: Vec<Endpoint>,
    /// The hasher, which counts the hashes that it computes.
    pub hasher: Arc<CountingHasher>,
    /// A company with every scope, trusted to verify.
    pub shop: Caller,
    /// Another company.
    pub food: Caller,
    /// A company with every scope that is not trusted to verify.
    pub blog: Caller,
    /// The mailbox of all users.
    pub mail: Arc<Mailbox>,
}

impl Deployment {
    /// Two regions.
    pub async fn new(seed: u64) -> Self {
        Self::of(World::new(seed, 2).await).await
    }

    /// The API over a world.
    pub async fn of(world: World) -> Self {
        Self::hashing_with(world, Arc::default()).await
    }

    /// The same with an existing hasher, because checking the engines of a new one takes longer than a short run.
    pub async fn hashing_with(world: World, hasher: Arc<CountingHasher>) -> Self {
        let names: Vec<Region> = world.regions.iter().map(|region| region.name.clone()).collect();
        let mail = Arc::<Mailbox>::default();
        let endpoint = |region: &WorldRegion| {
            let (sealer, secrets) = (Arc::clone(&region.sealer), Arc::clone(region.secrets()));
            endpoint(region.home.clone(), sealer, secrets, (Arc::clone(&hasher), Arc::clone(&mail)), &names)
        };
        let endpoints = world.regions.iter().map(endpoint).collect();
        let (shop, food, blog) = (Caller::new("shop", 1), Caller::new("food", 2), Caller::new("blog", 3));
        let deployment = Self { world, endpoints, hasher, shop, food, blog, mail };
        for (caller, trusted) in [(&deployment.shop, true), (&deployment.food, true), (&deployment.blog, false)] {
            deployment.put_company(&caller.company(&Scope::ALL, trusted)).await;
        }
        deployment
    }

    /// The API of every region asks the old systems of companies, as one process.
    #[must_use]
    pub fn asking(mut self, login: Arc<dyn LegacyLogin>) -> Self {
        let systems = Arc::new(OldSystems::new(login));
        let names: Vec<Region> = self.world.regions.iter().map(|region| region.name.clone()).collect();
        let endpoint = |region: &WorldRegion| {
            let (sealer, secrets) = (Arc::clone(&region.sealer), Arc::clone(region.secrets()));
            let with = (Arc::clone(&self.hasher), Arc::clone(&self.mail));
            instance(region.home.clone(), sealer, secrets, with, &names, None, |app| {
                app.with_old_systems(Arc::clone(&systems))
            })
        };
        self.endpoints = self.world.regions.iter().map(endpoint).collect();
        self
    }

    /// The API of every region takes these tokens from now on.
    pub fn take_tokens(&mut self, tokens: impl Fn(&WorldRegion) -> Arc<dyn SubjectTokens>) {
        let endpoint = |region: &WorldRegion| {
            let (sealer, secrets) = (Arc::clone(&region.sealer), Arc::clone(region.secrets()));
            let with = (Arc::clone(&self.hasher), Arc::clone(&self.mail));
            let tokens = tokens(region);
            instance(region.home.clone(), sealer, secrets, with, &[], None, |app| app.with_subject_tokens(tokens))
        };
        self.endpoints = self.world.regions.iter().map(endpoint).collect();
    }

    /// Another instance of a region's API. It reserves at most `rate_lease` requests of a company's rate limit at a
    /// time.
    pub fn instance(&self, at: usize, rate_lease: u32) -> Endpoint {
        let region = &self.world.regions[at];
        let (sealer, secrets) = (Arc::clone(&region.sealer), Arc::clone(region.secrets()));
        let lease = NonZeroU32::new(rate_lease);
        let with = (Arc::clone(&self.hasher), Arc::clone(&self.mail));
        instance(region.home.clone(), sealer, secrets, with, &[], lease, |app| app)
    }

    /// Stores a company in every region.
    pub async fn put_company(&self, company: &Company) {
        for region in &self.world.regions {
            region.tables.registry.put_company(company).await.expect("companies can be written");
        }
    }

    /// Stores a target of a company in every region. The first region delivers to it.
    pub async fn put_target(&self, id: &str, company: &Caller) {
        let document = json!({
            "id": id, "revision": 1, "company": company.id, "kind": "scim", "url": "https://scim.example/v2",
            "home": self.world.regions[0].name, "enabled": true, "mapping": { "userName": ["email", "id"] },
            "deprovisioning": "disable", "rate": 1000,
        });
        for region in &self.world.regions {
            let name = Target::setting(&id.parse().expect("an id of a target"));
            region.tables.registry.put_setting(&name, &document).await.expect("targets can be written");
        }
    }

    /// The time, in seconds.
    pub fn now(&self) -> u64 {
        self.world.clock.now().secs()
    }

    /// A call of the shop.
    pub async fn call(&self, at: usize, operation: &str, body: Value) -> Reply {
        self.call_as(&self.shop, at, operation, body).await
    }

    /// A call of a company.
    pub async fn call_as(&self, caller: &Caller, at: usize, operation: &str, body: Value) -> Reply {
        let reply = caller.call(&self.endpoints[at], operation, self.now(), body).await;
        if let Some(user) = reply.body.get("user").filter(|user| user.is_object()) {
            let version = user["version"].as_str().expect("a user has a version");
            self.world.acknowledge_version(&version.parse().expect("a returned version is valid"));
        }
        reply
    }

    /// A call of the shop with an idempotency key.
    pub async fn call_idk(&self, at: usize, operation: &str, idk: &str, body: Value) -> Reply {
        self.shop.call_idk(&self.endpoints[at], operation, self.now(), Some(idk), body).await
    }

    /// Registers a user of the shop by a verified e-mail address and a password.
    pub async fn register(&self, at: usize, email: &str, password: &str) -> Reply {
        let body = json!({ "email": email, "email_verified": true, "password": password });
        self.call(at, "register", body).await
    }

    /// Whether a password is accepted.
    pub async fn accepts(&self, at: usize, email: &str, password: &str) -> bool {
        let reply = self.call(at, "authenticate", json!({ "email": email, "password": password })).await;
        reply.ok(200).body["authenticated"] == json!(true)
    }
}

/// The API of a region that one process serves.
pub fn endpoint(
    home: Home,
    sealer: Arc<Sealer>,
    secrets: Arc<Secrets>,
    with: (Arc<CountingHasher>, Arc<Mailbox>),
    regions: &[Region],
) -> Endpoint {
    instance(home, sealer, secrets, with, regions, None, |app| app)
}

fn instance(
    home: Home,
    sealer: Arc<Sealer>,
    secrets: Arc<Secrets>,
    (hasher, mail): (Arc<CountingHasher>, Arc<Mailbox>),
    regions: &[Region],
    rate_lease: Option<NonZeroU32>,
    more: impl FnOnce(App) -> App,
) -> Endpoint {
    let url = |name: &Region| format!("https://{name}.example.com");
    let base_url = url(&home.own.name);
    let regions = regions.iter().map(|name| (name.clone(), url(name))).collect();
    let config = ApiConfig {
        base_url: base_url.clone(),
        regions,
        min_password_chars: 8,
        min_password_score: 3,
        rate_lease,
        explains: false,
    };
    let jwks = secrets.signing_keys().iter().map(|key| (key.kid().to_owned(), key.verifying_key())).collect();
    let people = People { home: home.clone(), sealer: Arc::clone(&sealer), secrets: Arc::clone(&secrets) };
    let app = App::new(home, sealer, secrets, hasher, config)
        .with_deliveries(Arc::new(OnTime::new(people)))
        .with_mailer(mail);
    Endpoint { router: router(Arc::new(more(app))), base_url, jwks }
}

/// Hashes inline with the smallest parameters, and counts the hashes.
pub struct CountingHasher {
    inner: InlineHasher,
    passwords: Arc<Passwords>,
    hashed: AtomicUsize,
    verified: AtomicUsize,
    busy: Mutex<Option<Busy>>,
}

impl Default for CountingHasher {
    fn default() -> Self {
        let params = Params { m_kib: 8, t: 1, p: 1 };
        let passwords = Arc::new(Passwords::new(params, EngineChoice::Auto, None).expect("an engine works"));
        Self {
            inner: InlineHasher::new(Arc::clone(&passwords)),
            passwords,
            hashed: AtomicUsize::new(0),
            verified: AtomicUsize::new(0),
            busy: Mutex::default(),
        }
    }
}

impl CountingHasher {
    /// The number of passwords hashed and of attempts checked since the last call.
    pub fn take(&self) -> (usize, usize) {
        (self.hashed.swap(0, Ordering::Relaxed), self.verified.swap(0, Ordering::Relaxed))
    }

    /// The engine itself, to create stored hashes.
    pub fn passwords(&self) -> &Passwords {
        &self.passwords
    }

    /// Rejects all work, or accepts work again.
    pub fn set_busy(&self, busy: Option<Busy>) {
        *self.busy.lock().unwrap_or_else(PoisonError::into_inner) = busy;
    }

    fn admit(&self) -> Result<(), Busy> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }
}

#[async_trait]
impl Hasher for CountingHasher {
    async fn hash(&self, new: NewPassword) -> Result<Result<String, Weakness>, Busy> {
        self.admit()?;
        let hashed = self.inner.hash(new).await?;
        self.hashed.fetch_add(usize::from(hashed.is_ok()), Ordering::Relaxed);
        Ok(hashed)
    }

    async fn verify(&self, attempt: Attempt) -> Result<Verdict, Busy> {
        self.admit()?;
        self.verified.fetch_add(1, Ordering::Relaxed);
        self.inner.verify(attempt).await
    }

    fn rejects(&self, _: &CompanyId) -> Option<Busy> {
        self.admit().err()
    }
}
