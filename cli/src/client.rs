//! A client of the API: signs requests, keeps connections, and accepts an answer only if the region signed it for this
//! request.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt as _, Full};
use serde_json::Value;
use tokio::sync::RwLock;
use umoja_client::TransportError;
use umoja_crypto::jws::{ResponseExpected, verify_response};
use umoja_crypto::{JwsError, VerifyingKey};
use umoja_store::ports::{Clock, Entropy};

use crate::credentials::{Signed, Signer};
pub use crate::http::{ClientError, Raw};
use crate::http::{Http, rejected};

/// The public keys that verify a region's answers.
type Keys = Arc<Vec<(String, VerifyingKey)>>;

/// A company's client of one region. Cheap to share; keeps its connections alive.
pub struct Client {
    base_url: String,
    signer: Arc<Signer>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    http: Http,
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

impl Client {
    /// A client of the region at `base_url`, which has no trailing slash.
    pub fn new(
        base_url: &str,
        signer: Arc<Signer>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, ClientError> {
        let (http, base_url, keys) = (Http::new(base_url)?, base_url.to_owned(), RwLock::new(None));
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
        self.send(request.map_err(|_| TransportError::Url)?).await
    }

    /// Reads a document such as `/readyz`.
    pub async fn get(&self, path: &str) -> Result<Raw, ClientError> {
        let request = Request::builder().uri(format!("{}{path}", self.base_url)).body(Full::default());
        self.send(request.map_err(|_| TransportError::Url)?).await
    }

    /// Checks that a response is the region's answer to a request.
    pub async fn verify(&self, signed: &Signed, raw: &Raw) -> Result<Answer, ClientError> {
        if raw.media_type() != "application/jwt" {
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
        // Boxed, because every caller's future holds it.
        let raw = Box::pin(self.http.send(request)).await?;
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
