//! Who is calling: the checks of a signed request, cheapest first, all before the first paid call but one cached
//! look-up of the company.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use umoja_crypto::jws::{Expected, SignedRequest, parse_request};
use umoja_crypto::{Algorithm, VerifyingKey};
use umoja_schema::{Company, CompanyId, Millis, Scope};

use crate::app::App;
use crate::idempotency::Remembered;
use crate::problem::{COMPANY_DISABLED, Refusal, SCOPE_MISSING, UNAUTHORIZED};

/// How long a company is remembered, in milliseconds: disabling one takes effect at once, as people count.
const COMPANY_CACHE_MS: u64 = 5_000;

/// How many companies are remembered, unknown ones included: a flood of invented names costs reads, not memory.
const COMPANY_CACHE_ENTRIES: usize = 1_000;

/// A company whose request was verified.
pub(crate) struct Caller {
    pub(crate) company: Arc<KnownCompany>,
    /// The id of the key that signed the request.
    pub(crate) kid: String,
    pub(crate) jti: String,
    pub(crate) htu: String,
    pub(crate) idk: Option<String>,
    pub(crate) rqh: String,
    pub(crate) exp_secs: u64,
    pub(crate) now: Millis,
    /// What the request is told from others by under its idempotency key, if it has one.
    pub(crate) request: Option<String>,
    /// True if this request was begun before under its idempotency key, and may have been done.
    pub(crate) is_repeat: bool,
}

/// A company with its keys parsed.
pub(crate) struct KnownCompany {
    company: Company,
    keys: BTreeMap<String, VerifyingKey>,
}

impl std::ops::Deref for KnownCompany {
    type Target = Company;

    fn deref(&self) -> &Company {
        &self.company
    }
}

impl KnownCompany {
    fn new(company: Company) -> Self {
        let mut keys = BTreeMap::new();
        for key in &company.keys {
            let parsed = Algorithm::from_name(&key.alg)
                .and_then(|alg| VerifyingKey::from_public_pem(alg, &key.public_key_pem).ok());
            if let Some(parsed) = parsed {
                keys.insert(key.kid.clone(), parsed);
            } else {
                tracing::error!(company = %company.id, "a stored public key cannot be read");
            }
        }
        Self { company, keys }
    }
}

/// Companies that were looked up a moment ago.
#[derive(Default)]
pub(crate) struct Companies {
    known: Mutex<BTreeMap<String, Looked>>,
}

/// When a company was looked up, and what was found.
type Looked = (Millis, Option<Arc<KnownCompany>>);

impl Companies {
    async fn get(&self, app: &App, id: &str, now: Millis) -> Result<Option<Arc<KnownCompany>>, Refusal> {
        let cached = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        if let Some((since, company)) = cached
            && now.since(since) < COMPANY_CACHE_MS
            && now >= since
        {
            return Ok(company);
        }
        let Ok(parsed) = id.parse::<CompanyId>() else { return Ok(None) };
        let company = app.home.registry.company(&parsed).await?.map(|company| Arc::new(KnownCompany::new(company)));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= COMPANY_CACHE_ENTRIES {
            known.clear();
        }
        known.insert(id.to_owned(), (now, company.clone()));
        Ok(company)
    }
}

/// Checks a request. What is returned as an error says nothing to somebody who is not a caller.
pub(crate) async fn verify(
    app: &App,
    path: &str,
    headers: &HeaderMap,
    token: &[u8],
) -> Result<(Caller, Value), Refusal> {
    let now = app.home.clock.now();
    let request = parse_request(token)?;
    request.check_times(now.secs())?;
    let akh = headers.get("x-api-key").map(|key| URL_SAFE_NO_PAD.encode(Sha256::digest(key.as_bytes())));
    let akh = akh.ok_or(Refusal::from(&UNAUTHORIZED))?;
    let company = app.companies.get(app, request.issuer(), now).await?.ok_or(Refusal::from(&UNAUTHORIZED))?;
    let key = company.keys.get(request.kid()).ok_or(Refusal::from(&UNAUTHORIZED))?;
    let kid = request.kid().to_owned();
    let request = request.verify(key, &Expected { aud: &app.config.base_url, path, akh: &akh })?;
    if !company.has_api_key(&akh, now.secs()) {
        return Err(Refusal::from(&UNAUTHORIZED));
    }
    let SignedRequest { jti, htu, idk, body, rqh, exp, .. } = request;
    let request = idk.as_ref().map(|_| Remembered::request_of(app, path, &body));
    Ok((Caller { company, kid, jti, htu, idk, rqh, exp_secs: exp, now, request, is_repeat: false }, body))
}

impl Caller {
    /// Refuses what the company may not do.
    pub(crate) fn permit(&self, scope: Scope) -> Result<(), Refusal> {
        if !self.company.enabled {
            Err(Refusal::from(&COMPANY_DISABLED))
        } else if self.company.may(scope) {
            Ok(())
        } else {
            Err(Refusal::from(&SCOPE_MISSING))
        }
    }
}
