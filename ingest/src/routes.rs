//! The routes that sources post to.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use http_body_util::{BodyExt as _, Limited};
use serde_json::json;
use umoja_schema::{SourceId, SourceKind};

use crate::accept::Acceptor;
use crate::problem::Rejection;
use crate::providers::{MAX_BODY, Malformed};

/// The header by which Okta asks whether a URL is one that wants its events.
const OKTA_CHALLENGE: &str = "x-okta-verification-challenge";

/// Since when the legacy form of events is deprecated: 2026-11-29, from its first release on.
const LEGACY_SINCE: &str = "@1795910400";

/// The routes of a region's sources.
pub fn router(acceptor: Arc<Acceptor>) -> Router {
    Router::new().route("/v1/sources/{source}/events", post(accept).get(get)).with_state(acceptor)
}

/// Accepts the events of a body: 202 once they are stored.
async fn accept(State(acceptor): State<Arc<Acceptor>>, Path(source): Path<String>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let answer = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => acceptor.accept(&source, &parts.headers, &body.to_bytes()).await,
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(Rejection::TooLarge),
        Err(_) => Err(Rejection::Malformed(Malformed::Json)),
    };
    match answer {
        Ok(receipt) => (StatusCode::ACCEPTED, Json(receipt)).into_response(),
        Err(rejection) => rejected(&source, rejection),
    }
}

/// Answers Okta's one-time verification of an event hook's URL, and accepts an event in the legacy form of a source that
/// may use it. Nothing of the query string is logged or answered.
async fn get(
    State(acceptor): State<Arc<Acceptor>>,
    Path(source): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let now = acceptor.home().clock.now();
    let known = match acceptor.authenticated(&source, &headers, b"", now).await {
        Ok(known) => known,
        Err(rejection) => return rejected(&source, rejection),
    };
    match acceptor.accept_legacy(&known, uri.query().unwrap_or_default()).await {
        Ok(Some(_)) => return legacy(),
        Ok(None) => {}
        Err(rejection) => return rejected(&source, rejection),
    }
    match headers.get(OKTA_CHALLENGE).and_then(|value| value.to_str().ok()) {
        Some(challenge) if known.source.kind == SourceKind::Okta => {
            Json(json!({ "verification": challenge })).into_response()
        }
        _ => Rejection::Method.into_response(),
    }
}

/// The answer that the old system expects, with the time since which its form is deprecated (RFC 9745).
fn legacy() -> Response {
    let mut response = Json(json!({ "status": "OK" })).into_response();
    let headers = response.headers_mut();
    headers.insert("deprecation", HeaderValue::from_static(LEGACY_SINCE));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The answer, after logging what the caller does not get to know.
fn rejected(source: &str, rejection: Rejection) -> Response {
    // What is no id of a source may be anything, personal data included.
    let source = source.parse::<SourceId>().map_or_else(|_| "?".to_owned(), |source| source.to_string());
    match &rejection {
        Rejection::Unauthorized(cause) => tracing::warn!(source, cause, "events are not accepted"),
        Rejection::Store(error) => tracing::error!(source, %error, "events are not accepted"),
        // What counts the requests has logged it.
        Rejection::RateLimited { .. } => {}
        _ => tracing::warn!(source, code = rejection.details().code, "events are not accepted"),
    }
    rejection.into_response()
}
