//! A deployment in AWS: `<prefix>-...` in every region. Terraform makes its infrastructure and describes it in the
//! settings of each region. The settings of every region also have the list of regions.
//!
//! Credentials come from the usual sources of AWS programs (environment, profile, container, instance).

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use umoja_host::{OsEntropy, SystemClock};
use umoja_schema::Region;
use umoja_schema::names::setting;
use umoja_store::ports::{Clock, Entropy, Keys, Registry, StoreError};
use umoja_store::{Infrastructure, RegionState, RegionsDocument};

use super::aws::Aws;
use super::{DeployedRegion, Regions};
use crate::{CliError, CloudError};

/// The default environment.
pub(crate) const DEFAULT_ENV: &str = "live";

/// A deployment in AWS.
pub struct Cloud {
    aws: Aws,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Cloud {
    /// The deployment whose tables and queues are named `<prefix>-...`, reached with the environment's credentials.
    pub async fn connect(prefix: &str) -> Result<Self, CloudError> {
        let aws = Aws::connect(prefix).await?;
        Ok(Self { aws, clock: Arc::new(SystemClock), entropy: Arc::new(OsEntropy) })
    }

    /// The prefix of its names.
    pub fn prefix(&self) -> &str {
        self.aws.prefix()
    }

    /// The infrastructure of a region, as Terraform describes it.
    pub async fn infrastructure(&self, region: &Region) -> Result<Infrastructure, CloudError> {
        let found = Infrastructure::load(&*self.settings(region)).await;
        let found = found.map_err(|source| self.failed(region, source))?;
        let found = found.ok_or_else(|| CloudError::Unfinished { region: region.clone() })?;
        if found.region == *region {
            Ok(found)
        } else {
            Err(CloudError::Mixed { region: region.clone(), other: found.region })
        }
    }

    /// The list of regions that a region holds; `None` before `umoja init`.
    pub async fn document(&self, region: &Region) -> Result<Option<RegionsDocument>, CloudError> {
        let failed = |source| self.failed(region, source);
        let Some(own) = Infrastructure::load(&*self.settings(region)).await.map_err(failed)? else { return Ok(None) };
        let settings = self.aws.verified(&own, Arc::clone(&self.clock));
        RegionsDocument::load(&*settings).await.map_err(failed)
    }

    /// The regions of the deployment, by the list in `first`.
    pub async fn open(&self, first: &Region) -> Result<Regions, CliError> {
        let document = self.document(first).await?;
        let absent = || CloudError::NotInitialised { region: first.clone(), prefix: self.prefix().to_owned() };
        Ok(self.regions(&document.ok_or_else(absent)?, first))
    }

    /// The regions of a list.
    pub fn regions(&self, document: &RegionsDocument, first: &Region) -> Regions {
        let region = |entry: &umoja_store::RegionEntry| DeployedRegion {
            home: self.aws.home(
                &entry.infrastructure,
                &document.regions,
                Arc::clone(&self.clock),
                Arc::clone(&self.entropy),
            ),
            url: Some(entry.infrastructure.base_url.clone()),
            sources_url: entry.infrastructure.sources_url.clone(),
            state: entry.state,
        };
        Regions {
            env: document.env.clone().unwrap_or_else(|| DEFAULT_ENV.to_owned()),
            list: document.regions.iter().map(region).collect(),
            first: document.regions.iter().position(|entry| entry.name() == first).unwrap_or(0),
            clock: Arc::clone(&self.clock),
            entropy: Arc::clone(&self.entropy),
        }
    }

    /// The newest list of regions in these regions and those that it names: a command may have been interrupted between
    /// two of them. `None` before `umoja init`.
    pub async fn list(
        &self,
        regions: impl IntoIterator<Item = &Region>,
    ) -> Result<Option<RegionsDocument>, CloudError> {
        self.list_without(regions, None).await
    }

    /// As [`Cloud::list`], while one region need not answer.
    pub async fn list_without(
        &self,
        regions: impl IntoIterator<Item = &Region>,
        away: Option<&Region>,
    ) -> Result<Option<RegionsDocument>, CloudError> {
        let (mut ask, mut asked) = (regions.into_iter().cloned().collect::<VecDeque<_>>(), BTreeSet::new());
        let mut list: Option<RegionsDocument> = None;
        let mut unreadable = None;
        while let Some(region) = ask.pop_front() {
            if !asked.insert(region.clone()) {
                continue;
            }
            let found = match self.document(&region).await {
                // A region that the deployment does not have need not answer.
                Err(_) if away == Some(&region) => None,
                Err(_) if list.as_ref().is_some_and(|list| list.get(&region).is_none()) => None,
                // A list that does not verify is not used, and the region gets the one that does.
                Err(
                    error @ (CloudError::Secrets { .. } | CloudError::Failed { source: StoreError::Unreadable(_), .. }),
                ) => {
                    unreadable = Some(error);
                    None
                }
                found => found?,
            };
            let Some(found) = found else { continue };
            ask.extend(found.regions.iter().map(|entry| entry.name().clone()));
            match &mut list {
                Some(list) => list.merge(&found),
                None => list = Some(found),
            }
        }
        match (list, unreadable) {
            (None, Some(error)) => Err(error),
            (list, _) => Ok(list),
        }
    }

    /// Writes the list of regions into these regions, one after the other. Returns those that had none.
    pub async fn store(
        &self,
        document: &RegionsDocument,
        regions: impl IntoIterator<Item = &DeployedRegion>,
    ) -> Result<Vec<Region>, CliError> {
        let mut lacked = Vec::new();
        let value = serde_json::to_value(document).map_err(|error| CliError::Failed(error.to_string()))?;
        for region in regions {
            let (name, registry) = (region.name(), &region.home.registry);
            let stored = match registry.setting(setting::REGIONS).await {
                Err(StoreError::Unreadable(_)) => None,
                stored => stored.map_err(|source| self.failed(name, source))?,
            };
            if stored.as_ref() != Some(&value) {
                let put = registry.put_setting(setting::REGIONS, &value).await;
                put.map_err(|source| self.failed(name, source))?;
            }
            if stored.is_none() {
                lacked.push(name.clone());
            }
        }
        Ok(lacked)
    }

    /// A region that is no longer on the list, to write the new list there; `None` if it lacks the deployment's
    /// settings.
    pub(crate) async fn unlisted(&self, region: &Region, list: &RegionsDocument) -> Option<DeployedRegion> {
        let infrastructure = self.infrastructure(region).await.ok()?;
        self.document(region).await.ok()??;
        let (clock, entropy) = (Arc::clone(&self.clock), Arc::clone(&self.entropy));
        let home = self.aws.home(&infrastructure, &list.regions, clock, entropy);
        let Infrastructure { base_url, sources_url, .. } = infrastructure;
        Some(DeployedRegion { home, url: Some(base_url), sources_url, state: RegionState::Leaving })
    }

    /// Checks that every region has a retry queue for every other region.
    pub async fn check_queues(&self, regions: &Regions) -> Result<(), CloudError> {
        for region in &regions.list {
            for peer in &region.home.peers {
                match peer.retry.depth().await {
                    Ok(_) => {}
                    Err(StoreError::Rejected(what))
                        if what.contains("NonExistentQueue") || what.contains("QueueDoesNotExist") =>
                    {
                        let (region, peer) = (region.name().clone(), peer.ports.name.clone());
                        return Err(CloudError::NoRetryQueue { region, peer });
                    }
                    Err(source) => return Err(self.failed(region.name(), source)),
                }
            }
        }
        Ok(())
    }

    /// A KMS key in a region, by its ARN.
    pub fn keys(&self, region: &Region, arn: &str) -> Arc<dyn Keys> {
        self.aws.keys(region, arn)
    }

    fn settings(&self, region: &Region) -> Arc<dyn Registry> {
        self.aws.registry(region)
    }

    /// An error in a region, with what to do about it.
    pub(crate) fn failed(&self, region: &Region, source: StoreError) -> CloudError {
        let region = region.clone();
        match source {
            StoreError::Rejected(what) if what.contains("ResourceNotFoundException") => {
                CloudError::NotApplied { region, prefix: self.prefix().to_owned() }
            }
            StoreError::Secrets(why) => CloudError::Secrets { region, why },
            source => CloudError::Failed { region, source },
        }
    }
}

impl std::fmt::Debug for Cloud {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cloud").field("prefix", &self.prefix()).finish_non_exhaustive()
    }
}
