//! What every operation goes through: limits, signature, rate, scope, replay, idempotency; and the signed answer.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http_body_util::BodyExt as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use umoja_crypto::jws::{ResponseClaims, sign_response};
use umoja_schema::{Millis, Scope, UserId};
use umoja_store::rotation::ANSWER_LIFETIME_SECS;

use crate::app::App;
use crate::caller::{Caller, verify};
use crate::idempotency::Remembered;
use crate::problem::{
    CONTENT_TYPE, INTERNAL, MALFORMED, METHOD, NO_OPERATION, REPLAYED, Refusal, TOO_LARGE, UNAVAILABLE,
};
use crate::{discovery, operations as op, request_id};

/// The most bytes of a body.
const MAX_BODY: usize = 256 * 1024;

/// How many bytes more are read and thrown away, so that the caller sees the answer rather than a reset.
const MAX_DISCARDED: usize = 1024 * 1024;

/// How long after its `exp` a request may still be accepted because of clocks, in milliseconds.
const LEEWAY_MS: u64 = 5_000;

/// One operation of the API.
pub(crate) trait Operation {
    /// Its path.
    const PATH: &'static str;
    /// The scope that it needs.
    const SCOPE: Scope;
    /// True if it changes something: its outcome is remembered under the idempotency key.
    const CHANGES: bool;
    /// True if it always computes the hash of a password: it is refused before anything else is spent on it where too many
    /// wait for theirs.
    const HASHES: bool = false;
    /// The form of its body.
    type Body: DeserializeOwned + Send + Sync;
    /// What it reads first, in parallel with the replay check.
    type Read: Send;

    /// Parses the body and does the first read. Changes nothing.
    fn read(app: &App, caller: &Caller, body: &Self::Body) -> impl Future<Output = Result<Self::Read, Refusal>> + Send;

    /// Does it.
    fn run(
        app: &App,
        caller: &Caller,
        body: Self::Body,
        read: Self::Read,
    ) -> impl Future<Output = Result<Answer, Refusal>> + Send;

    /// The answer to a repeated request that was done before with this status.
    fn again(
        app: &App,
        status: u16,
        id: UserId,
        version: Option<String>,
    ) -> impl Future<Output = Result<Answer, Refusal>> + Send {
        let _ = version;
        async move { op::found_again(app, status, id).await }
    }
}

/// What an operation answers.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    /// The user and the version that it made, to be remembered.
    pub(crate) made: Option<(UserId, Option<String>)>,
}

impl Answer {
    /// An answer about no user in particular.
    pub(crate) fn new(status: u16, body: &impl Serialize) -> Result<Self, Refusal> {
        let body = serde_json::to_value(body).map_err(|_| Refusal::from(&INTERNAL))?;
        Ok(Self { status, body, made: None })
    }

    /// The same, to be remembered with the user that it is about.
    pub(crate) fn of(mut self, id: UserId, version: Option<String>) -> Self {
        self.made = Some((id, version));
        self
    }
}

/// The API of a region.
pub fn router(app: Arc<App>) -> Router {
    let entropy = Arc::clone(&app.home.entropy);
    routes(app).layer(middleware::from_fn_with_state(entropy, request_id::layer))
}

/// The API of a region that does not serve: its health and its discovery documents are answered, and everything else is
/// refused with 503 before it is read.
pub fn closed(app: Arc<App>) -> Router {
    let entropy = Arc::clone(&app.home.entropy);
    let refuse = middleware::from_fn(async |request: Request, next: Next| {
        let path = request.uri().path();
        if path == "/readyz" || path.starts_with("/v1/") {
            return unsigned(&Refusal::not_serving());
        }
        next.run(request).await
    });
    routes(app).layer(refuse).layer(middleware::from_fn_with_state(entropy, request_id::layer))
}

fn routes(app: Arc<App>) -> Router {
    fn operation<O: Operation + 'static>(router: Router<Arc<App>>) -> Router<Arc<App>> {
        router.route(O::PATH, post(handle::<O>))
    }
    let mut router = Router::new()
        .route("/healthz", get(discovery::healthz))
        .route("/readyz", get(discovery::readyz))
        .route("/.well-known/jwks.json", get(discovery::jwks))
        .route("/.well-known/umoja.json", get(discovery::deployment))
        .route("/openapi.json", get(discovery::openapi));
    router = operation::<op::register::Register>(router);
    router = operation::<op::lookup::Lookup>(router);
    router = operation::<op::authenticate::Authenticate>(router);
    router = operation::<op::update::Update>(router);
    router = operation::<op::password_change::PasswordChange>(router);
    router = operation::<op::reset_start::ResetStart>(router);
    router = operation::<op::reset_finish::ResetFinish>(router);
    router = operation::<op::status::Status>(router);
    router = operation::<op::erase::Erase>(router);
    router = operation::<op::erasure::Erasure>(router);
    router = operation::<op::export::Export>(router);
    router = operation::<op::merge::Merge>(router);
    router = operation::<op::unmerge::Unmerge>(router);
    router
        .method_not_allowed_fallback(async || unsigned(&Refusal::from(&METHOD)))
        .fallback(async || unsigned(&Refusal::from(&NO_OPERATION)))
        .with_state(app)
}

async fn handle<O: Operation>(State(app): State<Arc<App>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let started = app.home.clock.now();
    let token = match limits(&parts.headers, body).await {
        Ok(token) => token,
        Err(refusal) => return unsigned(&refusal),
    };
    let (mut caller, body) = match verify(&app, O::PATH, &parts.headers, &token).await {
        Ok(verified) => verified,
        Err(refusal) => return unsigned(&refusal),
    };
    let standing = app.rates.take(&app.home, &app.secrets, &caller.company).await;
    let answer = match standing.refusal() {
        Some(refusal) => Err(refusal),
        None => answer::<O>(&app, &mut caller, body).await,
    };
    let (status, body, retry_after) = match answer {
        Ok(answer) => (answer.status, answer.body, None),
        Err(refusal) => {
            (refusal.kind.status, serde_json::to_value(refusal.problem()).unwrap_or_default(), refusal.retry_after_secs)
        }
    };
    let now = app.home.clock.now();
    tracing::info!(operation = O::PATH, company = %caller.company.id, status, ms = now.since(started), "request");
    let mut response = signed(&app, &caller, now, status, body);
    set_retry_after(&mut response, retry_after);
    standing.tell(&mut response, now, retry_after);
    response
}

async fn answer<O: Operation>(app: &App, caller: &mut Caller, value: Value) -> Result<Answer, Refusal> {
    caller.permit(O::SCOPE)?;
    if O::HASHES
        && let Some(busy) = app.hasher.refuses(&caller.company.id)
    {
        return Err(busy.into());
    }
    let body: O::Body = match parse(value) {
        Ok(body) => body,
        Err(refusal) => return Err(if first_use(app, caller).await? { refusal } else { Refusal::from(&REPLAYED) }),
    };
    let (first, read) = tokio::join!(first_use(app, caller), O::read(app, caller, &body));
    if !first? {
        return Err(Refusal::from(&REPLAYED));
    }
    let read = read?;
    let remembered = if O::CHANGES { Remembered::begin(app, caller).await? } else { None };
    if let Some((status, id, version)) = remembered.as_ref().and_then(Remembered::done) {
        return O::again(app, status, id, version).await;
    }
    caller.is_repeat = remembered.as_ref().is_some_and(|remembered| remembered.is_repeat);
    let answer = O::run(app, caller, body, read).await?;
    if let (Some(remembered), Some((id, version))) = (remembered, &answer.made) {
        remembered.finish(app, caller, answer.status, *id, version.clone()).await;
    }
    Ok(answer)
}

/// True for one of any number of requests with this `jti`.
async fn first_use(app: &App, caller: &Caller) -> Result<bool, Refusal> {
    let hash = app.secrets.request_hash(&["jti", caller.company.id.as_str(), &caller.htu, &caller.jti]);
    let expires_at = Millis(caller.exp_secs * 1000).plus(LEEWAY_MS + 1_000);
    Ok(app.home.requests.first_use(&hash, caller.now, expires_at).await?)
}

fn parse<T: DeserializeOwned>(value: Value) -> Result<T, Refusal> {
    // Serde reads a struct from an array of its members too; no operation takes an array.
    let members = value.as_object().ok_or_else(|| Refusal::invalid("body", "The body is an object."))?;
    if let Some((name, _)) = members.iter().find(|(_, member)| member.is_array()) {
        return Err(Refusal::invalid(name, "The member is of another type than the operation takes."));
    }
    serde_path_to_error::deserialize(value).map_err(|error| form(&error))
}

/// Names the member of the body that is wrong. Serde's own sentence may quote the value, so it is not passed on.
fn form(error: &serde_path_to_error::Error<serde_json::Error>) -> Refusal {
    let text = error.inner().to_string();
    let quoted = |prefix: &str| text.strip_prefix(prefix)?.split('`').next().map(str::to_owned);
    let path = error.path().to_string();
    let path = path.trim_matches('.');
    if let Some(name) = quoted("missing field `") {
        let field = if path.is_empty() { name } else { format!("{path}.{name}") };
        return Refusal::invalid(&field, "The member is missing.");
    }
    if text.starts_with("unknown field") {
        return Refusal::invalid(path, "The operation has no such member.");
    }
    Refusal::invalid(
        if path.is_empty() { "body" } else { path },
        "The member is of another type than the operation takes.",
    )
}

/// The body, within limits.
async fn limits(headers: &axum::http::HeaderMap, mut body: Body) -> Result<Bytes, Refusal> {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_jwt = media_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/jwt");
    let mut token = Vec::new();
    let mut size = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refusal::from(&MALFORMED))?;
        let Ok(data) = frame.into_data() else { continue };
        size += data.len();
        if size > MAX_BODY + MAX_DISCARDED {
            break;
        }
        if size <= MAX_BODY {
            token.extend_from_slice(&data);
        }
    }
    if size > MAX_BODY {
        Err(Refusal::from(&TOO_LARGE))
    } else if is_jwt {
        Ok(token.into())
    } else {
        Err(Refusal::from(&CONTENT_TYPE))
    }
}

fn signed(app: &App, caller: &Caller, now: Millis, status: u16, body: Value) -> Response {
    let claims = ResponseClaims {
        iss: app.config.base_url.clone(),
        aud: caller.company.id.to_string(),
        iat: now.secs(),
        exp: now.secs() + ANSWER_LIFETIME_SECS,
        rjti: caller.jti.clone(),
        rqh: caller.rqh.clone(),
        status,
        body,
    };
    let token = sign_response(app.secrets.signing_key(), &claims);
    (code(status), [(header::CONTENT_TYPE, "application/jwt")], token).into_response()
}

/// The answer 503 to anybody, while the region cannot serve.
pub fn unavailable() -> Response {
    unsigned(&Refusal::from(&UNAVAILABLE))
}

/// An answer to somebody who is not known to be a caller.
pub(crate) fn unsigned(refusal: &Refusal) -> Response {
    let problem = Json(refusal.problem());
    let mut response =
        (code(refusal.kind.status), [(header::CONTENT_TYPE, "application/problem+json")], problem).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    set_retry_after(&mut response, refusal.retry_after_secs);
    response
}

fn set_retry_after(response: &mut Response, secs: Option<u32>) {
    if let Some(secs) = secs {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(secs));
    }
}

fn code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
