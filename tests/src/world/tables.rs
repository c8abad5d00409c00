//! What keeps a region's tables: the local adapter, or the AWS adapter over DynamoDB in process.

use std::sync::{Arc, Mutex, PoisonError};

use umoja_local::{LocalKeys, RegionStore};
use umoja_schema::Region;
use umoja_store::contract::sample;
use umoja_store::ports::{Attempts, Items, Logs, Registry, Requests, Sweeps, Users};
use umoja_store::{Change, RegionPorts};

#[cfg(feature = "aws")]
use crate::dynamodb::{Cursors, DynamoRegion, EngineStream};

/// Which adapter keeps a world's tables.
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
    /// Users and claims.
    pub users: Arc<dyn Users>,
    /// Journal, receipts, audit.
    pub logs: Arc<dyn Logs>,
    /// Versioned items.
    pub items: Arc<dyn Items>,
    /// Companies and settings.
    pub registry: Arc<dyn Registry>,
    /// What is remembered of requests.
    pub requests: Arc<dyn Requests>,
    /// Failed logins and remembered devices.
    pub attempts: Arc<dyn Attempts>,
    /// How far sweeps have come.
    pub sweeps: Arc<dyn Sweeps>,
    stream: Stream,
}

/// The stream of the replicated tables, and how far it was read.
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
                sweeps: Arc::new(store.clone()),
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
                    sweeps: tables,
                    stream: Stream::DynamoDb(stream, Mutex::default()),
                }
            }
        }
    }

    /// What of them is offered to all regions, next to the region's key. A table that only tests have is among them.
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

    /// What changed since the last call: each change once. Independent of the cursor of the region's pump.
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
