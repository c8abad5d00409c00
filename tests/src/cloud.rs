//! The API and the replicator over DynamoDB's own expressions and streams: two regions on engines in memory, with local
//! keys and queues.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use umoja_local::RegionStore;
use umoja_replicator::Replicator;
use umoja_schema::{Millis, Region, Scope, names};
use umoja_store::keyring::{KeyRing, PEER_WRAP_BUDGET_MS};
use umoja_store::ports::{Clock, Entropy, Keys};
use umoja_store::proof::Proofs;
use umoja_store::seal::Sealer;
use umoja_store::secrets::{SETTING, Secrets, SecretsDocument};
use umoja_store::{Home, Peer, RegionPorts};

use crate::caller::{Caller, Endpoint, Reply};
use crate::deployment::{CountingHasher, endpoint};
use crate::dynamodb::{Cursors, DynamoRegion};
use crate::world::{SeededEntropy, WorldClock};

/// A deployment on DynamoDB.
pub struct Cloud {
    /// The regions.
    pub regions: Vec<CloudRegion>,
    /// Each region's API.
    pub endpoints: Vec<Endpoint>,
    /// A company with every scope, trusted to verify.
    pub shop: Caller,
    /// The clock of all regions.
    pub clock: Arc<WorldClock>,
}

/// One region.
pub struct CloudRegion {
    /// Its tables.
    pub tables: DynamoRegion,
    /// Its ports.
    pub home: Home,
    replicator: Replicator,
    cursors: Mutex<Cursors>,
}

impl Cloud {
    /// Two regions.
    ///
    /// # Panics
    /// If something does not start.
    pub async fn new(seed: u64) -> Self {
        let clock = Arc::new(WorldClock::new(Millis(1_800_000_000_000)));
        let entropy = Arc::new(SeededEntropy::new(seed));
        let region_names: Vec<Region> = ["eu-west-1", "af-south-1"].map(|name| name.parse().expect("a region")).into();
        let mut regions = Vec::new();
        for name in &region_names {
            let (clock, entropy) = (Arc::clone(&clock) as Arc<dyn Clock>, Arc::clone(&entropy) as Arc<dyn Entropy>);
            regions.push((DynamoRegion::new(name).await, RegionStore::in_memory(name.clone(), clock, entropy)));
        }
        let ports: Vec<RegionPorts> = regions.iter().map(|(tables, local)| ports(tables, local)).collect();
        let hasher = Arc::new(CountingHasher::default());
        let shop = Caller::new("shop", 1);
        let (mut built, mut endpoints, mut document) = (Vec::new(), Vec::new(), None);
        for (at, (tables, local)) in regions.into_iter().enumerate() {
            let home = home(&ports, at, &tables, &local, &clock, &entropy);
            let sealer = Arc::new(Sealer::new(KeyRing::new(&home, PEER_WRAP_BUDGET_MS), Arc::clone(&home.entropy)));
            if document.is_none() {
                let made = SecretsDocument::create(sealer.ring(), clock.now()).await.expect("every key ring answers");
                document = Some(serde_json::to_value(made).expect("secrets are JSON"));
            }
            home.registry
                .put_setting(SETTING, document.as_ref().expect("made"))
                .await
                .expect("settings can be written");
            home.registry.put_company(&shop.company(&Scope::ALL, true)).await.expect("companies can be written");
            let secrets = Arc::new(Secrets::load(&*home.registry, sealer.ring()).await.expect("secrets were created"));
            endpoints.push(endpoint(
                home.clone(),
                sealer,
                secrets,
                (Arc::clone(&hasher), Arc::default()),
                &region_names,
            ));
            let replicator = Replicator::new(home.clone());
            built.push(CloudRegion { tables, home, replicator, cursors: Mutex::default() });
        }
        Self { regions: built, endpoints, shop, clock }
    }

    /// A call of the shop.
    pub async fn call(&self, at: usize, operation: &str, body: Value) -> Reply {
        self.shop.call(&self.endpoints[at], operation, self.clock.now().secs(), body).await
    }

    /// Delivers every stream until no record is left.
    ///
    /// # Panics
    /// If a record fails.
    pub async fn settle(&self) {
        loop {
            let mut delivered = 0;
            for region in &self.regions {
                let changes =
                    region.tables.stream.read(&mut region.cursors.lock().unwrap_or_else(PoisonError::into_inner));
                delivered += changes.len();
                let outcome = region.replicator.handle(&changes).await;
                assert_eq!((outcome.failed, outcome.queued, outcome.quarantined), (None, 0, 0));
            }
            if delivered == 0 {
                return;
            }
            self.clock.advance(10);
        }
    }
}

fn ports(tables: &DynamoRegion, local: &RegionStore) -> RegionPorts {
    let proofs = proofs(tables, local);
    RegionPorts {
        name: local.region().clone(),
        users: proofs.users(Arc::clone(&tables.tables) as _),
        logs: proofs.logs(Arc::clone(&tables.tables) as _, Arc::clone(&tables.tables) as _),
        items: proofs.items(Arc::clone(&tables.tables) as _),
        inbox: proofs.inbox(Arc::clone(&tables.tables) as _),
        ingest: Arc::new(local.queue(names::queue::INGEST)),
        requests: proofs.requests(Arc::clone(&tables.tables) as _),
        tables: &umoja_schema::replicated::ALL,
        keys: Arc::new(local.keys()),
        proof_keys: Arc::new(local.proof_keys()),
    }
}

fn proofs(tables: &DynamoRegion, local: &RegionStore) -> Arc<Proofs> {
    let keys: (Region, Arc<dyn Keys>) = (local.region().clone(), Arc::new(local.proof_keys()));
    Proofs::new(Arc::clone(&tables.tables) as _, local.region().clone(), [keys], local.clock())
}

fn home(
    ports: &[RegionPorts],
    at: usize,
    tables: &DynamoRegion,
    local: &RegionStore,
    clock: &Arc<WorldClock>,
    entropy: &Arc<SeededEntropy>,
) -> Home {
    let peer = |ports: &RegionPorts| {
        let queue = local.queue(&names::queue::retry(&ports.name));
        Peer { ports: ports.clone(), retry: Arc::new(queue) }
    };
    let proofs = proofs(tables, local);
    Home {
        own: ports[at].clone(),
        peers: ports.iter().filter(|ports| ports.name != *local.region()).map(peer).collect(),
        repairs: Arc::new(local.queue(names::queue::KEYS)),
        merges: Arc::new(local.queue(names::queue::MERGES)),
        deliveries: None,
        quarantined: Arc::new(local.queue(names::queue::QUARANTINED)),
        registry: proofs.registry(Arc::clone(&tables.tables) as _),
        requests: proofs.requests(Arc::clone(&tables.tables) as _),
        attempts: Arc::clone(&tables.tables) as _,
        checkpoints: proofs.checkpoints(Arc::clone(&tables.tables) as _),
        due: Arc::clone(&tables.tables) as _,
        proofs,
        clock: Arc::clone(clock) as _,
        entropy: Arc::clone(entropy) as _,
    }
}
