//! The kinds of documents, and where a region stores them.

use std::fmt::Display;
use std::str::FromStr;

use serde::Serialize;
use serde_json::Value;
use umoja_schema::{
    Client, ClientId, Company, CompanyId, IngestSource, ItemError, LoginProvider, LoginProviderId, OidcAlgorithm,
    OidcKeySet, SourceId, Target, TargetId, Webhook, WebhookId,
};
use umoja_store::ports::{CompanyRow, Etag, Registry, SettingRow, StoreError};

/// What names documents of one kind.
pub(crate) trait Names: Display + FromStr {
    /// Their kind.
    type Document: Document<Id = Self>;
}

/// A document that operators write, the same in every region.
pub(crate) trait Document: Clone + PartialEq {
    /// What names it.
    type Id: Names<Document = Self>;
    /// What people call it. It is also the command that writes it: `umoja company`.
    const NAME: &'static str;
    /// What people call several.
    const PLURAL: &'static str;

    /// Its id.
    fn id(&self) -> &Self::Id;

    /// How often it was changed.
    fn revision(&self) -> u64;

    /// The same document after this number of changes.
    fn revised(self, revision: u64) -> Self;

    /// Whether an operator has ended it. Its document stays, so that no older one can take its place.
    fn is_ended(&self) -> bool;

    /// Whether it replaces another document of the same id.
    fn is_newer_than(&self, other: &Self) -> bool;

    /// The document that a region holds. [`StoreError::Unreadable`] if its row holds none.
    async fn stored(registry: &dyn Registry, id: &Self::Id) -> Result<Option<Self>, StoreError>;

    /// All rows of a region, in the order of their keys.
    async fn rows(registry: &dyn Registry) -> Result<Vec<Row<Self>>, StoreError>;

    /// Stores a document if the stored one equals `expected`, and returns whether it did.
    async fn replace(registry: &dyn Registry, expected: Option<&Self>, after: &Self) -> Result<bool, StoreError>;

    /// Replaces the document of a row if it is still the one that was read, or with `None` removes the row, and returns
    /// whether it did.
    async fn replace_row(registry: &dyn Registry, row: &Row<Self>, after: Option<&Self>) -> Result<bool, StoreError>;
}

/// A row of a region, whatever it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row<D> {
    /// The id of the document, if it holds one. Other writers may have used any text.
    pub(crate) key: String,
    /// What the row held when it was read.
    pub(crate) etag: Etag,
    /// The document; `None` if it is damaged, is that of another id, or does not verify.
    pub(crate) document: Option<D>,
}

impl Names for CompanyId {
    type Document = Company;
}

impl Document for Company {
    type Id = CompanyId;
    const NAME: &'static str = "company";
    const PLURAL: &'static str = "companies";

    fn is_ended(&self) -> bool {
        false
    }

    fn id(&self) -> &CompanyId {
        &self.id
    }

    fn revision(&self) -> u64 {
        self.revision
    }

    fn revised(self, revision: u64) -> Self {
        Self { revision, ..self }
    }

    fn is_newer_than(&self, other: &Self) -> bool {
        self.is_newer_than(other)
    }

    async fn stored(registry: &dyn Registry, id: &CompanyId) -> Result<Option<Self>, StoreError> {
        registry.company(id).await
    }

    async fn rows(registry: &dyn Registry) -> Result<Vec<Row<Self>>, StoreError> {
        let rows = registry.company_rows().await?.into_iter();
        Ok(rows.map(|CompanyRow { key, etag, company }| Row { key, etag, document: company }).collect())
    }

    async fn replace(registry: &dyn Registry, expected: Option<&Self>, after: &Self) -> Result<bool, StoreError> {
        registry.replace_company(expected, after).await
    }

    async fn replace_row(registry: &dyn Registry, row: &Row<Self>, after: Option<&Self>) -> Result<bool, StoreError> {
        let Row { key, etag, document } = row.clone();
        registry.replace_company_row(&CompanyRow { key, etag, company: document }, after).await
    }
}

/// The documents that are settings, one for each.
macro_rules! setting_document {
    ($document:ident, $id:ident, $name:literal) => {
        impl Names for $id {
            type Document = $document;
        }

        impl Document for $document {
            type Id = $id;
            const NAME: &'static str = $name;
            const PLURAL: &'static str = concat!($name, "s");

            fn is_ended(&self) -> bool {
                self.is_ended()
            }

            fn id(&self) -> &$id {
                &self.id
            }

            fn revision(&self) -> u64 {
                self.revision
            }

            fn revised(self, revision: u64) -> Self {
                Self { revision, ..self }
            }

            fn is_newer_than(&self, other: &Self) -> bool {
                self.is_newer_than(other)
            }

            async fn stored(registry: &dyn Registry, id: &$id) -> Result<Option<Self>, StoreError> {
                let Some(value) = registry.setting(&Self::setting(id)).await? else { return Ok(None) };
                Ok(Some(Self::read(id.as_str(), value)?))
            }

            async fn rows(registry: &dyn Registry) -> Result<Vec<Row<Self>>, StoreError> {
                let rows = registry.setting_rows(Self::SETTINGS).await?.into_iter();
                Ok(rows
                    .map(|SettingRow { name, etag, value }| {
                        let key = name.strip_prefix(Self::SETTINGS).unwrap_or(&name).to_owned();
                        Row { document: value.and_then(|value| Self::read(&key, value).ok()), etag, key }
                    })
                    .collect())
            }

            async fn replace(
                registry: &dyn Registry,
                expected: Option<&Self>,
                after: &Self,
            ) -> Result<bool, StoreError> {
                let name = Self::setting(&after.id);
                // The stored text may be that of another version of Umoja. What counts is the source that is read from it.
                let stored = registry.setting(&name).await?;
                let read = match &stored {
                    Some(value) => Some(Self::read(after.id.as_str(), value.clone())?),
                    None => None,
                };
                if read.as_ref() != expected {
                    return Ok(false);
                }
                registry.replace_setting(&name, stored.as_ref(), &value(after)?).await
            }

            async fn replace_row(
                registry: &dyn Registry,
                row: &Row<Self>,
                after: Option<&Self>,
            ) -> Result<bool, StoreError> {
                let name = format!("{}{}", Self::SETTINGS, row.key);
                let read = SettingRow { name: name.clone(), etag: row.etag.clone(), value: None };
                match (registry.remove_setting(&read).await?, after) {
                    (true, Some(after)) => registry.replace_setting(&name, None, &value(after)?).await,
                    (is_removed, _) => Ok(is_removed),
                }
            }
        }
    };
}

setting_document!(IngestSource, SourceId, "source");
setting_document!(Webhook, WebhookId, "webhook");
setting_document!(Target, TargetId, "target");
setting_document!(Client, ClientId, "client");
setting_document!(LoginProvider, LoginProviderId, "provider");
setting_document!(OidcKeySet, OidcAlgorithm, "key set of single sign-on");

fn value(document: &impl Serialize) -> Result<Value, StoreError> {
    serde_json::to_value(document).map_err(|_| StoreError::Unreadable(ItemError::new("a document")))
}
