//! The key ring's file: wrapping keys in the order of their numbers. The file is always replaced as a whole.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use umoja_crypto::WrappingKey;
use umoja_schema::{Millis, Region};
use umoja_store::ports::Entropy;
use zeroize::{Zeroize as _, Zeroizing};

use crate::files;
use crate::files::beside;

/// Why a key ring cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The file cannot be created, read, locked or written.
    #[error("{path}: {source}")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not a key ring. The message reveals none of its content.
    #[error("{0}: not a key ring")]
    Malformed(PathBuf),
    /// The file is the key ring of another region.
    #[error("{path}: the key ring belongs to the region {region}")]
    OtherRegion {
        /// Where.
        path: PathBuf,
        /// The region of the key ring.
        region: Region,
    },
}

/// The keys of one region.
pub(super) struct Keyring {
    pub(super) region: Region,
    pub(super) enabled: bool,
    /// Never empty. The last key wraps.
    materials: Vec<Material>,
    /// The state of the file that it was read from.
    seen: Option<FileState>,
}

/// One key.
pub(super) struct Material {
    pub(super) id: String,
    pub(super) key: WrappingKey,
    created_at: Millis,
    secret: Zeroizing<[u8; 64]>,
}

impl Keyring {
    pub(super) fn new(region: Region, entropy: &dyn Entropy, now: Millis) -> Self {
        let first = Material::new(format!("local:{region}:1"), now, Zeroizing::new(entropy.array()));
        Self { region, enabled: true, materials: vec![first], seen: None }
    }

    pub(super) fn current(&self) -> &Material {
        self.materials.last().expect("a key ring starts with a key and never loses one")
    }

    pub(super) fn material(&self, id: &str) -> Option<&Material> {
        self.materials.iter().rev().find(|material| material.id == id)
    }

    pub(super) fn rotate(&mut self, entropy: &dyn Entropy, now: Millis) -> String {
        let id = self.next_id();
        self.materials.push(Material::new(id.clone(), now, Zeroizing::new(entropy.array())));
        id
    }

    pub(super) fn replace(&mut self, entropy: &dyn Entropy, now: Millis) -> String {
        let id = self.next_id();
        self.materials = vec![Material::new(id.clone(), now, Zeroizing::new(entropy.array()))];
        id
    }

    /// `local:<region>:<number>`, one more than the newest.
    fn next_id(&self) -> String {
        let number = self.current().id.rsplit(':').next().and_then(|number| number.parse::<u64>().ok());
        format!("local:{}:{}", self.region, number.unwrap_or_default() + 1)
    }
}

/// Shows the keys' names, never the keys.
impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring")
            .field("enabled", &self.enabled)
            .field("keys", &self.materials.iter().map(|material| &material.id).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl Material {
    fn new(id: String, created_at: Millis, secret: Zeroizing<[u8; 64]>) -> Self {
        Self { id, key: WrappingKey::new(*secret), created_at, secret }
    }
}

/// Where a key ring is stored.
pub(super) enum Place {
    Memory,
    File(PathBuf),
}

impl Place {
    pub(super) fn file(path: PathBuf) -> Self {
        Self::File(path)
    }

    /// Reads the ring; creates it if the file is absent.
    pub(super) fn open(&self, region: &Region, entropy: &dyn Entropy, now: Millis) -> Result<Keyring, KeyringError> {
        let Self::File(path) = self else { return Ok(Keyring::new(region.clone(), entropy, now)) };
        let _held = Held::new(path)?;
        if path.try_exists().map_err(|source| io_error(path, source))? {
            // Restricts the mode of a file that was copied here.
            files::private_file(path).map_err(|source| io_error(path, source))?;
            return read(path, region);
        }
        let mut ring = Keyring::new(region.clone(), entropy, now);
        write(path, &mut ring)?;
        Ok(ring)
    }

    /// Reads the ring again if its file was replaced.
    pub(super) fn refresh(&self, ring: &mut Keyring) -> Result<(), KeyringError> {
        let Self::File(path) = self else { return Ok(()) };
        let now = FileState::of(path).map_err(|source| io_error(path, source))?;
        if ring.seen != Some(now) {
            *ring = read(path, &ring.region)?;
        }
        Ok(())
    }

    /// Changes the ring and its file, or neither if the file cannot be written.
    pub(super) fn change<T>(
        &self,
        ring: &mut Keyring,
        change: impl FnOnce(&mut Keyring) -> T,
    ) -> Result<T, KeyringError> {
        let Self::File(path) = self else { return Ok(change(ring)) };
        let _held = Held::new(path)?;
        let mut changed = read(path, &ring.region)?;
        let value = change(&mut changed);
        write(path, &mut changed)?;
        *ring = changed;
        Ok(value)
    }
}

/// Identifies a state of the file, which is replaced and never edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileState {
    #[cfg(unix)]
    inode: u64,
    modified: std::time::SystemTime,
    length: u64,
}

impl FileState {
    fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Self {
            #[cfg(unix)]
            inode: std::os::unix::fs::MetadataExt::ino(&metadata),
            modified: metadata.modified()?,
            length: metadata.len(),
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredRing {
    v: u32,
    region: Region,
    enabled: bool,
    keys: Vec<StoredKey>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredKey {
    id: String,
    created_at: Millis,
    /// 64 bytes, unpadded base64url.
    secret: String,
}

impl Drop for StoredKey {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

fn read(path: &Path, region: &Region) -> Result<Keyring, KeyringError> {
    let seen = FileState::of(path).map_err(|source| io_error(path, source))?;
    let text = Zeroizing::new(fs::read(path).map_err(|source| io_error(path, source))?);
    let malformed = || KeyringError::Malformed(path.to_owned());
    let stored: StoredRing = serde_json::from_slice(&text).map_err(|_| malformed())?;
    if stored.v != 1 || stored.keys.is_empty() {
        return Err(malformed());
    }
    if stored.region != *region {
        return Err(KeyringError::OtherRegion { path: path.to_owned(), region: stored.region });
    }
    let material = |key: &StoredKey| {
        let secret = Zeroizing::new(URL_SAFE_NO_PAD.decode(&key.secret).ok()?);
        let secret = Zeroizing::new(<[u8; 64]>::try_from(secret.as_slice()).ok()?);
        Some(Material::new(key.id.clone(), key.created_at, secret))
    };
    let materials = stored.keys.iter().map(material).collect::<Option<_>>().ok_or_else(malformed)?;
    Ok(Keyring { region: stored.region, enabled: stored.enabled, materials, seen: Some(seen) })
}

/// Replaces the file. A reader sees the old ring or the new one, even after a loss of power.
fn write(path: &Path, ring: &mut Keyring) -> Result<(), KeyringError> {
    let key = |material: &Material| StoredKey {
        id: material.id.clone(),
        created_at: material.created_at,
        secret: URL_SAFE_NO_PAD.encode(material.secret.as_slice()),
    };
    let keys = ring.materials.iter().map(key).collect();
    let stored = StoredRing { v: 1, region: ring.region.clone(), enabled: ring.enabled, keys };
    let text =
        Zeroizing::new(serde_json::to_vec_pretty(&stored).map_err(|_| KeyringError::Malformed(path.to_owned()))?);
    let replace = || {
        let draft = beside(path, ".new");
        let mut file = files::private_file(&draft)?;
        file.set_len(0)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        if let Some(dir) = path.parent() {
            File::open(dir)?.sync_all()?;
        }
        FileState::of(path)
    };
    ring.seen = Some(replace().map_err(|source| io_error(path, source))?);
    Ok(())
}

/// The lock between processes that change the ring, held while this lives.
struct Held(File);

impl Held {
    fn new(path: &Path) -> Result<Self, KeyringError> {
        let lock = || {
            let file = files::private_file(&beside(path, ".lock"))?;
            file.lock()?;
            Ok(Self(file))
        };
        lock().map_err(|source| io_error(path, source))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Closing the file also releases the lock.
        let _ = self.0.unlock();
    }
}

fn io_error(path: &Path, source: io::Error) -> KeyringError {
    KeyringError::Io { path: path.to_owned(), source }
}
