//! A cache of documents that callers name, such as companies. A document enters it only if it exists, and where a read is
//! cheap only after its caller has proved to be the one, so a flood of invented names costs reads and evicts nothing.

use std::hash::{BuildHasherDefault, DefaultHasher, Hash};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use umoja_schema::Millis;

/// How long a document stays in the cache, in milliseconds. It is short, so that a change takes effect within seconds.
const REMEMBER_MS: u64 = 5_000;

/// The number of documents in the cache.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();

/// A document and the time at which it was read.
pub type Seen<V> = (Millis, Arc<V>);

type Cache<K, V> = LruCache<K, Seen<V>, BuildHasherDefault<DefaultHasher>>;

/// The documents that were read within the last seconds. The least recently used one is evicted
/// first.
pub struct Remembered<K: Hash + Eq, V>(Mutex<Cache<K, V>>);

impl<K: Hash + Eq, V> Default for Remembered<K, V> {
    fn default() -> Self {
        Self(Mutex::new(LruCache::with_hasher(REMEMBERED, BuildHasherDefault::default())))
    }
}

impl<K: Hash + Eq, V> Remembered<K, V> {
    /// The document, if it was read within the last seconds.
    pub fn get(&self, key: &K, now: Millis) -> Option<Seen<V>> {
        self.lock().get(key).filter(|(since, _)| since.is_within(REMEMBER_MS, now)).cloned()
    }

    /// Caches a document, unless a newer read of it is in the cache.
    pub fn remember(&self, key: K, (since, document): &Seen<V>) {
        let mut cache = self.lock();
        if cache.peek(&key).is_none_or(|(had, _)| had < since) {
            cache.put(key, (*since, Arc::clone(document)));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Cache<K, V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_forgotten_after_some_seconds() {
        let cache = Remembered::default();
        cache.remember("acme", &(Millis(1_000), Arc::new(1)));
        assert_eq!(cache.get(&"acme", Millis(5_999)), Some((Millis(1_000), Arc::new(1))));
        assert_eq!(cache.get(&"acme", Millis(6_001)), None);
        assert_eq!(cache.get(&"other", Millis(1_000)), None);
    }

    #[test]
    fn an_older_read_does_not_replace_a_newer_one() {
        let cache = Remembered::default();
        cache.remember("acme", &(Millis(2_000), Arc::new(2)));
        cache.remember("acme", &(Millis(1_000), Arc::new(1)));
        assert_eq!(cache.get(&"acme", Millis(2_000)), Some((Millis(2_000), Arc::new(2))));
    }
}
