use async_trait::async_trait;
use serde_json::Value;
use umoja_schema::{Company, CompanyId};

use super::{Etag, StoreError};

/// The data that operators write, in every region (`companies` and `settings`).
#[async_trait]
pub trait Registry: Send + Sync {
    /// A company.
    async fn company(&self, id: &CompanyId) -> Result<Option<Company>, StoreError>;

    /// All companies, in the order of their ids.
    async fn companies(&self) -> Result<Vec<Company>, StoreError> {
        Ok(self.company_rows().await?.into_iter().filter_map(|row| row.company).collect())
    }

    /// All rows of `companies`, in the order of their keys, with those that hold no company.
    async fn company_rows(&self) -> Result<Vec<CompanyRow>, StoreError>;

    /// Replaces the document of a row if it is still the one that was read, or with `None` removes the row, and returns
    /// whether it did.
    ///
    /// [`StoreError::Unavailable`] means that it may have been done.
    async fn replace_company_row(&self, row: &CompanyRow, company: Option<&Company>) -> Result<bool, StoreError>;

    /// Stores a company, whatever is stored. Only for the first writer of a deployment; operators' commands use
    /// [`Registry::replace_company`].
    async fn put_company(&self, company: &Company) -> Result<(), StoreError>;

    /// Stores a company if the stored one equals `expected` (`None`: there is none), and returns whether it did. Of any
    /// number of callers with the same `expected`, exactly one succeeds. The companies are compared as they are read,
    /// so it does not matter which version of Umoja has stored them.
    ///
    /// [`StoreError::Unavailable`] means that the company may have been stored. The caller has to read it again.
    async fn replace_company(&self, expected: Option<&Company>, company: &Company) -> Result<bool, StoreError>;

    /// A setting: a JSON object.
    async fn setting(&self, name: &str) -> Result<Option<Value>, StoreError>;

    /// Stores a setting.
    async fn put_setting(&self, name: &str, value: &Value) -> Result<(), StoreError>;

    /// Stores a setting if the stored value is exactly `expected` (`None`: no value), and returns whether it did. Of
    /// any number of callers with the same `expected`, exactly one succeeds.
    ///
    /// [`StoreError::Unavailable`] means that the value may have been stored. The caller has to read the setting again.
    async fn replace_setting(&self, name: &str, expected: Option<&Value>, value: &Value) -> Result<bool, StoreError>;

    /// The settings whose names begin with a prefix, in the order of their names.
    async fn settings(&self, prefix: &str) -> Result<Vec<(String, Value)>, StoreError> {
        let rows = self.setting_rows(prefix).await?.into_iter();
        Ok(rows.filter_map(|row| row.value.map(|value| (row.name, value))).collect())
    }

    /// All rows of `settings` whose names begin with a prefix, in the order of their names, with those that hold no
    /// setting.
    async fn setting_rows(&self, prefix: &str) -> Result<Vec<SettingRow>, StoreError>;

    /// Removes a row of `settings` if it is still the one that was read, and returns whether it did.
    ///
    /// [`StoreError::Unavailable`] means that it may have been done.
    async fn remove_setting(&self, row: &SettingRow) -> Result<bool, StoreError>;
}

/// A row of `settings`, whatever it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingRow {
    /// The name.
    pub name: String,
    /// What the row held when it was read.
    pub etag: Etag,
    /// The setting; `None` if the document is damaged, or does not verify.
    pub value: Option<Value>,
}

/// A row of `companies`, whatever it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompanyRow {
    /// The key. It need not be the id of a company.
    pub key: String,
    /// What the row held when it was read.
    pub etag: Etag,
    /// The company; `None` if the document is damaged, is that of another key, or does not verify.
    pub company: Option<Company>,
}
