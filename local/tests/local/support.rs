//! Test support: a clock that is set by hand, and stores in temporary directories.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;
use umoja_host::OsEntropy;
use umoja_local::{Options, RegionStore};
use umoja_schema::Millis;
use umoja_store::contract::sample::{HERE, region};
use umoja_store::ports::Clock;

pub(crate) struct SetClock(AtomicU64);

impl SetClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(1_700_000_000_000)))
    }

    pub(crate) fn pass(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::Relaxed))
    }
}

pub(crate) fn open(dir: &Path, clock: &Arc<SetClock>) -> RegionStore {
    let clock = Arc::clone(clock);
    RegionStore::create(dir, region(HERE), clock, Arc::new(OsEntropy), Options::default()).unwrap()
}

pub(crate) fn on_disk() -> (RegionStore, Arc<SetClock>, TempDir) {
    let (clock, dir) = (SetClock::new(), TempDir::new().unwrap());
    (open(dir.path(), &clock), clock, dir)
}

pub(crate) fn in_memory() -> (RegionStore, Arc<SetClock>) {
    let clock = SetClock::new();
    (RegionStore::in_memory(region(HERE), Arc::clone(&clock) as _, Arc::new(OsEntropy)), clock)
}
