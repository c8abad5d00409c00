//! Calls: each attempt is a new token, an answer is verified, and another region is tried if one gives no answer.

use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::company::Company;
use crate::error::{Error, Problem};
use crate::jws::{self, PublicKeys, Rejected, Request, Signed, Verified, verify_but_time};
use crate::retry::Retry;
use crate::system::{now_ms, random_id};
use crate::transport::{Exchange, Raw, Transport, TransportError};
use crate::webhooks::Regions;

/// How long a region that gave no answer is called only if no other one is left, in milliseconds.
const REST_MS: u64 = 30_000;

/// By how many seconds a region's clock differs before it is corrected for.
const SKEW_SECS: u64 = 2;

/// Sees each request and its response, as they went over the wire.
type Observer = Arc<dyn Fn(&Exchange<'_>) + Send + Sync>;

/// A company's client of all regions. Cheap to clone; keeps its connections alive.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
    idk: Option<Arc<str>>,
}

struct Inner {
    company: Company,
    regions: Vec<Region>,
    transport: Transport,
    timeout: Duration,
    patience: Duration,
    attempts: usize,
    observer: Option<Observer>,
}

/// What is known of a region.
struct Region {
    url: String,
    keys: RwLock<Option<Arc<PublicKeys>>>,
    /// What to add to this clock to have the region's, in seconds.
    skew_secs: AtomicI64,
    rests_until_ms: AtomicU64,
}

/// How a client is built.
pub struct Builder {
    company: Company,
    regions: Vec<String>,
    timeout: Duration,
    patience: Duration,
    attempts: usize,
    skew_secs: i64,
    observer: Option<Observer>,
}

impl Builder {
    /// Adds a region by its base URL, without a trailing slash. The first one is called first.
    #[must_use]
    pub fn region(mut self, url: &str) -> Self {
        self.regions.push(url.trim_end_matches('/').to_owned());
        self
    }

    /// How long an attempt may take: 30 seconds unless set.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// The longest that the client waits between two attempts: 5 seconds unless set. A region that asks for a longer time is an error.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// How many attempts a call makes: 4 unless set.
    #[must_use]
    pub fn attempts(self, attempts: usize) -> Self {
        Self { attempts: attempts.max(1), ..self }
    }

    /// What to add to this clock to have the regions' in the beginning, in seconds: what [`Client::skew_secs`] was before.
    #[must_use]
    pub fn skew_secs(self, skew_secs: i64) -> Self {
        Self { skew_secs, ..self }
    }

    /// Has each request and its response seen, as they went over the wire. They hold the data of persons.
    #[must_use]
    pub fn observer(self, observer: impl Fn(&Exchange<'_>) + Send + Sync + 'static) -> Self {
        Self { observer: Some(Arc::new(observer)), ..self }
    }

    /// The client.
    ///
    /// # Errors
    /// [`Error::Transport`] if there is no region, or a URL is not one.
    pub fn build(self) -> Result<Client, Error> {
        let Self { company, regions, timeout, patience, attempts, skew_secs, observer } = self;
        if regions.is_empty() {
            return Err(TransportError::Url.into());
        }
        let transport = Transport::new(&regions, timeout)?;
        let region = |url| Region {
            url,
            keys: RwLock::default(),
            skew_secs: AtomicI64::new(skew_secs),
            rests_until_ms: AtomicU64::default(),
        };
        let regions = regions.into_iter().map(region).collect();
        let inner = Inner { company, regions, transport, timeout, patience, attempts, observer };
        Ok(Client { inner: Arc::new(inner), idk: None })
    }

    /// The client of all regions that this one region names, itself first.
    ///
    /// # Errors
    /// If it does not answer, or names a region without TLS although it has TLS itself.
    pub async fn connect(mut self, url: &str) -> Result<Client, Error> {
        let url = url.trim_end_matches('/');
        let transport = Transport::new(&[url.to_owned()], self.timeout)?;
        let raw = transport.get(url, "/.well-known/umoja.json").await;
        let raw = raw.map_err(|source| Error::Unreachable { region: url.to_owned(), source })?;
        let document: Value = serde_json::from_slice(&raw.body).map_err(|_| Error::Unknown("list of regions"))?;
        let issuer = document["issuer"].as_str().ok_or(Error::Unknown("list of regions"))?;
        let listed = document["regions"].as_array().into_iter().flatten().filter_map(|region| region["url"].as_str());
        self = self.region(issuer);
        for other in listed.filter(|other| *other != issuer) {
            self = self.region(other);
        }
        if url.starts_with("https://") && !self.regions.iter().all(|region| region.starts_with("https://")) {
            return Err(TransportError::Url.into());
        }
        self.build()
    }
}

/// An answer that a region has signed for the request. It stands for its body.
#[derive(Clone)]
pub struct Answer<T> {
    body: T,
    status: u16,
    region: String,
    token: String,
    request_id: Option<String>,
}

impl<T> Answer<T> {
    /// The body.
    pub fn into_body(self) -> T {
        self.body
    }

    /// The HTTP status, as it was signed.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The region that answered: its base URL.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The signed answer: keep it where it is evidence, such as the receipt of an erasure.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The id of the request, to name to the operator.
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }
}

impl<T> Deref for Answer<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.body
    }
}

impl<T> fmt::Debug for Answer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({}, {}, {:?})", self.status, self.region, self.request_id)
    }
}

/// What follows a failed attempt.
enum Again {
    Elsewhere { after_secs: u32 },
    Here { after_secs: u32 },
}

impl Client {
    /// How to build a client.
    pub fn builder(company: Company) -> Builder {
        let (timeout, patience) = (Duration::from_secs(30), Duration::from_secs(5));
        Builder { company, regions: Vec::new(), timeout, patience, attempts: 4, skew_secs: 0, observer: None }
    }

    /// The client of all regions of a deployment, by the base URL of one of them, which is called first.
    ///
    /// # Errors
    /// If the region does not answer.
    pub async fn connect(company: Company, url: &str) -> Result<Self, Error> {
        Self::builder(company).connect(url).await
    }

    /// The same client for one call that has this idempotency key: 1 to 64 characters. Repeat the call with the same key until it has a
    /// result, also in another process, and it takes effect once. Without it, each call has a key of its own.
    #[must_use]
    pub fn idempotent(&self, key: &str) -> Self {
        Self { inner: Arc::clone(&self.inner), idk: Some(key.into()) }
    }

    /// The base URLs of the regions, in the order in which they are called.
    pub fn regions(&self) -> impl Iterator<Item = &str> {
        self.inner.regions.iter().map(|region| region.url.as_str())
    }

    /// What verifies the header `umoja-signature` of webhooks: the keys of these regions as they are now. Get it again if one is rejected
    /// with `kid`, because the regions sign with a newer key then.
    ///
    /// # Errors
    /// If the region that is called first does not answer.
    pub async fn webhooks(&self) -> Result<Regions, Error> {
        let keys = self.inner.keys(self.inner.order()[0], true).await?;
        let urls = self.regions().map(str::to_owned).collect();
        Ok(Regions { company: self.inner.company.id.to_string(), urls, keys: (*keys).clone() })
    }

    /// What is added to this clock to have that of the region with this base URL, in seconds.
    pub fn skew_secs(&self, url: &str) -> Option<i64> {
        let region = self.inner.regions.iter().find(|region| region.url == url)?;
        Some(region.skew_secs.load(Ordering::Relaxed))
    }

    /// How long a request may wait for an event, in seconds.
    pub(crate) fn longest_wait_secs(&self) -> u64 {
        self.inner.timeout.as_secs().saturating_sub(5).min(20)
    }

    /// Calls an operation by its path, such as `/v1/users/lookup`. The methods of the operations are this with types.
    ///
    /// # Errors
    /// [`Error`], once no attempt is left that could help.
    pub async fn call<B: Serialize + ?Sized, A: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<Answer<A>, Error> {
        let body = to_raw_value(body).map_err(|_| Error::Unknown("body"))?;
        let answer = Box::pin(self.inner.call(path, &body, self.idk.as_deref())).await?;
        let Answer { body, status, region, token, request_id } = answer;
        let body = serde_json::from_str(body.get()).map_err(|_| Error::Unknown("answer"))?;
        Ok(Answer { body, status, region, token, request_id })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({:?}, {:?})", self.inner.company, self.regions().collect::<Vec<_>>())
    }
}

impl Inner {
    async fn call(&self, path: &str, body: &RawValue, idk: Option<&str>) -> Result<Answer<Box<RawValue>>, Error> {
        let idk = match idk {
            Some(key) => key.to_owned(),
            None => random_id().ok_or(Error::Randomness)?,
        };
        let order = self.order();
        let (mut turn, mut left) = (0, self.attempts);
        loop {
            let region = order[turn % order.len()];
            let error = match self.attempt(region, path, body, &idk).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            left -= 1;
            let wait_secs = match again(&error) {
                Some(Again::Here { after_secs }) => after_secs,
                Some(Again::Elsewhere { after_secs }) => {
                    region.rests_until_ms.store(now_ms() + REST_MS, Ordering::Relaxed);
                    turn += 1;
                    // There is nothing to wait for while a region is left that was not tried.
                    if turn % order.len() == 0 { after_secs } else { 0 }
                }
                None => return Err(error),
            };
            let wait = Duration::from_secs(wait_secs.into());
            if left == 0 || wait > self.patience {
                return Err(error);
            }
            tokio::time::sleep(wait.mul_f64(jitter())).await;
        }
    }

    /// The regions in the order in which they are called: those last that gave no answer recently.
    fn order(&self) -> Vec<&Region> {
        let now = now_ms();
        let mut order: Vec<&Region> = self.regions.iter().collect();
        order.sort_by_key(|region| region.rests_until_ms.load(Ordering::Relaxed) > now);
        order
    }

    async fn attempt(
        &self,
        region: &Region,
        path: &str,
        body: &RawValue,
        idk: &str,
    ) -> Result<Answer<Box<RawValue>>, Error> {
        let jti = random_id().ok_or(Error::Randomness)?;
        let request = Request { url: &region.url, path, body, idk: Some(idk), now: region.now_secs(), jti: &jti };
        let signed = jws::request(&self.company, &request).await?;
        let token = Bytes::from(signed.token.clone());
        let raw = self.transport.post(&region.url, path, &self.company.api_key, token).await;
        let raw = raw.map_err(|source| Error::Unreachable { region: region.url.clone(), source })?;
        if let Some(observer) = &self.observer {
            let request = signed.token.as_bytes();
            observer(&Exchange { method: &Method::POST, path, request, response: &raw });
        }
        let request_id = raw.header("request-id").map(str::to_owned);
        if raw.media_type() != "application/jwt" {
            return Err(region.problem(&raw, &raw.body, false));
        }
        let verified = self.verified(region, &signed, &raw).await?;
        if verified.status >= 400 {
            return Err(region.problem(&raw, verified.body.get().as_bytes(), true));
        }
        let token = String::from_utf8_lossy(&raw.body).into_owned();
        Ok(Answer { body: verified.body, status: verified.status, region: region.url.clone(), token, request_id })
    }

    /// Verifies an answer, and corrects for the region's clock: the region has signed its time for this very request.
    async fn verified(&self, region: &Region, signed: &Signed, raw: &Raw) -> Result<Verified, Error> {
        let answer = (raw.status, &raw.body[..]);
        let check = |keys: &PublicKeys| verify_but_time(keys, &self.company.id, signed, answer, region.now_secs());
        let checked = match check(&*self.keys(region, false).await?) {
            // The region may sign with a newer key than is known.
            Err(Rejected("kid")) => check(&*self.keys(region, true).await?),
            other => other,
        };
        let (verified, untimely) = checked.map_err(|reason| Error::NotVerified {
            region: region.url.clone(),
            reason,
            request_id: raw.header("request-id").map(str::to_owned),
        })?;
        if untimely.is_some() || verified.iat.abs_diff(region.now_secs()) > SKEW_SECS {
            region.correct(verified.iat);
        }
        Ok(verified)
    }

    async fn keys(&self, region: &Region, again: bool) -> Result<Arc<PublicKeys>, Error> {
        let known = region.keys.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known.filter(|_| !again) {
            return Ok(known);
        }
        let raw = self.transport.get(&region.url, "/.well-known/jwks.json").await;
        let raw = raw.map_err(|source| Error::Unreachable { region: region.url.clone(), source })?;
        let document = serde_json::from_slice(&raw.body).unwrap_or_default();
        let keys = Arc::new(PublicKeys::from_jwks(&document));
        if keys.is_empty() {
            return Err(Error::Keys(region.url.clone()));
        }
        *region.keys.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&keys));
        Ok(keys)
    }
}

impl Region {
    /// The region's time, in seconds since 1970, as far as it is known.
    fn now_secs(&self) -> u64 {
        (now_ms() / 1000).saturating_add_signed(self.skew_secs.load(Ordering::Relaxed))
    }

    fn correct(&self, signed_at_secs: u64) {
        self.skew_secs.store(signed_at_secs.cast_signed() - (now_ms() / 1000).cast_signed(), Ordering::Relaxed);
    }

    fn problem(&self, raw: &Raw, body: &[u8], is_signed: bool) -> Error {
        let request_id = raw.header("request-id").map(str::to_owned);
        let is_error = (400..600).contains(&raw.status);
        match serde_json::from_slice::<Problem>(body) {
            Ok(problem) if is_error => Error::Problem(Box::new(Problem {
                status: raw.status,
                retry_after_secs: raw.header("retry-after").and_then(|secs| secs.parse().ok()),
                request_id,
                region: self.url.clone(),
                body: serde_json::from_slice(body).unwrap_or_default(),
                token: is_signed.then(|| String::from_utf8_lossy(&raw.body).into_owned()),
                ..problem
            })),
            _ => Error::Form { region: self.url.clone(), status: raw.status, request_id },
        }
    }
}

/// What a failed attempt is followed by; `None` if nothing can help.
fn again(error: &Error) -> Option<Again> {
    match error {
        Error::Problem(problem) => {
            let after_secs = problem.retry_after_secs.unwrap_or(1);
            match problem.retry() {
                Retry::No | Retry::Person => None,
                Retry::Later => Some(Again::Here { after_secs }),
                Retry::Elsewhere => Some(Again::Elsewhere { after_secs }),
                Retry::SignAgain => Some(Again::Here { after_secs: 0 }),
            }
        }
        Error::Form { status, .. } if *status < 500 => None,
        Error::Unreachable { .. } | Error::NotVerified { .. } | Error::Form { .. } | Error::Keys(_) => {
            Some(Again::Elsewhere { after_secs: 1 })
        }
        _ => None,
    }
}

/// From 1 to 1.5: what several clients wait for does not come all at once.
fn jitter() -> f64 {
    let mut byte = [0];
    let _ = aws_lc_rs::rand::fill(&mut byte);
    1.0 + f64::from(byte[0]) / 512.0
}
