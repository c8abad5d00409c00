//! A region's ports, and what it reaches of its peers, from the deployment's settings.

use std::sync::Arc;
use std::time::Duration;

use umoja_schema::Region;
use umoja_schema::names::{DEAD_LETTERS, environment, queue};
use umoja_store::deployment::RegionEntry;
use umoja_store::ports::{Clock, Entropy, Queue};
use umoja_store::{Home, Infrastructure, Peer, RegionPorts};

use crate::{AwsRegion, Service, Session};

/// Where a deployment is in AWS.
#[derive(Debug, Clone)]
pub struct Deployment {
    session: Session,
    prefix: String,
}

impl Deployment {
    /// The deployment whose tables and queues are named `<prefix>-...`.
    pub fn new(session: Session, prefix: &str) -> Self {
        Self { session, prefix: prefix.to_owned() }
    }

    /// The prefix of its names.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The clients of one of its regions: at the endpoint that the environment names for the region
    /// ([`environment::ENDPOINT`]), else where AWS has it.
    pub fn region(&self, region: &Region) -> AwsRegion {
        self.session.region(region, endpoint(region).as_deref())
    }

    /// Opens a connection to each of these services, in parallel, for the clients to use later: [`Session::connect`].
    pub async fn connect(&self, services: Vec<(Region, Service)>, within: Duration) {
        let services = services.into_iter().map(|(region, service)| {
            let endpoint = endpoint(&region);
            (region, service, endpoint)
        });
        self.session.connect(services.collect(), within).await;
    }

    /// What is reached of a region, own or peer.
    pub fn ports(&self, region: &Infrastructure) -> RegionPorts {
        let aws = self.region(&region.region);
        let tables = Arc::new(aws.tables(&self.prefix));
        RegionPorts {
            name: region.region.clone(),
            users: Arc::clone(&tables) as _,
            logs: tables,
            keys: Arc::new(aws.keys(&region.data_key)),
        }
    }

    /// A queue of a region, by its name without the prefix.
    pub fn queue(&self, region: &Infrastructure, name: &str) -> Arc<dyn Queue> {
        let url = format!("{}/{}-{name}", region.queues, self.prefix);
        Arc::new(self.region(&region.region).queue(&url, &format!("{url}{DEAD_LETTERS}")))
    }

    /// What the services of `own` run with: every other one of `regions` is a peer.
    pub fn home(
        &self,
        own: &Infrastructure,
        regions: &[RegionEntry],
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Home {
        let tables = Arc::new(self.region(&own.region).tables(&self.prefix));
        let peer = |entry: &RegionEntry| Peer {
            ports: self.ports(&entry.infrastructure),
            retry: self.queue(own, &format!("{}-{}", queue::RETRY, entry.name())),
        };
        Home {
            own: self.ports(own),
            peers: regions.iter().filter(|entry| *entry.name() != own.region).map(peer).collect(),
            repairs: self.queue(own, queue::KEYS),
            parked: self.queue(own, queue::PARKED),
            registry: Arc::clone(&tables) as _,
            requests: tables,
            clock,
            entropy,
        }
    }
}

/// The endpoint that the environment names for a region.
fn endpoint(region: &Region) -> Option<String> {
    let suffix = region.as_str().replace('-', "_").to_ascii_uppercase();
    std::env::var(format!("{}_{suffix}", environment::ENDPOINT)).ok()
}
