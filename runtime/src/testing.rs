//! Test support for services: regions in memory, a clock that is set by hand, and a recorder of metrics.

#![allow(clippy::missing_panics_doc, reason = "a panic ends the test")]

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use metrics::{Counter, CounterFn, Gauge, Histogram, Key, KeyName, LocalRecorderGuard, Metadata, Recorder};
use metrics::{SharedString, Unit};
use umoja_host::OsEntropy;
use umoja_local::RegionStore;
use umoja_schema::names::setting;
use umoja_schema::{Message, Millis, Region};
use umoja_store::keyring::{KeyRing, PEER_WRAP_BUDGET_MS};
use umoja_store::ports::{Clock, Delivery, Queue, QueueDepth, Registry, StoreError};
use umoja_store::secrets::SecretsDocument;
use umoja_store::{Home, Infrastructure, RegionEntry, RegionPorts, RegionState, RegionsDocument};

use crate::region::Source;

/// A clock that is set by hand.
pub struct SetClock(AtomicU64);

impl SetClock {
    /// Lets time pass.
    pub fn pass(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::Relaxed))
    }
}

/// Regions in memory. The first one is the own region.
pub struct Regions {
    /// Their clock.
    pub clock: Arc<SetClock>,
    stores: Vec<RegionStore>,
    registry: Arc<dyn Registry>,
}

impl Regions {
    /// Regions of these names.
    pub fn new(names: &[&str]) -> Arc<Self> {
        let clock = Arc::new(SetClock(AtomicU64::new(1_800_000_000_000)));
        let store = |name: &&str| {
            RegionStore::in_memory(name.parse().expect("a region's name"), Arc::clone(&clock) as _, Arc::new(OsEntropy))
        };
        let stores: Vec<RegionStore> = names.iter().map(store).collect();
        let registry = stores[0].registry();
        Arc::new(Self { clock, stores, registry })
    }

    /// The name of the own region.
    pub fn own(&self) -> &Region {
        self.store().region()
    }

    /// The store of the own region.
    pub fn store(&self) -> &RegionStore {
        &self.stores[0]
    }

    /// Writes the list of regions. Without secrets it writes those too, because they prove the list.
    pub async fn put(&self, document: &RegionsDocument) {
        self.put_secrets().await;
        self.registry
            .put_setting(setting::REGIONS, &serde_json::to_value(document).expect("the list is JSON"))
            .await
            .expect("settings can be written");
    }

    /// Makes the secrets of all regions, unless there are some.
    pub async fn put_secrets(&self) {
        if self.registry.setting(setting::SECRETS).await.expect("settings can be read").is_some() {
            return;
        }
        let names: Vec<_> = self.stores.iter().map(|store| (store.region().as_str(), RegionState::Serving)).collect();
        let ring = KeyRing::new(&self.home_of(&document(&names)), PEER_WRAP_BUDGET_MS);
        let secrets = SecretsDocument::create(&ring, self.clock.now()).await.expect("every KMS answers");
        let secrets = serde_json::to_value(secrets).expect("secrets are JSON");
        for store in &self.stores {
            store.registry().put_setting(setting::SECRETS, &secrets).await.expect("settings can be written");
        }
    }

    /// The ports for the services of the own region.
    pub fn home_of(&self, document: &RegionsDocument) -> Home {
        self.home(document.get(self.own()).expect("the own region is listed"), &document.regions)
    }

    fn ports(&self, name: &Region) -> RegionPorts {
        self.stores.iter().find(|store| store.region() == name).expect("the region is one of these").ports()
    }
}

#[async_trait]
impl Source for Regions {
    fn registry(&self) -> &dyn Registry {
        &*self.registry
    }

    fn home(&self, own: &RegionEntry, regions: &[RegionEntry]) -> Home {
        let peers = regions.iter().filter(|entry| entry.name() != own.name());
        let peers = peers.map(|entry| self.ports(entry.name()));
        self.store().home(peers, Arc::clone(&self.clock) as _, Arc::new(OsEntropy))
    }

    async fn connect(&self, _: &[RegionEntry]) {}
}

/// A queue that never responds.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

#[async_trait]
impl Queue for Silent {
    async fn send(&self, _: &Message, _: u32) -> Result<(), StoreError> {
        pending().await
    }

    async fn receive(&self, _: usize, _: u32) -> Result<Vec<Delivery>, StoreError> {
        pending().await
    }

    async fn delete(&self, _: &str) -> Result<(), StoreError> {
        pending().await
    }

    async fn release(&self, _: &str, _: u32) -> Result<(), StoreError> {
        pending().await
    }

    async fn receive_dead(&self, _: usize, _: u32) -> Result<Vec<Delivery>, StoreError> {
        pending().await
    }

    async fn redrive(&self, _: &Delivery) -> Result<(), StoreError> {
        pending().await
    }

    async fn release_dead(&self, _: &str) -> Result<(), StoreError> {
        pending().await
    }

    async fn depth(&self) -> Result<QueueDepth, StoreError> {
        pending().await
    }
}

/// A list of regions.
pub fn document(regions: &[(&str, RegionState)]) -> RegionsDocument {
    let entry = |(name, state): &(&str, RegionState)| {
        let region: Region = name.parse().expect("a region's name");
        let base_url = format!("https://{name}.example");
        let [data_key, proof_key, queues] = ["arn:k", "arn:p", "https://q"].map(str::to_owned);
        RegionEntry {
            infrastructure: Infrastructure {
                region,
                base_url,
                data_key,
                proof_key,
                queues,
                sources_url: None,
                regions: Vec::new(),
            },
            state: *state,
        }
    };
    RegionsDocument { revision: 1, regions: regions.iter().map(entry).collect(), env: None }
}

/// The metrics of this thread.
pub struct Recorded {
    values: Arc<Values>,
    _guard: LocalRecorderGuard<'static>,
}

#[derive(Default)]
struct Values(Mutex<BTreeMap<String, u64>>);

impl Recorded {
    /// Starts recording.
    pub fn start() -> Self {
        let values = Arc::<Values>::default();
        let leaked: &'static LocalRecorder = Box::leak(Box::new(LocalRecorder(Arc::clone(&values))));
        Self { values, _guard: metrics::set_default_local_recorder(leaked) }
    }

    /// The value of a counter.
    pub fn of(&self, name: &str) -> u64 {
        self.values.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied().unwrap_or_default()
    }
}

struct LocalRecorder(Arc<Values>);

struct Count {
    name: String,
    values: Arc<Values>,
}

impl CounterFn for Count {
    fn increment(&self, value: u64) {
        *self.values.0.lock().unwrap_or_else(PoisonError::into_inner).entry(self.name.clone()).or_default() += value;
    }

    fn absolute(&self, _: u64) {}
}

impl Recorder for LocalRecorder {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Arc::new(Count { name: key.name().to_owned(), values: Arc::clone(&self.0) }))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}
