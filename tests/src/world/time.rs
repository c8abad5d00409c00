//! A clock that moves only on request, and randomness from a seed.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};
use umoja_schema::Millis;
use umoja_store::ports::{Clock, Entropy};

/// The time of a world.
#[derive(Debug)]
pub struct WorldClock(AtomicU64);

impl WorldClock {
    /// A clock that shows `now`.
    pub fn new(now: Millis) -> Self {
        Self(AtomicU64::new(now.0))
    }

    /// Lets time pass.
    pub fn advance(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for WorldClock {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::Relaxed))
    }
}

/// A region's clock: the world's clock with an offset that a test sets.
#[derive(Debug)]
pub struct RegionClock {
    world: Arc<WorldClock>,
    skew_ms: AtomicI64,
}

impl RegionClock {
    /// A clock without an offset.
    pub fn new(world: Arc<WorldClock>) -> Self {
        Self { world, skew_ms: AtomicI64::new(0) }
    }

    /// Makes the clock fast (or slow, if negative) by this number of milliseconds.
    pub fn set_skew(&self, ms: i64) {
        self.skew_ms.store(ms, Ordering::Relaxed);
    }
}

impl Clock for RegionClock {
    fn now(&self) -> Millis {
        Millis(self.world.now().0.saturating_add_signed(self.skew_ms.load(Ordering::Relaxed)))
    }
}

/// Randomness determined by a seed: SHA-256 of the seed and a counter.
#[derive(Debug)]
pub struct SeededEntropy {
    seed: u64,
    drawn: AtomicU64,
}

impl SeededEntropy {
    /// The randomness of a seed.
    pub fn new(seed: u64) -> Self {
        Self { seed, drawn: AtomicU64::new(0) }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let mut hash = Sha256::new();
            hash.update(self.seed.to_be_bytes());
            hash.update(self.drawn.fetch_add(1, Ordering::Relaxed).to_be_bytes());
            chunk.copy_from_slice(&hash.finalize()[..chunk.len()]);
        }
    }
}
