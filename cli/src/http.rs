//! Plain HTTP for regions on this machine, and HTTPS with the machine's certificate authorities for all others.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use umoja_crypto::JwsError;
use umoja_schema::api::ProblemDetails;

/// The longest that a request may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The most bytes of an answer.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// An HTTP response as it came, not verified yet.
#[derive(Debug, Clone)]
pub struct Raw {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Raw {
    /// The media type.
    pub fn content_type(&self) -> &str {
        self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Not a URL that this client can call.
    #[error("the base URL has to be https://host or http://host:port, without a path")]
    Url,
    /// The certificate authorities of this machine cannot be read.
    #[error("the certificate authorities of this machine cannot be read: {0}; SSL_CERT_FILE names a file with others")]
    Authorities(std::io::Error),
    /// No connection, or it broke.
    #[error("the region does not answer: {0}")]
    Unreachable(String),
    /// No answer in time. The request may have taken effect: repeat it with the same idempotency key.
    #[error("the region did not answer within {} s", TIMEOUT.as_secs())]
    Timeout,
    /// The region rejected the request before it knew the caller, so the answer is not signed.
    #[error("the region rejected the request with {status} {code}: {detail}")]
    Rejected {
        /// The HTTP status.
        status: u16,
        /// The problem's code.
        code: String,
        /// What the problem says, without control characters: nothing proves that the region said it.
        detail: String,
    },
    /// An answer that the region did not sign for this request.
    #[error("the answer is not signed by this region for this request ({0}); do not trust it")]
    NotOurs(JwsError),
    /// The signed status is not the response's.
    #[error("the answer's status was changed on its way; do not trust it")]
    Status,
    /// Neither a signed answer nor a problem.
    #[error("the answer with status {0} has no format of the API")]
    Form(u16),
    /// The region's public keys cannot be read.
    #[error("the region's public keys cannot be read from {0}/.well-known/jwks.json")]
    Keys(String),
}

/// The connections to one region.
pub(crate) struct Http(HttpClient<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl Http {
    /// Connections to the region at `base_url`, which has no trailing slash.
    pub(crate) fn new(base_url: &str) -> Result<Self, ClientError> {
        let host = base_url.strip_prefix("http://").or_else(|| base_url.strip_prefix("https://"));
        let host = host.ok_or(ClientError::Url)?;
        if host.is_empty() || host.contains('/') || base_url.parse::<http::Uri>().is_err() {
            return Err(ClientError::Url);
        }
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(Duration::from_secs(5)));
        connector.enforce_http(false);
        let tls = HttpsConnectorBuilder::new();
        // Reading the authorities takes time, and plain HTTP needs none.
        let tls = if base_url.starts_with("https://") {
            tls.with_provider_and_native_roots(aws_lc_rs::default_provider()).map_err(ClientError::Authorities)?
        } else {
            tls.with_tls_config(without_authorities()?)
        };
        let connector = tls.https_or_http().enable_http1().wrap_connector(connector);
        Ok(Self(HttpClient::builder(TokioExecutor::new()).build(connector)))
    }

    /// Sends a request.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Raw, ClientError> {
        let exchange = async {
            let response = self.0.request(request).await.map_err(|error| unreachable_because(&error))?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await;
            let body = body.map_err(|error| ClientError::Unreachable(error.to_string()))?.to_bytes();
            Ok(Raw { status: head.status.as_u16(), headers: head.headers, body })
        };
        tokio::time::timeout(TIMEOUT, exchange).await.unwrap_or(Err(ClientError::Timeout))
    }
}

/// A client of plain HTTP has no server to verify.
fn without_authorities() -> Result<ClientConfig, ClientError> {
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions().map_err(|_| ClientError::Url)?;
    Ok(config.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

/// The innermost reason is the most specific: "connection refused" rather than "client error".
fn unreachable_because(error: &(dyn std::error::Error + 'static)) -> ClientError {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    ClientError::Unreachable(innermost.to_string())
}

/// The error of an answer that is a problem, or nothing that is known.
pub(crate) fn rejected(raw: &Raw) -> ClientError {
    let is_error =
        StatusCode::from_u16(raw.status).is_ok_and(|status| status.is_client_error() || status.is_server_error());
    match serde_json::from_slice::<ProblemDetails>(&raw.body) {
        Ok(problem) if is_error => {
            let detail = problem.detail.chars().filter(|c| !c.is_control()).collect();
            ClientError::Rejected { status: raw.status, code: problem.code, detail }
        }
        _ => ClientError::Form(raw.status),
    }
}
