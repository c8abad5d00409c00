//! Copies that a peer did not take at once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use futures_util::stream::{self, StreamExt as _};
use serde::Serialize;
use umoja_schema::replicated::Erasure;
use umoja_schema::{Item, Key, Message, Part, PartRecord, Version};
use umoja_store::copy::{copy, delete_with_user};
use umoja_store::ports::{Delivery, StoreError};
use umoja_store::{Home, Peer};

use crate::messages::{Place, Unfit, delete, park, postpone, receive, release};
use crate::{CHUNKS, CONCURRENT, Ended};

/// What one run did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RetryReport {
    /// Messages received.
    pub received: usize,
    /// Parts and rows that the peer took or already had.
    pub copied: usize,
    /// Messages that another message of the run stood in for.
    pub coalesced: usize,
    /// Messages about something that the own region does not hold: there is nothing to copy.
    pub absent: usize,
    /// Messages put back for later.
    pub postponed: usize,
    /// Messages that cannot be served, now parked for an operator.
    pub parked: usize,
    /// Why the run ended.
    pub ended: Ended,
}

/// Copies to a peer what it did not take at once: not the message's version but what is stored now. While the peer
/// does not answer, its messages are left alone.
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
        tracing::warn!(%error, "the own table does not answer");
        return Ended::OwnDown;
    }
    if let Err(error) = peer.ports.users.probe().await {
        tracing::warn!(peer = %peer.ports.name, %error, "a peer does not answer; its messages are left alone");
        return Ended::PeerDown;
    }
    let given = Copied::default();
    for _ in 0..CHUNKS {
        let deliveries = match receive(&*peer.retry).await {
            Ok(deliveries) if deliveries.is_empty() => return Ended::Empty,
            Ok(deliveries) => deliveries,
            Err(error) => {
                tracing::warn!(peer = %peer.ports.name, %error, "a retry queue does not answer");
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
    let Message::Copy { table, id, key } = Unfit::read(text)? else {
        return Err(Unfit::Unreadable("the message is not one of a retry queue"));
    };
    let table = home.own.table(&table).ok_or(Unfit::Unreadable("the message names a table that is not replicated"))?;
    Ok(Key { table, user: id, sort: key })
}

enum Served {
    Copied,
    Absent,
    /// Not now: the peer or the own table does not answer.
    Stopped(Option<Ended>),
    /// Not like this: goes to the dead letters if it stays so.
    Failed,
    Parked(&'static str),
}

/// What this run has copied, by version and number of wrapped keys: what was written often has messages in many chunks, and
/// what the peer was given once need not be offered again.
type Copied = Mutex<BTreeMap<Key, (Version, usize)>>;

async fn serve(
    home: &Home,
    peer: &Peer,
    given: &Copied,
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
                report.parked += park(home, &*peer.retry, from, reason, &[delivery]).await;
            }
        }
    }
    let stopped = AtomicBool::new(false);
    let copies: Vec<_> = asked.keys().map(|key| copy_unless(home, peer, given, key, &stopped)).collect();
    let served: Vec<Served> = stream::iter(copies).buffered(CONCURRENT).collect().await;

    let mut ended = None;
    for ((key, deliveries), served) in asked.iter().zip(served) {
        match served {
            Served::Copied => {
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
            Served::Parked(reason) => {
                let from = Place { table: queue_name(peer), key: key.to_string() };
                report.parked += park(home, &*peer.retry, from, reason, deliveries).await;
            }
        }
    }
    ended
}

async fn copy_unless(home: &Home, peer: &Peer, given: &Copied, key: &Key, stopped: &AtomicBool) -> Served {
    if stopped.load(Ordering::Relaxed) {
        return Served::Stopped(None);
    }
    let served = copy_stored(home, peer, given, key).await;
    if matches!(served, Served::Stopped(_)) {
        stopped.store(true, Ordering::Relaxed);
    }
    served
}

async fn copy_stored(home: &Home, peer: &Peer, given: &Copied, key: &Key) -> Served {
    let item = match home.own.read(key).await {
        Ok(Some(item)) => item,
        Ok(None) => return absent(home, peer, key).await,
        Err(error) => return own_failed(&error),
    };
    if item.version().is_some_and(|version| version.hlc.is_far_ahead_of(home.clock.now())) {
        return Served::Parked("the stamp is more than five minutes ahead of this region's clock");
    }
    match copy_once(home, peer, given, key, &item).await {
        Ok(()) => Served::Copied,
        Err(error) => peer_failed(peer, &error),
    }
}

/// An item that went with its user before it was copied again: the peer may have taken the first copy, whose answer was
/// lost, after it took the erasure.
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
    tracing::warn!(peer = %peer.ports.name, %error, "a peer did not take a copy");
    if error.is_transient() { Served::Stopped(Some(Ended::PeerDown)) } else { Served::Failed }
}

async fn copy_once(home: &Home, peer: &Peer, given: &Copied, key: &Key, item: &Item) -> Result<(), StoreError> {
    let keys = item.part().and_then(PartRecord::live).map_or(0, |live| live.keys.len());
    let state = item.version().map(|version| (version.clone(), keys));
    let known = given.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
    if state.is_none() || known != state {
        copy(home, &peer.ports, item).await?;
        let state = state.map(|state| (key.clone(), state));
        given.lock().unwrap_or_else(PoisonError::into_inner).extend(state);
    }
    Ok(())
}

fn own_failed(error: &StoreError) -> Served {
    tracing::warn!(%error, "the own table did not give an item");
    match error {
        StoreError::Unreadable(_) => Served::Parked("the own item cannot be read"),
        error if error.is_transient() => Served::Stopped(Some(Ended::OwnDown)),
        _ => Served::Failed,
    }
}

fn queue_name(peer: &Peer) -> String {
    umoja_schema::names::queue::retry(&peer.ports.name)
}
