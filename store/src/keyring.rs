//! Data keys over all regions: made once, wrapped by every region, unwrapped by whichever can.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use umoja_crypto::DataKey;
use umoja_schema::{Millis, Region};

use crate::Home;
use crate::ports::{Clock, EncryptionContext, Keys, KeysError};

/// The most wrapped keys that a stored part may carry: more are refused before any call to a KMS.
pub const MAX_WRAPPED_KEYS: usize = 16;

/// How long a write waits for its peers' KMS, in milliseconds; whatever is missing then is left to the key repair.
pub const PEER_WRAP_BUDGET_MS: u64 = 300;

/// How many unwrapped keys are kept for repeated reads, and how long, in milliseconds.
const CACHE_ENTRIES: usize = 10_000;
const CACHE_MS: u64 = 5 * 60 * 1000;

/// The KMS keys of all regions, the own one first.
pub struct KeyRing {
    own: Region,
    regions: BTreeMap<Region, Arc<dyn Keys>>,
    budget: Duration,
    clock: Arc<dyn Clock>,
    cache: Mutex<Cache>,
}

/// A fresh data key and what wrapped it.
pub struct NewKey {
    /// The key.
    pub key: DataKey,
    /// Who wrapped it: at least one region.
    pub wrapped: BTreeMap<Region, Vec<u8>>,
}

impl KeyRing {
    /// The ring that a region's services use.
    pub fn new(home: &Home, peer_wrap_budget_ms: u64) -> Self {
        let all = std::iter::once(&home.own).chain(home.peers.iter().map(|peer| &peer.ports));
        Self {
            own: home.own.name.clone(),
            regions: all.map(|ports| (ports.name.clone(), Arc::clone(&ports.keys))).collect(),
            budget: Duration::from_millis(peer_wrap_budget_ms),
            clock: Arc::clone(&home.clock),
            cache: Mutex::default(),
        }
    }

    /// The regions of the ring.
    pub fn regions(&self) -> impl Iterator<Item = &Region> {
        self.regions.keys()
    }

    /// The KMS key of a region.
    pub fn keys_of(&self, region: &Region) -> Option<&Arc<dyn Keys>> {
        self.regions.get(region)
    }

    /// Makes a data key: by the own region's KMS or, if that is out, by another's; then every other region wraps it,
    /// in parallel and within the budget. One success is enough.
    pub async fn generate(&self, context: &EncryptionContext) -> Result<NewKey, KeysError> {
        let mut error = KeysError::Unavailable;
        let mut tried = Vec::new();
        for (region, keys) in self.own_first() {
            tried.push(region);
            match keys.generate(context).await {
                Ok((key, blob)) => {
                    let mut wrapped = BTreeMap::from([(region.clone(), blob)]);
                    wrapped.extend(self.wrap_elsewhere(&key, context, &tried).await);
                    return Ok(NewKey { key, wrapped });
                }
                Err(failure) => {
                    tracing::warn!(%region, error = %failure, "a region's KMS makes no data keys");
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

    /// Unwraps a data key: by the own region's entry if there is one and its KMS answers, else by any other that it
    /// can reach. Slower, never wrong: each entry is bound to the same context.
    pub async fn unwrap(
        &self,
        wrapped: &BTreeMap<Region, Vec<u8>>,
        context: &EncryptionContext,
    ) -> Result<DataKey, KeysError> {
        if wrapped.len() > MAX_WRAPPED_KEYS {
            return Err(KeysError::Refused);
        }
        let mut error = KeysError::Refused;
        for (region, keys) in self.own_first() {
            let Some(blob) = wrapped.get(region) else { continue };
            match keys.unwrap(blob, context).await {
                Ok(key) => return Ok(key),
                Err(failure) => {
                    tracing::warn!(%region, error = %failure, "a region's KMS did not unwrap a data key");
                    // An outage is worth retrying, a refusal is not: report the outage if there was any.
                    if error == KeysError::Refused {
                        error = failure;
                    }
                }
            }
        }
        Err(error)
    }

    /// [`KeyRing::unwrap`] for reads: a key that was unwrapped in the last minutes costs no call.
    pub async fn unwrap_cached(
        &self,
        wrapped: &BTreeMap<Region, Vec<u8>>,
        context: &EncryptionContext,
    ) -> Result<DataKey, KeysError> {
        let now = self.clock.now();
        if let Some(key) = self.cache.lock().unwrap_or_else(PoisonError::into_inner).get(context, now) {
            return Ok(key);
        }
        let key = self.unwrap(wrapped, context).await?;
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).put(context.clone(), key.clone(), now);
        Ok(key)
    }

    fn own_first(&self) -> impl Iterator<Item = (&Region, &Arc<dyn Keys>)> {
        let own = self.regions.get_key_value(&self.own);
        own.into_iter().chain(self.regions.iter().filter(|(region, _)| **region != self.own))
    }
}

/// First in, first out. Keys are zeroized when they leave.
#[derive(Default)]
struct Cache {
    entries: BTreeMap<EncryptionContext, (DataKey, Millis)>,
    order: VecDeque<EncryptionContext>,
}

impl Cache {
    fn get(&mut self, context: &EncryptionContext, now: Millis) -> Option<DataKey> {
        while let Some(oldest) = self.order.front() {
            let expired = self.entries.get(oldest).is_none_or(|(_, since)| now.since(*since) >= CACHE_MS);
            if !expired {
                break;
            }
            self.entries.remove(oldest);
            self.order.pop_front();
        }
        self.entries.get(context).map(|(key, _)| key.clone())
    }

    fn put(&mut self, context: EncryptionContext, key: DataKey, now: Millis) {
        if self.entries.insert(context.clone(), (key, now)).is_none() {
            self.order.push_back(context);
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

    fn context(n: usize) -> EncryptionContext {
        EncryptionContext::from([("id".into(), n.to_string())])
    }

    #[test]
    fn the_cache_forgets_after_minutes_and_above_its_bound() {
        let mut cache = Cache::default();
        cache.put(context(0), DataKey::new([1; 32]), Millis(0));
        assert!(cache.get(&context(0), Millis(CACHE_MS - 1)).is_some());
        assert!(cache.get(&context(0), Millis(CACHE_MS)).is_none());
        for n in 0..=CACHE_ENTRIES {
            cache.put(context(n), DataKey::new([1; 32]), Millis(0));
        }
        assert_eq!(cache.entries.len(), CACHE_ENTRIES);
        assert!(cache.get(&context(0), Millis(1)).is_none());
    }
}
