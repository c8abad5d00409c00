//! Changes that a peer did not accept at once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use futures_util::stream::{self, StreamExt as _};
use serde::Serialize;
use umoja_schema::replicated::Erasure;
use umoja_schema::{Item, Key, Message, Part, PartRecord, Version};
use umoja_store::ports::{Delivery, StoreError};
use umoja_store::replicate::{delete_with_user, replicate};
use umoja_store::{Home, Peer};

use crate::messages::{Place, Unfit, delete, postpone, quarantine, receive, release};
use crate::{CHUNKS, CONCURRENT, Ended};

/// The report of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RetryReport {
    /// Messages received.
    pub received: usize,
    /// Parts and rows that the peer accepted or already had.
    pub copied: usize,
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
    let mut report = RetryReport::default();
    report.ended = run(home, peer, &mut report).await;
    if report != RetryReport::default() {
        tracing::info!(peer = %peer.ports.name, ?report, "retries drained");
    }
    report
}

async fn run(home: &Home, peer: &Peer, report: &mut RetryReport) -> Ended {
    if let Err(error) = home.own.users.probe().await {
        tracing::warn!(%error, "the own table does not respond");
        return Ended::OwnDown;
    }
    if let Err(error) = peer.ports.users.probe().await {
        tracing::warn!(peer = %peer.ports.name, %error, "a peer does not respond; its messages are left alone");
        return Ended::PeerDown;
    }
    let given = Given::default();
    for _ in 0..CHUNKS {
        let deliveries = match receive(&*peer.retry).await {
            Ok(deliveries) if deliveries.is_empty() => return Ended::Empty,
            Ok(deliveries) => deliveries,
            Err(error) => {
                tracing::warn!(peer = %peer.ports.name, %error, "a retry queue does not respond");
                return Ended::QueueDown;
            }
        };
        if let Some(ended) = serve(home, peer, &given, deliveries, report).await {
            return ended;
        }
    }
    Ended::Bounded
}

/// The item that a message asks for.
fn wanted(home: &Home, text: &str) -> Result<Key, Unfit> {
    let Message::Replicate { table, id, key } = Unfit::read(text)? else {
        return Err(Unfit::Unreadable("the message is not one of a retry queue"));
    };
    let table = home.own.table(&table).ok_or(Unfit::Unreadable("the message names a table that is not replicated"))?;
    Ok(Key { table, user: id, sort: key })
}

enum Served {
    Replicated,
    Absent,
    /// The peer or the own table does not respond.
    Stopped(Option<Ended>),
    /// The attempt failed. The message becomes a dead letter if that does not change.
    Failed,
    Quarantined(&'static str),
}

/// What this run has replicated, by version and number of wrapped keys. An item that was written often has messages in
/// many chunks, and need not be sent to the peer again.
type Given = Mutex<BTreeMap<Key, (Version, usize)>>;

async fn serve(
    home: &Home,
    peer: &Peer,
    given: &Given,
    deliveries: Vec<Delivery>,
    report: &mut RetryReport,
) -> Option<Ended> {
    let mut asked: BTreeMap<Key, Vec<Delivery>> = BTreeMap::new();
    report.received += deliveries.len();
    for delivery in deliveries {
        match wanted(home, &delivery.text) {
            Ok(key) => asked.entry(key).or_default().push(delivery),
            Err(Unfit::Newer) => {
                release(&*peer.retry, &[delivery], &*home.entropy).await;
                report.postponed += 1;
            }
            Err(Unfit::Unreadable(reason)) => {
                let from = Place { table: queue_name(peer), key: "?".to_owned() };
                report.quarantined += quarantine(home, &*peer.retry, from, reason, &[delivery]).await;
            }
        }
    }
    let stopped = AtomicBool::new(false);
    let attempts: Vec<_> = asked.keys().map(|key| replicate_unless(home, peer, given, key, &stopped)).collect();
    let served: Vec<Served> = stream::iter(attempts).buffered(CONCURRENT).collect().await;

    let mut ended = None;
    for ((key, deliveries), served) in asked.iter().zip(served) {
        match served {
            Served::Replicated => {
                delete(&*peer.retry, deliveries).await;
                report.copied += 1;
                report.coalesced += deliveries.len() - 1;
            }
            Served::Absent => {
                delete(&*peer.retry, deliveries).await;
                report.absent += deliveries.len();
            }
            Served::Stopped(why) => {
                postpone(&*peer.retry, deliveries, &key.to_message(), &*home.entropy).await;
                report.postponed += deliveries.len();
                ended = ended.or(why);
            }
            Served::Failed => {
                release(&*peer.retry, deliveries, &*home.entropy).await;
                report.postponed += deliveries.len();
            }
            Served::Quarantined(reason) => {
                let from = Place { table: queue_name(peer), key: key.to_string() };
                report.quarantined += quarantine(home, &*peer.retry, from, reason, deliveries).await;
            }
        }
    }
    ended
}

async fn replicate_unless(home: &Home, peer: &Peer, given: &Given, key: &Key, stopped: &AtomicBool) -> Served {
    if stopped.load(Ordering::Relaxed) {
        return Served::Stopped(None);
    }
    let served = replicate_stored(home, peer, given, key).await;
    if matches!(served, Served::Stopped(_)) {
        stopped.store(true, Ordering::Relaxed);
    }
    served
}

async fn replicate_stored(home: &Home, peer: &Peer, given: &Given, key: &Key) -> Served {
    let item = match home.own.read(key).await {
        Ok(Some(item)) => item,
        Ok(None) => return absent(home, peer, key).await,
        Err(error) => return own_failed(&error),
    };
    if item.version().is_some_and(|version| version.hlc.is_far_ahead_of(home.clock.now())) {
        return Served::Quarantined("the HLC timestamp is more than five minutes ahead of this region's clock");
    }
    match replicate_once(home, peer, given, key, &item).await {
        Ok(()) => Served::Replicated,
        Err(error) => peer_failed(peer, &error),
    }
}

/// The item was deleted with its user before this retry. The peer may have accepted an earlier attempt, whose answer
/// was lost, after it accepted the erasure.
async fn absent(home: &Home, peer: &Peer, key: &Key) -> Served {
    if key.table.erasure != Erasure::Deleted {
        return Served::Absent;
    }
    let tombstone = match home.own.users.part(key.user, Part::Profile).await {
        Ok(Some(profile)) if profile.version.erased => profile,
        Ok(_) => return Served::Absent,
        Err(error) => return own_failed(&error),
    };
    match delete_with_user(&peer.ports, &tombstone).await {
        Ok(_) => Served::Absent,
        Err(error) => peer_failed(peer, &error),
    }
}

fn peer_failed(peer: &Peer, error: &StoreError) -> Served {
    tracing::warn!(peer = %peer.ports.name, %error, "a peer did not accept an item");
    if error.is_transient() { Served::Stopped(Some(Ended::PeerDown)) } else { Served::Failed }
}

async fn replicate_once(home: &Home, peer: &Peer, given: &Given, key: &Key, item: &Item) -> Result<(), StoreError> {
    let keys = item.part().and_then(PartRecord::live).map_or(0, |live| live.keys.len());
    let state = item.version().map(|version| (version.clone(), keys));
    let known = given.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
    if state.is_none() || known != state {
        replicate(home, &peer.ports, item).await?;
        let state = state.map(|state| (key.clone(), state));
        given.lock().unwrap_or_else(PoisonError::into_inner).extend(state);
    }
    Ok(())
}

fn own_failed(error: &StoreError) -> Served {
    tracing::warn!(%error, "an item of the own table cannot be read");
    match error {
        StoreError::Unreadable(_) => Served::Quarantined("the own item cannot be read"),
        error if error.is_transient() => Served::Stopped(Some(Ended::OwnDown)),
        _ => Served::Failed,
    }
}

fn queue_name(peer: &Peer) -> String {
    umoja_schema::names::queue::retry(&peer.ports.name)
}
