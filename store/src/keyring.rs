//! Data keys across all regions: made once, wrapped by every region, unwrapped by any region that can.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use umoja_crypto::DataKey;
use umoja_schema::{Millis, Part, Region, UserId, Version};

use crate::ports::{Clock, EncryptionContext, Keys, KeysError};

/// The most wrapped keys that a stored part may have. A part with more is rejected before any call to a KMS.
pub const MAX_WRAPPED_KEYS: usize = 16;

/// How long a write waits for the KMS of its peers, in milliseconds. Keys that are not wrapped by then are left to the
/// key repair. With 0, no peer is called.
pub const PEER_WRAP_BUDGET_MS: u64 = 300;

/// How long one KMS may take to make or unwrap a data key before the next region's KMS is asked. It is shorter than the
/// time that a caller waits for an answer, so a KMS that does not answer is an outage of one region and not of its
/// users.
const KMS_TIMEOUT: Duration = Duration::from_secs(2);

/// How many unwrapped keys are cached for repeated reads, and how long, in milliseconds.
const CACHE_ENTRIES: usize = 10_000;
const CACHE_MS: u64 = 5 * 60 * 1000;

/// The KMS keys of all regions, the own region first.
///
/// Each call that makes or unwraps a key has two seconds. A KMS that has not answered by then counts as out, and the
/// next region's KMS is asked. Wraps by the peers share the budget of the write. If all regions are silent, a call
/// takes two seconds for each of them.
pub struct KeyRing {
    own: Region,
    regions: BTreeMap<Region, Arc<dyn Keys>>,
    /// The KMS keys that wrap the secret of proofs. `None` in the ring of these keys itself.
    proof: Option<Box<KeyRing>>,
    budget: Duration,
    clock: Arc<dyn Clock>,
    cache: Mutex<Cache>,
}

/// A new data key with its wrapped keys.
pub struct NewKey {
    /// The key.
    pub key: DataKey,
    /// The wrapped keys: at least one.
    pub wrapped: BTreeMap<Region, Vec<u8>>,
}

impl KeyRing {
    /// A ring of regions, whose proof keys are in `proof`.
    pub(crate) fn of(
        own: Region,
        regions: BTreeMap<Region, Arc<dyn Keys>>,
        proof: Option<Self>,
        budget: Duration,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { own, regions, proof: proof.map(Box::new), budget, clock, cache: Mutex::default() }
    }

    /// A ring of the KMS keys that wrap the secret of proofs, and of no others.
    pub(crate) fn of_proof_keys(
        own: Region,
        keys: impl IntoIterator<Item = (Region, Arc<dyn Keys>)>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self::of(own, keys.into_iter().collect(), None, Duration::ZERO, clock)
    }

    /// The ring of the KMS keys that wrap the secret of proofs.
    pub(crate) fn for_proofs(&self) -> &Self {
        self.proof.as_deref().unwrap_or(self)
    }

    /// The regions of the key ring.
    pub fn regions(&self) -> impl Iterator<Item = &Region> {
        self.regions.keys()
    }

    /// The KMS key of a region.
    pub fn keys_of(&self, region: &Region) -> Option<&Arc<dyn Keys>> {
        self.regions.get(region)
    }

    /// Makes a data key with the own region's KMS or, if that is out, with another region's. Then every other region
    /// wraps it, in parallel and within the budget. One success is enough.
    pub async fn generate(&self, context: &EncryptionContext) -> Result<NewKey, KeysError> {
        let mut error = KeysError::Unavailable;
        let mut tried = Vec::new();
        for (region, keys) in self.own_first() {
            tried.push(region);
            match in_time(keys.generate(context)).await {
                Ok((key, blob)) => {
                    let mut wrapped = BTreeMap::from([(region.clone(), blob)]);
                    wrapped.extend(self.wrap_elsewhere(&key, context, &tried).await);
                    return Ok(NewKey { key, wrapped });
                }
                Err(failure) => {
                    tracing::warn!(%region, error = %failure, "a region's KMS did not make a data key");
                    error = failure;
                }
            }
        }
        Err(error)
    }

    async fn wrap_elsewhere(
        &self,
        key: &DataKey,
        context: &EncryptionContext,
        tried: &[&Region],
    ) -> Vec<(Region, Vec<u8>)> {
        if self.budget.is_zero() {
            return Vec::new();
        }
        let others = self.regions.iter().filter(|(region, _)| !tried.contains(region));
        let wraps = others.map(|(region, keys)| async move {
            match tokio::time::timeout(self.budget, keys.wrap(key, context)).await {
                Ok(Ok(blob)) => Some((region.clone(), blob)),
                Ok(Err(error)) => {
                    tracing::warn!(%region, %error, "a region's KMS did not wrap a data key; left to the key repair");
                    None
                }
                Err(_) => {
                    tracing::warn!(%region, "a region's KMS did not wrap a data key in time; left to the key repair");
                    None
                }
            }
        });
        join_all(wraps).await.into_iter().flatten().collect()
    }

    /// Unwraps a data key with the own region's wrapped key if it exists and the own KMS answers, otherwise with any
    /// other region's. A fallback is slower but never wrong, because each wrapped key is bound to the same context.
    pub async fn unwrap(
        &self,
        wrapped: &BTreeMap<Region, Vec<u8>>,
        context: &EncryptionContext,
    ) -> Result<DataKey, KeysError> {
        if wrapped.len() > MAX_WRAPPED_KEYS {
            return Err(KeysError::Rejected);
        }
        // All wrapped keys may be of regions that this one does not know yet.
        let none_known = !wrapped.is_empty() && !self.regions.keys().any(|region| wrapped.contains_key(region));
        let mut error = if none_known { KeysError::Unavailable } else { KeysError::Rejected };
        for (region, keys) in self.own_first() {
            let Some(blob) = wrapped.get(region) else { continue };
            match in_time(keys.unwrap(blob, context)).await {
                Ok(key) => return Ok(key),
                Err(failure) => {
                    tracing::warn!(%region, error = %failure, "a region's KMS did not unwrap a data key");
                    // An outage is worth a retry, a rejection is not. So an outage is reported if there was one.
                    if error == KeysError::Rejected {
                        error = failure;
                    }
                }
            }
        }
        Err(error)
    }

    /// [`KeyRing::unwrap`] with a cache for reads: a key that was unwrapped in the last minutes costs no call. `context` is that
    /// of the named part.
    pub(crate) async fn unwrap_cached(
        &self,
        wrapped: &BTreeMap<Region, Vec<u8>>,
        of: KeyOf,
        context: impl FnOnce(&KeyOf) -> EncryptionContext,
    ) -> Result<Arc<DataKey>, KeysError> {
        let now = self.clock.now();
        if let Some(key) = self.cache.lock().unwrap_or_else(PoisonError::into_inner).get(&of, now) {
            return Ok(key);
        }
        let key = Arc::new(self.unwrap(wrapped, &context(&of)).await?);
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).put(of, Arc::clone(&key), now);
        Ok(key)
    }

    fn own_first(&self) -> impl Iterator<Item = (&Region, &Arc<dyn Keys>)> {
        let own = self.regions.get_key_value(&self.own);
        own.into_iter().chain(self.regions.iter().filter(|(region, _)| **region != self.own))
    }
}

async fn in_time<T>(call: impl Future<Output = Result<T, KeysError>>) -> Result<T, KeysError> {
    tokio::time::timeout(KMS_TIMEOUT, call).await.unwrap_or(Err(KeysError::Unavailable))
}

/// What a data key is bound to: the values of its encryption context. It is compared as a whole, so that the cache gives no
/// key to a part that the KMS would not give it to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct KeyOf {
    pub(crate) id: UserId,
    pub(crate) part: Part,
    pub(crate) version: Version,
    pub(crate) mid: [u8; 32],
}

/// First in, first out. Keys are zeroized when they leave, and no entry moves them.
#[derive(Default)]
struct Cache {
    entries: HashMap<Arc<KeyOf>, (Arc<DataKey>, Millis), BuildHasherDefault<DefaultHasher>>,
    order: VecDeque<Arc<KeyOf>>,
}

impl Cache {
    fn get(&mut self, of: &KeyOf, now: Millis) -> Option<Arc<DataKey>> {
        while let Some(oldest) = self.order.front() {
            let expired = self.entries.get(oldest).is_none_or(|(_, since)| !since.is_within(CACHE_MS, now));
            if !expired {
                break;
            }
            self.entries.remove(oldest);
            self.order.pop_front();
        }
        self.entries.get(of).map(|(key, _)| Arc::clone(key))
    }

    fn put(&mut self, of: KeyOf, key: Arc<DataKey>, now: Millis) {
        let of = Arc::new(of);
        if self.entries.insert(Arc::clone(&of), (key, now)).is_none() {
            self.order.push_back(of);
        }
        if self.order.len() > CACHE_ENTRIES
            && let Some(oldest) = self.order.pop_front()
        {
            self.entries.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A KMS that answers every call, or none.
    #[derive(Default)]
    struct Kms {
        silent: bool,
        wraps: AtomicUsize,
    }

    impl Kms {
        async fn answer<T>(&self, value: T) -> Result<T, KeysError> {
            if self.silent { std::future::pending().await } else { Ok(value) }
        }
    }

    #[async_trait]
    impl Keys for Kms {
        async fn generate(&self, _: &EncryptionContext) -> Result<(DataKey, Vec<u8>), KeysError> {
            self.answer((DataKey::new([1; 32]), vec![1])).await
        }

        async fn wrap(&self, _: &DataKey, _: &EncryptionContext) -> Result<Vec<u8>, KeysError> {
            self.wraps.fetch_add(1, Ordering::Relaxed);
            self.answer(vec![1]).await
        }

        async fn unwrap(&self, _: &[u8], _: &EncryptionContext) -> Result<DataKey, KeysError> {
            self.answer(DataKey::new([1; 32])).await
        }

        async fn probe(&self) -> Result<(), KeysError> {
            self.answer(()).await
        }
    }

    struct Stopped;

    impl Clock for Stopped {
        fn now(&self) -> Millis {
            Millis(0)
        }
    }

    /// A key ring over the regions `r0` (the own region), `r1` and so on.
    fn ring(kms: &[Arc<Kms>], budget_ms: u64) -> KeyRing {
        let regions = kms.iter().enumerate().map(|(n, kms)| (region(n), Arc::clone(kms) as Arc<dyn Keys>));
        KeyRing {
            own: region(0),
            regions: regions.collect(),
            proof: None,
            budget: Duration::from_millis(budget_ms),
            clock: Arc::new(Stopped),
            cache: Mutex::default(),
        }
    }

    fn region(n: usize) -> Region {
        format!("r{n}").parse().unwrap()
    }

    fn kms(silent: bool) -> Arc<Kms> {
        Arc::new(Kms { silent, ..Kms::default() })
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_kms_is_skipped() {
        let ring = ring(&[kms(true), kms(false), kms(false)], PEER_WRAP_BUDGET_MS);
        let new = ring.generate(&context(0)).await.unwrap();
        assert_eq!(new.wrapped.into_keys().collect::<Vec<_>>(), [region(1), region(2)]);
        let wrapped = BTreeMap::from([(region(0), vec![1]), (region(1), vec![1])]);
        assert!(ring.unwrap(&wrapped, &context(0)).await.is_ok());
    }

    #[tokio::test]
    async fn a_key_of_unknown_regions_is_unavailable_not_rejected() {
        let open = async |wrapped: &[usize]| {
            let wrapped = wrapped.iter().map(|n| (region(*n), vec![1])).collect();
            ring(&[kms(false)], 0).unwrap(&wrapped, &context(0)).await.map(drop)
        };
        assert_eq!(open(&[7]).await, Err(KeysError::Unavailable));
        assert_eq!(open(&[0, 7]).await, Ok(()));
        assert_eq!(open(&[]).await, Err(KeysError::Rejected), "there is no wrapped key");
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_reported_when_no_kms_answers() {
        let ring = ring(&[kms(true), kms(true)], PEER_WRAP_BUDGET_MS);
        assert_eq!(ring.generate(&context(0)).await.err(), Some(KeysError::Unavailable));
        let wrapped = BTreeMap::from([(region(0), vec![1]), (region(1), vec![1])]);
        assert_eq!(ring.unwrap(&wrapped, &context(0)).await.err(), Some(KeysError::Unavailable));
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_peer_costs_at_most_the_budget() {
        let peers = [kms(false), kms(true), kms(false)];
        let new = ring(&peers, PEER_WRAP_BUDGET_MS).generate(&context(0)).await.unwrap();
        assert_eq!(new.wrapped.into_keys().collect::<Vec<_>>(), [region(0), region(2)]);
        let asked = || peers.iter().map(|kms| kms.wraps.load(Ordering::Relaxed)).collect::<Vec<_>>();
        assert_eq!(asked(), [0, 1, 1]);
        let new = ring(&peers, 0).generate(&context(0)).await.unwrap();
        assert_eq!(new.wrapped.into_keys().collect::<Vec<_>>(), [region(0)]);
        assert_eq!(asked(), [0, 1, 1]);
    }

    fn context(n: usize) -> EncryptionContext {
        EncryptionContext::from([("id".into(), n.to_string())])
    }

    fn key_of(n: usize) -> KeyOf {
        let version = Version { erased: false, hlc: umoja_schema::Hlc::at(Millis(1)), origin: region(n) };
        KeyOf { id: UserId::v8([1; 16]), part: Part::Profile, version, mid: [1; 32] }
    }

    #[test]
    fn the_cache_evicts_by_age_and_by_size() {
        let (mut cache, key) = (Cache::default(), Arc::new(DataKey::new([1; 32])));
        cache.put(key_of(0), Arc::clone(&key), Millis(0));
        assert!(cache.get(&key_of(0), Millis(CACHE_MS - 1)).is_some());
        assert!(cache.get(&key_of(0), Millis(CACHE_MS)).is_none());
        for n in 0..=CACHE_ENTRIES {
            cache.put(key_of(n), Arc::clone(&key), Millis(0));
        }
        assert_eq!(cache.entries.len(), CACHE_ENTRIES);
        assert!(cache.get(&key_of(0), Millis(1)).is_none());
    }

    #[test]
    fn a_cached_key_is_that_of_one_part_in_one_version() {
        let mut cache = Cache::default();
        cache.put(key_of(0), Arc::new(DataKey::new([1; 32])), Millis(0));
        let others = [
            KeyOf { id: UserId::v8([2; 16]), ..key_of(0) },
            KeyOf { part: Part::Credentials, ..key_of(0) },
            key_of(1),
            KeyOf { mid: [2; 32], ..key_of(0) },
        ];
        assert!(others.iter().all(|other| cache.get(other, Millis(1)).is_none()));
        assert!(cache.get(&key_of(0), Millis(1)).is_some());
    }
}
