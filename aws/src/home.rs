//! The ports of a region and of its peers, made from the deployment's settings.

use std::sync::Arc;
use std::time::Duration;

use umoja_schema::Region;
use umoja_schema::names::{DEAD_LETTERS, environment, queue};
use umoja_store::deployment::RegionEntry;
use umoja_store::ports::{Clock, Entropy, Queue};
use umoja_store::{Home, Infrastructure, Peer, RegionPorts};

use crate::{AwsRegion, DynamoDb, Service, Session};

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
        let peer = |entry: &RegionEntry| {
            let aws = self.region(entry.name());
            Peer {
                ports: ports(&aws, Arc::new(aws.tables(&self.prefix)), &entry.infrastructure),
                retry: at(&queue::retry(entry.name())),
            }
        };
        Home {
            own: ports(&aws, Arc::clone(&tables), own),
            peers: regions.iter().filter(|entry| *entry.name() != own.region).map(peer).collect(),
            repairs: at(queue::KEYS),
            merges: at(queue::MERGES),
            quarantined: at(queue::QUARANTINED),
            registry: Arc::clone(&tables) as _,
            requests: Arc::clone(&tables) as _,
            attempts: Arc::clone(&tables) as _,
            checkpoints: tables,
            clock,
            entropy,
        }
    }

    /// A queue of a region by its name without the prefix.
    fn queue(&self, aws: &AwsRegion, region: &Infrastructure, name: &str) -> Arc<dyn Queue> {
        let url = format!("{}/{}-{name}", region.queues, self.prefix);
        Arc::new(aws.queue(&url, &format!("{url}{DEAD_LETTERS}")))
    }
}

/// The ports of a region, own or peer. They share the region's clients, because creating clients lengthens a cold
/// start.
fn ports(aws: &AwsRegion, tables: Arc<DynamoDb>, region: &Infrastructure) -> RegionPorts {
    RegionPorts {
        name: region.region.clone(),
        users: Arc::clone(&tables) as _,
        logs: Arc::clone(&tables) as _,
        items: tables,
        tables: &umoja_schema::replicated::ALL,
        keys: Arc::new(aws.keys(&region.data_key)),
    }
}

/// The endpoint that the environment names for a region.
fn endpoint(region: &Region) -> Option<String> {
    let suffix = region.as_str().replace('-', "_").to_ascii_uppercase();
    std::env::var(format!("{}_{suffix}", environment::ENDPOINT)).ok()
}
