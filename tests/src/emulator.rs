//! The AWS adapters against an emulator of AWS, whose address is in `UMOJA_TEST_ENDPOINT` (`.ci/emulator` sets it).
//! Each call creates its own tables, keys or queues.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use umoja_aws::{AwsRegion, Options, Session, provision, tables};
use umoja_schema::Region;
use umoja_store::contract::{KeyPair, KeySwitch, Queued, Tables, Time, sample};

/// The variable that holds the emulator's address.
pub const ENDPOINT: &str = "UMOJA_TEST_ENDPOINT";

/// Longer than in production, because one emulator serves many tests at once.
const PATIENT: Options = Options { connect: Duration::from_mins(1), attempt: Duration::from_mins(10), attempts: 1 };

async fn region(name: &str) -> AwsRegion {
    let endpoint = std::env::var(ENDPOINT).expect("UMOJA_TEST_ENDPOINT; .ci/emulator sets it");
    let name: Region = name.parse().expect("a region");
    Session::from_environment(&PATIENT).await.region(&name, Some(&endpoint))
}

/// A name that no other test has.
fn unique() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("t{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// New tables.
///
/// # Panics
/// If the emulator does not create them.
pub async fn new_tables() -> Tables {
    let (region, prefix) = (region("eu-west-1").await, unique());
    tables::create(&region, &prefix, &sample::TABLES).await.expect("new tables");
    let tables = Arc::new(region.tables(&prefix));
    Tables {
        users: Arc::clone(&tables) as _,
        logs: Arc::clone(&tables) as _,
        items: Arc::clone(&tables) as _,
        inbox: Arc::clone(&tables) as _,
        registry: Arc::clone(&tables) as _,
        requests: Arc::clone(&tables) as _,
        attempts: Arc::clone(&tables) as _,
        checkpoints: Arc::clone(&tables) as _,
        due: tables,
        guard: Box::new(()),
    }
}

/// New keys in two regions.
///
/// # Panics
/// If the emulator does not create them.
pub async fn new_keys() -> KeyPair {
    let (here, there) = (region("eu-west-1").await, region("af-south-1").await);
    let own = provision::create_key(&here).await.expect("a new key");
    let other = provision::create_key(&there).await.expect("a new key");
    KeyPair {
        own: Arc::new(here.keys(&own)),
        other: Arc::new(there.keys(&other)),
        switch: Arc::new(Switch { region: here, key: own }),
        guard: Box::new(()),
    }
}

struct Switch {
    region: AwsRegion,
    key: String,
}

#[async_trait]
impl KeySwitch for Switch {
    async fn set_enabled(&self, enabled: bool) {
        provision::set_key_enabled(&self.region, &self.key, enabled).await.expect("the key's state");
    }
}

/// A new queue and its dead-letter queue.
///
/// # Panics
/// If the emulator does not create them.
pub async fn new_queue() -> Queued {
    let max_receives = 3;
    let queue = provision::create_queue(&region("eu-west-1").await, &unique(), max_receives).await;
    Queued { queue: Arc::new(queue.expect("a new queue")), max_receives, time: Arc::new(Waiting), guard: Box::new(()) }
}

/// The emulator has its own clock.
struct Waiting;

#[async_trait]
impl Time for Waiting {
    async fn advance(&self, secs: u32) {
        tokio::time::sleep(Duration::from_secs(secs.into())).await;
    }
}
