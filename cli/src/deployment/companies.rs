//! Companies: written in every region, and changed without losing another operator's change.
//!
//! The first region of the deployment's list that answers decides. A change is made of the company that this region
//! holds, and stored there on the condition that it still holds that company; of two operators with the same company
//! before them, one succeeds, and the other one makes its change again of the new company. Then the region's company is
//! brought to every other region, until it did not change meanwhile: the operator who ends last brings the last change
//! everywhere. All operators reach a deployment through the same list, so they agree on the region that decides; while
//! some reach its first region and others do not, they do not.

use umoja_schema::{Company, CompanyId, Region};
use umoja_store::ports::StoreError;

use super::{DeployedRegion, Regions};
use crate::CliError;

/// How often a change is made of a company that another operator has just changed.
const CHANGES: usize = 2;

/// How often a company is brought to the other regions while other operators change it.
const ROUNDS: usize = 5;

/// A changed company, which at least one region has stored.
#[derive(Debug)]
pub(crate) struct Changed {
    /// The company.
    pub(crate) company: Company,
    /// Whether every region has stored it. The error names those that have not.
    pub(crate) everywhere: Result<(), CliError>,
}

impl Regions {
    /// The companies of the region that is asked first.
    pub async fn companies(&self) -> Result<Vec<Company>, CliError> {
        let region = self.first()?;
        region.home.registry.companies().await.map_err(|source| region.failed(source))
    }

    /// A company, from the first region that has it. A region that does not answer is skipped if another has it.
    pub async fn company(&self, id: &CompanyId) -> Result<Option<Company>, CliError> {
        let mut failed = None;
        for region in &self.list {
            match region.home.registry.company(id).await {
                Ok(Some(company)) => return Ok(Some(company)),
                Ok(None) => {}
                Err(source) => failed = Some(region.failed(source)),
            }
        }
        failed.map_or(Ok(None), Err)
    }

    /// Writes a company in every region, whatever they hold. The error names every region that did not store it.
    pub async fn put_company(&self, company: &Company) -> Result<(), CliError> {
        self.change_company(&company.id, |_| Ok(company.clone())).await?.everywhere
    }

    /// Changes a company in every region. `change` gets the stored company, and is called again if another operator
    /// changes the company at the same time.
    ///
    /// # Errors
    /// If `change` fails, another operator changes the company again and again, or no region stores it
    /// ([`CliError::NotStored`]).
    pub(crate) async fn change_company(
        &self,
        id: &CompanyId,
        mut change: impl FnMut(Option<Company>) -> Result<Company, CliError>,
    ) -> Result<Changed, CliError> {
        let mut failed: Vec<(Region, StoreError)> = Vec::new();
        for decides in &self.list {
            match self.decide(decides, id, &mut change).await? {
                Err(error) => failed.push((decides.name().clone(), error)),
                Ok(company) => {
                    let everywhere = self.bring(decides, id, &mut failed).await.and_then(|()| match &*failed {
                        [] => Ok(()),
                        failed => Err(CliError::PartlyStored { id: id.clone(), regions: described(failed) }),
                    });
                    return Ok(Changed { company, everywhere });
                }
            }
        }
        Err(CliError::NotStored(described(&failed)))
    }

    /// Changes the company in the region that decides; the inner error is that of the region.
    async fn decide(
        &self,
        region: &DeployedRegion,
        id: &CompanyId,
        change: &mut impl FnMut(Option<Company>) -> Result<Company, CliError>,
    ) -> Result<Result<Company, StoreError>, CliError> {
        for _ in 0..CHANGES {
            let before = match region.home.registry.company(id).await {
                Ok(before) => before,
                Err(error) => return Ok(Err(error)),
            };
            // The region may have lost what another one still has.
            let known = if before.is_some() { before.clone() } else { self.company(id).await? };
            let after = change(known)?;
            match replace(region, before.as_ref(), &after).await {
                Ok(true) => return Ok(Ok(after)),
                Ok(false) => {}
                Err(error) => return Ok(Err(error)),
            }
        }
        Err(changing(id))
    }

    /// Brings the company of the region that decides to every other region that has not failed.
    async fn bring(
        &self,
        decides: &DeployedRegion,
        id: &CompanyId,
        failed: &mut Vec<(Region, StoreError)>,
    ) -> Result<(), CliError> {
        let current = async || decides.home.registry.company(id).await.map_err(|source| decides.failed(source));
        for _ in 0..ROUNDS {
            let Some(company) = current().await? else { break };
            let mut is_everywhere = true;
            for region in self.list.iter().filter(|region| region.name() != decides.name()) {
                if failed.iter().any(|(name, _)| name == region.name()) {
                    continue;
                }
                let replaced = match region.home.registry.company(id).await {
                    Ok(stored) => replace(region, stored.as_ref(), &company).await,
                    Err(error) => Err(error),
                };
                match replaced {
                    Ok(replaced) => is_everywhere &= replaced,
                    Err(error) => failed.push((region.name().clone(), error)),
                }
            }
            if is_everywhere && current().await?.as_ref() == Some(&company) {
                return Ok(());
            }
        }
        Err(changing(id))
    }
}

/// Stores a company over the expected one. True if the region holds it now: a write whose answer was lost is done too.
async fn replace(region: &DeployedRegion, before: Option<&Company>, after: &Company) -> Result<bool, StoreError> {
    if before == Some(after) {
        return Ok(true);
    }
    let registry = &region.home.registry;
    match registry.replace_company(before, after).await {
        Ok(true) => Ok(true),
        Ok(false) => Ok(registry.company(&after.id).await?.as_ref() == Some(after)),
        Err(error @ StoreError::Unavailable(_)) => match registry.company(&after.id).await {
            Ok(Some(stored)) if stored == *after => Ok(true),
            _ => Err(error),
        },
        Err(error) => Err(error),
    }
}

fn changing(id: &CompanyId) -> CliError {
    CliError::Failed(format!("another operator is changing the company {id}; run the command again"))
}

fn described(failed: &[(Region, StoreError)]) -> String {
    failed.iter().map(|(region, error)| format!("{region} ({error})")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::{Context, Poll, Waker};

    use umoja_host::{OsEntropy, SystemClock};
    use umoja_local::RegionStore;
    use umoja_store::RegionState;
    use umoja_store::keyring::KeyRing;
    use umoja_store::ports::Clock as _;
    use umoja_store::shared_secrets::SharedSecrets;

    use super::*;

    async fn stores() -> Vec<RegionStore> {
        let store =
            |name: &str| RegionStore::in_memory(name.parse().unwrap(), Arc::new(SystemClock), Arc::new(OsEntropy));
        let stores = ["eu-west-1", "af-south-1", "us-east-1"].map(store).to_vec();
        share(&stores).await;
        stores
    }

    /// Makes the secrets of the deployment, or wraps those that it has for the first store, which has lost its own.
    async fn share(stores: &[RegionStore]) {
        let home = |at: usize| {
            let peers = stores.iter().enumerate().filter(|(peer, _)| *peer != at).map(|(_, peer)| peer.ports());
            stores[at].home(peers, Arc::new(SystemClock), Arc::new(OsEntropy))
        };
        let homes: Vec<_> = (0..stores.len()).map(home).collect();
        let shared = SharedSecrets::new(&homes, KeyRing::new(&homes[1], 1_000));
        shared.ensure(&[stores[0].region().clone()].into(), SystemClock.now()).await.unwrap();
    }

    /// The regions as one operator reaches them, who asks this one first.
    fn regions(stores: &[RegionStore], first: usize) -> Regions {
        let region = |store: &RegionStore| DeployedRegion {
            home: store.home([], Arc::new(SystemClock), Arc::new(OsEntropy)),
            url: None,
            state: RegionState::Serving,
        };
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy));
        Regions { env: "test".into(), list: stores.iter().map(region).collect(), first, clock, entropy }
    }

    fn company() -> Company {
        let text = r#"{"id":"soko","name":"Soko","enabled":true,"trusted":false,"scopes":[],"api_keys":[],"keys":[]}"#;
        serde_json::from_str(text).unwrap()
    }

    #[expect(clippy::unnecessary_wraps, reason = "the form of a change")]
    fn limited(company: Option<Company>) -> Result<Company, CliError> {
        Ok(Company { rate_limit: NonZeroU32::new(7), ..company.unwrap() })
    }

    #[expect(clippy::unnecessary_wraps, reason = "the form of a change")]
    fn disabled(company: Option<Company>) -> Result<Company, CliError> {
        Ok(Company { enabled: false, ..company.unwrap() })
    }

    /// Changes a company to its end: stores in memory answer at once.
    fn done(regions: &Regions, change: impl FnMut(Option<Company>) -> Result<Company, CliError>) -> Changed {
        let id = company().id;
        let changing = pin!(regions.change_company(&id, change));
        let Poll::Ready(changed) = changing.poll(&mut Context::from_waker(Waker::noop())) else {
            panic!("a store in memory waits")
        };
        changed.unwrap()
    }

    async fn held(stores: &[RegionStore]) -> Vec<Option<Company>> {
        let mut held = Vec::new();
        for store in stores {
            held.push(store.registry().company(&company().id).await.unwrap());
        }
        held
    }

    #[tokio::test]
    async fn two_operators_lose_no_change_of_each_other() {
        let stores = stores().await;
        let (one, other) = (regions(&stores, 0), regions(&stores, 2));
        one.put_company(&company()).await.unwrap();
        let mut interrupted = false;
        let changed = done(&one, |stored| {
            // The other operator has read the same company and is quicker.
            if !std::mem::replace(&mut interrupted, true) {
                done(&other, disabled).everywhere.unwrap();
            }
            limited(stored)
        });
        changed.everywhere.unwrap();
        let both = limited(Some(disabled(Some(company())).unwrap())).unwrap();
        assert_eq!(changed.company, both);
        assert_eq!(held(&stores).await, vec![Some(both); 3]);
    }

    #[tokio::test]
    async fn a_change_that_is_overtaken_twice_is_an_error_and_changes_no_region() {
        let stores = stores().await;
        let (one, other) = (regions(&stores, 0), regions(&stores, 0));
        one.put_company(&company()).await.unwrap();
        let mut limit = 1;
        let id = company().id;
        let overtaken = one.change_company(&id, |stored| {
            limit += 1;
            done(&other, |stored| Ok(Company { rate_limit: NonZeroU32::new(limit), ..stored.unwrap() }));
            disabled(stored)
        });
        let error = overtaken.await.unwrap_err().to_string();
        assert!(error.contains("another operator is changing the company soko"), "{error}");
        let last = Company { rate_limit: NonZeroU32::new(3), ..company() };
        assert_eq!(held(&stores).await, vec![Some(last); 3]);
    }

    #[tokio::test]
    async fn a_region_that_differs_gets_the_company_of_the_first_one() {
        let stores = stores().await;
        let all = regions(&stores, 1);
        all.put_company(&company()).await.unwrap();
        let stale = Company { name: "old".into(), ..company() };
        stores[2].registry().put_company(&stale).await.unwrap();
        done(&all, limited).everywhere.unwrap();
        assert_eq!(held(&stores).await, vec![Some(limited(Some(company())).unwrap()); 3]);
        // A region that has lost its companies gets the one that another region still has.
        let empty = RegionStore::in_memory("eu-west-1".parse().unwrap(), Arc::new(SystemClock), Arc::new(OsEntropy));
        let restored = [&[empty], &stores[1..]].concat();
        share(&restored).await;
        done(&regions(&restored, 0), disabled).everywhere.unwrap();
        let both = disabled(limited(Some(company())).ok()).unwrap();
        assert_eq!(held(&restored).await, vec![Some(both); 3]);
    }
}
