//! The key ring's file: wrapping keys in the order of their numbers. The file is always replaced as a whole.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use umoja_crypto::{MacKey, WrappingKey};
use umoja_schema::{Millis, Region};
use umoja_store::ports::{Entropy, StoreError};
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
    /// There is no file.
    #[error("{0} is missing")]
    Absent(PathBuf),
    /// The file is not a key ring. The message reveals none of its content.
    #[error("{0}: not a key ring")]
    Malformed(PathBuf),
    /// The region's data is bound to another key ring.
    #[error("{0}: not the key ring that the region's data belongs to")]
    Replaced(PathBuf),
    /// The database, which names the key ring that its data belongs to, cannot be read.
    #[error("{path}: {source}")]
    Unbound {
        /// Where the key ring is.
        path: PathBuf,
        /// Why.
        source: StoreError,
    },
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

    /// The check values of all keys, the newest last.
    pub(super) fn checks(&self) -> Vec<String> {
        self.materials.iter().map(Material::check).collect()
    }

    /// Whether data with this check value belongs to this key ring: a rotated ring still has its earlier keys.
    fn has(&self, check: &str) -> bool {
        self.materials.iter().any(|material| material.check() == check)
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

    /// Identifies the key without revealing it: the first 16 bytes of an HMAC-SHA-256 over its id and its second half,
    /// under a key that is derived from its first half; unpadded base64url.
    fn check(&self) -> String {
        let (mut first, mut second) = (Zeroizing::new([0; 32]), Zeroizing::new([0; 32]));
        first.copy_from_slice(&self.secret[..32]);
        second.copy_from_slice(&self.secret[32..]);
        let tag = MacKey::derive(&first, "umoja-local-keys/check").tag(&[self.id.as_bytes(), &*second]);
        URL_SAFE_NO_PAD.encode(&tag[..16])
    }
}

/// Reads the check value that the region's database is bound to; `None` if it is not bound yet.
pub(crate) type Bound = Box<dyn Fn() -> Result<Option<String>, StoreError> + Send + Sync>;

/// Where a key ring is stored.
pub(super) enum Place {
    Memory,
    File { path: PathBuf, bound: Bound },
}

/// What to do if there is no key ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// It is an error.
    Fails,
    /// The key ring is made.
    Made,
    /// The key ring is made, and replaces a file that is not a key ring of the region. That file is kept beside it.
    Replaced,
}

/// Reads the ring, or makes it as `missing` says.
pub(super) fn open(
    path: &Path,
    region: &Region,
    entropy: &dyn Entropy,
    now: Millis,
    missing: Missing,
) -> Result<Keyring, KeyringError> {
    let found = path.try_exists().map_err(|source| io_error(path, source))?;
    if !found && missing == Missing::Fails {
        return Err(KeyringError::Absent(path.to_owned()));
    }
    let _held = Held::new(path)?;
    if found {
        // Restricts the mode of a file that was copied here.
        files::private_file(path).map_err(|source| io_error(path, source))?;
        match read(path, region) {
            Err(KeyringError::Malformed(_) | KeyringError::OtherRegion { .. }) if missing == Missing::Replaced => {
                set_aside(path).map_err(|source| io_error(path, source))?;
            }
            read => return read,
        }
    }
    let mut ring = Keyring::new(region.clone(), entropy, now);
    write(path, &mut ring)?;
    Ok(ring)
}

/// Moves a file to the first free name beside it: what it holds may still be of use.
fn set_aside(path: &Path) -> io::Result<()> {
    for n in 1_u32.. {
        let aside = beside(path, &format!(".replaced-{n}"));
        if !aside.try_exists()? {
            return fs::rename(path, aside);
        }
    }
    Ok(())
}

impl Place {
    /// Reads the ring again if its file was replaced.
    pub(super) fn refresh(&self, ring: &mut Keyring) -> Result<(), KeyringError> {
        let Self::File { path, .. } = self else { return Ok(()) };
        let now = FileState::of(path).map_err(|source| io_error(path, source))?;
        if ring.seen != Some(now) {
            *ring = self.read(path, &ring.region)?;
        }
        Ok(())
    }

    /// Changes the ring and its file, or neither if the file cannot be written.
    pub(super) fn change<T>(
        &self,
        ring: &mut Keyring,
        change: impl FnOnce(&mut Keyring) -> T,
    ) -> Result<T, KeyringError> {
        let Self::File { path, .. } = self else { return Ok(change(ring)) };
        let _held = Held::new(path)?;
        let mut changed = self.read(path, &ring.region)?;
        let value = change(&mut changed);
        write(path, &mut changed)?;
        *ring = changed;
        Ok(value)
    }

    /// Checks that the region's data belongs to the ring.
    pub(super) fn check(&self, ring: &Keyring) -> Result<(), KeyringError> {
        let Self::File { path, bound } = self else { return Ok(()) };
        match bound().map_err(|source| KeyringError::Unbound { path: path.clone(), source })? {
            Some(check) if !ring.has(&check) => Err(KeyringError::Replaced(path.clone())),
            _ => Ok(()),
        }
    }

    fn read(&self, path: &Path, region: &Region) -> Result<Keyring, KeyringError> {
        let ring = read(path, region)?;
        self.check(&ring)?;
        Ok(ring)
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
