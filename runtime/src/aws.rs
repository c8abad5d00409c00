//! A function's region on AWS.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use umoja_aws::{Deployment, DynamoDb, Service};
use umoja_host::OsEntropy;
use umoja_schema::Region;
use umoja_store::ports::{Clock, Registry};
use umoja_store::{Home, RegionEntry};

use crate::counting::CountingKeys;
use crate::region::Source;

/// How long a start waits for connections. Between continents, TCP, TLS and one request take half a second.
const CONNECT: Duration = Duration::from_secs(1);

/// The services that a function calls, and so connects to before its first event. A service that is called twice at
/// once is listed twice. The own tables are not listed: the settings are read from them.
#[derive(Debug, Clone, Copy)]
pub struct Needs {
    /// In the own region.
    pub own: &'static [Service],
    /// In each peer.
    pub peers: &'static [Service],
}

/// The deployment, seen from one region.
pub struct Aws {
    deployment: Deployment,
    own: Region,
    tables: DynamoDb,
    needs: Needs,
    clock: Arc<dyn Clock>,
}

impl Aws {
    /// The region `own` of a deployment.
    pub fn new(deployment: Deployment, own: Region, needs: Needs, clock: Arc<dyn Clock>) -> Self {
        let tables = deployment.region(&own).tables(deployment.prefix());
        Self { deployment, own, tables, needs, clock }
    }

    /// Opens connections to the own services, which are known without settings.
    pub async fn connect_own(&self) {
        let services = self.needs.own.iter().map(|service| (self.own.clone(), *service));
        self.deployment.connect(services.collect(), CONNECT).await;
    }
}

#[async_trait]
impl Source for Aws {
    fn registry(&self) -> &dyn Registry {
        &self.tables
    }

    fn home(&self, own: &RegionEntry, regions: &[RegionEntry]) -> Home {
        let home = self.deployment.home(&own.infrastructure, regions, Arc::clone(&self.clock), Arc::new(OsEntropy));
        CountingKeys::around(home)
    }

    async fn connect(&self, regions: &[RegionEntry]) {
        let peers = regions.iter().map(RegionEntry::name).filter(|name| **name != self.own);
        let services = peers.flat_map(|name| self.needs.peers.iter().map(|service| (name.clone(), *service)));
        self.deployment.connect(services.collect(), CONNECT).await;
    }
}
