//! What one region holds under the id of a company.

use umoja_schema::{Company, CompanyId};
use umoja_store::ports::{CompanyRow, StoreError};

use super::super::DeployedRegion;

/// How often a company is brought to a region in which it changes meanwhile.
const ROUNDS: usize = 5;

/// What a region holds.
#[derive(Debug)]
pub(crate) enum Held {
    /// No such row.
    Nothing,
    /// The company.
    Company(Box<Company>),
    /// A row that holds no company.
    Unreadable(Box<CompanyRow>),
}

impl Held {
    /// The company.
    pub(crate) fn company(&self) -> Option<&Company> {
        match self {
            Self::Company(company) => Some(company),
            Self::Nothing | Self::Unreadable(_) => None,
        }
    }
}

impl DeployedRegion {
    /// What the region holds under an id.
    pub(crate) async fn held(&self, id: &CompanyId) -> Result<Held, StoreError> {
        let registry = &self.home.registry;
        match registry.company(id).await {
            Ok(Some(company)) => Ok(Held::Company(Box::new(company))),
            Ok(None) => Ok(Held::Nothing),
            Err(StoreError::Unreadable(_)) => {
                let rows = registry.company_rows().await?;
                let row = rows.into_iter().find(|row| row.key == id.as_str());
                Ok(row.map_or(Held::Nothing, |row| match row.company {
                    Some(company) => Held::Company(Box::new(company)),
                    None => Held::Unreadable(Box::new(row)),
                }))
            }
            Err(error) => Err(error),
        }
    }

    /// Stores a company over what the region held. True if the region holds it now: a write whose answer was lost is
    /// done too.
    pub(crate) async fn store_company(&self, before: &Held, after: &Company) -> Result<bool, StoreError> {
        if before.company() == Some(after) {
            return Ok(true);
        }
        let registry = &self.home.registry;
        let stored = match before {
            Held::Nothing => registry.replace_company(None, after).await,
            Held::Company(before) => registry.replace_company(Some(before), after).await,
            Held::Unreadable(row) => registry.replace_company_row(row, Some(after)).await,
        };
        let is_held = async || Ok(self.held(&after.id).await?.company() == Some(after));
        match stored {
            Ok(true) => Ok(true),
            // Another one was written, or what is stored cannot be read any more.
            Ok(false) | Err(StoreError::Unreadable(_)) => is_held().await,
            Err(error @ StoreError::Unavailable(_)) => match is_held().await {
                Ok(true) => Ok(true),
                _ => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    /// Stores a company over what the region held, or holds now, unless that is newer. True if the region holds it now.
    pub(crate) async fn bring_company(&self, mut before: Held, after: &Company) -> Result<bool, StoreError> {
        for _ in 0..ROUNDS {
            if before.company().is_some_and(|company| company.is_newer_than(after)) {
                return Ok(false);
            }
            if self.store_company(&before, after).await? {
                return Ok(true);
            }
            before = self.held(&after.id).await?;
        }
        Ok(false)
    }
}
