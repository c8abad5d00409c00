//! Accepts events: checks who posts, seals each event and stores it in the inbox, then rings the queue. The caller is
//! answered after that, so an acknowledged event is not lost. Nothing here can open what it has sealed.

use std::future::ready;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::Map;
use umoja_accounts::rates::{Rates, Requester};
use umoja_crypto::{Aad, akh};
use umoja_schema::ingest::{InboxEvent, InboxState};
use umoja_schema::names::metric;
use umoja_schema::{Company, CompanyId, IngestSource, Millis, SourceId};
use umoja_store::Home;
use umoja_store::inbox::{self, Accepted, expiry};
use umoja_store::queue_runs::CONCURRENT;
use umoja_store::remembered::Remembered;

use crate::legacy;
use crate::problem::Rejection;
use crate::providers::{MAX_BODY, Received, split};
use crate::source::{Hash, KnownSource, Sources};

/// How far the time of a signature may be from ours, in milliseconds.
const MAX_SKEW_MS: u64 = 5 * 60 * 1000;

/// The parsed documents of sources, and the region that accepts their events.
pub struct Acceptor {
    home: Home,
    sources: Sources,
    limits: Option<Limits>,
}

/// Counts the requests of sources, each by the limit of its company.
struct Limits {
    rates: Arc<Rates>,
    companies: Remembered<CompanyId, Company>,
}

/// How many events of a body were accepted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Receipt {
    /// Events that were stored.
    pub accepted: usize,
    /// Events that were stored before.
    pub known: usize,
}

impl Acceptor {
    /// Accepts the events of sources in a region. It counts no requests: on AWS, a gateway in front limits them.
    pub fn new(home: Home) -> Self {
        Self { home, sources: Sources::default(), limits: None }
    }

    /// Counts the requests of each source: it may make as many as its company.
    #[must_use]
    pub fn with_rates(self, rates: Arc<Rates>) -> Self {
        Self { limits: Some(Limits { rates, companies: Remembered::default() }), ..self }
    }

    /// The region.
    pub(crate) const fn home(&self) -> &Home {
        &self.home
    }

    /// Accepts the events of a body. A repeated call with the same events changes nothing.
    ///
    /// # Errors
    /// If the caller is not the source, the body is not what it posts, or the store fails. Some of the events may have
    /// been stored then.
    pub async fn accept(&self, id: &str, headers: &HeaderMap, body: &[u8]) -> Result<Receipt, Rejection> {
        if body.len() > MAX_BODY {
            return Err(Rejection::TooLarge);
        }
        let now = self.home.clock.now();
        let known = self.authenticated(id, headers, body, now).await?;
        if !known.feeds() {
            return Err(Rejection::Direction);
        }
        let events = split(known.source.kind, known.source.mapping.as_ref(), body)?;
        let stored: Vec<_> = events.iter().map(|event| self.store(&known, event, now)).collect();
        let stored = stream::iter(stored).buffered(CONCURRENT);
        let receipt = stored.try_fold(Receipt::default(), |Receipt { accepted, known }, stored| {
            ready(Ok(match stored {
                Accepted::New => Receipt { accepted: accepted + 1, known },
                Accepted::Known(_) => Receipt { accepted, known: known + 1 },
            }))
        });
        receipt.await
    }

    /// Accepts an event in the legacy form: a query string. `None` if the source may not use that form, or if the query is
    /// no event in that form. A repeated call changes nothing.
    ///
    /// # Errors
    /// As [`Acceptor::accept`]. Another topic than the source's is no proof to be the source.
    pub async fn accept_legacy(&self, known: &KnownSource, query: &str) -> Result<Option<Receipt>, Rejection> {
        let Some(topic) = &known.source.legacy_get else { return Ok(None) };
        let Some(legacy) = legacy::read(query)? else { return Ok(None) };
        if legacy.topic != *topic {
            return Err(Rejection::Unauthorized("not the topic of the source"));
        }
        metrics::counter!(metric::LEGACY_EVENTS).increment(1);
        Ok(Some(match self.store(known, &legacy.event, self.home.clock.now()).await? {
            Accepted::New => Receipt { accepted: 1, known: 0 },
            Accepted::Known(_) => Receipt { accepted: 0, known: 1 },
        }))
    }

    /// The source, if the caller has its API key and, for a source that signs, has signed the body. The request counts.
    ///
    /// # Errors
    /// [`Rejection::Unauthorized`] for every other caller, with no sign of whether the source exists, and
    /// [`Rejection::RateLimited`] for a source that has made too many requests.
    pub(crate) async fn authenticated(
        &self,
        id: &str,
        headers: &HeaderMap,
        body: &[u8],
        now: Millis,
    ) -> Result<Arc<KnownSource>, Rejection> {
        let keys = api_keys(headers);
        if keys.is_empty() {
            return Err(Rejection::Unauthorized("no API key"));
        }
        let id: SourceId = id.parse().map_err(|_| Rejection::Unauthorized("no id of a source"))?;
        let seen = self.sources.get(&*self.home.registry, &id, now).await?;
        let seen = seen.ok_or(Rejection::Unauthorized("no such source"))?;
        let (_, known) = &seen;
        if !keys.iter().any(|key| known.source.has_api_key(&akh(key), now.secs())) {
            return Err(Rejection::Unauthorized("not an API key of the source"));
        }
        if known.signs() {
            check_signature(known, headers, body, now).map_err(Rejection::Unauthorized)?;
        }
        self.sources.remember(&seen);
        if let Some(limits) = &self.limits {
            limits.take(&self.home, &known.source, now).await?;
        }
        Ok(Arc::clone(known))
    }

    /// Stores one event and rings the queue, unless the event is done already.
    async fn store(&self, known: &KnownSource, event: &Received, now: Millis) -> Result<Accepted, Rejection> {
        store(&self.home, known, event, now).await
    }
}

impl Limits {
    /// Counts a request of a source.
    async fn take(&self, home: &Home, source: &IngestSource, now: Millis) -> Result<(), Rejection> {
        let company = match self.companies.get(&source.company, now) {
            Some((_, company)) => Some(company),
            None => home.registry.company(&source.company).await?.map(|company| {
                let company = Arc::new(company);
                self.companies.remember(source.company.clone(), &(now, Arc::clone(&company)));
                company
            }),
        };
        let limit = company.map_or(Company::DEFAULT_RATE_LIMIT, |company| company.requests_per_second());
        let standing = self.rates.take(&*home.clock, &Requester::Source(source.id.clone()), limit).await;
        standing.retry_after_secs().map_or(Ok(()), |secs| Err(Rejection::RateLimited { secs }))
    }
}

/// Stores one event of a source and rings the queue, unless the event is done already.
pub(crate) async fn store(
    home: &Home,
    known: &KnownSource,
    event: &Received,
    now: Millis,
) -> Result<Accepted, Rejection> {
    let key = known.event_key(&event.id);
    let row = sealed(home, known, &key, &event.payload, InboxState::Waiting)?;
    let accepted = inbox::accept(&*home.own.inbox, &key, &row, now, expiry(row.state, now)).await?;
    let state = match &accepted {
        Accepted::New => InboxState::Waiting,
        Accepted::Known(stored) if stored.event.content != row.content => return Err(Rejection::OtherContent),
        Accepted::Known(stored) => stored.event.state,
    };
    if state == InboxState::Waiting {
        home.own.ingest.send(&inbox::message(&key), 0).await?;
    }
    Ok(accepted)
}

/// A row of the inbox with a payload that only a worker can open.
///
/// # Errors
/// If the inbox key of the source takes no message.
pub(crate) fn sealed(
    home: &Home,
    known: &KnownSource,
    key: &Hash,
    payload: &[u8],
    state: InboxState,
) -> Result<InboxEvent, Rejection> {
    let source = &known.source;
    let sealed = known
        .inbox()
        .seal(home.entropy.array(), &event_aad(&source.id, key), payload)
        .map_err(|_| Rejection::Unauthorized("the inbox key of the source takes no message"))?;
    Ok(InboxEvent {
        source: source.id.clone(),
        received_at: home.clock.now(),
        content: URL_SAFE_NO_PAD.encode(known.content_hash(payload)),
        state,
        reason: None,
        detail: None,
        left_out: Vec::new(),
        key_version: source.inbox_key.version,
        payload: URL_SAFE_NO_PAD.encode(sealed),
        unknown: Map::new(),
    })
}

/// What an event is bound to: its source and the key under which it is stored.
pub(crate) fn event_aad(source: &SourceId, key: &Hash) -> Aad {
    Aad::new().text(source.as_str()).bytes(key)
}

/// What may be the API key of the source: the header `x-api-key`, which has the key of a gateway if one stands in front,
/// and a bearer token (RFC 6750 section 2.1) or the whole value of `authorization`.
pub(crate) fn api_keys(headers: &HeaderMap) -> Vec<&[u8]> {
    let key = headers.get("x-api-key").map(HeaderValue::as_bytes);
    let token = headers.get("authorization").map(|value| {
        let value = value.as_bytes();
        match value.split_at_checked(7) {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer ") => token,
            _ => value,
        }
    });
    key.into_iter().chain(token).collect()
}

/// Checks the signature of a body by Standard Webhooks: `webhook-signature` has `v1a,` and an Ed25519 signature of
/// `webhook-id`, `webhook-timestamp` and the body, joined by full stops; one of several is enough.
fn check_signature(known: &KnownSource, headers: &HeaderMap, body: &[u8], now: Millis) -> Result<(), &'static str> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let id = text("webhook-id").ok_or("no header webhook-id")?;
    let secs = text("webhook-timestamp").ok_or("no header webhook-timestamp")?;
    let at = secs.parse::<u64>().ok().and_then(|secs| secs.checked_mul(1000)).ok_or("webhook-timestamp is no time")?;
    if at.abs_diff(now.0) > MAX_SKEW_MS {
        return Err("webhook-timestamp is too far from now");
    }
    let message = [id.as_bytes(), b".", secs.as_bytes(), b".", body].concat();
    let signatures = text("webhook-signature").ok_or("no header webhook-signature")?;
    let decoded = signatures.split(' ').filter_map(|signature| STANDARD.decode(signature.strip_prefix("v1a,")?).ok());
    let mut decoded = decoded.take(8);
    if decoded.any(|signature| known.verifies(&message, &signature)) { Ok(()) } else { Err("the signature is wrong") }
}
