//! The contract of the ports: on disk, in memory, and proved.

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;
use umoja_host::OsEntropy;
use umoja_local::{LocalKeys, RegionStore};
use umoja_store::change::Change;
use umoja_store::contract::sample::region;
use umoja_store::contract::{Changes, KeyPair, KeySwitch, Queued, Streamed, Tables, Time};
use umoja_store::keyring::KeyRing;
use umoja_store::ports::Clock as _;
use umoja_store::shared_secrets::SharedSecrets;

use crate::support::SetClock;

struct Stream(RegionStore);

#[async_trait]
impl Changes for Stream {
    async fn all(&self) -> Vec<Change> {
        let mut all: Vec<Change> = Vec::new();
        loop {
            let after = all.last().map_or(0, |change| change.sequence.parse().unwrap());
            let page = self.0.changes(after, 7).unwrap();
            if page.is_empty() {
                return all;
            }
            all.extend(page);
        }
    }
}

struct Switch(LocalKeys);

#[async_trait]
impl KeySwitch for Switch {
    async fn set_enabled(&self, enabled: bool) {
        self.0.set_enabled(enabled).unwrap();
    }
}

struct Passing(Arc<SetClock>);

#[async_trait]
impl Time for Passing {
    async fn advance(&self, secs: u32) {
        self.0.pass(u64::from(secs) * 1000);
    }
}

fn tables_of(store: &RegionStore, guard: Box<dyn Any + Send + Sync>) -> Tables {
    let (documents, store) = (store.documents(), Arc::new(store.clone()));
    Tables {
        users: Arc::clone(&store) as _,
        logs: Arc::clone(&store) as _,
        items: Arc::clone(&store) as _,
        inbox: Arc::clone(&store) as _,
        registry: documents,
        requests: Arc::clone(&store) as _,
        attempts: Arc::clone(&store) as _,
        checkpoints: Arc::clone(&store) as _,
        due: store,
        guard,
    }
}

fn streamed_of(store: RegionStore, guard: Box<dyn Any + Send + Sync>) -> Streamed {
    Streamed { tables: tables_of(&store, guard), changes: Arc::new(Stream(store)) }
}

fn queued_of(store: &RegionStore, clock: Arc<SetClock>, guard: Box<dyn Any + Send + Sync>) -> Queued {
    // Another queue in the same file, which must have no effect.
    let queue = Arc::new(store.queue("retry-af-south-1"));
    Queued { queue, max_receives: 10, time: Arc::new(Passing(clock)), guard }
}

fn key_pair_of(own: LocalKeys, clock: Arc<SetClock>, guard: Box<dyn Any + Send + Sync>) -> KeyPair {
    let other = LocalKeys::in_memory(region("af-south-1"), clock, Arc::new(OsEntropy), None);
    KeyPair { switch: Arc::new(Switch(own.clone())), own: Arc::new(own), other: Arc::new(other), guard }
}

mod on_disk {
    use super::*;
    use crate::support::on_disk;

    async fn tables() -> Tables {
        let (store, _, dir) = on_disk();
        tables_of(&store, Box::new(dir))
    }

    async fn streamed() -> Streamed {
        let (store, _, dir) = on_disk();
        streamed_of(store, Box::new(dir))
    }

    async fn queued() -> Queued {
        let (store, clock, dir) = on_disk();
        queued_of(&store, clock, Box::new(dir))
    }

    async fn key_pair() -> KeyPair {
        let (store, clock, dir) = on_disk();
        key_pair_of(store.keys(), clock, Box::new((store, dir)))
    }

    umoja_store::users_contract!(tables);
    umoja_store::logs_contract!(tables);
    umoja_store::items_contract!(tables);
    umoja_store::registry_contract!(tables);
    umoja_store::requests_contract!(tables);
    umoja_store::inbox_contract!(tables);
    umoja_store::attempts_contract!(tables);
    umoja_store::checkpoints_contract!(tables);
    umoja_store::due_contract!(tables);
    umoja_store::streams_contract!(streamed);
    umoja_store::keys_contract!(key_pair);
    umoja_store::queue_contract!(queued);
}

mod in_memory {
    use super::*;
    use crate::support::in_memory;

    async fn tables() -> Tables {
        tables_of(&in_memory().0, Box::new(()))
    }

    async fn streamed() -> Streamed {
        streamed_of(in_memory().0, Box::new(()))
    }

    async fn queued() -> Queued {
        let (store, clock) = in_memory();
        queued_of(&store, clock, Box::new(()))
    }

    async fn key_pair() -> KeyPair {
        let (store, clock) = in_memory();
        key_pair_of(store.keys(), clock, Box::new(store))
    }

    umoja_store::users_contract!(tables);
    umoja_store::logs_contract!(tables);
    umoja_store::items_contract!(tables);
    umoja_store::registry_contract!(tables);
    umoja_store::requests_contract!(tables);
    umoja_store::inbox_contract!(tables);
    umoja_store::attempts_contract!(tables);
    umoja_store::checkpoints_contract!(tables);
    umoja_store::due_contract!(tables);
    umoja_store::streams_contract!(streamed);
    umoja_store::keys_contract!(key_pair);
    umoja_store::queue_contract!(queued);
}

/// The ports that prove what they write and verify what they read, as services use them.
mod proved {
    use std::collections::BTreeSet;

    use super::*;
    use crate::support::in_memory;

    async fn tables() -> Tables {
        let (store, clock) = in_memory();
        let home = store.home([], Arc::clone(&clock) as _, Arc::new(OsEntropy));
        let homes = [home.clone()];
        let shared = SharedSecrets::new(&homes, KeyRing::new(&home, 1_000));
        shared.ensure(&BTreeSet::new(), clock.now()).await.unwrap();
        Tables {
            users: home.own.users,
            logs: home.own.logs,
            items: home.own.items,
            inbox: home.own.inbox,
            registry: home.registry,
            requests: home.requests,
            attempts: home.attempts,
            checkpoints: home.checkpoints,
            due: home.due,
            guard: Box::new(()),
        }
    }

    umoja_store::users_contract!(tables);
    umoja_store::logs_contract!(tables);
    umoja_store::items_contract!(tables);
    umoja_store::registry_contract!(tables);
    umoja_store::requests_contract!(tables);
    umoja_store::inbox_contract!(tables);
    umoja_store::checkpoints_contract!(tables);
}
