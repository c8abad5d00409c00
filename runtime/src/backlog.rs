//! What a region has not replicated yet, and from when on that needs an operator.

use std::time::Duration;

use tokio::time::sleep;
use umoja_local::RegionStore;
use umoja_schema::replica::Image;
use umoja_schema::{Hlc, Millis};
use umoja_store::ports::{Clock, StoreError};

/// The cursor of the change log up to which changes are replicated.
pub const CURSOR: &str = "replicator";

/// The cursor of the change log up to which changes have their events.
pub const FEED_CURSOR: &str = "feed";

/// The cursor of the change log up to which changes were rung for at targets.
pub const DELIVER_CURSOR: &str = "deliver";

/// How long a backlog has to be there. Longer than a serving process needs to store its position.
const MOMENT: Duration = Duration::from_millis(500);

/// How many changes are read at once, and how many times: later changes all count as waiting.
const PAGE: usize = 500;
const PAGES: usize = 20;

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

    /// What other regions wrote does not wait: they send it. A region that was backfilled has only such changes.
    async fn at_once(store: &RegionStore, now: Millis) -> Result<Self, StoreError> {
        let (newest, mut position) = (store.newest_change()?, store.cursor(CURSOR).await?);
        let (mut changes, mut oldest) = (0, None);
        for _ in 0..PAGES {
            let page = store.changes(position, PAGE)?;
            let own = page.iter().map(|change| Image(&change.image));
            for image in own.filter(|image| image.origin().is_none_or(|origin| origin == store.region().as_str())) {
                changes += 1;
                oldest = oldest.or(image.hlc().map(Hlc::millis));
            }
            match page.last().and_then(|change| change.sequence.parse().ok()) {
                Some(last) => position = last,
                None => return Ok(Self { changes, oldest_ms: oldest.map(|at| now.since(at)) }),
            }
        }
        changes += newest.saturating_sub(position);
        Ok(Self { changes, oldest_ms: oldest.map(|at| now.since(at)) })
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
