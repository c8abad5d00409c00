//! A client of the API: signs requests, keeps connections, and accepts an answer only if the region signed it for this
//! request.
//!
//! Uses plain HTTP for regions on this machine, and HTTPS with the machine's certificate authorities for all others.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::sync::RwLock;
use umoja_crypto::jws::{ResponseExpected, verify_response};
use umoja_crypto::{JwsError, VerifyingKey};
use umoja_schema::api::ProblemDetails;
use umoja_store::ports::{Clock, Entropy};

use crate::credentials::{Signed, Signer};

/// The longest that a request may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The most bytes of an answer.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// The public keys that verify a region's answers.
type Keys = Arc<Vec<(String, VerifyingKey)>>;

/// A company's client of one region. Cheap to share; keeps its connections alive.
pub struct Client {
    base_url: String,
    signer: Arc<Signer>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    http: HttpClient<HttpsConnector<HttpConnector>, Full<Bytes>>,
    keys: RwLock<Option<Keys>>,
    observer: Option<Observer>,
}

/// Sees each request and its answer, as they went over the wire.
pub type Observer = Arc<dyn Fn(&Method, &str, &[u8], &Raw) + Send + Sync>;

/// An answer that the region signed for this request.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The HTTP status, as it was signed.
    pub status: u16,
    /// The answer of the operation, or a problem.
    pub body: Value,
}

impl Answer {
    /// The `code` of a problem.
    pub fn code(&self) -> Option<&str> {
        self.body.get("code")?.as_str()
    }
}

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

impl Client {
    /// A client of the region at `base_url`, which has no trailing slash.
    pub fn new(
        base_url: &str,
        signer: Arc<Signer>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, ClientError> {
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
        let http = HttpClient::builder(TokioExecutor::new()).build(connector);
        let (base_url, keys) = (base_url.to_owned(), RwLock::new(None));
        Ok(Self { base_url, signer, clock, entropy, http, keys, observer: None })
    }

    /// The same client with an observer.
    #[must_use]
    pub fn observed(self, observer: Observer) -> Self {
        Self { observer: Some(observer), ..self }
    }

    /// The region's base URL.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Calls an operation such as `register` or `password/change`, and returns its answer, whatever its status.
    pub async fn call(&self, operation: &str, body: Value) -> Result<Answer, ClientError> {
        self.call_with(operation, body, None).await
    }

    /// As [`Client::call`], with an idempotency key.
    pub async fn call_with(&self, operation: &str, body: Value, idk: Option<&str>) -> Result<Answer, ClientError> {
        let path = format!("/v1/users/{operation}");
        let signed = self.sign(&path, body, idk);
        let raw = self.post(&path, signed.token.clone().into()).await?;
        self.verify(&signed, &raw).await
    }

    /// Signs a request to a path without sending it.
    pub fn sign(&self, path: &str, body: Value, idk: Option<&str>) -> Signed {
        self.signer.sign(&self.base_url, path, body, idk, self.clock.now(), &*self.entropy)
    }

    /// Sends a signed request as it is.
    pub async fn post(&self, path: &str, token: Bytes) -> Result<Raw, ClientError> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}{path}", self.base_url))
            .header(header::CONTENT_TYPE, "application/jwt")
            .header("x-api-key", self.signer.api_key())
            .body(Full::new(token));
        self.send(request.map_err(|_| ClientError::Url)?).await
    }

    /// Reads a document such as `/readyz`.
    pub async fn get(&self, path: &str) -> Result<Raw, ClientError> {
        let request = Request::builder().uri(format!("{}{path}", self.base_url)).body(Full::default());
        self.send(request.map_err(|_| ClientError::Url)?).await
    }

    /// Checks that a response is the region's answer to a request.
    pub async fn verify(&self, signed: &Signed, raw: &Raw) -> Result<Answer, ClientError> {
        if raw.content_type() != "application/jwt" {
            return Err(rejected(raw));
        }
        let company = self.signer.company().as_str();
        let expected = ResponseExpected { iss: &self.base_url, aud: company, rjti: &signed.jti, rqh: &signed.rqh };
        let check = |keys: &Keys| verify_response(&raw.body, keys, &expected, self.clock.now().secs());
        let claims = match check(&self.keys(false).await?) {
            // The region may sign with a newer key than this client knows.
            Err(JwsError::Rejected("kid")) => check(&self.keys(true).await?),
            other => other,
        };
        let claims = claims.map_err(ClientError::NotOurs)?;
        if claims.status != raw.status {
            return Err(ClientError::Status);
        }
        Ok(Answer { status: claims.status, body: claims.body })
    }

    async fn keys(&self, refetch: bool) -> Result<Keys, ClientError> {
        if !refetch && let Some(keys) = &*self.keys.read().await {
            return Ok(Arc::clone(keys));
        }
        let unreadable = || ClientError::Keys(self.base_url.clone());
        let raw = self.get("/.well-known/jwks.json").await?;
        let document: Value = serde_json::from_slice(&raw.body).map_err(|_| unreadable())?;
        let entries = document.get("keys").and_then(Value::as_array).ok_or_else(unreadable)?;
        // Keys of an unknown kind are skipped: they are for other clients.
        let keys: Keys = Arc::new(entries.iter().filter_map(|jwk| VerifyingKey::from_jwk(jwk).ok()).collect());
        if keys.is_empty() {
            return Err(unreadable());
        }
        *self.keys.write().await = Some(Arc::clone(&keys));
        Ok(keys)
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Raw, ClientError> {
        let sent = self.observer.as_ref().map(|observer| (observer, request.clone()));
        let exchange = async {
            let response = self.http.request(request).await.map_err(|error| unreachable_because(&error))?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await;
            let body = body.map_err(|error| ClientError::Unreachable(error.to_string()))?.to_bytes();
            Ok(Raw { status: head.status.as_u16(), headers: head.headers, body })
        };
        let raw = tokio::time::timeout(TIMEOUT, exchange).await.unwrap_or(Err(ClientError::Timeout))?;
        if let Some((observer, request)) = sent {
            let (head, body) = request.into_parts();
            let Ok(body) = body.collect().await;
            observer(&head.method, head.uri.path(), &body.to_bytes(), &raw);
        }
        Ok(raw)
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Client({}, {})", self.signer.company(), self.base_url)
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

fn rejected(raw: &Raw) -> ClientError {
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
