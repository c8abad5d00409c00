//! A region as its services see it: its own ports, and what they may reach of its peers.

use std::sync::Arc;

use umoja_schema::Region;

use crate::ports::{Clock, Entropy, Keys, Logs, Queue, Registry, Requests, Sweeps, Users};

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
}
