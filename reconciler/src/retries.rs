//! Changes that a peer did not accept at once.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use umoja_schema::{Item, Key, Message, Part, PartRecord, Version, names};
use umoja_store::ports::{Queue, StoreError};
use umoja_store::replicate::{delete_with_user, replicate_newest};
use umoja_store::{Home, Peer};

use crate::Ended;
use umoja_store::queue_runs::{Serve, Served, Tally, WRONG_QUEUE, own_failed, serve};

/// The report of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RetryReport {
    /// Messages received.
    pub received: usize,
    /// Parts and rows that the peer accepted or already had.
    pub replicated: usize,
    /// Messages that repeat another message of the run.
    pub coalesced: usize,
    /// Messages about an item that the own region does not hold, so that there is none to replicate.
    pub absent: usize,
    /// Messages released for later.
    pub postponed: usize,
    /// Messages that cannot be processed and are now quarantined.
    pub quarantined: usize,
    /// Why the run ended.
    pub ended: Ended,
}

/// Replicates to a peer what it did not accept at once. Sends the item as it is stored now, not the version of the
/// message. While the peer does not respond, its messages are left alone.
pub async fn drain_retries(home: &Home, peer: &Peer) -> RetryReport {
    let (tally, ended) = serve(home, &Retries { home, peer, sent: Sent::default() }).await;
    let Tally { received, done: replicated, overtaken: absent, coalesced, postponed, quarantined } = tally;
    let report = RetryReport { received, replicated, coalesced, absent, postponed, quarantined, ended };
    if report != RetryReport::default() {
        let peer = &peer.ports.name;
        tracing::info!(%peer, received, replicated, coalesced, absent, postponed, quarantined, ?ended, "retries drained");
    }
    report
}

/// What this run has replicated, by version and number of wrapped keys. An item that was written often has messages in
/// many chunks, and need not be sent to the peer again.
type Sent = Mutex<BTreeMap<Key, (Version, usize)>>;

/// The queue of a peer, and what processes its messages.
struct Retries<'a> {
    home: &'a Home,
    peer: &'a Peer,
    sent: Sent,
}

impl Serve for Retries<'_> {
    fn name(&self) -> String {
        names::queue::retry(&self.peer.ports.name)
    }

    fn queue(&self) -> &dyn Queue {
        &*self.peer.retry
    }

    fn key(&self, message: &Message) -> Result<String, &'static str> {
        Ok(self.wanted(message)?.to_string())
    }

    async fn outage(&self) -> Option<Ended> {
        let error = self.peer.ports.users.probe().await.err()?;
        tracing::warn!(peer = %self.peer.ports.name, %error, "a peer does not respond; its messages are left alone");
        Some(Ended::PeerDown)
    }

    async fn serve(&self, message: &Message) -> Served {
        let key = match self.wanted(message) {
            Ok(key) => key,
            Err(reason) => return Served::Quarantined(reason),
        };
        let item = match self.home.own.read(&key).await {
            Ok(Some(item)) => item,
            Ok(None) => return self.absent(&key).await,
            Err(error) => return unread(&error),
        };
        if item.version().is_some_and(|version| version.hlc.is_far_ahead_of(self.home.clock.now())) {
            return Served::Quarantined("the HLC timestamp is more than five minutes ahead of this region's clock");
        }
        match self.send(&key, &item).await {
            Ok(()) => Served::Done,
            Err(error) => self.peer_failed(&error),
        }
    }
}

impl Retries<'_> {
    /// The key of the item that a message names.
    fn wanted(&self, message: &Message) -> Result<Key, &'static str> {
        let Message::Replicate { table, id, key } = message else { return Err(WRONG_QUEUE) };
        let table = self.home.own.table(table).ok_or("the message names a table that is not replicated")?;
        Ok(Key { table, user: *id, sort: key.clone() })
    }

    /// The item was deleted with its user before this retry. The peer may have accepted an earlier attempt, whose
    /// answer was lost, after it accepted the erasure.
    async fn absent(&self, key: &Key) -> Served {
        let profile = match self.home.own.users.part(key.user, Part::Profile).await {
            Ok(Some(profile)) => profile,
            Ok(None) => return Served::Overtaken,
            Err(error) => return unread(&error),
        };
        match delete_with_user(&self.peer.ports, &profile).await {
            Ok(_) => Served::Overtaken,
            Err(error) => self.peer_failed(&error),
        }
    }

    async fn send(&self, key: &Key, item: &Item) -> Result<(), StoreError> {
        let keys = item.part().and_then(PartRecord::live).map_or(0, |live| live.keys.len());
        let state = item.version().map(|version| (version.clone(), keys));
        let known = self.sent.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
        if state.is_none() || known != state {
            replicate_newest(self.home, &self.peer.ports, item).await?;
            let state = state.map(|state| (key.clone(), state));
            self.sent.lock().unwrap_or_else(PoisonError::into_inner).extend(state);
        }
        Ok(())
    }

    fn peer_failed(&self, error: &StoreError) -> Served {
        tracing::warn!(peer = %self.peer.ports.name, %error, "a peer did not accept an item");
        if error.is_transient() { Served::Stopped(Ended::PeerDown) } else { Served::Failed }
    }
}

/// The result if an item of the own table cannot be read.
fn unread(error: &StoreError) -> Served {
    match error {
        StoreError::Unreadable(_) => {
            tracing::warn!(%error, "an item of the own table cannot be read");
            Served::Quarantined("the own item cannot be read")
        }
        error => own_failed(error),
    }
}
