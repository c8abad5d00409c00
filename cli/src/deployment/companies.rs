//! Companies: written in every region, and changed without losing another operator's change.
//!
//! A change is made of the newest company that any region holds, raises its revision by one, and is stored in each
//! region on the condition that the region still holds what was read. A region that holds a newer company meanwhile is
//! not overwritten. The first region of the list that answers decides: of two operators with the same company before
//! them, one succeeds there, and the other one makes its change again of the new company. All operators reach a
//! deployment through the same list, so they agree on the region that decides. While some reach its first region and
//! others do not, they may make the same revision of two companies. Then every region keeps the same one of the two, and
//! the change of the other one is lost.

mod held;

use std::collections::BTreeMap;

use umoja_schema::{Company, CompanyId};
use umoja_store::ports::{CompanyRow, StoreError};

pub(crate) use self::held::Held;
use super::{DeployedRegion, Regions};
use crate::CliError;

/// How often a change is made of a company that another operator has just changed.
const CHANGES: usize = 2;

/// A changed company, which at least one region has stored.
#[derive(Debug)]
pub(crate) struct Changed {
    /// The company.
    pub(crate) company: Company,
    /// Whether every region has stored it, or a newer one. The error names those that have not.
    pub(crate) everywhere: Result<(), CliError>,
}

/// A result of each region that answers, and the errors of the others.
pub(crate) struct Answered<'a, T> {
    pub(crate) regions: Vec<(&'a DeployedRegion, T)>,
    pub(crate) failed: Vec<(&'a DeployedRegion, StoreError)>,
}

impl<'a, T> Answered<'a, T> {
    /// Asks every region.
    async fn ask(
        regions: impl IntoIterator<Item = &'a DeployedRegion>,
        ask: impl AsyncFn(&'a DeployedRegion) -> Result<T, StoreError>,
    ) -> Self {
        let mut answered = Self { regions: Vec::new(), failed: Vec::new() };
        for region in regions {
            match ask(region).await {
                Ok(answer) => answered.regions.push((region, answer)),
                Err(error) => answered.failed.push((region, error)),
            }
        }
        answered
    }
}

impl Regions {
    /// The rows of every region's table of companies.
    pub(crate) async fn company_rows(&self) -> Answered<'_, Vec<CompanyRow>> {
        Answered::ask(&self.list, async |region| region.home.registry.company_rows().await).await
    }

    /// A company, the newest of any region. A region that does not answer is skipped if another one has the company.
    pub async fn company(&self, id: &CompanyId) -> Result<Option<Company>, CliError> {
        let held = Answered::ask(&self.list, async |region| region.held(id).await).await;
        newest(&held)
    }

    /// Writes a company in every region, whatever they hold. The error names every region that did not store it.
    pub async fn put_company(&self, company: &Company) -> Result<(), CliError> {
        self.change_company(&company.id, |_| Ok(company.clone())).await?.everywhere
    }

    /// Changes a company in every region. `change` gets the newest stored company that can be read, and is called again
    /// if another operator changes the company at the same time.
    ///
    /// # Errors
    /// If `change` fails, another operator changes the company again and again, or no region stores it
    /// ([`CliError::NotStored`]).
    pub(crate) async fn change_company(
        &self,
        id: &CompanyId,
        mut change: impl FnMut(Option<Company>) -> Result<Company, CliError>,
    ) -> Result<Changed, CliError> {
        for _ in 0..CHANGES {
            let held = Answered::ask(&self.list, async |region| region.held(id).await).await;
            let before = newest(&held)?;
            let after = raised(change(before.clone())?, before.as_ref());
            if let Some(changed) = store(held, after).await? {
                return Ok(changed);
            }
        }
        Err(CliError::Failed(format!("another operator is changing the company {id}; run the command again")))
    }
}

/// The newest company of the regions that answer.
fn newest(held: &Answered<'_, Held>) -> Result<Option<Company>, CliError> {
    let companies = held.regions.iter().filter_map(|(_, held)| held.company());
    match (companies.fold(None, later), held.failed.first()) {
        (None, Some(_)) if held.regions.is_empty() => Err(CliError::NotStored(described(&held.failed))),
        // A region that does not answer may hold it.
        (None, Some((region, error))) => Err(region.failed(error.clone())),
        (newest, _) => Ok(newest.cloned()),
    }
}

/// The newest companies of these regions, by their ids.
pub(crate) fn newest_companies<'r>(rows: impl IntoIterator<Item = &'r CompanyRow>) -> BTreeMap<&'r str, &'r Company> {
    let mut newest = BTreeMap::new();
    for row in rows {
        let Some(company) = &row.company else { continue };
        let known = newest.get(row.key.as_str()).copied();
        newest.extend(later(known, company).map(|company| (row.key.as_str(), company)));
    }
    newest
}

fn later<'c>(known: Option<&'c Company>, company: &'c Company) -> Option<&'c Company> {
    known.filter(|known| !company.is_newer_than(known)).or(Some(company))
}

/// The company as the change after `before`. If it changes nothing, it is the same document.
fn raised(after: Company, before: Option<&Company>) -> Company {
    let revision = before.map_or(0, |before| before.revision);
    let after = Company { revision, ..after };
    if before == Some(&after) { after } else { Company { revision: revision.saturating_add(1), ..after } }
}

/// Stores a changed company in every region that has answered; `None` if another operator was quicker.
async fn store(held: Answered<'_, Held>, after: Company) -> Result<Option<Changed>, CliError> {
    let Answered { regions, mut failed } = held;
    let mut decides: Option<&DeployedRegion> = None;
    let mut is_overtaken = false;
    for (region, before) in regions {
        let stored = match decides {
            None => region.store_company(&before, &after).await,
            Some(_) => region.bring_company(before, &after).await,
        };
        match stored {
            Ok(true) => decides = decides.or(Some(region)),
            Ok(false) if decides.is_none() => return Ok(None),
            Ok(false) => is_overtaken = true,
            Err(error) => failed.push((region, error)),
        }
    }
    let Some(decides) = decides else { return Err(CliError::NotStored(described(&failed))) };
    if is_overtaken {
        // A later change in the region that decides was made of this one, and its operator brings it everywhere.
        let now = decides.held(&after.id).await.map_err(|source| decides.failed(source))?;
        if now.company().is_none_or(|now| now.revision <= after.revision) {
            return Ok(None);
        }
    }
    let partly = || CliError::PartlyStored { regions: described(&failed) };
    let everywhere = if failed.is_empty() { Ok(()) } else { Err(partly()) };
    Ok(Some(Changed { company: after, everywhere }))
}

fn described(failed: &[(&DeployedRegion, StoreError)]) -> String {
    let described = failed.iter().map(|(region, error)| format!("{} ({error})", region.name()));
    described.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
