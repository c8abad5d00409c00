//! An identity provider that posts the events of a source.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, Response};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http_body_util::BodyExt as _;
use serde_json::{Map, Value};
use tower::ServiceExt as _;
use umoja_crypto::{ApiKey, SigningKey};
use umoja_ingest::{Acceptor, router};
use umoja_schema::ingest::{Allowed, InboxPublicKey};
use umoja_schema::{ApiKeyHash, CompanyKey, IngestSource, SourceKind};
use umoja_store::ports::{Clock as _, Entropy};

use crate::deployment::Deployment;

/// A provider, and the source that it feeds.
pub struct Provider {
    /// The source as it is stored.
    pub source: IngestSource,
    /// The API key.
    pub api_key: String,
    key: Option<SigningKey>,
}

/// The answer to a post.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body; null if it is not JSON.
    pub body: Value,
}

impl Provider {
    /// A provider that feeds a company in the world's region `home`. Its source is stored in every region.
    pub async fn new(d: &Deployment, kind: SourceKind, company: &str, home: usize) -> Self {
        let region = &d.world.regions[home];
        let entropy: &dyn Entropy = &*d.world.entropy;
        let id = format!("{company}-{}", kind.as_str());
        let api_key = ApiKey::new("test", &id, entropy.array()).expect("the id fits into a key");
        let inbox_key = region.secrets().inbox_key(1).public_key();
        let source = IngestSource {
            id: id.parse().expect("the id of a source"),
            revision: 1,
            company: company.parse().expect("the id of a company"),
            kind,
            home: region.name.clone(),
            enabled: true,
            api_keys: vec![ApiKeyHash { id: api_key.id().to_owned(), sha256: api_key.akh(), expires_at: None }],
            signing_keys: Vec::new(),
            inbox_key: InboxPublicKey { version: 1, public_key: URL_SAFE_NO_PAD.encode(inbox_key.to_bytes()) },
            hash_key: URL_SAFE_NO_PAD.encode(entropy.array::<32>()),
            allowed: Allowed::default(),
            mapping: None,
            pool: None,
            legacy_get: None,
            tokens: None,
            unknown: Map::new(),
        };
        let provider = Self { source, api_key: api_key.expose().to_owned(), key: None };
        provider.store(d).await;
        provider
    }

    /// The provider signs its events from now on.
    #[must_use]
    pub async fn signing(mut self, d: &Deployment) -> Self {
        let key = SigningKey::from_seed("provider-1", [7; 32]);
        let alg = key.algorithm().name().to_owned();
        self.source.signing_keys =
            vec![CompanyKey { kid: key.kid().to_owned(), alg, public_key_pem: key.public_key_pem() }];
        self.key = Some(key);
        self.store(d).await;
        self
    }

    /// Stores the source as it is now in every region.
    pub async fn store(&self, d: &Deployment) {
        let document = serde_json::to_value(&self.source).expect("a source is JSON");
        for region in &d.world.regions {
            let name = IngestSource::setting(&self.source.id);
            region.tables.registry.put_setting(&name, &document).await.expect("settings can be written");
        }
    }

    /// Posts a body to a region.
    pub async fn post(&self, d: &Deployment, at: usize, body: &Value) -> Answer {
        self.send(d, at, self.request(d, at, body)).await
    }

    /// The request that posts a body.
    pub fn request(&self, d: &Deployment, at: usize, body: &Value) -> Request<Body> {
        let body = body.to_string();
        let mut request =
            Request::post(format!("/v1/sources/{}/events", self.source.id)).header("x-api-key", &self.api_key);
        if let Some(key) = &self.key {
            let secs = d.world.regions[at].clock.now().secs();
            let signature = STANDARD.encode(key.sign(format!("m1.{secs}.{body}").as_bytes()));
            request = request
                .header("webhook-id", "m1")
                .header("webhook-timestamp", secs)
                .header("webhook-signature", format!("v1a,{signature}"));
        }
        request.body(body.into()).expect("a request")
    }

    /// Sends a request to a region.
    pub async fn send(&self, d: &Deployment, at: usize, request: Request<Body>) -> Answer {
        let router = router(Arc::new(Acceptor::new(d.world.regions[at].home.clone())));
        let Ok(response): Result<Response<Body>, _> = router.oneshot(request).await;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.expect("an answer has a body").to_bytes();
        Answer { status, body: serde_json::from_slice(&body).unwrap_or_default() }
    }
}
