//! One region's key ring: the functions of a KMS key, with wrapping keys in a file.

mod keyring;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use umoja_crypto::{Aad, DataKey};
use umoja_schema::{Millis, Region};
use umoja_store::ports::{Clock, EncryptionContext, Entropy, Keys, KeysError};

pub use keyring::KeyringError;
pub(crate) use keyring::{Bound, Missing};
use keyring::{Keyring, Place};

/// The format version of a blob: this byte, the length of the key's id, the id, and then the wrapped data key.
const BLOB: u8 = 1;

/// One region's key. A clone is another handle on the same key.
///
/// Behaves as KMS does: a blob opens only under the key and in the encryption context that it was made with, a disabled
/// key rejects every call, rotation creates new material while blobs of the old material still open, and calls above
/// the configured rate are throttled. The ring is read again when another process changed its file.
#[derive(Clone)]
pub struct LocalKeys(Arc<Inner>);

struct Inner {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    place: Place,
    ring: Mutex<Keyring>,
    reachable: AtomicBool,
    rate: Mutex<Rate>,
}

/// The opened file of a key ring that has not been checked against the region's data yet.
pub(crate) struct KeyringFile {
    path: PathBuf,
    ring: Keyring,
}

impl KeyringFile {
    /// Opens the file `name` in the directory of a region.
    ///
    /// # Errors
    /// [`KeyringError`] if the file cannot be created or read, or belongs to another region.
    pub(crate) fn open(
        dir: &Path,
        name: &str,
        region: &Region,
        entropy: &dyn Entropy,
        now: Millis,
        missing: Missing,
    ) -> Result<Self, KeyringError> {
        let path = dir.join(name);
        let ring = keyring::open(&path, region, entropy, now, missing)?;
        Ok(Self { path, ring })
    }

    /// The check values of its keys, the newest last. They identify the keys and reveal nothing of them.
    pub(crate) fn checks(&self) -> Vec<String> {
        self.ring.checks()
    }

    /// The region's key.
    ///
    /// # Errors
    /// [`KeyringError::Replaced`] if the region's data is bound to another key ring.
    pub(crate) fn bind(
        self,
        bound: Bound,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        calls_per_sec: Option<u32>,
    ) -> Result<LocalKeys, KeyringError> {
        let place = Place::File { path: self.path, bound };
        place.check(&self.ring)?;
        Ok(LocalKeys::new(place, self.ring, clock, entropy, calls_per_sec))
    }
}

impl LocalKeys {
    /// A key in memory, which is lost with its last handle.
    pub fn in_memory(
        region: Region,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        calls_per_sec: Option<u32>,
    ) -> Self {
        let ring = Keyring::new(region, &*entropy, clock.now());
        Self::new(Place::Memory, ring, clock, entropy, calls_per_sec)
    }

    fn new(
        place: Place,
        ring: Keyring,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        calls_per_sec: Option<u32>,
    ) -> Self {
        let rate = Mutex::new(Rate { calls_per_sec, second: 0, calls: 0 });
        let ring = Mutex::new(ring);
        Self(Arc::new(Inner { clock, entropy, place, ring, reachable: AtomicBool::new(true), rate }))
    }

    /// The id of the key that currently wraps: `local:<region>:<number>`.
    pub fn key_id(&self) -> Result<String, KeyringError> {
        Ok(self.ring()?.current().id.clone())
    }

    /// Enables or disables the key, for all processes and until the next call.
    ///
    /// # Errors
    /// [`KeyringError`] if the file cannot be written.
    pub fn set_enabled(&self, enabled: bool) -> Result<(), KeyringError> {
        self.change(|ring| ring.enabled = enabled)
    }

    /// Creates new key material, which wraps from now on; blobs of the old material still open. Returns the new key's
    /// id.
    ///
    /// # Errors
    /// [`KeyringError`] if the file cannot be written.
    pub fn rotate(&self) -> Result<String, KeyringError> {
        self.change(|ring| ring.rotate(&*self.0.entropy, self.0.clock.now()))
    }

    /// Replaces this key by another one, as for a region whose KMS key was lost: blobs of the old key no longer open.
    /// Returns the new key's id. A store in a directory stays bound to the old key until
    /// [`RegionStore::recreate`](crate::RegionStore::recreate) binds it to this one.
    ///
    /// # Errors
    /// [`KeyringError`] if the file cannot be written.
    pub fn replace(&self) -> Result<String, KeyringError> {
        self.change(|ring| ring.replace(&*self.0.entropy, self.0.clock.now()))
    }

    /// Limits the rate of calls, in this process only. Calls above it are throttled.
    pub fn set_calls_per_sec(&self, calls_per_sec: Option<u32>) {
        held(&self.0.rate).calls_per_sec = calls_per_sec;
    }

    /// Simulates an unreachable key service, in this process only. For drills and tests.
    pub fn set_reachable(&self, reachable: bool) {
        self.0.reachable.store(reachable, Ordering::Relaxed);
    }

    fn change<T>(&self, change: impl FnOnce(&mut Keyring) -> T) -> Result<T, KeyringError> {
        let mut ring = held(&self.0.ring);
        self.0.place.change(&mut ring, change)
    }

    fn ring(&self) -> Result<MutexGuard<'_, Keyring>, KeyringError> {
        let mut ring = held(&self.0.ring);
        self.0.place.refresh(&mut ring)?;
        Ok(ring)
    }

    /// The ring, if the key can be used.
    fn usable(&self) -> Result<MutexGuard<'_, Keyring>, KeysError> {
        if !self.0.reachable.load(Ordering::Relaxed) {
            return Err(KeysError::Unavailable);
        }
        let ring = self.ring().map_err(|error| {
            tracing::warn!(%error, "the key ring cannot be read");
            KeysError::Unavailable
        })?;
        if ring.enabled { Ok(ring) } else { Err(KeysError::Disabled) }
    }

    /// A call that counts towards the rate.
    fn call(&self) -> Result<MutexGuard<'_, Keyring>, KeysError> {
        let ring = self.usable()?;
        held(&self.0.rate).take(self.0.clock.now())?;
        Ok(ring)
    }

    fn wrap_in(&self, ring: &Keyring, key: &DataKey, context: &EncryptionContext) -> Vec<u8> {
        let current = ring.current();
        let wrapped = current.key.wrap(self.0.entropy.array(), &bound(&current.id, context), key.expose());
        // An id is far shorter than 256 bytes: a region's name has at most 32.
        let length = u8::try_from(current.id.len()).unwrap_or(u8::MAX);
        [&[BLOB, length], current.id.as_bytes(), &wrapped].concat()
    }
}

#[async_trait]
impl Keys for LocalKeys {
    async fn generate(&self, context: &EncryptionContext) -> Result<(DataKey, Vec<u8>), KeysError> {
        let ring = self.call()?;
        let key = DataKey::new(self.0.entropy.array());
        let wrapped = self.wrap_in(&ring, &key, context);
        Ok((key, wrapped))
    }

    async fn wrap(&self, key: &DataKey, context: &EncryptionContext) -> Result<Vec<u8>, KeysError> {
        let ring = self.call()?;
        Ok(self.wrap_in(&ring, key, context))
    }

    async fn unwrap(&self, wrapped: &[u8], context: &EncryptionContext) -> Result<DataKey, KeysError> {
        let ring = self.call()?;
        let (id, blob) = split(wrapped).ok_or(KeysError::Rejected)?;
        let material = ring.material(id).ok_or(KeysError::Rejected)?;
        let key = material.key.unwrap(&bound(id, context), blob).map_err(|_| KeysError::Rejected)?;
        Ok(DataKey::new(*key))
    }

    async fn probe(&self) -> Result<(), KeysError> {
        self.usable().map(drop)
    }
}

impl fmt::Debug for LocalKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKeys").field("ring", &*held(&self.0.ring)).finish_non_exhaustive()
    }
}

/// The additional authenticated data of a blob: the key's id and every pair of the context, in the order of their
/// names.
fn bound(id: &str, context: &EncryptionContext) -> Aad {
    let start = Aad::new().text("umoja-local-keys").u64(u64::from(BLOB)).text(id).count(context.len());
    context.iter().fold(start, |aad, (name, value)| aad.text(name).text(value))
}

fn split(blob: &[u8]) -> Option<(&str, &[u8])> {
    let [BLOB, length, rest @ ..] = blob else { return None };
    let (id, wrapped) = rest.split_at_checked(usize::from(*length))?;
    Some((std::str::from_utf8(id).ok()?, wrapped))
}

/// The calls in the current second of the clock.
struct Rate {
    calls_per_sec: Option<u32>,
    second: u64,
    calls: u32,
}

impl Rate {
    fn take(&mut self, now: Millis) -> Result<(), KeysError> {
        let Some(limit) = self.calls_per_sec else { return Ok(()) };
        if self.second != now.secs() {
            (self.second, self.calls) = (now.secs(), 0);
        }
        if self.calls >= limit {
            return Err(KeysError::Throttled);
        }
        self.calls += 1;
        Ok(())
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
