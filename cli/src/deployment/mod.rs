//! A deployment, wherever it runs: its regions as operators' commands reach them. [`local`] is one in a directory of
//! this machine, [`cloud`] one in AWS. Commands use the ports of [`DeployedRegion`], so they work the same on both.
//!
//! What operators write (companies, sources, settings) goes to every region.

#[cfg_attr(not(feature = "aws"), path = "no_aws.rs")]
mod aws;
pub mod cloud;
mod documents;
pub mod local;
pub(crate) mod locks;
mod oidc_keys;
pub(crate) mod secrets;
pub(crate) mod served;

use std::sync::Arc;

use umoja_schema::Region;
use umoja_store::ports::{Clock, Entropy, StoreError};
use umoja_store::{Home, RegionState};

pub use cloud::Cloud;
pub(crate) use documents::{Answered, Changed, Document, Held, Names, Row, newest_of};
pub use local::Deployment;

use crate::CliError;

/// The regions of a deployment.
#[derive(Clone)]
pub struct Regions {
    /// The environment: a part of each API key.
    pub env: String,
    /// The regions, in the order in which they were added.
    pub list: Vec<DeployedRegion>,
    /// Which of them is asked first, by its position.
    pub first: usize,
    /// The machine's clock.
    pub clock: Arc<dyn Clock>,
    /// The machine's randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// One region.
#[derive(Clone)]
pub struct DeployedRegion {
    /// The ports of its services: tables, key, queues, and its peers.
    pub home: Home,
    /// The base URL of its API; `None` until it has been served, if any free port will do.
    pub url: Option<String>,
    /// The URL to which sources post, if it is not that of the API.
    pub sources_url: Option<String>,
    /// Its state.
    pub state: RegionState,
}

impl DeployedRegion {
    /// Its name.
    pub fn name(&self) -> &Region {
        &self.home.own.name
    }

    /// An error of its store.
    pub(crate) fn failed(&self, source: StoreError) -> CliError {
        CliError::Region { region: self.name().clone(), source }
    }
}

impl std::fmt::Debug for Regions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.list.iter().map(DeployedRegion::name)).finish()
    }
}

impl Regions {
    /// The region that is asked first.
    pub(crate) fn first(&self) -> Result<&DeployedRegion, CliError> {
        self.list.get(self.first).ok_or_else(|| CliError::Failed("the deployment has no regions".into()))
    }

    /// The region that is asked first, or if it does not serve, another that does.
    pub(crate) fn serving(&self) -> Result<&DeployedRegion, CliError> {
        let serves = std::iter::once(self.first()?).chain(&self.list).find(|region| region.state.serves());
        serves.ok_or_else(|| CliError::Failed("no region of the deployment serves".into()))
    }

    /// A region by its name.
    pub(crate) fn get(&self, name: &Region) -> Result<&DeployedRegion, CliError> {
        let found = self.list.iter().find(|region| region.name() == name);
        found.ok_or_else(|| self.unknown(name))
    }

    /// The error of a command about a region that the deployment does not have.
    pub(crate) fn unknown(&self, name: &Region) -> CliError {
        let known = names(self.list.iter().map(DeployedRegion::name));
        CliError::Failed(format!("{name} is not a region of the deployment, whose regions are {known}"))
    }
}

/// The names of regions as a text.
pub(crate) fn names<'a>(regions: impl IntoIterator<Item = &'a Region>) -> String {
    regions.into_iter().map(Region::as_str).collect::<Vec<_>>().join(", ")
}
