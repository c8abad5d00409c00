//! A region as its services see it: its own ports, and what they may reach of its peers.

use std::borrow::Cow;
use std::sync::Arc;

use umoja_schema::{Body, PartRecord, Region};

use crate::ports::{Attempts, Clock, Entropy, Keys, Logs, Queue, Registry, Requests, Sweeps, Users};

/// What is reached of any region, own or peer.
#[derive(Clone)]
pub struct RegionPorts {
    /// Its name.
    pub name: Region,
    /// Its users.
    pub users: Arc<dyn Users>,
    /// Its append-only tables.
    pub logs: Arc<dyn Logs>,
    /// Its KMS key.
    pub keys: Arc<dyn Keys>,
}

/// A peer, and the queue of what it has not taken yet.
#[derive(Clone)]
pub struct Peer {
    /// What is reached of it.
    pub ports: RegionPorts,
    /// Copies to be retried. One queue per peer: a day's outage of one must not dead-letter another's.
    pub retry: Arc<dyn Queue>,
}

/// The region in which a service runs.
#[derive(Clone)]
pub struct Home {
    /// The own ports.
    pub own: RegionPorts,
    /// Every other region of the deployment.
    pub peers: Vec<Peer>,
    /// Parts whose data key some region has not wrapped.
    pub repairs: Arc<dyn Queue>,
    /// Stream records that cannot be handled.
    pub parked: Arc<dyn Queue>,
    /// Companies and settings.
    pub registry: Arc<dyn Registry>,
    /// Request ids and idempotency keys.
    pub requests: Arc<dyn Requests>,
    /// Failed logins and remembered devices.
    pub attempts: Arc<dyn Attempts>,
    /// How far the sweeps have come.
    pub sweeps: Arc<dyn Sweeps>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

impl Home {
    /// The names of all regions, the own one first.
    pub fn region_names(&self) -> impl Iterator<Item = &Region> {
        std::iter::once(&self.own.name).chain(self.peers.iter().map(|peer| &peer.ports.name))
    }

    /// A part without the wrapped keys of regions that the deployment does not list: of one that was removed, whose keys
    /// are dropped everywhere and must not come back with a copy. Within one version the keys of listed regions only
    /// grow, and those of others only go.
    pub fn listed<'a>(&self, record: &'a PartRecord) -> Cow<'a, PartRecord> {
        let is_listed = |region: &Region| self.region_names().any(|name| name == region);
        if record.live().is_none_or(|live| live.keys.keys().all(is_listed)) {
            return Cow::Borrowed(record);
        }
        let mut record = record.clone();
        if let Body::Live(live) = &mut record.body {
            live.keys.retain(|region, _| is_listed(region));
        }
        Cow::Owned(record)
    }
}
