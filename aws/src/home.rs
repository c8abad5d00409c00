//! The ports of a region and of its peers, made from the deployment's settings.

use std::sync::Arc;
use std::time::Duration;

use umoja_schema::Region;
use umoja_schema::names::{DEAD_LETTERS, environment, queue};
use umoja_store::deployment::RegionEntry;
use umoja_store::ports::{Clock, Entropy, Keys, Queue, Registry};
use umoja_store::proof::Proofs;
use umoja_store::{Home, Infrastructure, Peer, RegionPorts};

use crate::{AwsRegion, DynamoDb, Service, Session, UserPools};

/// A deployment in AWS.
#[derive(Debug, Clone)]
pub struct Deployment {
    session: Session,
    prefix: String,
}

impl Deployment {
    /// A deployment whose tables and queues are named `<prefix>-...`.
    pub fn new(session: Session, prefix: &str) -> Self {
        Self { session, prefix: prefix.to_owned() }
    }

    /// The prefix of all names.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The clients of one region: at the endpoint that the environment names for the region
    /// ([`environment::ENDPOINT`]), otherwise at AWS's own.
    pub fn region(&self, region: &Region) -> AwsRegion {
        self.session.region(region, endpoint(region).as_deref())
    }

    /// The user pools of a region: at the endpoint that [`environment::USER_POOLS`] names, otherwise at that of the
    /// region.
    pub fn user_pools(&self, region: &Region) -> UserPools {
        let own = std::env::var(environment::USER_POOLS).ok();
        self.session.user_pools(region, own.or_else(|| endpoint(region)).as_deref())
    }

    /// Opens a connection to each of these services in parallel, for later use by the clients: [`Session::connect`].
    pub async fn connect(&self, services: Vec<(Region, Service)>, within: Duration) {
        let services = services.into_iter().map(|(region, service)| {
            let endpoint = endpoint(&region);
            (region, service, endpoint)
        });
        self.session.connect(services.collect(), within).await;
    }

    /// The [`Home`] of the services of `own`. All other regions are peers.
    pub fn home(
        &self,
        own: &Infrastructure,
        regions: &[RegionEntry],
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Home {
        let aws = self.region(&own.region);
        let tables = Arc::new(aws.tables(&self.prefix));
        let at = |name: &str| self.queue(&aws, own, name);
        let others = || regions.iter().filter(|entry| *entry.name() != own.region);
        // All tables are verified with the own region's copy of the secret.
        let proof_key = |region: &Infrastructure| -> (Region, Arc<dyn Keys>) {
            (region.region.clone(), Arc::new(self.region(&region.region).keys(&region.proof_key)))
        };
        let proof_keys = std::iter::once(own).chain(others().map(|entry| &entry.infrastructure)).map(proof_key);
        let proofs = Proofs::new(Arc::clone(&tables) as _, own.region.clone(), proof_keys, Arc::clone(&clock));
        let peer = |entry: &RegionEntry| {
            let aws = self.region(entry.name());
            let tables = Arc::new(aws.tables(&self.prefix));
            let ingest = self.queue(&aws, &entry.infrastructure, queue::INGEST);
            let ports = ports(&aws, tables, ingest, &entry.infrastructure, &proofs);
            Peer { ports, retry: at(&queue::retry(entry.name())) }
        };
        Home {
            own: ports(&aws, Arc::clone(&tables), at(queue::INGEST), own, &proofs),
            peers: others().map(peer).collect(),
            repairs: at(queue::KEYS),
            merges: at(queue::MERGES),
            deliveries: Some(at(queue::DELIVER)),
            quarantined: at(queue::QUARANTINED),
            registry: proofs.registry(Arc::clone(&tables) as _),
            requests: proofs.requests(Arc::clone(&tables) as _),
            attempts: Arc::clone(&tables) as _,
            due: Arc::clone(&tables) as _,
            checkpoints: proofs.checkpoints(tables),
            proofs,
            clock,
            entropy,
        }
    }

    /// The settings of a region, verified with the secret that the region's own proof key unwraps.
    pub fn settings(&self, own: &Infrastructure, clock: Arc<dyn Clock>) -> Arc<dyn Registry> {
        let aws = self.region(&own.region);
        let tables: Arc<dyn Registry> = Arc::new(aws.tables(&self.prefix));
        let keys: (Region, Arc<dyn Keys>) = (own.region.clone(), Arc::new(aws.keys(&own.proof_key)));
        Proofs::new(Arc::clone(&tables), own.region.clone(), [keys], clock).registry(tables)
    }

    /// `queue`, rung through the topic with this ARN in a region.
    pub fn through_topic(&self, region: &Region, arn: &str, queue: Arc<dyn Queue>) -> Arc<dyn Queue> {
        Arc::new(self.session.topic(region, endpoint(region).as_deref(), arn, queue))
    }

    /// A queue of a region by its name without the prefix.
    fn queue(&self, aws: &AwsRegion, region: &Infrastructure, name: &str) -> Arc<dyn Queue> {
        let url = format!("{}/{}-{name}", region.queues, self.prefix);
        Arc::new(aws.queue(&url, &format!("{url}{DEAD_LETTERS}")))
    }
}

/// The ports of a region, own or peer. They share the region's clients, because creating clients lengthens a cold
/// start.
fn ports(
    aws: &AwsRegion,
    tables: Arc<DynamoDb>,
    ingest: Arc<dyn Queue>,
    region: &Infrastructure,
    proofs: &Arc<Proofs>,
) -> RegionPorts {
    RegionPorts {
        name: region.region.clone(),
        users: proofs.users(Arc::clone(&tables) as _),
        logs: proofs.logs(Arc::clone(&tables) as _, Arc::clone(&tables) as _),
        items: proofs.items(Arc::clone(&tables) as _),
        inbox: proofs.inbox(Arc::clone(&tables) as _),
        ingest,
        requests: proofs.requests(tables),
        tables: &umoja_schema::replicated::ALL,
        keys: Arc::new(aws.keys(&region.data_key)),
        proof_keys: Arc::new(aws.keys(&region.proof_key)),
    }
}

/// The endpoint that the environment names for a region.
pub(crate) fn endpoint(region: &Region) -> Option<String> {
    let suffix = region.as_str().replace('-', "_").to_ascii_uppercase();
    std::env::var(format!("{}_{suffix}", environment::ENDPOINT)).ok()
}
