//! The queue of missing wrapped keys: data keys that some regions have not wrapped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;
use serde::Serialize;
use tokio::sync::OnceCell;
use umoja_schema::{Message, Part, PartRecord, Region, UserId, Version, names};
use umoja_store::Home;
use umoja_store::ports::{KeyAdded, KeysError, Queue, StoreError};
use umoja_store::repairs::missing_regions;
use umoja_store::replicate::replicate;
use umoja_store::seal::{SealError, Sealer};

use crate::Ended;
use umoja_store::queue_runs::{Serve, Served, Tally, WRONG_QUEUE, own_failed, serve};

/// The report of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RepairReport {
    /// Messages received.
    pub received: usize,
    /// Parts that every region's KMS has now wrapped, in every region.
    pub repaired: usize,
    /// Wrapped keys that were made.
    pub wrapped: usize,
    /// Messages about a version that is no longer stored.
    pub overtaken: usize,
    /// Messages that repeat another message of the run.
    pub coalesced: usize,
    /// Messages released for later.
    pub postponed: usize,
    /// Messages that cannot be processed and are now quarantined.
    pub quarantined: usize,
    /// Regions whose KMS key could not be used.
    pub keys_out: Vec<Region>,
    /// Peers that did not respond.
    pub peers_out: Vec<Region>,
    /// Why the run ended.
    pub ended: Ended,
}

fn names(regions: &[Region]) -> String {
    regions.iter().map(Region::as_str).collect::<Vec<_>>().join(", ")
}

/// Wraps data keys for the regions that lack them, and brings the own region's items to every peer.
///
/// A region that is down does not block others: the run does what it can, and the rest stays queued. An overtaken
/// version needs no repair, because the newer one has a key of its own.
pub async fn repair_keys(home: &Home, sealer: &Sealer) -> RepairReport {
    let keys = MissingKeys { home, sealer, reach: OnceCell::new(), wrapped: AtomicUsize::new(0) };
    let (tally, ended) = serve(home, &keys).await;
    let Tally { received, done: repaired, overtaken, coalesced, postponed, quarantined } = tally;
    let wrapped = keys.wrapped.into_inner();
    let (keys_out, peers_out) = keys.reach.into_inner().map(Reach::out).unwrap_or_default();
    let report = RepairReport {
        received,
        repaired,
        wrapped,
        overtaken,
        coalesced,
        postponed,
        quarantined,
        keys_out,
        peers_out,
        ended,
    };
    if report != RepairReport::default() {
        let (keys_out, peers_out) = (names(&report.keys_out), names(&report.peers_out));
        tracing::info!(
            received,
            repaired,
            wrapped,
            overtaken,
            coalesced,
            postponed,
            quarantined,
            keys_out,
            peers_out,
            ?ended,
            "keys repaired"
        );
    }
    report
}

/// The queue, and what processes its messages.
struct MissingKeys<'a> {
    home: &'a Home,
    sealer: &'a Sealer,
    reach: OnceCell<Reach>,
    wrapped: AtomicUsize,
}

impl Serve for MissingKeys<'_> {
    fn name(&self) -> String {
        names::queue::KEYS.to_owned()
    }

    fn queue(&self) -> &dyn Queue {
        &*self.home.repairs
    }

    fn key(&self, message: &Message) -> Result<String, &'static str> {
        match message {
            Message::WrapKeys { id, part, .. } => Ok(format!("{id}/{part}")),
            _ => Err(WRONG_QUEUE),
        }
    }

    async fn serve(&self, message: &Message) -> Served {
        let Message::WrapKeys { id, part, version } = message else { return Served::Failed };
        let reach = self.reach.get_or_init(|| Reach::probe(self.home)).await;
        let wanted = (*id, *part, version.clone());
        match repair(self.home, self.sealer, reach, &wanted, &self.wrapped).await {
            Ok(served) | Err(served) => served,
        }
    }
}

/// What does not respond in this run. It is asked once, and not again for every message.
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

    /// The regions whose KMS key could not be used, and the peers that did not respond.
    fn out(self) -> (Vec<Region>, Vec<Region>) {
        (held(&self.keys_out).keys().cloned().collect(), held(&self.peers_out).iter().cloned().collect())
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

/// The part whose data key is to be wrapped.
type Wanted = (UserId, Part, Version);

async fn repair(
    home: &Home,
    sealer: &Sealer,
    reach: &Reach,
    wanted: &Wanted,
    wrapped: &AtomicUsize,
) -> Result<Served, Served> {
    let mut record = current(home, wanted).await?;
    // A failure to wrap is reported only after the peers have received what is available.
    let mut worst = Served::Done;
    if !missing_regions(home, &record).is_empty() {
        match wrap(home, sealer, reach, &record).await {
            Ok(blobs) => {
                add(home, &record, &blobs).await?;
                wrapped.fetch_add(blobs.len(), Ordering::Relaxed);
                record = current(home, wanted).await?;
            }
            Err(served) => worst = served,
        }
        for region in missing_regions(home, &record) {
            worst = match (worst, reach.key_error(&region)) {
                (Served::Done | Served::Later, Some(KeysError::Disabled | KeysError::Denied | KeysError::Rejected)) => {
                    Served::Blocked
                }
                (Served::Done, _) => Served::Later,
                (worst, _) => worst,
            };
        }
    }
    if replicate_to_peers(home, reach, &record).await || !matches!(worst, Served::Done) {
        Ok(worst)
    } else {
        Ok(Served::Later)
    }
}

/// The own part, if it still has the version of the message.
async fn current(home: &Home, (id, part, version): &Wanted) -> Result<PartRecord, Served> {
    match home.own.users.part(*id, *part).await {
        Ok(Some(record)) if record.version == *version && record.live().is_some() => Ok(record),
        Ok(_) => Err(Served::Overtaken),
        Err(StoreError::Unreadable(_)) => Err(Served::Quarantined("the own item cannot be read")),
        Err(error) => Err(own_failed(&error)),
    }
}

/// Wraps the data key for the regions that lack it and whose KMS responds. If there is no such region, no KMS is
/// called.
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
        SealError::Opaque => Served::Quarantined("the data key does not fit the envelope"),
        // A reconciler of the newer version will process it.
        SealError::Newer | SealError::Keys(KeysError::Disabled | KeysError::Denied | KeysError::Rejected) => {
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
                reach.key_is_out(&region, if let SealError::Keys(error) = error { error } else { KeysError::Rejected });
            }
        }
    }
    Ok(blobs)
}

async fn add(home: &Home, record: &PartRecord, blobs: &[(Region, Vec<u8>)]) -> Result<(), Served> {
    for (region, blob) in blobs {
        match home.own.users.add_wrapped_key(record.id, record.part, &record.version, region, None, blob).await {
            Ok(KeyAdded::Added | KeyAdded::Present) => {}
            Ok(KeyAdded::OtherVersion(_)) => return Err(Served::Overtaken),
            Err(error) => return Err(own_failed(&error)),
        }
    }
    Ok(())
}

/// Wraps the data key of a part for the regions that lack it, adds the keys in the own region, and replicates the part to its
/// peers but one, to which the caller does: what the queue would have done later, for a pass over all parts. Returns the part as
/// the own region holds it then. What cannot be wrapped or replicated now is left to the queue.
///
/// # Errors
/// If the own region or its queue fails.
pub(crate) async fn wrap_now(
    home: &Home,
    sealer: &Sealer,
    record: PartRecord,
    but: &Region,
) -> Result<PartRecord, StoreError> {
    let missing = missing_regions(home, &record);
    if missing.is_empty() {
        return Ok(record);
    }
    let Ok(key) = sealer.committed_key(&record).await else { return Ok(record) };
    for region in &missing {
        let Ok(blob) = sealer.wrap_for(&record, &key, region).await else { continue };
        home.own.users.add_wrapped_key(record.id, record.part, &record.version, region, None, &blob).await?;
    }
    let Some(whole) = home.own.users.part(record.id, record.part).await? else { return Ok(record) };
    let whole = home.listed(&whole).into_owned();
    let item = whole.clone().into();
    let others = home.peers.iter().filter(|peer| peer.ports.name != *but);
    let replicated = join_all(others.map(|peer| replicate(home, &peer.ports, &item))).await;
    if replicated.iter().any(Result::is_err) {
        let (id, part, version) = (whole.id, whole.part, whole.version.clone());
        home.repairs.send(&Message::WrapKeys { id, part, version }, 0).await?;
    }
    Ok(whole)
}

/// Replicates the part with all its wrapped keys to every peer: a peer that lacks keys gets those, and a peer that is
/// behind gets the part. True if all peers have it now. The loop rule keeps the stream from doing this for a part of
/// another region.
async fn replicate_to_peers(home: &Home, reach: &Reach, record: &PartRecord) -> bool {
    let replicated = home.peers.iter().map(async |peer| {
        let name = &peer.ports.name;
        if !reach.peer_answers(name) {
            return false;
        }
        let done = replicate(home, &peer.ports, &record.clone().into()).await;
        if let Err(error) = &done {
            tracing::warn!(peer = %name, %error, "a peer did not accept wrapped keys");
            if error.is_transient() {
                reach.peer_is_out(name);
            }
        }
        done.is_ok()
    });
    join_all(replicated).await.into_iter().all(|done| done)
}
