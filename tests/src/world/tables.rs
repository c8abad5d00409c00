//! The tables of a region: on the local adapter, or on the AWS adapter over DynamoDB in process.

use std::sync::{Arc, Mutex, PoisonError};

use umoja_local::RegionStore;
use umoja_schema::names::queue;
use umoja_store::contract::sample;
use umoja_store::faulty::{Faults, Faulty};
use umoja_store::ports::{Attempts, Checkpoints, Due, Inbox, Items, Keys, Logs, Registry, Requests, Users};
use umoja_store::proof::Proofs;
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
    /// What proves and verifies the content of the tables.
    pub proofs: Arc<Proofs>,
    /// Users and ownerships as they are stored: neither proved nor verified.
    pub raw_users: Arc<dyn Users>,
    /// Users and ownerships.
    pub users: Arc<dyn Users>,
    /// Journal, receipts, audit.
    pub logs: Arc<dyn Logs>,
    /// Versioned items.
    pub items: Arc<dyn Items>,
    /// Events of sources.
    pub inbox: Arc<dyn Inbox>,
    /// Companies and settings.
    pub registry: Arc<dyn Registry>,
    /// Replays and idempotency keys of requests.
    pub requests: Arc<dyn Requests>,
    /// The same as they are stored: neither proved nor verified.
    pub raw_requests: Arc<dyn Requests>,
    /// Failed logins and remembered devices.
    pub attempts: Arc<dyn Attempts>,
    /// The checkpoints of anti-entropy passes.
    pub checkpoints: Arc<dyn Checkpoints>,
    /// What waits to be sent to foreign systems.
    pub due: Arc<dyn Due>,
    proof_keys: Arc<dyn Keys>,
    stream: Stream,
}

/// The stream of the replicated tables, and the position up to which it was read.
enum Stream {
    Local(RegionStore, Mutex<u64>),
    #[cfg(feature = "aws")]
    DynamoDb(Arc<EngineStream>, Mutex<Cursors>),
}

impl Tables {
    pub(super) async fn new(on: TablesOn, store: &RegionStore, proof_kms: &Arc<Faults>) -> Self {
        let proof_keys: Arc<dyn Keys> = Arc::new(store.proof_keys());
        let proof_keys: Arc<dyn Keys> = Arc::new(Faulty::new(proof_keys, Arc::clone(proof_kms)));
        match on {
            TablesOn::Local => {
                let (raw, stream) = (Arc::new(store.clone()), Stream::Local(store.clone(), Mutex::default()));
                Self::proved(&raw, store.documents(), store, proof_keys, stream)
            }
            #[cfg(feature = "aws")]
            TablesOn::DynamoDb => {
                let DynamoRegion { tables, stream, .. } = DynamoRegion::new(store.region()).await;
                let documents: Arc<dyn Registry> = Arc::clone(&tables) as _;
                Self::proved(&tables, documents, store, proof_keys, Stream::DynamoDb(stream, Mutex::default()))
            }
        }
    }

    fn proved<T>(
        raw: &Arc<T>,
        documents: Arc<dyn Registry>,
        store: &RegionStore,
        proof_keys: Arc<dyn Keys>,
        stream: Stream,
    ) -> Self
    where
        T: Users + Logs + Items + Inbox + Requests + Attempts + Checkpoints + Due + 'static,
    {
        let region = store.region();
        let keys = [(region.clone(), Arc::clone(&proof_keys))];
        let proofs = Proofs::new(Arc::clone(&documents), region.clone(), keys, store.clock());
        Self {
            raw_users: Arc::clone(raw) as _,
            users: proofs.users(Arc::clone(raw) as _),
            logs: proofs.logs(Arc::clone(raw) as _, Arc::clone(raw) as _),
            items: proofs.items(Arc::clone(raw) as _),
            inbox: proofs.inbox(Arc::clone(raw) as _),
            registry: proofs.registry(documents),
            requests: proofs.requests(Arc::clone(raw) as _),
            raw_requests: Arc::clone(raw) as _,
            attempts: Arc::clone(raw) as _,
            checkpoints: proofs.checkpoints(Arc::clone(raw) as _),
            due: Arc::clone(raw) as _,
            proofs,
            proof_keys,
            stream,
        }
    }

    /// The tables that all regions can reach, next to the region's key, with a table that exists only in tests.
    pub fn ports(&self, store: &RegionStore) -> RegionPorts {
        RegionPorts {
            name: store.region().clone(),
            users: Arc::clone(&self.users),
            logs: Arc::clone(&self.logs),
            items: Arc::clone(&self.items),
            inbox: Arc::clone(&self.inbox),
            ingest: Arc::new(store.queue(queue::INGEST)),
            requests: Arc::clone(&self.requests),
            tables: &sample::TABLES,
            keys: Arc::new(store.keys()),
            proof_keys: Arc::clone(&self.proof_keys),
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
