//! The ports of a deployment's regions in AWS, for [`super::cloud`].

use std::sync::Arc;
use std::time::Duration;

use umoja_aws::{Deployment, Options, Session};
use umoja_schema::Region;
use umoja_store::ports::{Clock, Entropy, Keys, Registry};
use umoja_store::{Home, Infrastructure, RegionEntry};

use crate::CloudError;

/// An operator waits longer than a caller.
const PATIENT: Options = Options { connect: Duration::from_secs(3), attempt: Duration::from_secs(20), attempts: 4 };

/// The tables, keys and queues of a deployment.
pub(super) struct Aws(Deployment);

impl Aws {
    /// Connects with the environment's credentials.
    pub(super) async fn connect(prefix: &str) -> Result<Self, CloudError> {
        Ok(Self(Deployment::new(Session::from_environment(&PATIENT).await, prefix)))
    }

    pub(super) fn prefix(&self) -> &str {
        self.0.prefix()
    }

    pub(super) fn home(
        &self,
        own: &Infrastructure,
        regions: &[RegionEntry],
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Home {
        self.0.home(own, regions, clock, entropy)
    }

    pub(super) fn keys(&self, region: &Region, arn: &str) -> Arc<dyn Keys> {
        Arc::new(self.0.region(region).keys(arn))
    }

    pub(super) fn verified(&self, own: &Infrastructure, clock: Arc<dyn Clock>) -> Arc<dyn Registry> {
        self.0.settings(own, clock)
    }

    pub(super) fn registry(&self, region: &Region) -> Arc<dyn Registry> {
        Arc::new(self.0.region(region).tables(self.prefix()))
    }
}
