//! Applies the events of the inbox to people. A message of the queue names an event; the event itself is read from the
//! inbox, so a message may come late, twice or never: the worker rings again for events that wait. Messages of a paused
//! source or a disabled company are deleted, and its events wait in the inbox alone.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::Map;
use umoja_accounts::People;
use umoja_accounts::import::{Failed, Hashing, Reason, Stopped};
use umoja_accounts::incoming::Applied;
use umoja_schema::ingest::{InboxEvent, InboxState};
use umoja_schema::{Message, names};
use umoja_store::Home;
use umoja_store::inbox::{self, Accepted, StoredEvent, expiry};
use umoja_store::ports::{Queue, StoreError};
use umoja_store::queue_runs::{Ended, Serve, Served, Tally, WRONG_QUEUE, own_failed, serve};

use crate::accept::event_aad;
use crate::feeder::feeder;
use crate::outcome::Outcome;
use crate::providers::{Read, Reading, read};
use crate::source::{Hash, KnownSource, Sources};
use crate::waiting::{Waiting, ring_again};

/// The report of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct IngestReport {
    /// Messages received.
    pub received: usize,
    /// Events that were applied, passed on to the home of their source, kept or parked.
    pub done: usize,
    /// Messages about events that were done before.
    pub overtaken: usize,
    /// Messages that repeat another message of the run.
    pub coalesced: usize,
    /// Of the events done, those that are parked.
    pub parked: usize,
    /// Messages released for later, or deleted because their source is paused or its company disabled.
    pub postponed: usize,
    /// Messages that cannot be processed and are now quarantined.
    pub quarantined: usize,
    /// Why the run ended.
    pub ended: Ended,
}

/// Why an event is parked, as its row says it.
mod code {
    pub(super) const NO_SOURCE: &str = "source_unknown";
    pub(super) const NO_COMPANY: &str = "company_unknown";
    pub(super) const NO_HOME: &str = "home_unknown";
    pub(super) const DIRECTION: &str = "wrong_direction";
    pub(super) const SEALED: &str = "cannot_be_opened";
    pub(super) const MALFORMED: &str = "malformed";
    pub(super) const OTHER_CONTENT: &str = "event_id_reused";
}

/// What applies events in a region.
pub struct Worker {
    people: People,
    hashing: Hashing,
    sources: Sources,
    /// The events parked in the running run.
    parked: AtomicUsize,
}

impl Worker {
    /// A worker on the people of a region.
    pub fn new(people: People, hashing: Hashing) -> Self {
        Self { people, hashing, sources: Sources::default(), parked: AtomicUsize::new(0) }
    }

    /// Applies the events in the queue, up to the limit of one run.
    pub async fn run(&self) -> IngestReport {
        self.run_on(&*self.home().own.ingest).await
    }

    /// As [`Worker::run`], with the messages that `queue` delivers.
    pub async fn run_on(&self, queue: &dyn Queue) -> IngestReport {
        let (tally, ended) = serve(self.home(), &Doorbell { worker: self, queue }).await;
        let parked = self.parked.swap(0, Ordering::Relaxed);
        let Tally { received, done, overtaken, coalesced, postponed, quarantined } = tally;
        let report = IngestReport { received, done, overtaken, coalesced, parked, postponed, quarantined, ended };
        if report != IngestReport::default() {
            tracing::info!(
                received,
                done,
                overtaken,
                coalesced,
                parked,
                postponed,
                quarantined,
                ?ended,
                "events applied"
            );
        }
        report
    }

    /// Rings again for the events that have waited for a while, because a ring may be lost between the inbox and the
    /// queue, and because the messages of a source are deleted while it is paused. Says what waits.
    ///
    /// # Errors
    /// If the inbox, the settings or the queue fails.
    pub async fn ring_again(&self) -> Result<Waiting, StoreError> {
        ring_again(self.home(), &self.sources).await
    }

    const fn home(&self) -> &Home {
        &self.people.home
    }

    async fn handle(&self, key: &Hash) -> Result<Served, Failed> {
        let (home, now) = (self.home(), self.home().clock.now());
        let Some(stored) = inbox::event(&*home.own.inbox, key, now).await? else { return Ok(Served::Overtaken) };
        if stored.event.state != InboxState::Waiting {
            return Ok(Served::Overtaken);
        }
        let Some(seen) = self.sources.get_enabled(&*home.registry, &stored.event.source, now).await? else {
            return self.settle(&stored, Outcome::parked(code::NO_SOURCE)).await;
        };
        self.sources.remember(&seen);
        let (_, known) = seen;
        if !known.source.enabled {
            return Ok(Served::Waits);
        }
        if known.source.home != home.own.name {
            return self.pass_on(key, &stored, &known).await;
        }
        if !known.feeds() {
            return self.settle(&stored, Outcome::parked(code::DIRECTION)).await;
        }
        let aad = event_aad(&known.source.id, key);
        let sealed = URL_SAFE_NO_PAD.decode(&stored.event.payload).unwrap_or_default();
        let Ok(payload) = self.people.secrets.inbox_key(stored.event.key_version).open(&aad, &sealed) else {
            return self.settle(&stored, Outcome::parked(code::SEALED)).await;
        };
        let reading = Reading { received_at: stored.event.received_at, mapping: known.source.mapping.as_ref() };
        let changes = match read(known.source.kind, &payload, &reading) {
            Ok(Read::Changes(changes)) => changes,
            Ok(Read::Unknown) => return self.settle(&stored, Outcome::of(InboxState::Ignored)).await,
            Err(error) => {
                return self.settle(&stored, Outcome::parked(code::MALFORMED).because(error)).await;
            }
        };
        let Some(company) = home.registry.company(&known.source.company).await? else {
            return self.settle(&stored, Outcome::parked(code::NO_COMPANY)).await;
        };
        if !company.enabled {
            return Ok(Served::Waits);
        }
        let feeder = feeder(&self.people, &self.hashing, &known, Arc::new(company));
        let mut left_out = BTreeSet::new();
        for change in &changes {
            match feeder.apply_noting(change, &mut left_out).await {
                Ok(applied) => log(&known, &applied),
                Err(failed) if failed.is_transient() => return Err(failed),
                // A peer's copy repairs what is stored of the user, or an operator does. The event is not at fault.
                Err(Failed::Rejected(Reason::Unreadable)) => return Ok(Served::Blocked),
                Err(Failed::Rejected(reason)) => {
                    return self.settle(&stored, Outcome::rejected(&reason)).await;
                }
                Err(failed) => return Err(failed),
            }
        }
        self.settle(&stored, Outcome::applied(&left_out)).await
    }

    /// Hands an event to the home region of its source, which applies all of them in one order.
    async fn pass_on(&self, key: &Hash, stored: &StoredEvent, known: &KnownSource) -> Result<Served, Failed> {
        let Some(peer) = self.home().peers.iter().find(|peer| peer.ports.name == known.source.home) else {
            return self.settle(stored, Outcome::parked(code::NO_HOME)).await;
        };
        let handed = async {
            let now = self.home().clock.now();
            let row = InboxEvent { unknown: Map::new(), ..stored.event.clone() };
            let accepted = inbox::accept(&*peer.ports.inbox, key, &row, now, expiry(row.state, now)).await?;
            peer.ports.ingest.send(&inbox::message(key), 0).await?;
            Ok::<_, StoreError>(accepted)
        };
        match handed.await {
            // The home accepted another event under this id before.
            Ok(Accepted::Known(other)) if other.event.content != stored.event.content => {
                self.settle(stored, Outcome::parked(code::OTHER_CONTENT)).await
            }
            Ok(_) => self.settle(stored, Outcome::of(InboxState::Done)).await,
            Err(error) => {
                tracing::warn!(source = %known.source.id, %error, "an event waits for the home region of its source");
                Ok(Served::Later)
            }
        }
    }

    /// Stores what has become of an event.
    async fn settle(&self, stored: &StoredEvent, outcome: Outcome) -> Result<Served, Failed> {
        let (event, state) = (outcome.row(&stored.event), outcome.state);
        let now = self.home().clock.now();
        let is_stored = inbox::replace_event(&*self.home().own.inbox, stored, &event, now, expiry(state, now)).await?;
        let (source, key) = (&event.source, URL_SAFE_NO_PAD.encode(stored.key));
        if is_stored && state == InboxState::Parked {
            self.parked.fetch_add(1, Ordering::Relaxed);
            let Outcome { reason, detail, .. } = &outcome;
            tracing::warn!(%source, event = key, reason, detail, "an event is parked");
        } else if is_stored && !outcome.left_out.is_empty() {
            let left_out = outcome.left_out.join(", ");
            tracing::warn!(%source, event = key, left_out, "an event was applied without values that no user can have");
        }
        // Another worker was faster, and the event is the same.
        Ok(if is_stored { Served::Done } else { Served::Overtaken })
    }
}

/// A worker at the messages of a queue.
struct Doorbell<'a> {
    worker: &'a Worker,
    queue: &'a dyn Queue,
}

impl Serve for Doorbell<'_> {
    fn name(&self) -> String {
        names::queue::INGEST.to_owned()
    }

    fn queue(&self) -> &dyn Queue {
        self.queue
    }

    fn key(&self, message: &Message) -> Result<String, &'static str> {
        match message {
            Message::Ingest { key } => Ok(key.clone()),
            _ => Err(WRONG_QUEUE),
        }
    }

    async fn serve(&self, message: &Message) -> Served {
        let Message::Ingest { key } = message else { return Served::Failed };
        let Some(key) = inbox::key_of(key) else {
            return Served::Quarantined("the message has no key of an event");
        };
        match self.worker.handle(&key).await {
            Ok(served) => served,
            Err(Failed::Stopped(Stopped::Store(error))) => own_failed(&error),
            Err(error) if error.is_transient() => Served::Later,
            Err(error) => {
                tracing::warn!(%error, "an event was not applied");
                Served::Failed
            }
        }
    }
}

fn log(known: &KnownSource, applied: &Applied) {
    tracing::debug!(source = %known.source.id, ?applied, "a change was applied");
}
