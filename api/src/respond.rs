//! Answers on the wire: signed answers to known callers, unsigned problems to all other clients.

use axum::Json;
use axum::body::Bytes;
use axum::http::{self, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::value::RawValue;
use umoja_crypto::jws::{ResponseClaims, sign_response};
use umoja_schema::Millis;
use umoja_store::rotation::ANSWER_LIFETIME_SECS;

use crate::app::App;
use crate::caller::Caller;
use crate::kinds::{INTERNAL, UNAVAILABLE};
use crate::problem::Problem;

/// The most bytes of an answer: AWS Lambda answers with at most 6 MB, headers and escapes included.
const MAX_ANSWER: usize = 5_000_000;

/// A signed answer to a caller. Every operation keeps its answers below [`MAX_ANSWER`]. If one does not, the caller
/// gets a problem and the operator an error in the log, instead of a bare 502 of the platform.
pub(crate) fn signed(app: &App, caller: &Caller, now: Millis, status: u16, body: Box<RawValue>) -> Response {
    let answer = token(app, caller, now, status, body);
    if answer.len() <= MAX_ANSWER {
        return jwt(status, answer);
    }
    tracing::error!(bytes = answer.len(), status, "an answer is too large");
    let problem = Problem::from(&INTERNAL);
    jwt(problem.kind.status, token(app, caller, now, problem.kind.status, problem.body()))
}

fn jwt(status: u16, token: String) -> Response {
    (code(status), [(header::CONTENT_TYPE, "application/jwt")], token).into_response()
}

fn token(app: &App, caller: &Caller, now: Millis, status: u16, body: Box<RawValue>) -> String {
    let claims = ResponseClaims {
        iss: app.config.base_url.clone(),
        aud: caller.context.company.id.to_string(),
        iat: now.secs(),
        exp: now.secs() + ANSWER_LIFETIME_SECS,
        rjti: caller.jti.clone(),
        rqh: caller.rqh.clone(),
        status,
        body,
    };
    sign_response(app.accounts.secrets.signing_key(), &claims)
}

/// The unsigned answer 503 of a region that cannot serve.
pub fn unavailable() -> Response {
    unsigned(&Problem::from(&UNAVAILABLE))
}

/// The unsigned answer 503 of a region that does not serve.
pub fn not_serving() -> Response {
    unsigned(&Problem::not_serving())
}

/// An unsigned problem, for a client that is not known to be a caller.
pub(crate) fn unsigned(problem: &Problem) -> Response {
    let body = Json(problem.details());
    let mut response =
        (code(problem.kind.status), [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    set_retry_after(&mut response, problem.retry_after_secs);
    response
}

/// In the extensions of an answer 503 `busy`: for a moment, further requests of this caller for this operation may get this
/// answer over the same connection, without a look at them. It is unsigned, as every answer to a request that was not verified.
#[derive(Debug, Clone)]
pub struct Rejection(pub http::Response<Bytes>);

impl Rejection {
    /// The rejection that a problem allows: its caller was verified, and waits for a hash as many others do.
    pub(crate) fn of(problem: &Problem) -> Option<Self> {
        let body = serde_json::to_vec(&problem.details()).ok()?;
        let mut answer = http::Response::new(body.into());
        *answer.status_mut() = code(problem.kind.status);
        answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(secs) = problem.retry_after_secs {
            answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(secs));
        }
        Some(Self(answer))
    }
}

/// Sets `Retry-After` if there is a time to wait.
pub(crate) fn set_retry_after(response: &mut Response, secs: Option<u32>) {
    if let Some(secs) = secs {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(secs));
    }
}

fn code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
