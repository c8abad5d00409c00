//! The API of a region, built from the deployment's settings.

use std::num::NonZeroU32;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use tower::ServiceExt as _;
use umoja_accounts::{Accounts, OldSystems, PasswordRules, People};
use umoja_api::openapi::MIN_PASSWORD_CHARS;
use umoja_api::{ApiConfig, App, identified, not_served, unavailable, with_request_ids};
use umoja_crypto::password::MIN_SCORE;
use umoja_crypto::{EngineChoice, EngineError, Params, Passwords};
use umoja_host::{BreachedList, HashPool, HttpsOutbound, OldEndpoint, PoolSettings, SystemClock};
use umoja_oidc::Provider;
use umoja_oidc::subject_tokens::Tokens;
use umoja_page::{Events, Page};
use umoja_provisioner::targets::OnTime;
use umoja_schema::names::metric::{self, Metric, Program};
use umoja_store::keyring::PEER_WRAP_BUDGET_MS;
use umoja_store::ports::{Entropy, Hasher, Mailer, Outbound};
use umoja_store::{Home, RegionEntry};

#[cfg(feature = "aws")]
use crate::aws::Needs;
use crate::old_systems::old_systems;
use crate::people::people;
use crate::region::{Build, Live, NotReady, Settings};

/// The services that the API calls. A registration has the keys of its two parts wrapped concurrently, and opening a
/// connection at that moment may take longer than a write waits for its peers.
#[cfg(feature = "aws")]
pub const NEEDS: Needs = {
    use umoja_aws::Service;
    Needs { own: &[Service::Kms], peers: &[Service::Kms, Service::Kms] }
};

/// How many requests an instance reserves at a time. One write serves this many requests, and an instance may leave
/// this many unused in a window.
const RATE_LEASE: NonZeroU32 = NonZeroU32::new(10).expect("ten is not zero");

/// The metrics of a process that serves only the API.
pub fn recorded() -> Vec<Metric> {
    metric::recorded_by(&[Program::Api])
}

/// What differs between the hosts of the API.
#[derive(Default)]
pub struct ApiSettings {
    /// The threads that hash passwords.
    pub pool: PoolSettings,
    /// The list that new passwords are checked against.
    pub breached: Option<BreachedList>,
    /// The old systems of companies; the default asks those on the public internet.
    pub old_systems: Option<Arc<OldSystems>>,
    /// What sends mail to people. Without it, what needs a mail says so.
    pub mailer: Option<Arc<dyn Mailer>>,
    /// How events reach status pages.
    pub events: Events,
    /// The base URL that clients of this host use, if it differs from the one in the deployment's settings.
    pub public_url: Option<String>,
    /// Single sign-on. Without it, no route of it is served.
    pub sign_on: Option<SignOn>,
    /// The issuer of single sign-on, whose tokens stand for users also where no route of it is served.
    pub issuer: Option<String>,
}

/// Builds the router.
pub struct BuildApi {
    hasher: Arc<dyn Hasher>,
    public_url: Option<String>,
    sign_on: Option<SignOn>,
    issuer: Option<String>,
    outbound: Arc<dyn Outbound>,
    events: Events,
    /// Lives as long as the process, because it remembers which of them are out.
    old_systems: Arc<OldSystems>,
    mailer: Option<Arc<dyn Mailer>>,
}

impl BuildApi {
    /// Chooses the password engine once for the life of the process.
    ///
    /// # Errors
    /// If no engine computes the published test vectors on this machine.
    pub fn new(settings: ApiSettings) -> Result<Self, EngineError> {
        let passwords = Passwords::new(Params::OWASP, EngineChoice::Auto, None)?;
        let hasher = hasher(passwords, settings.pool, settings.breached);
        let old_systems = settings.old_systems.unwrap_or_else(|| old_systems(OldEndpoint::new()));
        let ApiSettings { public_url, sign_on, issuer, events, mailer, .. } = settings;
        let outbound = Arc::new(HttpsOutbound::new());
        Ok(Self { hasher, public_url, sign_on, issuer, outbound, events, old_systems, mailer })
    }
}

/// The threads of this machine that hash passwords.
pub fn hasher(passwords: Passwords, pool: PoolSettings, breached: Option<BreachedList>) -> Arc<dyn Hasher> {
    tracing::info!(engine = passwords.engine_name(), "passwords are hashed by argon2id");
    let mut pool = HashPool::new(Arc::new(passwords), pool, Arc::new(SystemClock));
    if let Some(list) = breached {
        tracing::info!(entries = list.entries(), "new passwords are checked against a list of breached passwords");
        pool = pool.with_breached(list);
    }
    Arc::new(pool)
}

/// The routes of single sign-on, made from the people of a region. A host that makes none does not contain them: the function
/// `api` has no room for what the function `oidc` serves.
pub struct SignOn(Box<dyn Fn(Accounts) -> Router + Send + Sync>);

impl SignOn {
    /// The routes of this issuer, which has no trailing slash.
    pub fn at(issuer: String) -> Self {
        let outbound: Arc<dyn Outbound> = Arc::new(HttpsOutbound::new());
        let routes =
            move |accounts| umoja_oidc::router(Arc::new(Provider::new(accounts, &issuer, Arc::clone(&outbound))));
        Self(Box::new(routes))
    }
}

/// The API of a region.
pub struct Api {
    url: String,
    router: Router,
}

#[async_trait]
impl Build for BuildApi {
    type Service = Api;
    const SECRETS: bool = true;

    async fn build(&self, home: Home, settings: &Settings) -> Result<Api, NotReady> {
        let people = people(home, settings, PEER_WRAP_BUDGET_MS).await?;
        let url = |entry: &RegionEntry| {
            let public = self.public_url.as_ref().filter(|_| entry.name() == settings.own.name());
            public.unwrap_or(&entry.infrastructure.base_url).clone()
        };
        let config = ApiConfig {
            base_url: url(&settings.own),
            regions: settings.serving().map(|entry| (entry.name().clone(), url(entry))).collect(),
            min_password_chars: MIN_PASSWORD_CHARS,
            min_password_score: MIN_SCORE,
            rate_lease: Some(RATE_LEASE),
            explains: false,
        };
        let base_url = config.base_url.clone();
        let page = Arc::new(Page::of_region(people.clone(), &base_url, self.events));
        let entropy = Arc::clone(&people.home.entropy);
        let deliveries = Arc::new(OnTime::new(people.clone()));
        let passwords = PasswordRules { min_chars: config.min_password_chars, min_score: config.min_password_score };
        let (hasher, old_systems) = (Arc::clone(&self.hasher), Some(Arc::clone(&self.old_systems)));
        let accounts = Accounts { people: people.clone(), hasher, passwords, old_systems, mailer: self.mailer.clone() };
        let sign_on = self.sign_on.as_ref().map(|SignOn(routes)| routes(accounts.clone()));
        let provider = |issuer: &String| Arc::new(Provider::new(accounts, issuer, Arc::clone(&self.outbound)));
        let own = self.issuer.as_ref().map(provider);
        let subject_tokens = Tokens::new(people.home.clone(), Arc::clone(&self.outbound), own);
        let People { home, sealer, secrets } = people;
        let app = App::new(home, sealer, secrets, Arc::clone(&self.hasher), config);
        let app = app.with_old_systems(Arc::clone(&self.old_systems)).with_deliveries(deliveries);
        let app = app.with_subject_tokens(Arc::new(subject_tokens));
        let app = Arc::new(match &self.mailer {
            Some(mailer) => app.with_mailer(Arc::clone(mailer)),
            None => app,
        });
        let sign_on = sign_on.unwrap_or_default();
        let router = if settings.own.state.serves() {
            let others = umoja_page::router(page).merge(sign_on);
            umoja_api::router(app).merge(with_request_ids(others, &entropy))
        } else {
            umoja_api::closed(app).merge(with_request_ids(not_served(sign_on), &entropy))
        };
        Ok(Api { url: base_url, router })
    }
}

impl Api {
    /// The region's base URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Answers a request. A region that does not serve answers only for its health and its discovery documents.
    pub async fn answer(&self, request: Request) -> Response {
        let Ok(response) = self.router.clone().oneshot(request).await;
        response
    }
}

/// Answers a request under the current settings.
pub async fn answer(live: &Live<BuildApi>, entropy: &dyn Entropy, request: Request) -> Response {
    let answered = async |request: Request| match live.service().await {
        Ok(api) => api.answer(request).await,
        Err(reason) => not_ready(&request, &reason),
    };
    identified(entropy, request, answered).await
}

/// A region's API as a router for a port.
pub fn router(live: Arc<Live<BuildApi>>, entropy: Arc<dyn Entropy>) -> Router {
    Router::new().fallback(async move |request: Request| answer(&live, &*entropy, request).await)
}

/// The answer while there are no settings: the process runs, and no more is known.
fn not_ready(request: &Request, reason: &NotReady) -> Response {
    if request.uri().path() == "/healthz" {
        return axum::Json(serde_json::json!({ "status": "ok" })).into_response();
    }
    tracing::error!(%reason, "not ready");
    unavailable()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Regions, document};
    use axum::body::Body;
    use http_body_util::BodyExt as _;
    use serde_json::Value;
    use umoja_api::{REQUEST_ID, RequestId};
    use umoja_host::{InlineHasher, OsEntropy};
    use umoja_store::RegionState;

    async fn get(live: &Live<BuildApi>, path: &str) -> (u16, Value) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        answer(live, request).await
    }

    async fn answer(live: &Live<BuildApi>, mut request: Request<Body>) -> (u16, Value) {
        request.extensions_mut().insert(RequestId::of_host("lambda-1").unwrap());
        let response = super::answer(live, &OsEntropy, request).await;
        let status = response.status().as_u16();
        assert_eq!(response.headers()[REQUEST_ID], "lambda-1");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }

    fn live(regions: &Arc<Regions>) -> Live<BuildApi> {
        live_with(regions, None)
    }

    fn live_with(regions: &Arc<Regions>, sign_on: Option<SignOn>) -> Live<BuildApi> {
        let params = Params { m_kib: 8, t: 1, p: 1 };
        let passwords = Arc::new(Passwords::new(params, EngineChoice::Auto, None).unwrap());
        let build = BuildApi {
            hasher: Arc::new(InlineHasher::new(passwords)),
            public_url: None,
            sign_on,
            issuer: None,
            outbound: Arc::new(HttpsOutbound::new()),
            events: Events::Buffered,
            old_systems: old_systems(OldEndpoint::new()),
            mailer: None,
        };
        Live::new(Arc::clone(regions) as _, build, regions.own().clone(), Arc::clone(&regions.clock) as _)
    }

    fn operation() -> Request<Body> {
        Request::post("/v1/users/lookup").body(Body::empty()).unwrap()
    }

    #[tokio::test]
    async fn without_settings_only_health_is_answered() {
        let regions = Regions::new(&["eu"]);
        let live = live(&regions);
        assert_eq!(get(&live, "/healthz").await.0, 200);
        assert_eq!(get(&live, "/readyz").await.0, 503);
        let (status, problem) = answer(&live, operation()).await;
        assert_eq!((status, problem["code"].as_str()), (503, Some("unavailable")));
        regions.put(&document(&[("eu", RegionState::Serving)])).await;
        regions.put_secrets().await;
        assert_eq!(get(&live, "/readyz").await.0, 200);
        assert_eq!(answer(&live, operation()).await.0, 415);
    }

    #[tokio::test]
    async fn a_region_that_does_not_serve_answers_503_and_is_not_listed() {
        for state in [RegionState::Joining, RegionState::Thawing, RegionState::Leaving, RegionState::Frozen] {
            let regions = Regions::new(&["eu", "us"]);
            let live = live(&regions);
            regions.put(&document(&[("eu", state), ("us", RegionState::Serving)])).await;
            regions.put_secrets().await;
            assert_eq!(get(&live, "/healthz").await.0, 200);
            assert_eq!(get(&live, "/readyz").await.0, 503);
            let rejected = live.service().await.unwrap().answer(operation()).await;
            assert_eq!((rejected.status().as_u16(), &rejected.headers()["retry-after"]), (503, &"60".parse().unwrap()));
            let (_, problem) = answer(&live, operation()).await;
            assert_eq!(problem["code"], "region_not_serving");
            let (status, document) = get(&live, "/.well-known/umoja.json").await;
            assert_eq!(status, 200);
            assert_eq!(document["regions"], serde_json::json!([{ "name": "us", "url": "https://us.example" }]));
        }
    }

    #[tokio::test]
    async fn a_region_that_does_not_serve_answers_503_on_the_paths_of_single_sign_on() {
        let paths = ["/oauth2/authorize", "/oauth2/jwks", "/login", "/device", "/.well-known/openid-configuration"];
        for state in [RegionState::Joining, RegionState::Thawing, RegionState::Leaving, RegionState::Frozen] {
            let regions = Regions::new(&["eu", "us"]);
            let live = live_with(&regions, Some(SignOn::at("https://login.example".to_owned())));
            regions.put(&document(&[("eu", state), ("us", RegionState::Serving)])).await;
            regions.put_secrets().await;
            for path in paths {
                let request = Request::get(path).body(Body::empty()).unwrap();
                let rejected = live.service().await.unwrap().answer(request).await;
                let retry_after = &rejected.headers()["retry-after"];
                assert_eq!((rejected.status().as_u16(), retry_after), (503, &"60".parse().unwrap()), "{path}");
            }
            let unknown = Request::get("/oauth2/unknown").body(Body::empty()).unwrap();
            assert_eq!(live.service().await.unwrap().answer(unknown).await.status(), 404);
        }
    }

    #[tokio::test]
    async fn freezing_and_thawing_take_effect_within_the_interval() {
        let regions = Regions::new(&["eu", "us"]);
        let live = live(&regions);
        let states = [(RegionState::Serving, 415), (RegionState::Frozen, 503), (RegionState::Serving, 415)];
        for (state, wanted) in states {
            regions.put(&document(&[("eu", state), ("us", RegionState::Serving)])).await;
            regions.put_secrets().await;
            regions.clock.pass(umoja_store::deployment::SETTINGS_RELOAD_SECS * 1000);
            assert_eq!(answer(&live, operation()).await.0, wanted, "{state:?}");
        }
    }
}
