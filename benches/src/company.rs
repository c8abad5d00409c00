//! The calling company: its keys, and requests that are signed before the timed part.

use std::num::NonZeroU32;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::Full;
use serde_json::Value;
use umoja_cli::credentials::Signed;
use umoja_cli::{Client, CompanyFile, Signer};
use umoja_crypto::{ApiKey, SigningKey};
use umoja_host::{OsEntropy, SystemClock};
use umoja_schema::company::{ApiKeyHash, CompanyKey};
use umoja_schema::{Company, Scope};
use umoja_store::ports::{Clock as _, Entropy};

use crate::error::BenchError;

/// A company with its secrets.
pub(crate) struct Caller {
    record: Company,
    signer: Arc<Signer>,
}

/// A signed request that is ready to be sent.
pub(crate) struct Shot {
    /// The request.
    pub(crate) request: Request<Full<Bytes>>,
    /// The values that its answer is verified with.
    pub(crate) signed: Signed,
}

impl Caller {
    /// A company with every scope, trusted to verify, that signs with Ed25519.
    pub(crate) fn new(id: &str) -> Result<Self, BenchError> {
        let entropy: &dyn Entropy = &OsEntropy;
        let key_id = format!("{id}-1");
        let key = SigningKey::from_seed(&key_id, entropy.array());
        let api_key = ApiKey::new("bench", &key_id, entropy.array()).map_err(umoja_cli::CredentialsError::from)?;
        let id: umoja_schema::CompanyId = id.parse().map_err(|_| BenchError::Broken("the company's id"))?;
        let alg = key.algorithm().name().to_owned();
        let record = Company {
            id: id.clone(),
            revision: 0,
            name: "Bench".into(),
            enabled: true,
            ends: 0,
            trusted: true,
            scopes: Scope::ALL.to_vec(),
            phone_country: None,
            username_restriction: None,
            old_system: None,
            status_page: None,
            require_mfa: None,
            providers: Vec::new(),
            registration: false,
            mfa_by_mail: false,
            // The rate limit must never limit what is measured.
            rate_limit: Some(NonZeroU32::MAX),
            api_keys: vec![ApiKeyHash { id: api_key.id().into(), sha256: api_key.akh(), expires_at: None }],
            keys: vec![CompanyKey { kid: key.kid().into(), alg: alg.clone(), public_key_pem: key.public_key_pem() }],
            unknown: serde_json::Map::new(),
        };
        let file = CompanyFile {
            id,
            api_key: api_key.expose().into(),
            kid: key.kid().into(),
            alg,
            private_key_pem: Some(key.private_key_pem().to_string()),
        };
        Ok(Self { record, signer: Arc::new(Signer::new(&file)?) })
    }

    /// The company as the operator stores it.
    pub(crate) fn record(&self) -> &Company {
        &self.record
    }

    /// Signs a request to an operation of the region at `url`.
    pub(crate) fn shot(&self, url: &str, operation: &str, body: Value) -> Result<Shot, BenchError> {
        let path = format!("/v1/users/{operation}");
        let signed = self.signer.sign(url, &path, body, None, SystemClock.now(), &OsEntropy);
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(header::HOST, url.trim_start_matches("http://"))
            .header(header::CONTENT_TYPE, "application/jwt")
            .header("x-api-key", self.signer.api_key())
            .body(Full::new(Bytes::from(signed.token.clone())))
            .map_err(|_| BenchError::Broken("a request"))?;
        Ok(Shot { request, signed })
    }

    /// A client that signs, sends and verifies.
    pub(crate) fn client(&self, url: &str) -> Result<Client, BenchError> {
        Ok(Client::new(url, Arc::clone(&self.signer), Arc::new(SystemClock), Arc::new(OsEntropy))?)
    }
}
