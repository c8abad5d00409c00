//! Answers on the wire: signed answers to known callers, unsigned problems to all other clients.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use umoja_crypto::jws::{ResponseClaims, sign_response};
use umoja_schema::Millis;
use umoja_store::rotation::ANSWER_LIFETIME_SECS;

use crate::app::App;
use crate::caller::Caller;
use crate::problem::{Problem, UNAVAILABLE};

/// A signed answer to a caller.
pub(crate) fn signed(app: &App, caller: &Caller, now: Millis, status: u16, body: Value) -> Response {
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
    let token = sign_response(app.accounts.secrets.signing_key(), &claims);
    (code(status), [(header::CONTENT_TYPE, "application/jwt")], token).into_response()
}

/// The unsigned answer 503 of a region that cannot serve.
pub fn unavailable() -> Response {
    unsigned(&Problem::from(&UNAVAILABLE))
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

/// Sets `Retry-After` if there is a time to wait.
pub(crate) fn set_retry_after(response: &mut Response, secs: Option<u32>) {
    if let Some(secs) = secs {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(secs));
    }
}

fn code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
