//! Signed requests of services whose client is not in the packages: one call each does not need the SDK of the service, which would make a
//! function a third larger.

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use sha2::{Digest as _, Sha256};

/// A call of a service in a region.
pub(crate) struct Call<'a> {
    /// The name of the service in signatures.
    pub(crate) service: &'static str,
    /// The region.
    pub(crate) region: &'a str,
    /// The URL.
    pub(crate) url: &'a str,
    /// The headers that are signed.
    pub(crate) headers: &'a [(&'static str, &'static str)],
    /// The body.
    pub(crate) body: &'a str,
    /// The time, in seconds since the Unix epoch.
    pub(crate) at_secs: u64,
}

/// Why a request was not signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unsigned {
    /// There are no credentials now.
    Credentials,
    /// It never can be.
    Rejected,
}

/// The signed request (SigV4).
pub(crate) async fn signed(shared: &SdkConfig, call: &Call<'_>) -> Result<HttpRequest, Unsigned> {
    const NONE: Unsigned = Unsigned::Rejected;
    let provider = shared.credentials_provider().ok_or(NONE)?;
    let credentials = provider.provide_credentials().await.map_err(|_| Unsigned::Credentials)?;
    let identity: Identity = credentials.into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(call.region)
        .name(call.service)
        .time(SystemTime::UNIX_EPOCH + Duration::from_secs(call.at_secs))
        .settings(SigningSettings::default())
        .build()
        .map_err(|_| NONE)?
        .into();
    // What is signed may be logged by the SDK at the level `trace`, so it gets the hash of the body only.
    let body_hash = SignableBody::Precomputed(hex::encode(Sha256::digest(call.body.as_bytes())));
    let headers = call.headers.iter().copied();
    let signable = SignableRequest::new("POST", call.url, headers, body_hash).map_err(|_| NONE)?;
    let (instructions, _) = sign(signable, &params).map_err(|_| NONE)?.into_parts();
    let mut request = HttpRequest::new(SdkBody::from(call.body));
    request.set_method("POST").map_err(|_| NONE)?;
    request.set_uri(call.url).map_err(|_| NONE)?;
    for (name, value) in call.headers {
        request.headers_mut().insert(*name, *value);
    }
    for (name, value) in instructions.headers() {
        request.headers_mut().insert(name.to_owned(), value.to_owned());
    }
    Ok(request)
}
