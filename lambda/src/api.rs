//! The API behind API Gateway: the router of [`umoja_api`], once the region serves.

use std::num::NonZeroU32;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::response::{IntoResponse as _, Response};
use lambda_http::RequestExt as _;
use tower::ServiceExt as _;
use umoja_api::{ApiConfig, App, RequestId, identified, unavailable};
use umoja_aws::Service;
use umoja_crypto::password::MIN_SCORE;
use umoja_crypto::{EngineChoice, EngineError, Params, Passwords};
use umoja_host::{HashPool, OsEntropy, PoolSettings, SystemClock};
use umoja_store::Home;
use umoja_store::keyring::{KeyRing, PEER_WRAP_BUDGET_MS};
use umoja_store::ports::Hasher;
use umoja_store::seal::Sealer;
use umoja_store::secrets::{Secrets, SecretsError};

use crate::aws::Needs;
use crate::function::Function;
use crate::region::{Build, Live, NotReady, Settings};

/// What the API calls. A registration has its two parts' keys wrapped at once, and a connection that is opened only then
/// may take longer than a write waits for its peers.
pub const NEEDS: Needs = Needs { own: &[Service::Kms], peers: &[Service::Kms, Service::Kms] };

/// The fewest characters of a new password (NIST SP 800-63B section 3.1.1.2).
const MIN_PASSWORD_CHARS: usize = 8;

/// How many requests an instance reserves at a time: one write for so many, and what it may leave unused in a window.
const RATE_LEASE: NonZeroU32 = NonZeroU32::new(10).expect("ten is more than nothing");

/// One request at a time is what an instance gets, so one hash at a time is all there can be.
const POOL: PoolSettings = PoolSettings { at_once: 1, wait: std::time::Duration::from_secs(2) };

/// Makes the router.
pub struct BuildApi {
    hasher: Arc<dyn Hasher>,
}

impl BuildApi {
    /// Chooses the password engine, once for the life of the instance.
    ///
    /// # Errors
    /// If no engine gives the published answers on this machine.
    pub fn new() -> Result<Self, EngineError> {
        let passwords = Passwords::new(Params::OWASP, EngineChoice::Auto, None)?;
        Ok(Self { hasher: Arc::new(HashPool::new(Arc::new(passwords), POOL, Arc::new(SystemClock))) })
    }
}

/// The API of a region.
pub struct Api {
    router: Router,
}

#[async_trait]
impl Build for BuildApi {
    type Service = Api;
    const SECRETS: bool = true;

    async fn build(&self, home: Home, settings: &Settings) -> Result<Api, NotReady> {
        let ring = KeyRing::new(&home, PEER_WRAP_BUDGET_MS);
        let sealer = Arc::new(Sealer::new(ring, Arc::clone(&home.entropy)));
        let document = settings.secrets.as_ref().ok_or(SecretsError::Absent)?;
        let secrets = Arc::new(Secrets::open(document, sealer.ring()).await?);
        let url = |entry: &umoja_store::RegionEntry| (entry.name().clone(), entry.infrastructure.base_url.clone());
        let config = ApiConfig {
            base_url: settings.own.infrastructure.base_url.clone(),
            regions: settings.serving().map(url).collect(),
            min_password_chars: MIN_PASSWORD_CHARS,
            min_password_score: MIN_SCORE,
            rate_lease: Some(RATE_LEASE),
        };
        let app = App::new(home, sealer, secrets, Arc::clone(&self.hasher), config);
        let app = Arc::new(app);
        let router = if settings.own.state.serves() { umoja_api::router(app) } else { umoja_api::closed(app) };
        Ok(Api { router })
    }
}

impl Api {
    /// Answers a request. A region that does not serve answers for its health and its discovery documents only.
    pub async fn answer<B>(&self, request: Request<B>) -> Response
    where
        B: axum::body::HttpBody<Data = axum::body::Bytes> + Send + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let Ok(response) = self.router.clone().oneshot(request.map(Body::new)).await;
        response
    }
}

/// Answers a request of API Gateway.
pub async fn handle(function: &Function<BuildApi>, mut request: lambda_http::Request) -> Response {
    // Lambda's id of the request: its span, and so every line of the log, has it already.
    if let Some(id) = request.lambda_context_ref().and_then(|context| RequestId::of_host(&context.request_id)) {
        request.extensions_mut().insert(id);
    }
    let response = answer(&function.live, request.map(Body::new)).await;
    function.metrics.write();
    response
}

async fn answer(live: &Live<BuildApi>, request: Request<Body>) -> Response {
    identified(&OsEntropy, request, async |request| match live.service().await {
        Ok(api) => api.answer(request).await,
        Err(reason) => not_ready(&request, &reason),
    })
    .await
}

/// Before there are settings: the process runs, and that is all that can be said.
fn not_ready<B>(request: &Request<B>, reason: &NotReady) -> Response {
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
    use http_body_util::BodyExt as _;
    use serde_json::Value;
    use umoja_api::REQUEST_ID;
    use umoja_host::InlineHasher;
    use umoja_store::RegionState;

    async fn get(live: &Live<BuildApi>, path: &str) -> (u16, Value) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        answer(live, request).await
    }

    async fn answer(live: &Live<BuildApi>, mut request: Request<Body>) -> (u16, Value) {
        request.extensions_mut().insert(RequestId::of_host("lambda-1").unwrap());
        let response = super::answer(live, request).await;
        let status = response.status().as_u16();
        assert_eq!(response.headers()[REQUEST_ID], "lambda-1");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }

    fn live(regions: &Arc<Regions>) -> Live<BuildApi> {
        let params = Params { m_kib: 8, t: 1, p: 1 };
        let passwords = Arc::new(Passwords::new(params, EngineChoice::Auto, None).unwrap());
        let build = BuildApi { hasher: Arc::new(InlineHasher::new(passwords)) };
        Live::new(Arc::clone(regions) as _, build, regions.own().clone(), Arc::clone(&regions.clock) as _)
    }

    fn operation() -> Request<Body> {
        Request::post("/v1/users/lookup").body(Body::empty()).unwrap()
    }

    #[tokio::test]
    async fn before_there_are_settings_only_health_is_answered() {
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
    async fn a_region_that_does_not_serve_says_so_to_everybody_and_is_listed_nowhere() {
        for state in [RegionState::Joining, RegionState::Thawing, RegionState::Leaving, RegionState::Frozen] {
            let regions = Regions::new(&["eu", "us"]);
            let live = live(&regions);
            regions.put(&document(&[("eu", state), ("us", RegionState::Serving)])).await;
            regions.put_secrets().await;
            assert_eq!(get(&live, "/healthz").await.0, 200);
            assert_eq!(get(&live, "/readyz").await.0, 503);
            let refused = live.service().await.unwrap().answer(operation()).await;
            assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (503, &"60".parse().unwrap()));
            let (_, problem) = answer(&live, operation()).await;
            assert_eq!(problem["code"], "region_not_serving");
            let (status, document) = get(&live, "/.well-known/umoja.json").await;
            assert_eq!(status, 200);
            assert_eq!(document["regions"], serde_json::json!([{ "name": "us", "url": "https://us.example" }]));
        }
    }

    #[tokio::test]
    async fn a_region_that_is_frozen_stops_to_serve_within_the_interval_and_serves_again_when_it_is_thawed() {
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
