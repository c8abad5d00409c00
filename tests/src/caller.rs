//! A company's backend, in process. It signs requests, sends them to a router, and accepts only answers that are signed
//! for these requests.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use umoja_api::conformance::{Exchange, check};
use umoja_crypto::jws::{RequestClaims, ResponseExpected, request_hash, sign_request, verify_response};
use umoja_crypto::{ApiKey, SigningKey, VerifyingKey};
use umoja_schema::company::{ApiKeyHash, CompanyKey};
use umoja_schema::{Company, Scope};

/// A company with its secrets.
pub struct Caller {
    /// The id.
    pub id: String,
    /// The API key.
    pub api_key: ApiKey,
    /// The signing key.
    pub key: SigningKey,
    requests: AtomicU64,
}

/// A region's API: its router and its audience.
#[derive(Clone)]
pub struct Endpoint {
    /// The router.
    pub router: Router,
    /// The value of `aud`.
    pub base_url: String,
    /// The public keys of its answers.
    pub jwks: Vec<(String, VerifyingKey)>,
}

/// A verified answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The HTTP status, equal to the one in the claims.
    pub status: u16,
    /// The claim `body`.
    pub body: Value,
    /// `Retry-After`, if there is one.
    pub retry_after: Option<u32>,
}

/// A raw answer.
#[derive(Debug, Clone)]
pub struct RawReply {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl RawReply {
    /// The body of an unsigned problem.
    pub fn problem(&self) -> Value {
        assert_eq!(self.headers["content-type"], "application/problem+json");
        serde_json::from_slice(&self.body).expect("a problem is JSON")
    }
}

impl Caller {
    /// A company whose keys come from a seed.
    pub fn new(id: &str, seed: u8) -> Self {
        Self {
            id: id.to_owned(),
            api_key: ApiKey::new("test", &format!("{id}-1"), [seed; 32]).expect("the id is valid"),
            key: SigningKey::from_seed(&format!("{id}-1"), [seed; 32]),
            requests: AtomicU64::new(0),
        }
    }

    /// The record of the company that the operator stores.
    pub fn company(&self, scopes: &[Scope], trusted: bool) -> Company {
        Company {
            id: self.id.parse().expect("the id is valid"),
            revision: 0,
            name: self.id.clone(),
            enabled: true,
            ends: 0,
            trusted,
            scopes: scopes.to_vec(),
            phone_country: Some("KE".into()),
            username_restriction: None,
            old_system: None,
            status_page: None,
            require_mfa: None,
            providers: Vec::new(),
            registration: false,
            mfa_by_mail: false,
            rate_limit: None,
            api_keys: vec![ApiKeyHash { id: self.api_key.id().into(), sha256: self.api_key.akh(), expires_at: None }],
            keys: vec![CompanyKey {
                kid: self.key.kid().into(),
                alg: "EdDSA".into(),
                public_key_pem: self.key.public_key_pem(),
            }],
            unknown: serde_json::Map::new(),
        }
    }

    /// The claims of a request made now.
    pub fn claims(
        &self,
        to: &Endpoint,
        operation: &str,
        now_secs: u64,
        idk: Option<&str>,
        body: Value,
    ) -> RequestClaims {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        RequestClaims {
            iss: self.id.clone(),
            aud: to.base_url.clone(),
            path: crate::operations::path(operation),
            iat: now_secs,
            exp: now_secs + 60,
            jti: format!("{}-{number}", self.id),
            akh: self.api_key.akh(),
            idk: idk.map(str::to_owned),
            body,
        }
    }

    /// Sends a request and verifies its answer.
    pub async fn call(&self, to: &Endpoint, operation: &str, now_secs: u64, body: Value) -> Reply {
        self.call_idk(to, operation, now_secs, None, body).await
    }

    /// The same, with an idempotency key.
    pub async fn call_idk(
        &self,
        to: &Endpoint,
        operation: &str,
        now_secs: u64,
        idk: Option<&str>,
        body: Value,
    ) -> Reply {
        let claims = self.claims(to, operation, now_secs, idk, body);
        let token = sign_request(&self.key, &claims);
        let raw = self.send(to, &claims.path, &token).await;
        self.verify(to, &claims, &token, &raw, now_secs)
    }

    /// Sends the bytes of a token.
    pub async fn send(&self, to: &Endpoint, path: &str, token: &str) -> RawReply {
        let request = Request::post(path)
            .header("content-type", "application/jwt")
            .header("x-api-key", self.api_key.expose())
            .body(Body::from(token.to_owned()))
            .expect("the parts of a request are valid");
        send(to, request).await
    }

    /// Verifies an answer as a client must.
    pub fn verify(&self, to: &Endpoint, claims: &RequestClaims, token: &str, raw: &RawReply, now_secs: u64) -> Reply {
        let rqh = request_hash(token.as_bytes());
        let expect = ResponseExpected { iss: &to.base_url, aud: &self.id, rjti: &claims.jti, rqh: &rqh };
        let text = String::from_utf8_lossy(&raw.body);
        let answer = verify_response(&raw.body, &to.jwks, &expect, now_secs);
        let answer = answer.unwrap_or_else(|error| panic!("{error}: {} {text}", raw.status));
        assert_eq!(answer.status, raw.status);
        assert_eq!(raw.headers["content-type"], "application/jwt");
        let retry_after = raw.headers.get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        Reply { status: answer.status, body: answer.body, retry_after }
    }
}

/// Sends any request, and holds what was accepted and answered against the description of the API.
pub async fn send(to: &Endpoint, request: Request<Body>) -> RawReply {
    let (head, body) = request.into_parts();
    let (method, path) = (head.method.clone(), head.uri.path().to_owned());
    let sent = body.collect().await.expect("the body is in memory").to_bytes();
    let request = Request::from_parts(head, Body::from(sent.clone()));
    let response = to.router.clone().oneshot(request).await.expect("a router always answers");
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("the body is in memory").to_bytes().to_vec();
    let raw = RawReply { status: parts.status.as_u16(), headers: parts.headers, body };
    let RawReply { status, headers, body: answer } = &raw;
    let exchange = Exchange { method: &method, path: &path, request: &sent, status: *status, headers, answer };
    check(&exchange).unwrap_or_else(|what| panic!("description: {what}"));
    raw
}

impl Reply {
    /// The user's id.
    pub fn id(&self) -> String {
        self.body["user"]["id"].as_str().unwrap_or_else(|| panic!("no user in {self:?}")).to_owned()
    }

    /// The user's version.
    pub fn version(&self) -> String {
        self.body["user"]["version"].as_str().unwrap_or_else(|| panic!("no version in {self:?}")).to_owned()
    }

    /// Asserts on status and problem code.
    pub fn rejected(&self, status: u16, code: &str) -> &Self {
        assert_eq!((self.status, &self.body["code"]), (status, &json!(code)), "{self:?}");
        self
    }

    /// Asserts on the status.
    pub fn ok(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }
}
