//! The tables of a region: on the local adapter, or on the AWS adapter over DynamoDB in process.

use std::sync::{Arc, Mutex, PoisonError};

use umoja_local::{LocalKeys, RegionStore};
use umoja_schema::Region;
use umoja_store::contract::sample;
use umoja_store::ports::{Attempts, Checkpoints, Items, Logs, Registry, Requests, Users};
use umoja_store::{Change, RegionPorts};

#[cfg(feature = "aws")]
use crate::dynamodb::{Cursors, DynamoRegion, EngineStream};

/// The adapter of a world's tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TablesOn {
    /// `umoja-local`, in memory.
    Local,
    /// `umoja-aws`, on an engine in memory.
    #[cfg(feature = "aws")]
    DynamoDb,
}

/// A region's tables, without faults.
pub struct Tables {
    /// Users and ownerships.
    pub users: Arc<dyn Users>,
    /// Journal, receipts, audit.
    pub logs: Arc<dyn Logs>,
    /// Versioned items.
    pub items: Arc<dyn Items>,
    /// Companies and settings.
    pub registry: Arc<dyn Registry>,
    /// Replays and idempotency keys of requests.
    pub requests: Arc<dyn Requests>,
    /// Failed logins and remembered devices.
    pub attempts: Arc<dyn Attempts>,
    /// The checkpoints of anti-entropy passes.
    pub checkpoints: Arc<dyn Checkpoints>,
    stream: Stream,
}

/// The stream of the replicated tables, and the position up to which it was read.
enum Stream {
    Local(RegionStore, Mutex<u64>),
    #[cfg(feature = "aws")]
    DynamoDb(Arc<EngineStream>, Mutex<Cursors>),
}

impl Tables {
    pub(super) async fn new(on: TablesOn, store: &RegionStore) -> Self {
        match on {
            TablesOn::Local => Self {
                users: Arc::new(store.clone()),
                logs: Arc::new(store.clone()),
                items: Arc::new(store.clone()),
                registry: Arc::new(store.clone()),
                requests: Arc::new(store.clone()),
                attempts: Arc::new(store.clone()),
                checkpoints: Arc::new(store.clone()),
                stream: Stream::Local(store.clone(), Mutex::default()),
            },
            #[cfg(feature = "aws")]
            TablesOn::DynamoDb => {
                let DynamoRegion { tables, stream, .. } = DynamoRegion::new(store.region()).await;
                Self {
                    users: Arc::clone(&tables) as _,
                    logs: Arc::clone(&tables) as _,
                    items: Arc::clone(&tables) as _,
                    registry: Arc::clone(&tables) as _,
                    requests: Arc::clone(&tables) as _,
                    attempts: Arc::clone(&tables) as _,
                    checkpoints: tables,
                    stream: Stream::DynamoDb(stream, Mutex::default()),
                }
            }
        }
    }

    /// The tables that all regions can reach, next to the region's key, with a table that exists only in tests.
    pub fn ports(&self, name: &Region, keys: LocalKeys) -> RegionPorts {
        RegionPorts {
            name: name.clone(),
            users: Arc::clone(&self.users),
            logs: Arc::clone(&self.logs),
            items: Arc::clone(&self.items),
            tables: &sample::TABLES,
            keys: Arc::new(keys),
        }
    }

    /// The changes since the last call, each once. Independent of the cursor of the region's pump.
    pub fn new_changes(&self) -> Vec<Change> {
        match &self.stream {
            Stream::Local(store, position) => {
                let mut position = position.lock().unwrap_or_else(PoisonError::into_inner);
                let changes = store.changes(*position, usize::MAX).expect("a change log can be read");
                if let Some(last) = changes.last() {
                    *position = last.sequence.parse().expect("a local sequence is a number");
                }
                changes
            }
            #[cfg(feature = "aws")]
            Stream::DynamoDb(stream, cursors) => {
                stream.read(&mut cursors.lock().unwrap_or_else(PoisonError::into_inner))
            }
        }
    }
}
