//! The metrics of a test.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use metrics::{
    Counter, Gauge, Histogram, Key, KeyName, LocalRecorderGuard, Metadata, Recorder, SharedString, Unit,
    set_default_local_recorder,
};

/// The counters that this thread has recorded since the recorder was created.
pub struct Recorded {
    counters: &'static Counters,
    _guard: LocalRecorderGuard<'static>,
}

#[derive(Default)]
struct Counters(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

impl Recorded {
    /// Starts recording on this thread.
    pub fn start() -> Self {
        // The guard borrows the recorder, so the recorder is leaked. It is a few numbers.
        let counters: &'static Counters = Box::leak(Box::default());
        Self { counters, _guard: set_default_local_recorder(counters) }
    }

    /// The increase of a counter since the last call.
    pub fn take(&self, name: &str) -> u64 {
        self.counters.of(name).swap(0, Ordering::Relaxed)
    }
}

impl Counters {
    fn of(&self, name: &str) -> Arc<AtomicU64> {
        Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(name.to_owned()).or_default())
    }
}

impl Recorder for Counters {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        self.of(key.name()).into()
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}
