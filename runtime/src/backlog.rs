//! What a region has not replicated yet, from when on that needs an operator, and from when on bulk work waits.

use std::collections::VecDeque;
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

/// How many changes may wait to be replicated before bulk work waits too: half of what an operator is warned of, because
/// what is in progress is still written.
const BULK_CHANGES: u64 = 5_000;
/// How long a change may wait before bulk work waits too, in milliseconds.
const BULK_AGE_MS: u64 = 1_000;
/// After this time without any progress, bulk work no longer waits, in milliseconds.
const STUCK_MS: u64 = 30_000;
/// How many sightings of the change log are remembered, each of the time at which it had a length.
const SIGHTINGS: usize = 4_096;

/// Back-pressure on bulk work: whether it has to wait until the peers have what it wrote.
///
/// A stream that makes no progress for half a minute stops no bulk work. A peer that is out is no such stream: its changes go
/// to its retry queue, and the stream continues.
#[derive(Debug, Clone, Default)]
pub struct Pressure {
    /// The lengths of the change log that are not replicated yet, each with the time at which it was seen.
    seen: VecDeque<(u64, Millis)>,
    replicated: u64,
    moved: Millis,
}

impl Pressure {
    /// Notes the newest change and the last one that is replicated. True if bulk work has to wait.
    pub fn is_high(&mut self, newest: u64, replicated: u64, now: Millis) -> bool {
        if replicated > self.replicated || newest <= replicated || self.moved == Millis(0) {
            (self.replicated, self.moved) = (replicated, now);
        }
        while self.seen.front().is_some_and(|(newest, _)| *newest <= replicated) {
            self.seen.pop_front();
        }
        if newest > replicated && self.seen.len() < SIGHTINGS && self.seen.back().is_none_or(|(seen, _)| *seen < newest)
        {
            self.seen.push_back((newest, now));
        }
        let age_ms = self.seen.front().map_or(0, |(_, at)| now.since(*at));
        let is_behind = newest.saturating_sub(replicated) > BULK_CHANGES || age_ms > BULK_AGE_MS;
        is_behind && !self.is_stuck(now)
    }

    /// True if changes wait and none was replicated for half a minute.
    pub fn is_stuck(&self, now: Millis) -> bool {
        now.since(self.moved) >= STUCK_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bulk_work_waits_for_many_changes_and_for_old_ones() {
        let mut pressure = Pressure::default();
        let mut is_high = |newest, replicated, ms: u64| pressure.is_high(newest, replicated, Millis(1_000_000 + ms));
        assert!(!is_high(0, 0, 0));
        assert!(!is_high(BULK_CHANGES, 0, 10));
        assert!(is_high(BULK_CHANGES + 1, 0, 20));
        assert!(!is_high(BULK_CHANGES + 1, 1, 30), "one was replicated");
        assert!(!is_high(BULK_CHANGES + 1, 1, 1_010));
        assert!(is_high(BULK_CHANGES + 1, 1, 1_011), "the oldest is a second old");
        assert!(!is_high(BULK_CHANGES + 1, BULK_CHANGES, 1_012), "what is left is younger");
        assert!(!is_high(BULK_CHANGES + 1, BULK_CHANGES + 1, 9_000_000));
        assert!(!is_high(BULK_CHANGES + 2, BULK_CHANGES + 1, 9_000_001), "an idle log has no old changes");
    }

    #[test]
    fn a_stream_that_makes_no_progress_stops_no_bulk_work() {
        let mut pressure = Pressure::default();
        let mut is_high = |newest, replicated, ms: u64| pressure.is_high(newest, replicated, Millis(1_000_000 + ms));
        assert!(is_high(20_000, 0, 0));
        assert!(is_high(20_000, 0, STUCK_MS - 1));
        assert!(!is_high(20_000, 0, STUCK_MS));
        assert!(!is_high(90_000, 0, STUCK_MS + 1));
        assert!(is_high(90_000, 200, STUCK_MS + 2), "it continues");
    }

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
