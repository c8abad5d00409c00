//! One region's store: the content of the cloud's tables, in one directory or in memory.

mod appended;
mod attempts;
mod changes;
mod checkpoints;
mod commit;
pub(crate) mod counters;
mod due;
mod inbox;
mod items;
mod json;
mod logs;
mod place;
mod registry;
mod requests;
mod schema;
mod seen;
mod stored;
mod stream;
#[cfg(test)]
mod tests;
mod users;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use rusqlite::OptionalExtension as _;
use umoja_schema::Region;
use umoja_schema::names::queue;
use umoja_store::change::Change;
use umoja_store::ports::{Clock, Entropy, Keys, Registry, StoreError};
use umoja_store::proof::Proofs;
use umoja_store::{Home, Peer, RegionPorts};

use self::counters::Counters;
use self::registry::Documents;
use self::seen::Seen;
use crate::engine::{ConnectError, Durability, Engine, Settings};
use crate::files;
use crate::keys::{Bound, KeyringError, KeyringFile, LocalKeys, Missing};
use crate::queue::LocalQueue;
pub use requests::Housekept;

/// The file of all tables but those of [`ATTEMPTS`].
pub(crate) const MAIN: &str = "region.sqlite";

/// The file of the counts of attempts.
pub(crate) const ATTEMPTS: &str = "attempts.sqlite";

/// The file of the key that wraps data keys.
pub(crate) const KEYRING: &str = "keyring.json";

/// The file of the key that wraps the secret of proofs.
pub(crate) const PROOF_KEYRING: &str = "proof-keyring.json";

/// Options of a region's store. The defaults suit a server.
#[derive(Debug, Clone)]
pub struct Options {
    /// The number of read connections. Each may hold 4 MB of the file in memory, and the one that writes 32 MB.
    pub readers: usize,
    /// How many writes may wait for the next transaction; further callers wait for a place.
    pub waiting_writes: usize,
    /// How often a message is received before it becomes a dead letter.
    pub max_receives: u32,
    /// The calls per second that the key answers before it is throttled; no limit if `None`.
    pub key_calls_per_sec: Option<u32>,
}

impl Default for Options {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self { readers: cores.clamp(2, 16), waiting_writes: 1024, max_receives: 10, key_calls_per_sec: None }
    }
}

/// Why a region's directory cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory or a file in it cannot be created, read or locked.
    #[error("{path}: {source}")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The directory or its database is missing, or the database is empty.
    #[error("{0} is missing or empty")]
    Absent(PathBuf),
    /// The file is not a usable database.
    #[error("{path}: {reason}")]
    Database {
        /// Which file.
        path: PathBuf,
        /// The engine's message.
        reason: String,
    },
    /// A newer version of Umoja created it.
    #[error("{0}: made by a newer version")]
    Newer(PathBuf),
    /// The directory belongs to another region.
    #[error("the directory belongs to the region {0}")]
    OtherRegion(Region),
    /// The key ring cannot be used.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
}

/// One region's store. A clone is another handle on the same store; the files are closed with the last one.
///
/// Reads run on the caller's thread and take microseconds. Writes wait for the next durable transaction, which they
/// share with other waiting writes. A queued write is done even if its caller stops waiting.
#[derive(Clone)]
pub struct RegionStore(Arc<Inner>);

struct Inner {
    region: Region,
    clock: Arc<dyn Clock>,
    options: Options,
    main: Arc<Engine>,
    short: Arc<Engine>,
    seen: Seen,
    counters: Counters,
    keys: LocalKeys,
    proof_keys: LocalKeys,
    read: Read,
}

/// What was read before.
#[derive(Default)]
struct Read {
    proofs: OnceLock<Arc<Proofs>>,
    /// What readers of the change log were given last, with what they asked for.
    changes: Mutex<Option<LastChanges>>,
}

/// A position and a limit, with the changes after it.
type LastChanges = ((u64, usize), Arc<[Change]>);

impl RegionStore {
    /// Opens the store in `dir`. Other processes may have it open. Nothing that is missing is made: an empty store or
    /// another key ring in the place of a lost one would look like a region without data.
    ///
    /// # Errors
    /// [`OpenError`] says what is wrong with the directory.
    pub fn open(
        dir: &Path,
        region: Region,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        options: Options,
    ) -> Result<Self, OpenError> {
        Self::open_as(dir, region, clock, entropy, options, Missing::Fails)
    }

    /// Makes the store of a new region in `dir`, or completes the making of one. A database without its key ring is an
    /// error: only a region whose key ring is lost has that.
    ///
    /// # Errors
    /// [`OpenError`] says what is wrong with the directory.
    pub fn create(
        dir: &Path,
        region: Region,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        options: Options,
    ) -> Result<Self, OpenError> {
        Self::open_as(dir, region, clock, entropy, options, Missing::Made)
    }

    /// Makes again what the directory of an existing region lacks: the directory, its database, its key ring. The data
    /// is bound to the key ring that is there now. The caller has to bring all data back from another region, and to
    /// have every data key wrapped again.
    ///
    /// # Errors
    /// [`OpenError`] says what is wrong with the directory.
    pub fn recreate(
        dir: &Path,
        region: Region,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        options: Options,
    ) -> Result<Self, OpenError> {
        Self::open_as(dir, region, clock, entropy, options, Missing::Replaced)
    }

    fn open_as(
        dir: &Path,
        region: Region,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        options: Options,
        missing: Missing,
    ) -> Result<Self, OpenError> {
        let io = |source| OpenError::Io { path: dir.to_owned(), source };
        let (makes, path) = (missing != Missing::Fails, dir.join(MAIN));
        if !makes && !dir.try_exists().map_err(io)? {
            return Err(OpenError::Absent(dir.to_owned()));
        }
        files::private_dir(dir).map_err(io)?;
        if missing == Missing::Replaced && path.try_exists().map_err(io)? {
            // The key ring of another region's directory must not be replaced.
            check_owner(&open(path.clone(), Durability::Full, true, schema::main(&region), &options)?, dir, &region)?;
        }
        // The key ring is made first, so a database never waits for one.
        let ring = match missing {
            Missing::Made if path.try_exists().map_err(io)? => Missing::Fails,
            missing => missing,
        };
        let keyring = KeyringFile::open(dir, KEYRING, &region, &*entropy, clock.now(), ring)?;
        let proof_keyring = KeyringFile::open(dir, PROOF_KEYRING, &region, &*entropy, clock.now(), ring)?;
        let rebinds = missing == Missing::Replaced;
        let bindings = [(schema::KEYRING, &keyring), (schema::PROOF_KEYRING, &proof_keyring)];
        let bindings = bindings.map(|(table, ring)| schema::binding(table, &ring.checks(), rebinds));
        let schema = schema::main(&region) + &bindings.concat();
        let main = Arc::new(open(path, Durability::Full, makes, schema, &options)?);
        check_owner(&main, dir, &region)?;
        let unusable = |reason: &dyn ToString| OpenError::Database { path: dir.to_owned(), reason: reason.to_string() };
        main.seen(changes::newest(&main).map_err(|e| unusable(&e))?);
        let keys = keyring.bind(
            bound(&main, schema::KEYRING),
            Arc::clone(&clock),
            Arc::clone(&entropy),
            options.key_calls_per_sec,
        )?;
        let bound = bound(&main, schema::PROOF_KEYRING);
        let proof_keys = proof_keyring.bind(bound, Arc::clone(&clock), entropy, options.key_calls_per_sec)?;
        let short = open(dir.join(ATTEMPTS), Durability::Process, true, schema::SHORT.into(), &options)?;
        let (short, seen, read) = (Arc::new(short), Seen::open(dir), Read::default());
        let counters = Counters::new(Some(dir), Arc::clone(&short));
        Ok(Self(Arc::new(Inner { region, clock, options, main, short, seen, counters, keys, proof_keys, read })))
    }

    /// A store in memory, which ends with its last handle. It runs on the callers' threads in the order of their calls,
    /// so its behaviour depends only on them.
    ///
    /// # Panics
    /// If there is no memory for an empty database.
    pub fn in_memory(region: Region, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        let options = Options::default();
        let schema = schema::main(&region) + schema::SHORT;
        let main = Arc::new(Engine::in_memory(&schema).expect("memory for an empty database"));
        let keys = || {
            let (clock, entropy) = (Arc::clone(&clock), Arc::clone(&entropy));
            LocalKeys::in_memory(region.clone(), clock, entropy, options.key_calls_per_sec)
        };
        let (keys, proof_keys, short, seen) = (keys(), keys(), Arc::clone(&main), Seen::in_memory());
        let (read, counters) = (Read::default(), Counters::new(None, Arc::clone(&short)));
        Self(Arc::new(Inner { region, clock, options, main, short, seen, counters, keys, proof_keys, read }))
    }

    /// The proofs of the region's items, under the secret in its settings.
    pub fn proofs(&self) -> Arc<Proofs> {
        let new = || {
            // This store holds the proofs, so the proofs hold only what they read.
            let registry = self.documents();
            let keys: (Region, Arc<dyn Keys>) = (self.region().clone(), Arc::new(self.proof_keys()));
            Proofs::new(registry, self.region().clone(), [keys], Arc::clone(&self.0.clock))
        };
        Arc::clone(self.0.read.proofs.get_or_init(new))
    }

    /// The companies and settings of the region, proved and verified.
    pub fn registry(&self) -> Arc<dyn Registry> {
        self.proofs().registry(self.documents())
    }

    /// The companies and settings of the region as they are stored, neither proved nor verified.
    pub fn documents(&self) -> Arc<dyn Registry> {
        Arc::new(Documents(Arc::clone(&self.0.main)))
    }

    /// The clock of the store.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.0.clock)
    }

    /// The region's key for the secret of proofs.
    pub fn proof_keys(&self) -> LocalKeys {
        self.0.proof_keys.clone()
    }

    /// True if a deployment has used the store: it holds settings or users.
    ///
    /// # Errors
    /// If the database fails.
    pub fn is_used(&self) -> Result<bool, StoreError> {
        self.0.main.read("region", |connection| {
            let used = "SELECT EXISTS (SELECT 1 FROM settings) OR EXISTS (SELECT 1 FROM users)";
            Ok(connection.query_row(used, [], |row| row.get(0))?)
        })
    }

    /// For bulk work, such as an import: from now on, writes of this store wait up to some milliseconds for others, and share their
    /// transaction.
    pub fn gather_writes(&self) {
        self.0.main.gather();
    }

    /// The name of the region.
    pub fn region(&self) -> &Region {
        &self.0.region
    }

    /// The region's key.
    pub fn keys(&self) -> LocalKeys {
        self.0.keys.clone()
    }

    /// The region's ports for all regions.
    pub fn ports(&self) -> RegionPorts {
        let proofs = self.proofs();
        RegionPorts {
            name: self.region().clone(),
            users: proofs.users(Arc::new(self.clone())),
            logs: proofs.logs(Arc::new(self.clone()), Arc::new(self.clone())),
            items: proofs.items(Arc::new(self.clone())),
            inbox: proofs.inbox(Arc::new(self.clone())),
            ingest: Arc::new(self.queue(queue::INGEST)),
            requests: proofs.requests(Arc::new(self.clone())),
            tables: &umoja_schema::replicated::ALL,
            keys: Arc::new(self.keys()),
            proof_keys: Arc::new(self.proof_keys()),
        }
    }

    /// The ports for the region's services, with these peers.
    pub fn home(
        &self,
        peers: impl IntoIterator<Item = RegionPorts>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Home {
        let peer = |ports: RegionPorts| Peer { retry: Arc::new(self.queue(&queue::retry(&ports.name))), ports };
        Home {
            own: self.ports(),
            peers: peers.into_iter().map(peer).collect(),
            repairs: Arc::new(self.queue(queue::KEYS)),
            merges: Arc::new(self.queue(queue::MERGES)),
            deliveries: None,
            quarantined: Arc::new(self.queue(queue::QUARANTINED)),
            registry: self.registry(),
            proofs: self.proofs(),
            requests: self.proofs().requests(Arc::new(self.clone())),
            attempts: Arc::new(self.clone()),
            checkpoints: self.proofs().checkpoints(Arc::new(self.clone())),
            due: Arc::new(self.clone()),
            clock,
            entropy,
        }
    }

    /// A queue of the region, created by its first message.
    pub fn queue(&self, name: &str) -> LocalQueue {
        let Inner { clock, options, main, .. } = &*self.0;
        LocalQueue::new(name, Arc::clone(main), Arc::clone(clock), options.max_receives)
    }
}

impl std::fmt::Debug for RegionStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegionStore").field("region", &self.0.region).finish_non_exhaustive()
    }
}

/// Checks that the database is that of the region.
fn check_owner(main: &Engine, dir: &Path, region: &Region) -> Result<(), OpenError> {
    let owner = main.read("region", |connection| {
        Ok(connection.query_row("SELECT name FROM region", [], |row| row.get::<_, String>(0))?)
    });
    let unusable = |reason: &dyn ToString| OpenError::Database { path: dir.to_owned(), reason: reason.to_string() };
    let owner: Region = owner.map_err(|e| unusable(&e))?.parse().map_err(|e| unusable(&e))?;
    if owner == *region { Ok(()) } else { Err(OpenError::OtherRegion(owner)) }
}

/// Reads the check value of the key ring that a table names.
fn bound(main: &Arc<Engine>, table: &'static str) -> Bound {
    let main = Arc::clone(main);
    Box::new(move || {
        main.read(table, |connection| {
            let mut select = connection.prepare_cached(&format!("SELECT check_value FROM {table}"))?;
            Ok(select.query_row([], |row| row.get(0)).optional()?)
        })
    })
}

fn open(
    path: PathBuf,
    durability: Durability,
    makes: bool,
    schema: String,
    options: &Options,
) -> Result<Engine, OpenError> {
    let settings = Settings {
        path,
        durability,
        makes,
        schema,
        readers: if durability == Durability::Full { options.readers } else { 1 },
        waiting_writes: options.waiting_writes,
        log_limit: 128 << 20,
    };
    Engine::open(&settings).map_err(|error| {
        let path = settings.path;
        match error {
            ConnectError::Io(source) => OpenError::Io { path, source },
            ConnectError::Engine(error) => OpenError::Database { path, reason: error.to_string() },
            ConnectError::NewerLayout => OpenError::Newer(path),
            ConnectError::Absent => OpenError::Absent(path),
        }
    })
}
