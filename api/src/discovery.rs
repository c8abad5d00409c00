//! The public documents: health, the keys that sign answers, the regions, and the description of the API.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use umoja_crypto::SigningKey;
use umoja_store::retired_keys::RetiredKeys;

use crate::app::App;
use crate::openapi;
use crate::respond::unavailable;

/// The process runs.
pub(crate) async fn healthz() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// The region can serve requests: its tables answer, and its secrets were unwrapped (otherwise there is no router).
pub(crate) async fn readyz(State(app): State<Arc<App>>) -> Response {
    match app.accounts.home.own.users.probe().await {
        Ok(()) => {
            (StatusCode::OK, Json(json!({ "status": "ready", "region": app.accounts.home.own.name }))).into_response()
        }
        Err(error) => {
            tracing::warn!(%error, "not ready");
            unavailable()
        }
    }
}

/// The public keys of answers (RFC 7517 section 5).
pub(crate) async fn jwks(State(app): State<Arc<App>>) -> Json<Value> {
    let keys: Vec<Value> = app.accounts.secrets.signing_keys().iter().map(SigningKey::jwk).collect();
    Json(json!({ "keys": keys }))
}

/// The public keys that sign no answers any more, each with the time at which it was retired. They verify what was kept, and no
/// new answer.
pub(crate) async fn retired_jwks(State(app): State<Arc<App>>) -> Response {
    let home = &app.accounts.home;
    let now = home.clock.now();
    let known = app.retired.get(&(), now).map(|(_, keys)| keys);
    let keys = match known {
        Some(keys) => keys,
        None => match RetiredKeys::load(&*home.registry).await {
            Ok(keys) => {
                let seen = (now, Arc::new(keys));
                app.retired.remember((), &seen);
                seen.1
            }
            Err(error) => {
                tracing::error!(%error, "the retired keys cannot be read");
                return unavailable();
            }
        },
    };
    Json(json!({ "keys": keys.published() })).into_response()
}

/// The regions and their base URLs. A client fails over by signing its request for the next region.
pub(crate) async fn deployment(State(app): State<Arc<App>>) -> Json<Value> {
    let region = |(name, url): &(umoja_schema::Region, String)| json!({ "name": name, "url": url });
    let regions: Vec<Value> = app.config.regions.iter().map(region).collect();
    Json(json!({
        "region": app.accounts.home.own.name,
        "issuer": app.config.base_url,
        "jwks_uri": format!("{}/.well-known/jwks.json", app.config.base_url),
        "openapi_uri": format!("{}/openapi.json", app.config.base_url),
        "regions": regions,
    }))
}

/// The OpenAPI 3.1 document.
pub(crate) async fn openapi(State(app): State<Arc<App>>) -> Json<Value> {
    Json(openapi::document(&app.config.base_url, app.config.min_password_chars))
}

/// What each code of a problem means: the targets of their `type`.
pub(crate) async fn errors() -> impl IntoResponse {
    let headers =
        [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, "default-src 'none'")];
    (headers, include_str!("../../schema/generated/errors.html"))
}
