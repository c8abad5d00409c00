//! What one region holds under the id of a document.

use umoja_store::ports::StoreError;

use super::super::DeployedRegion;
use super::kind::{Document, Row};

/// How often a document is brought to a region in which it changes meanwhile.
const ROUNDS: usize = 5;

/// What a region holds.
#[derive(Debug)]
pub(crate) enum Held<D> {
    /// No such row.
    Nothing,
    /// The document.
    Document(Box<D>),
    /// A row that holds no document.
    Unreadable(Box<Row<D>>),
}

impl<D> Held<D> {
    /// The document.
    pub(crate) fn document(&self) -> Option<&D> {
        match self {
            Self::Document(document) => Some(document),
            Self::Nothing | Self::Unreadable(_) => None,
        }
    }
}

impl DeployedRegion {
    /// What the region holds under an id.
    pub(crate) async fn held<D: Document>(&self, id: &D::Id) -> Result<Held<D>, StoreError> {
        match D::stored(&*self.home.registry, id).await {
            Ok(Some(document)) => Ok(Held::Document(Box::new(document))),
            Ok(None) => Ok(Held::Nothing),
            Err(StoreError::Unreadable(_)) => {
                let (rows, key) = (D::rows(&*self.home.registry).await?, id.to_string());
                let row = rows.into_iter().find(|row| row.key == key);
                Ok(row.map_or(Held::Nothing, |row| match row.document {
                    Some(document) => Held::Document(Box::new(document)),
                    None => Held::Unreadable(Box::new(row)),
                }))
            }
            Err(error) => Err(error),
        }
    }

    /// Stores a document over what the region held. True if the region holds it now: a write whose answer was lost is
    /// done too.
    pub(crate) async fn store<D: Document>(&self, before: &Held<D>, after: &D) -> Result<bool, StoreError> {
        if before.document() == Some(after) {
            return Ok(true);
        }
        let registry = &*self.home.registry;
        let stored = match before {
            Held::Nothing => D::replace(registry, None, after).await,
            Held::Document(before) => D::replace(registry, Some(before), after).await,
            Held::Unreadable(row) => D::replace_row(registry, row, Some(after)).await,
        };
        let is_held = async || Ok(self.held::<D>(after.id()).await?.document() == Some(after));
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

    /// Stores a document over what the region held, or holds now, unless that is newer. True if the region holds it now.
    pub(crate) async fn bring<D: Document>(&self, mut before: Held<D>, after: &D) -> Result<bool, StoreError> {
        for _ in 0..ROUNDS {
            if before.document().is_some_and(|document| document.is_newer_than(after)) {
                return Ok(false);
            }
            if self.store(&before, after).await? {
                return Ok(true);
            }
            before = self.held(after.id()).await?;
        }
        Ok(false)
    }
}
