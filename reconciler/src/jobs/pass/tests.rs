use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use umoja_store::ports::Checkpoints;

use super::*;

/// A clock that every page advances by a second.
#[derive(Default)]
struct Ticking(AtomicU64);

impl Clock for Ticking {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::Relaxed))
    }
}

struct Zeros;

impl Entropy for Zeros {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

#[derive(Default)]
struct Table(Mutex<Option<Vec<u8>>>);

#[async_trait]
impl Checkpoints for Table {
    async fn checkpoint(&self, _name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.lock().unwrap().clone())
    }

    async fn put_checkpoint(&self, _name: &str, state: &[u8]) -> Result<(), StoreError> {
        *self.0.lock().unwrap() = Some(state.to_vec());
        Ok(())
    }

    async fn replace_checkpoint(&self, _name: &str, expected: Option<&[u8]>, state: &[u8]) -> Result<bool, StoreError> {
        let mut stored = self.0.lock().unwrap();
        let is_so = stored.as_deref() == expected;
        if is_so {
            *stored = Some(state.to_vec());
        }
        Ok(is_so)
    }
}

/// Counts the retries that it observes.
#[derive(Default)]
struct Reported(AtomicU64);

impl Watch for Reported {
    fn see(&self, event: &Event<'_>) {
        if matches!(event, Event::Retry { .. }) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A hundred pages, one of which may fail `failures` times.
struct Pages<'a> {
    clock: &'a Ticking,
    at: u64,
    seen: Vec<u64>,
    fails_at: u64,
    failures: u32,
    error: StoreError,
}

impl<'a> Pages<'a> {
    fn new(clock: &'a Ticking, fails_at: u64, failures: u32) -> Self {
        Self { clock, at: 0, seen: Vec::new(), fails_at, failures, error: StoreError::Unavailable("a region".into()) }
    }
}

impl Pass for Pages<'_> {
    type Place = u64;

    async fn step(&mut self) -> Result<bool, StoreError> {
        self.clock.0.fetch_add(1000, Ordering::Relaxed);
        if self.at == self.fails_at && self.failures > 0 {
            self.failures -= 1;
            return Err(match &self.error {
                StoreError::Unavailable(what) => StoreError::Unavailable(what.clone()),
                _ => StoreError::Rejected("a region".into()),
            });
        }
        self.seen.push(self.at);
        self.at += 1;
        Ok(self.at < 100)
    }

    fn written(&self) -> u64 {
        self.seen.len() as u64
    }

    fn report_progress(&self, _watch: &dyn Watch, _ms: u64) {}

    fn at(&self) -> String {
        self.at.to_string()
    }

    fn place(&self) -> Option<u64> {
        Some(self.at)
    }

    fn go_to(&mut self, place: u64) -> bool {
        self.at = place;
        true
    }
}

fn worker<'a>(clock: &'a Ticking, watch: &'a Reported, per_sec: u32) -> Worker<'a> {
    Worker { clock, entropy: &Zeros, per_sec, deadline: Millis(u64::MAX), watch }
}

#[tokio::test(start_paused = true)]
async fn a_page_is_retried_until_the_region_responds() {
    let (clock, reported) = (Ticking::default(), Reported::default());
    let mut pages = Pages::new(&clock, 7, 8);
    worker(&clock, &reported, 0).drive(&mut pages, None).await.unwrap();
    assert_eq!(pages.seen, (0..100).collect::<Vec<_>>());
    assert_eq!(reported.0.load(Ordering::Relaxed), 8);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_pass_continues_and_a_completed_one_starts_over() {
    let (clock, reported) = (Ticking::default(), Reported::default());
    let table = Arc::new(Table::default());
    let kept = || Kept::of(Arc::clone(&table) as Arc<dyn Checkpoints>, "test");
    let worker = worker(&clock, &reported, 0);
    let mut stopped = Pages::new(&clock, 42, 9);
    assert!(worker.drive(&mut stopped, Some(&kept())).await.is_err(), "a region that is down for long stops it");

    let (mut next, resumed) = (Pages::new(&clock, 0, 0), kept());
    assert!(worker.resume(&mut next, &resumed).await);
    worker.drive(&mut next, Some(&resumed)).await.unwrap();
    assert_eq!(next.seen, (42..100).collect::<Vec<_>>());
    assert!(!worker.resume(&mut Pages::new(&clock, 0, 0), &kept()).await, "the checkpoint was removed");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_pass_repeats_at_most_ten_seconds_of_work() {
    let (clock, reported) = (Ticking::default(), Reported::default());
    let table = Arc::new(Table::default());
    let kept = || Kept::of(Arc::clone(&table) as Arc<dyn Checkpoints>, "test");
    // The pass is dropped while it waits for a region.
    let mut dropped = Pages::new(&clock, 35, 1);
    let (kept_first, worker) = (kept(), worker(&clock, &reported, 0));
    let cut = tokio::time::timeout(Duration::from_millis(500), worker.drive(&mut dropped, Some(&kept_first))).await;
    assert!(cut.is_err());
    let mut next = Pages::new(&clock, 0, 0);
    assert!(worker.resume(&mut next, &kept()).await);
    assert!((25..=35).contains(&next.at), "{}", next.at);
}

#[tokio::test(start_paused = true)]
async fn a_permanent_error_stops_a_pass_at_once() {
    let (clock, reported) = (Ticking::default(), Reported::default());
    let mut pages = Pages { error: StoreError::Rejected("a region".into()), ..Pages::new(&clock, 3, 1) };
    assert!(worker(&clock, &reported, 0).drive(&mut pages, None).await.is_err());
    assert_eq!((pages.at, reported.0.load(Ordering::Relaxed)), (3, 0));
}
