//! HTTPS with the certificate authorities of the machine, and plain HTTP for regions on this machine.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};

/// The most bytes of an answer: a region answers with less than 5 MB.
const MAX_ANSWER: usize = 6 * 1024 * 1024;

/// An HTTP response as it came, not verified.
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
    /// A header that is a text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The media type, without parameters.
    pub fn media_type(&self) -> &str {
        let value = self.header(header::CONTENT_TYPE.as_str()).unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim()
    }
}

/// A request and its response, as they went over the wire.
#[derive(Debug)]
pub struct Exchange<'a> {
    /// The method.
    pub method: &'a Method,
    /// The path.
    pub path: &'a str,
    /// The body of the request.
    pub request: &'a [u8],
    /// The response.
    pub response: &'a Raw,
}

/// Why there is no HTTP response.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// Not a URL that this client can call.
    #[error("the base URL has to be https://host, or http://host:port for a region on this machine, without a path")]
    Url,
    /// The certificate authorities of this machine cannot be read.
    #[error("the certificate authorities of this machine cannot be read: {0}; SSL_CERT_FILE names a file with others")]
    Authorities(std::io::Error),
    /// No connection, or it broke.
    #[error("the region does not answer: {0}")]
    Unreachable(String),
    /// No answer in time.
    #[error("the region did not answer within {} s", .0.as_secs())]
    Timeout(Duration),
}

/// The connections to some URLs, without signatures.
pub struct Transport {
    http: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    timeout: Duration,
}

impl Transport {
    /// Connections to these base URLs, which have no trailing slash. `timeout` is the longest that a request may take.
    ///
    /// # Errors
    /// If one is no such URL, or the certificate authorities of this machine cannot be read.
    pub fn new(urls: &[String], timeout: Duration) -> Result<Self, TransportError> {
        for url in urls {
            let host =
                url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).ok_or(TransportError::Url)?;
            if host.is_empty() || host.contains('/') || url.parse::<http::Uri>().is_err() {
                return Err(TransportError::Url);
            }
        }
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(Duration::from_secs(5)));
        connector.enforce_http(false);
        let tls = HttpsConnectorBuilder::new();
        // Reading the authorities takes time, and plain HTTP needs none.
        let tls = if urls.iter().any(|url| url.starts_with("https://")) {
            tls.with_provider_and_native_roots(aws_lc_rs::default_provider()).map_err(TransportError::Authorities)?
        } else {
            tls.with_tls_config(without_authorities()?)
        };
        let connector = tls.https_or_http().enable_http1().wrap_connector(connector);
        Ok(Self { http: Client::builder(TokioExecutor::new()).build(connector), timeout })
    }

    /// Posts a token.
    pub(crate) async fn post(&self, url: &str, path: &str, api_key: &str, token: Bytes) -> Result<Raw, TransportError> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{url}{path}"))
            .header(header::CONTENT_TYPE, "application/jwt")
            .header("x-api-key", api_key)
            .body(Full::new(token));
        self.send(request.map_err(|_| TransportError::Url)?).await
    }

    /// Reads a document.
    pub(crate) async fn get(&self, url: &str, path: &str) -> Result<Raw, TransportError> {
        let request = Request::builder().uri(format!("{url}{path}")).body(Full::default());
        self.send(request.map_err(|_| TransportError::Url)?).await
    }

    /// Sends a request.
    ///
    /// # Errors
    /// If there is no response in time.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<Raw, TransportError> {
        let exchange = async {
            let response = self.http.request(request).await.map_err(|error| because(&error))?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await;
            let body = body.map_err(|error| TransportError::Unreachable(error.to_string()))?.to_bytes();
            Ok(Raw { status: head.status.as_u16(), headers: head.headers, body })
        };
        tokio::time::timeout(self.timeout, exchange).await.unwrap_or(Err(TransportError::Timeout(self.timeout)))
    }
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Transport({:?})", self.timeout)
    }
}

/// A client of plain HTTP has no server to verify.
fn without_authorities() -> Result<ClientConfig, TransportError> {
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions().map_err(|_| TransportError::Url)?;
    Ok(config.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

/// The innermost reason is the most specific: "connection refused" rather than "client error".
fn because(error: &(dyn std::error::Error + 'static)) -> TransportError {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    TransportError::Unreachable(innermost.to_string())
}
