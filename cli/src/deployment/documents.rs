//! Documents that operators write, such as companies and sources: written in every region, and changed without losing
//! another operator's change.
//!
//! A change is made of the newest document that any region holds, raises its revision by one, and is stored in each
//! region on the condition that the region still holds what was read. A region that holds a newer document meanwhile is
//! not overwritten. The first region of the list that answers decides: of two operators with the same document before
//! them, one succeeds there, and the other one makes its change again of the new document. All operators reach a
//! deployment through the same list, so they agree on the region that decides. While some reach its first region and
//! others do not, they may make the same revision of two documents. Then every region keeps the same one of the two, and
//! the change of the other one is lost.
//!
//! No document is removed, so that no older one can take its place: the last change of a source says that it has ended.

mod held;
mod kind;

use std::collections::BTreeMap;

use umoja_schema::{Company, CompanyId};
use umoja_store::ports::StoreError;

pub(crate) use self::held::Held;
pub(crate) use self::kind::{Document, Names, Row};
use super::{DeployedRegion, Regions};
use crate::CliError;

/// How often a change is made of a document that another operator has just changed.
const CHANGES: usize = 2;

/// A changed document, which at least one region has stored.
#[derive(Debug)]
pub(crate) struct Changed<D> {
    /// The document.
    pub(crate) document: D,
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
    /// The rows of every region.
    pub(crate) async fn rows<D: Document>(&self) -> Answered<'_, Vec<Row<D>>> {
        Answered::ask(&self.list, async |region| D::rows(&*region.home.registry).await).await
    }

    /// A document, the newest of any region. A region that does not answer is skipped if another one has the document.
    pub(crate) async fn document<D: Document>(&self, id: &D::Id) -> Result<Option<D>, CliError> {
        let held = Answered::ask(&self.list, async |region| region.held(id).await).await;
        newest(&held)
    }

    /// A company, the newest of any region. A region that does not answer is skipped if another one has the company.
    pub async fn company(&self, id: &CompanyId) -> Result<Option<Company>, CliError> {
        self.document(id).await
    }

    /// Writes a company in every region, whatever they hold. The error names every region that did not store it.
    pub async fn put_company(&self, company: &Company) -> Result<(), CliError> {
        self.change(&company.id, |_: Option<Company>| Ok(company.clone())).await?.everywhere
    }

    /// Changes a document in every region. `change` gets the newest stored document that can be read, and is called
    /// again if another operator changes the document at the same time.
    ///
    /// # Errors
    /// If `change` fails, another operator changes the document again and again, or no region stores it
    /// ([`CliError::NotStored`]).
    pub(crate) async fn change<D: Document>(
        &self,
        id: &D::Id,
        mut change: impl FnMut(Option<D>) -> Result<D, CliError>,
    ) -> Result<Changed<D>, CliError> {
        for _ in 0..CHANGES {
            let held = Answered::ask(&self.list, async |region| region.held(id).await).await;
            let before = newest(&held)?;
            let after = raised(change(before.clone())?, before.as_ref());
            if let Some(changed) = store(held, after).await? {
                return Ok(changed);
            }
        }
        Err(CliError::Failed(format!("another operator is changing the {} {id}; run the command again", D::NAME)))
    }
}

/// The newest document of the regions that answer.
fn newest<D: Document>(held: &Answered<'_, Held<D>>) -> Result<Option<D>, CliError> {
    let documents = held.regions.iter().filter_map(|(_, held)| held.document());
    match (documents.fold(None, later), held.failed.first()) {
        (None, Some(_)) if held.regions.is_empty() => Err(CliError::NotStored(described(&held.failed))),
        // A region that does not answer may hold it.
        (None, Some((region, error))) => Err(region.failed(error.clone())),
        (newest, _) => Ok(newest.cloned()),
    }
}

/// The newest documents of these regions, by their ids.
pub(crate) fn newest_of<'r, D: Document>(rows: impl IntoIterator<Item = &'r Row<D>>) -> BTreeMap<&'r str, &'r D> {
    let mut newest = BTreeMap::new();
    for row in rows {
        let Some(document) = &row.document else { continue };
        let known = newest.get(row.key.as_str()).copied();
        newest.extend(later(known, document).map(|document| (row.key.as_str(), document)));
    }
    newest
}

fn later<'d, D: Document>(known: Option<&'d D>, document: &'d D) -> Option<&'d D> {
    known.filter(|known| !document.is_newer_than(known)).or(Some(document))
}

/// The document as the change after `before`. If it changes nothing, it is the same document.
fn raised<D: Document>(after: D, before: Option<&D>) -> D {
    let revision = before.map_or(0, Document::revision);
    let after = after.revised(revision);
    if before == Some(&after) { after } else { after.revised(revision.saturating_add(1)) }
}

/// Stores a changed document in every region that has answered; `None` if another operator was quicker.
async fn store<D: Document>(held: Answered<'_, Held<D>>, after: D) -> Result<Option<Changed<D>>, CliError> {
    let Answered { regions, mut failed } = held;
    let mut decides: Option<&DeployedRegion> = None;
    let mut is_overtaken = false;
    for (region, before) in regions {
        let stored = match decides {
            None => region.store(&before, &after).await,
            Some(_) => region.bring(before, &after).await,
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
        let now = decides.held::<D>(after.id()).await.map_err(|source| decides.failed(source))?;
        if now.document().is_none_or(|now| now.revision() <= after.revision()) {
            return Ok(None);
        }
    }
    let everywhere = if failed.is_empty() {
        Ok(())
    } else {
        Err(CliError::PartlyStored { what: D::NAME, regions: described(&failed) })
    };
    Ok(Some(Changed { document: after, everywhere }))
}

fn described(failed: &[(&DeployedRegion, StoreError)]) -> String {
    let described = failed.iter().map(|(region, error)| format!("{} ({error})", region.name()));
    described.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
