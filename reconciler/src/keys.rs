//! The repair queue: data keys that some region has not wrapped, and users that turn out to be one person.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};
use serde::Serialize;
use umoja_schema::{Message, Part, PartRecord, Region, UserId, Version, names};
use umoja_store::Home;
use umoja_store::copy::copy;
use umoja_store::ports::{Delivery, KeyAdded, KeysError, StoreError};
use umoja_store::repairs::missing_regions;
use umoja_store::seal::{SealError, Sealer};

use crate::merges::merge;
use crate::messages::{Place, Unfit, block, delete, park, postpone, receive, release};
use crate::served::{Served, own_failed};
use crate::{CHUNKS, CONCURRENT, Ended};

/// What one run did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RepairReport {
    /// Messages received.
    pub received: usize,
    /// Parts that every region's KMS has wrapped now, in every region.
    pub repaired: usize,
    /// Users that were merged, because two trusted companies verified the same identifier of both.
    pub merged: usize,
    /// Wrapped keys that were made.
    pub wrapped: usize,
    /// Messages about a version that is no longer stored, or about users that are not to be merged, or are.
    pub overtaken: usize,
    /// Messages that another message of the run stood in for.
    pub coalesced: usize,
    /// Messages put back for later.
    pub postponed: usize,
    /// Messages that cannot be served, now parked for an operator.
    pub parked: usize,
    /// Regions whose KMS key could not be used.
    pub keys_out: Vec<Region>,
    /// Peers that did not answer.
    pub peers_out: Vec<Region>,
    /// Why the run ended.
    pub ended: Ended,
}

/// Wraps data keys for the regions that lack them, and brings what the own region has to every peer.
///
/// A region that is out holds up no other: what can be done is done, and the rest stays queued. A version that was
/// overtaken needs nothing, because the newer one has a key of its own.
pub async fn repair_keys(home: &Home, sealer: &Sealer) -> RepairReport {
    let mut report = RepairReport::default();
    report.ended = run(home, sealer, &mut report).await;
    if report != RepairReport::default() {
        tracing::info!(?report, "keys repaired");
    }
    report
}

async fn run(home: &Home, sealer: &Sealer, report: &mut RepairReport) -> Ended {
    if let Err(error) = home.own.users.probe().await {
        tracing::warn!(%error, "the own table does not answer");
        return Ended::OwnDown;
    }
    let mut reach = None;
    for _ in 0..CHUNKS {
        let deliveries = match receive(&*home.repairs).await {
            Ok(deliveries) if deliveries.is_empty() => return Ended::Empty,
            Ok(deliveries) => deliveries,
            Err(error) => {
                tracing::warn!(%error, "the repair queue does not answer");
                return Ended::QueueDown;
            }
        };
        let reach = match &reach {
            Some(reach) => reach,
            None => reach.insert(Reach::probe(home).await),
        };
        let ended = serve(home, sealer, reach, deliveries, report).await;
        report.keys_out = held(&reach.keys_out).keys().cloned().collect();
        report.peers_out = held(&reach.peers_out).iter().cloned().collect();
        if let Some(ended) = ended {
            return ended;
        }
    }
    Ended::Bounded
}

/// What does not answer in this run: it is asked once, and not again for every message.
struct Reach {
    keys_out: Mutex<BTreeMap<Region, KeysError>>,
    peers_out: Mutex<BTreeSet<Region>>,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Reach {
    async fn probe(home: &Home) -> Self {
        let all = || std::iter::once(&home.own).chain(home.peers.iter().map(|peer| &peer.ports));
        let keys = join_all(all().map(async |ports| Some((ports.name.clone(), ports.keys.probe().await.err()?)))).await;
        let peers = join_all(
            home.peers.iter().map(async |peer| peer.ports.users.probe().await.err().map(|_| peer.ports.name.clone())),
        );
        let reach = Self {
            keys_out: Mutex::new(keys.into_iter().flatten().collect()),
            peers_out: Mutex::new(peers.await.into_iter().flatten().collect()),
        };
        for (region, error) in &*held(&reach.keys_out) {
            tracing::warn!(%region, %error, "a region's KMS key cannot be used");
        }
        reach
    }

    fn key_error(&self, region: &Region) -> Option<KeysError> {
        held(&self.keys_out).get(region).copied()
    }

    fn key_is_out(&self, region: &Region, error: KeysError) {
        held(&self.keys_out).insert(region.clone(), error);
    }

    fn peer_answers(&self, region: &Region) -> bool {
        !held(&self.peers_out).contains(region)
    }

    fn peer_is_out(&self, region: &Region) {
        held(&self.peers_out).insert(region.clone());
    }
}

/// The part whose data key is wanted.
type Wanted = (UserId, Part, Version);

/// Reads what a message asks for, to be served once however many messages ask for it.
fn read(text: &str) -> Result<Message, Unfit> {
    match Unfit::read(text)? {
        message @ (Message::WrapKeys { .. } | Message::MergeVerified { .. }) => Ok(message),
        _ => Err(Unfit::Unreadable("the message is not one of the repair queue")),
    }
}

/// The key that an operator finds a parked message's user by.
fn key_of(message: &Message) -> String {
    match message {
        Message::WrapKeys { id, part, .. } => format!("{id}/{part}"),
        Message::MergeVerified { one, other } => format!("{one}/{other}"),
        _ => "?".to_owned(),
    }
}

async fn serve(
    home: &Home,
    sealer: &Sealer,
    reach: &Reach,
    deliveries: Vec<Delivery>,
    report: &mut RepairReport,
) -> Option<Ended> {
    let queue = &*home.repairs;
    let place = |key: String| Place { table: names::queue::KEYS.to_owned(), key };
    let mut wanted: BTreeMap<Message, Vec<Delivery>> = BTreeMap::new();
    report.received += deliveries.len();
    for delivery in deliveries {
        match read(&delivery.text) {
            Ok(message) => wanted.entry(message).or_default().push(delivery),
            Err(Unfit::Newer) => {
                release(queue, &[delivery], &*home.entropy).await;
                report.postponed += 1;
            }
            Err(Unfit::Unreadable(reason)) => {
                report.parked += park(home, queue, place("?".to_owned()), reason, &[delivery]).await;
            }
        }
    }
    let repairs: Vec<_> = wanted.keys().map(|message| repair(home, sealer, reach, message)).collect();
    let served: Vec<(Served, usize)> = stream::iter(repairs).buffered(CONCURRENT).collect().await;

    let mut ended = None;
    for ((message, deliveries), (served, wrapped)) in wanted.iter().zip(served) {
        report.wrapped += wrapped;
        match &served {
            Served::Repaired | Served::Merged | Served::Overtaken => delete(queue, deliveries).await,
            Served::Later | Served::Stopped => postpone(queue, deliveries, message, &*home.entropy).await,
            Served::Blocked => block(queue, deliveries, message, &*home.entropy).await,
            Served::Failed => release(queue, deliveries, &*home.entropy).await,
            Served::Parked(reason) => {
                report.parked += park(home, queue, place(key_of(message)), reason, deliveries).await;
            }
        }
        match served {
            Served::Repaired => report.repaired += 1,
            Served::Merged => report.merged += 1,
            Served::Overtaken => report.overtaken += deliveries.len(),
            Served::Parked(_) => {}
            Served::Stopped => {
                report.postponed += deliveries.len();
                ended = Some(Ended::OwnDown);
            }
            _ => report.postponed += deliveries.len(),
        }
        report.coalesced += deliveries.len() - 1;
    }
    ended
}

async fn repair(home: &Home, sealer: &Sealer, reach: &Reach, message: &Message) -> (Served, usize) {
    let mut wrapped = 0;
    let served = match message {
        Message::WrapKeys { id, part, version } => {
            let wanted = (*id, *part, version.clone());
            match repair_counting(home, sealer, reach, &wanted, &mut wrapped).await {
                Ok(served) | Err(served) => served,
            }
        }
        Message::MergeVerified { one, other } => merge(home, sealer, *one, *other).await,
        _ => Served::Failed,
    };
    (served, wrapped)
}

async fn repair_counting(
    home: &Home,
    sealer: &Sealer,
    reach: &Reach,
    wanted: &Wanted,
    wrapped: &mut usize,
) -> Result<Served, Served> {
    let mut record = current(home, wanted).await?;
    // What stands in the way of the wrapping is told only after what can be done for the peers was done.
    let mut worst = Served::Repaired;
    if !missing_regions(home, &record).is_empty() {
        match wrap(home, sealer, reach, &record).await {
            Ok(blobs) => {
                add(home, &record, &blobs).await?;
                *wrapped += blobs.len();
                record = current(home, wanted).await?;
            }
            Err(served) => worst = served,
        }
        for region in missing_regions(home, &record) {
            worst = match (worst, reach.key_error(&region)) {
                (
                    Served::Repaired | Served::Later,
                    Some(KeysError::Disabled | KeysError::Denied | KeysError::Refused),
                ) => Served::Blocked,
                (Served::Repaired, _) => Served::Later,
                (worst, _) => worst,
            };
        }
    }
    if copy_to_peers(home, reach, &record).await || !matches!(worst, Served::Repaired) {
        Ok(worst)
    } else {
        Ok(Served::Later)
    }
}

/// The own part, if it still is the version that is meant.
async fn current(home: &Home, (id, part, version): &Wanted) -> Result<PartRecord, Served> {
    match home.own.users.part(*id, *part).await {
        Ok(Some(record)) if record.version == *version && record.live().is_some() => Ok(record),
        Ok(_) => Err(Served::Overtaken),
        Err(StoreError::Unreadable(_)) => Err(Served::Parked("the own item cannot be read")),
        Err(error) => Err(own_failed(&error)),
    }
}

/// Wraps the data key for the regions that lack it and whose KMS answers. Without any such region, no KMS is called.
async fn wrap(
    home: &Home,
    sealer: &Sealer,
    reach: &Reach,
    record: &PartRecord,
) -> Result<Vec<(Region, Vec<u8>)>, Served> {
    let missing = missing_regions(home, record).into_iter().filter(|region| reach.key_error(region).is_none());
    let missing: Vec<Region> = missing.collect();
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let key = sealer.committed_key(record).await.map_err(|error| match error {
        SealError::Opaque => Served::Parked("the data key does not fit the envelope"),
        // A reconciler of that version will do it.
        SealError::Newer | SealError::Keys(KeysError::Disabled | KeysError::Denied | KeysError::Refused) => {
            Served::Blocked
        }
        SealError::Keys(_) => Served::Later,
    })?;
    let wraps = join_all(missing.iter().map(|region| sealer.wrap_for(record, &key, region))).await;
    let mut blobs = Vec::new();
    for (region, wrapped) in missing.into_iter().zip(wraps) {
        match wrapped {
            Ok(blob) => blobs.push((region, blob)),
            Err(error) => {
                tracing::warn!(%region, %error, "a region's KMS did not wrap a data key");
                reach.key_is_out(&region, if let SealError::Keys(error) = error { error } else { KeysError::Refused });
            }
        }
    }
    Ok(blobs)
}

async fn add(home: &Home, record: &PartRecord, blobs: &[(Region, Vec<u8>)]) -> Result<(), Served> {
    for (region, blob) in blobs {
        match home.own.users.add_wrapped_key(record.id, record.part, &record.version, region, blob).await {
            Ok(KeyAdded::Added | KeyAdded::Present) => {}
            Ok(KeyAdded::OtherVersion(_)) => return Err(Served::Overtaken),
            Err(error) => return Err(own_failed(&error)),
        }
    }
    Ok(())
}

/// Brings the part with all its wrapped keys to every peer: one that lacks keys gets those, and one that is behind gets
/// the part. True if all peers have it now. The loop rule keeps the stream from doing this for a part of another
/// region.
async fn copy_to_peers(home: &Home, reach: &Reach, record: &PartRecord) -> bool {
    let copies = home.peers.iter().map(async |peer| {
        let name = &peer.ports.name;
        if !reach.peer_answers(name) {
            return false;
        }
        let copied = copy(home, &peer.ports, &record.clone().into()).await;
        if let Err(error) = &copied {
            tracing::warn!(peer = %name, %error, "a peer did not take wrapped keys");
            if error.is_transient() {
                reach.peer_is_out(name);
            }
        }
        copied.is_ok()
    });
    join_all(copies).await.into_iter().all(|copied| copied)
}
