//! The floor of a request: the least that a server which takes signed requests and gives signed answers has to do. A bare
//! axum server in a process of its own verifies each request, checks the password if the operation has one, and signs a
//! prepared answer. It has no store, no limits, no log and no replay protection.

use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::net::TcpListener;
use umoja_crypto::jws::{Expected, ResponseClaims, SignedRequest, parse_request, sign_response};
use umoja_crypto::{EngineChoice, Password, SigningKey, VerifyingKey, akh};
use umoja_host::SystemClock;
use umoja_store::ports::Clock as _;

use crate::error::{BenchError, io};
use crate::hash::Hashing;
use crate::stage::runtime;

/// The name under which this program is the floor.
pub(crate) const NAME: &str = "umoja-floor";

/// The path that rejects every request with prepared bytes, as many as `umoja serve` rejects one with, and without a look at
/// it.
pub(crate) const REJECTS: &str = "/rejects";

/// What a floor needs to know, as its one argument.
#[derive(Serialize, Deserialize)]
pub(crate) struct Settings {
    /// The port on the loopback address.
    pub(crate) port: u16,
    /// The `aud` of requests.
    pub(crate) base_url: String,
    /// The algorithm of the company's key.
    pub(crate) alg: String,
    /// The company's public key.
    pub(crate) public_key_pem: String,
    /// The answer to a look-up.
    pub(crate) found: Value,
    /// The answer to a right password.
    pub(crate) authenticated: Value,
    /// The bytes of the answer to a request that is rejected.
    pub(crate) rejected: usize,
}

struct Floor {
    settings: Settings,
    company: VerifyingKey,
    region: SigningKey,
    hashing: Hashing,
    prepared: Bytes,
}

/// Serves until the process is stopped.
pub(crate) fn main() -> ExitCode {
    let served = std::env::args().nth(1).and_then(|text| serde_json::from_str(&text).ok()).map(serve);
    if matches!(served, Some(Ok(()))) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn serve(settings: Settings) -> Result<(), BenchError> {
    let company = VerifyingKey::from_stored(&settings.alg, &settings.public_key_pem);
    let company = company.ok_or(BenchError::Broken("the company's key"))?;
    let (region, hashing) = (SigningKey::from_seed("floor-1", [5; 32]), Hashing::new(EngineChoice::Auto)?);
    let (port, prepared) = (settings.port, vec![b'x'; settings.rejected].into());
    let floor = Arc::new(Floor { settings, company, region, hashing, prepared });
    let router = Router::new()
        .route("/readyz", get(async || StatusCode::OK))
        .route(REJECTS, post(reject))
        .route("/v1/users/lookup", post(lookup))
        .route("/v1/users/authenticate", post(authenticate))
        .with_state(floor);
    runtime()?.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(io("a port"))?;
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        axum::serve(listener, router).await.map_err(io("the floor"))
    })
}

async fn reject(State(floor): State<Arc<Floor>>, _: Bytes) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(header::CONTENT_TYPE, "application/jwt")], floor.prepared.clone())
        .into_response()
}

async fn lookup(State(floor): State<Arc<Floor>>, headers: HeaderMap, token: Bytes) -> Response {
    match floor.verified("/v1/users/lookup", &headers, &token) {
        Some(request) => floor.signed(request, floor.settings.found.clone()),
        None => StatusCode::UNAUTHORIZED.into_response(),
    }
}

/// Hashes on the thread that has read the request: nothing is handed to another one.
async fn authenticate(State(floor): State<Arc<Floor>>, headers: HeaderMap, token: Bytes) -> Response {
    let Some(request) = floor.verified("/v1/users/authenticate", &headers, &token) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let typed = request.body.get("password").and_then(Value::as_str).unwrap_or_default();
    if floor.hashing.verifies(&Password::attempt(typed)) {
        floor.signed(request, floor.settings.authenticated.clone())
    } else {
        StatusCode::UNAUTHORIZED.into_response()
    }
}

impl Floor {
    fn verified(&self, path: &str, headers: &HeaderMap, token: &[u8]) -> Option<SignedRequest> {
        let akh = akh(headers.get("x-api-key")?.as_bytes());
        let request = parse_request(token).ok()?.check_times(SystemClock.now().secs()).ok()?;
        request.verify(&self.company, &Expected { aud: &self.settings.base_url, path, akh: &akh }).ok()
    }

    fn signed(&self, request: SignedRequest, body: Value) -> Response {
        let now = SystemClock.now().secs();
        let claims = ResponseClaims {
            iss: self.settings.base_url.clone(),
            aud: request.iss,
            iat: now,
            exp: now + 60,
            rjti: request.jti,
            rqh: request.rqh,
            status: 200,
            body,
        };
        let answer = sign_response(&self.region, &claims);
        (StatusCode::OK, [(header::CONTENT_TYPE, "application/jwt")], answer).into_response()
    }
}
