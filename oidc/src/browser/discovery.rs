//! The metadata of the provider at its well-known paths.

use std::sync::Arc;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::conditional::Document;
use crate::discovery::{WELL_KNOWN, metadata};

/// How long a client may keep the metadata, in seconds.
const MAX_AGE_SECS: u32 = 3_600;

/// The routes of the metadata of an issuer.
pub(super) fn router(issuer: &str) -> Router {
    let json = metadata(issuer).to_string();
    let etag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(Sha256::digest(&json)));
    let document = Arc::new(Document::new(json, &etag, MAX_AGE_SECS));
    WELL_KNOWN.into_iter().fold(Router::new(), |router, path| {
        let document = Arc::clone(&document);
        router.route(path, get(async move |headers: HeaderMap| document.answer(&headers)))
    })
}
