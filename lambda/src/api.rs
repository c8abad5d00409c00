//! The API behind API Gateway.

use axum::body::Body;
use axum::response::Response;
use lambda_http::RequestExt as _;
use umoja_api::RequestId;
use umoja_crypto::EngineError;
use umoja_host::{OsEntropy, PoolSettings};
use umoja_runtime::api::{ApiSettings, BuildApi, answer};

use crate::environment::Environment;
use crate::function::Function;
use crate::mail::mailer;

/// An instance gets one request at a time, so it never hashes two passwords at once.
pub(crate) const POOL: PoolSettings = PoolSettings { at_once: 1, wait: std::time::Duration::from_secs(2) };

/// Builds the router. Chooses the password engine once for the life of the instance.
///
/// # Errors
/// If no engine computes the published test vectors on this machine.
pub fn build(environment: &Environment) -> Result<BuildApi, EngineError> {
    BuildApi::new(ApiSettings {
        pool: POOL,
        mailer: mailer(environment),
        issuer: environment.issuer.clone(),
        ..ApiSettings::default()
    })
}

/// Answers a request of API Gateway.
pub async fn handle(function: &Function<BuildApi>, mut request: lambda_http::Request) -> Response {
    // Lambda's id of the request, which its span and so every log line already has.
    if let Some(id) = request.lambda_context_ref().and_then(|context| RequestId::of_host(&context.request_id)) {
        request.extensions_mut().insert(id);
    }
    let response = answer(&function.live, &OsEntropy, request.map(Body::new)).await;
    function.metrics.write();
    response
}
