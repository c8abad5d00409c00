//! One region of a world: its store and its ports with faults.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use umoja_accounts::People;
use umoja_accounts::import::Hashing;
use umoja_crypto::{EngineChoice, Params, Passwords};
use umoja_ingest::Worker;
use umoja_local::RegionStore;
use umoja_runtime::RegionPump;
use umoja_schema::{Region, names};
use umoja_store::faulty::{Faults, Faulty, faulty_region};
use umoja_store::keyring::{KeyRing, PEER_WRAP_BUDGET_MS};
use umoja_store::ports::{Attempts, Checkpoints, Clock, Due, Entropy, Queue, Requests};
use umoja_store::seal::Sealer;
use umoja_store::secrets::Secrets;
use umoja_store::{Home, Peer, RegionPorts};

use super::setup::{Setup, Short};
use super::tables::Tables;
use super::{RegionClock, SeededEntropy, WorldClock};

/// The hasher of the hashes that come with events. Checking its engine takes longer than a short run.
static HASHER: LazyLock<Passwords> = LazyLock::new(|| {
    let params = Params { m_kib: 8, t: 1, p: 1 };
    Passwords::new(params, EngineChoice::Reference, None).expect("the reference engine works")
});

/// One region.
pub struct WorldRegion {
    /// Its name.
    pub name: Region,
    /// Its store, without faults: queues and the key ring, and the tables unless those are on DynamoDB.
    pub store: RegionStore,
    /// Its tables, without faults.
    pub tables: Tables,
    /// The ports of its services, with faults.
    pub home: Home,
    /// The sealer with which its services encrypt and decrypt parts.
    pub sealer: Arc<Sealer>,
    /// Its streams and schedules, one step at a time.
    pub pump: RegionPump,
    /// Its faults.
    pub faults: RegionFaults,
    /// Its clock.
    pub clock: Arc<RegionClock>,
    secrets: Option<Arc<Secrets>>,
}

/// The faults of a region.
pub struct RegionFaults {
    /// Its tables, for all regions.
    pub tables: Arc<Faults>,
    /// Its KMS key, for all regions.
    pub kms: Arc<Faults>,
    /// Its KMS key of the secret of proofs, for all regions.
    pub proof_kms: Arc<Faults>,
    /// Its access to each peer's tables.
    pub links: BTreeMap<Region, Arc<Faults>>,
    /// Its access to each peer's KMS key.
    pub kms_links: BTreeMap<Region, Arc<Faults>>,
    /// Its retry queue for each peer.
    pub retries: BTreeMap<Region, Arc<Faults>>,
    /// Its queues of missing wrapped keys and of merges.
    pub repairs: Arc<Faults>,
    /// Its queue of quarantined records.
    pub quarantined: Arc<Faults>,
    /// The checkpoints of its anti-entropy passes.
    pub checkpoints: Arc<Faults>,
    /// Its table of what waits to be sent.
    pub due: Arc<Faults>,
    /// Its table of requests.
    pub requests: Arc<Faults>,
    /// Its table of failed logins.
    pub attempts: Arc<Faults>,
    /// Its queue of events, for all regions. It also meets the faults of the tables.
    pub ingest: Arc<Faults>,
}

impl RegionFaults {
    fn new(peers: &[Region]) -> Self {
        let of_peers = || peers.iter().map(|peer| (peer.clone(), Arc::default())).collect();
        Self {
            tables: Arc::default(),
            kms: Arc::default(),
            proof_kms: Arc::default(),
            links: of_peers(),
            kms_links: of_peers(),
            retries: of_peers(),
            repairs: Arc::default(),
            quarantined: Arc::default(),
            checkpoints: Arc::default(),
            due: Arc::default(),
            requests: Arc::default(),
            attempts: Arc::default(),
            ingest: Arc::default(),
        }
    }

    /// All faults.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Faults>> {
        let by_peer = [&self.links, &self.kms_links, &self.retries].into_iter().flat_map(BTreeMap::values);
        let own = [
            &self.tables,
            &self.kms,
            &self.proof_kms,
            &self.repairs,
            &self.quarantined,
            &self.checkpoints,
            &self.due,
            &self.requests,
            &self.attempts,
            &self.ingest,
        ];
        by_peer.chain(own)
    }
}

impl WorldRegion {
    /// The people of the region, as its services see them.
    pub fn people(&self) -> People {
        let secrets = Arc::clone(self.secrets());
        People { home: self.home.clone(), sealer: Arc::clone(&self.sealer), secrets }
    }

    /// The deployment's secrets that this region unwrapped.
    pub fn secrets(&self) -> &Arc<Secrets> {
        self.secrets.as_ref().expect("secrets are loaded when the world is created")
    }

    /// Unwraps the deployment's secrets that are stored now.
    pub async fn load_secrets(&mut self) {
        let secrets = Secrets::load(&*self.home.registry, self.sealer.ring()).await;
        self.secrets = Some(Arc::new(secrets.expect("every KMS answers")));
        self.pump = self.new_pump(&self.home);
    }

    /// Switches to other secrets, like an instance that has read the settings at another time. Returns the previous
    /// secrets.
    pub fn work_with(&mut self, secrets: Arc<Secrets>) -> Arc<Secrets> {
        self.secrets.replace(secrets).expect("secrets are loaded when the world is created")
    }

    /// The region's services continue with other ports, because its settings have changed.
    pub fn run_with(&mut self, home: Home) {
        let ring = KeyRing::new(&home, PEER_WRAP_BUDGET_MS);
        self.sealer = Arc::new(Sealer::new(ring, Arc::clone(&home.entropy)));
        self.pump = self.new_pump(&home);
        self.home = home;
    }

    /// The streams and schedules of the region on these ports.
    fn new_pump(&self, home: &Home) -> RegionPump {
        let pump = RegionPump::new(self.store.clone(), home.clone(), Arc::clone(&self.sealer));
        let Some(secrets) = self.secrets.clone() else { return pump };
        pump.with_ingest(self.worker(home, secrets))
    }

    /// The hasher of the hashes that come with events.
    pub fn hashing(&self, secrets: &Secrets) -> Hashing {
        Hashing::Inline(Arc::new(HASHER.with_keys(secrets.password_keys())))
    }

    /// What applies events in the region with these secrets.
    pub fn worker(&self, home: &Home, secrets: Arc<Secrets>) -> Worker {
        let hashing = self.hashing(&secrets);
        Worker::new(People { home: home.clone(), sealer: Arc::clone(&self.sealer), secrets }, hashing)
    }

    /// The names of the queues that must be empty when no work is left.
    pub fn working_queues(&self) -> impl Iterator<Item = String> {
        let retries = self.home.peers.iter().map(|peer| names::queue::retry(&peer.ports.name));
        retries.chain([names::queue::KEYS, names::queue::MERGES, names::queue::INGEST].map(str::to_owned))
    }
}

pub(super) async fn build(
    names: &[&str],
    setup: &Setup<'_>,
    clock: &Arc<WorldClock>,
    entropy: &Arc<SeededEntropy>,
) -> Vec<WorldRegion> {
    let names: Vec<Region> = names.iter().map(|name| name.parse().expect("a region's name")).collect();
    let mut stores = Vec::new();
    for name in &names {
        let clock = Arc::new(RegionClock::new(Arc::clone(clock)));
        let entropy: Arc<dyn Entropy> = entropy.clone();
        let store = RegionStore::in_memory(name.clone(), Arc::clone(&clock) as Arc<dyn Clock>, entropy);
        let peers: Vec<Region> = names.iter().filter(|peer| *peer != name).cloned().collect();
        let faults = RegionFaults::new(&peers);
        let tables = Tables::new(setup.tables, &store, &faults.proof_kms).await;
        stores.push((store, tables, clock, faults));
    }
    // All regions see a region through that region's own faults.
    let seen: Vec<RegionPorts> = stores
        .iter()
        .map(|(store, tables, _, faults)| {
            let ports = tables.ports(store);
            let around = (setup.around)(ports, Arc::clone(&tables.raw_users));
            let ingest: Arc<dyn Queue> = Arc::new(Faulty::new(around.ingest, Arc::clone(&faults.ingest)));
            let around = RegionPorts { ingest, ..around };
            faulty_region(&around, &faults.tables, &faults.kms)
        })
        .collect();
    let entropy: Arc<dyn Entropy> = entropy.clone();
    let build =
        |(at, (store, tables, clock, faults)): (usize, (RegionStore, Tables, Arc<RegionClock>, RegionFaults))| {
            let queue = |name: &str, faults: &Arc<Faults>| -> Arc<dyn Queue> {
                let queue: Arc<dyn Queue> = Arc::new(store.queue(name));
                Arc::new(Faulty::new(queue, Arc::clone(faults)))
            };
            let peers = seen.iter().filter(|peer| peer.name != *store.region()).map(|peer| {
                let name = &peer.name;
                let ports = faulty_region(peer, &faults.links[name], &faults.kms_links[name]);
                Peer { ports, retry: queue(&names::queue::retry(name), &faults.retries[name]) }
            });
            let short = Short {
                requests: Arc::clone(&tables.requests),
                raw_requests: Arc::clone(&tables.raw_requests),
                attempts: Arc::clone(&tables.attempts),
            };
            let Short { requests, attempts, .. } = (setup.around_short)(short);
            let requests: Arc<dyn Requests> = Arc::new(Faulty::new(requests, Arc::clone(&faults.requests)));
            let attempts: Arc<dyn Attempts> = Arc::new(Faulty::new(attempts, Arc::clone(&faults.attempts)));
            let home = Home {
                own: seen[at].clone(),
                peers: peers.collect(),
                repairs: queue(names::queue::KEYS, &faults.repairs),
                merges: queue(names::queue::MERGES, &faults.repairs),
                deliveries: None,
                quarantined: queue(names::queue::QUARANTINED, &faults.quarantined),
                registry: Arc::clone(&tables.registry),
                proofs: Arc::clone(&tables.proofs),
                requests,
                attempts,
                checkpoints: {
                    let checkpoints: Arc<dyn Checkpoints> = Arc::clone(&tables.checkpoints);
                    Arc::new(Faulty::new(checkpoints, Arc::clone(&faults.checkpoints)))
                },
                due: {
                    let due: Arc<dyn Due> = Arc::clone(&tables.due);
                    Arc::new(Faulty::new(due, Arc::clone(&faults.due)))
                },
                clock: Arc::clone(&clock) as Arc<dyn Clock>,
                entropy: Arc::clone(&entropy),
            };
            let sealer = Arc::new(Sealer::new(KeyRing::new(&home, PEER_WRAP_BUDGET_MS), Arc::clone(&entropy)));
            let pump = RegionPump::new(store.clone(), home.clone(), Arc::clone(&sealer));
            WorldRegion {
                name: store.region().clone(),
                store,
                tables,
                home,
                sealer,
                pump,
                faults,
                clock,
                secrets: None,
            }
        };
    stores.into_iter().enumerate().map(build).collect()
}
