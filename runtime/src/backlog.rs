//! What a region has not replicated yet, and from when on that needs an operator.

use std::time::Duration;

use tokio::time::sleep;
use umoja_local::RegionStore;
use umoja_schema::replica::Image;
use umoja_schema::{Hlc, Millis};
use umoja_store::ports::{Clock, StoreError};

/// The cursor of the change log up to which changes are replicated.
pub const CURSOR: &str = "replicator";

/// How long a backlog has to be there. Longer than a serving process needs to store its position.
const MOMENT: Duration = Duration::from_millis(500);

/// The changes of a region that no peer has from its stream yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How many.
    pub changes: u64,
    /// The time since the oldest of them was written, if it says when.
    pub oldest_ms: Option<u64>,
}

/// The backlog from which on an operator has to look. The alarms of AWS have the same defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LagThresholds {
    /// The most changes that may wait: an import writes more than a peer accepts, long before the first one is old.
    pub changes: u64,
    /// The longest that a change may wait, in milliseconds.
    pub age_ms: u64,
}

impl Default for LagThresholds {
    fn default() -> Self {
        Self { changes: 10_000, age_ms: 60_000 }
    }
}

impl Backlog {
    /// The backlog of a region that is there now and a moment later: a serving process stores its position only now and
    /// then, and a repair changes an old item without a new HLC timestamp.
    pub async fn of(store: &RegionStore, clock: &dyn Clock) -> Result<Self, StoreError> {
        let now = Self::at_once(store, clock.now()).await?;
        if now.changes == 0 {
            return Ok(now);
        }
        sleep(MOMENT).await;
        Self::at_once(store, clock.now()).await
    }

    async fn at_once(store: &RegionStore, now: Millis) -> Result<Self, StoreError> {
        let position = store.cursor(CURSOR).await?;
        let changes = store.newest_change()?.saturating_sub(position);
        let oldest = if changes > 0 { store.changes(position, 1)? } else { Vec::new() };
        let written = oldest.first().and_then(|change| Image(&change.image).hlc()).map(Hlc::millis);
        Ok(Self { changes, oldest_ms: written.map(|written| now.since(written)) })
    }

    /// True if an operator has to look.
    pub fn exceeds(&self, thresholds: &LagThresholds) -> bool {
        self.changes > thresholds.changes
            || self.changes > 0 && self.oldest_ms.is_some_and(|age| age > thresholds.age_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backlog_needs_an_operator_by_its_number_or_by_its_age() {
        let exceeds = |changes, oldest_ms| Backlog { changes, oldest_ms }.exceeds(&LagThresholds::default());
        assert!(!exceeds(0, None));
        assert!(!exceeds(10_000, Some(60_000)));
        assert!(exceeds(95_000, Some(20_000)), "an import writes them within seconds");
        assert!(exceeds(10_001, None));
        assert!(exceeds(1, Some(60_001)));
    }
}
