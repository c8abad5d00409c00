//! Companies and settings.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{OptionalExtension as _, params};
use serde_json::Value;
use umoja_schema::names::table;
use umoja_schema::{Company, CompanyId, ItemError};
use umoja_store::ports::{Registry, StoreError};

use super::json::{from_json, json};
use crate::engine::{Engine, Fault, readable};

/// The document, if it is the one of this key.
fn under(id: &CompanyId, company: Company) -> Result<Company, ItemError> {
    if company.id == *id { Ok(company) } else { Err(ItemError::new("id")) }
}

/// The documents of operators in the tables of one region, as they are stored.
pub(super) struct Documents(pub(super) Arc<Engine>);

#[async_trait]
impl Registry for Documents {
    async fn company(&self, id: &CompanyId) -> Result<Option<Company>, StoreError> {
        let text: Option<String> = self.0.read(table::COMPANIES, |connection| {
            let mut select = connection.prepare_cached("SELECT document FROM companies WHERE id = ?1")?;
            Ok(select.query_row([id.as_str()], |row| row.get(0)).optional()?)
        })?;
        let company: Option<Company> = text.as_deref().map(from_json).transpose()?;
        Ok(company.map(|company| under(id, company)).transpose()?)
    }

    async fn companies(&self) -> Result<Vec<Company>, StoreError> {
        let texts: Vec<String> = self.0.read(table::COMPANIES, |connection| {
            let mut select = connection.prepare_cached("SELECT document FROM companies ORDER BY id")?;
            let (mut rows, mut texts) = (select.query([])?, Vec::new());
            while let Some(row) = rows.next()? {
                texts.extend(readable(row.get(0).map_err(Fault::from))?);
            }
            Ok(texts)
        })?;
        // One document that cannot be read must not hide the others.
        Ok(texts.iter().filter_map(|text| from_json(text).ok()).collect())
    }

    async fn put_company(&self, company: &Company) -> Result<(), StoreError> {
        let (id, document) = (company.id.clone(), json(company)?);
        let put = "INSERT OR REPLACE INTO companies (id, document) VALUES (?1, ?2)";
        let work = move |tx: &crate::engine::Tx<'_>| tx.change_one(put, params![id.as_str(), document]);
        self.0.write(table::COMPANIES, work).await
    }

    async fn replace_company(&self, expected: Option<&Company>, company: &Company) -> Result<bool, StoreError> {
        let (expected, id, document) = (expected.cloned(), company.id.clone(), json(company)?);
        let work = move |tx: &crate::engine::Tx<'_>| {
            let mut select = tx.prepare_cached("SELECT document FROM companies WHERE id = ?1")?;
            let stored: Option<String> = select.query_row([id.as_str()], |row| row.get(0)).optional()?;
            if stored.as_deref().map(from_json::<Company>).transpose()? != expected {
                return Ok(false);
            }
            let put = "INSERT OR REPLACE INTO companies (id, document) VALUES (?1, ?2)";
            tx.change_one(put, params![id.as_str(), document])?;
            Ok(true)
        };
        self.0.write(table::COMPANIES, work).await
    }

    async fn setting(&self, name: &str) -> Result<Option<Value>, StoreError> {
        let text: Option<String> = self.0.read(table::SETTINGS, |connection| {
            let mut select = connection.prepare_cached("SELECT document FROM settings WHERE name = ?1")?;
            Ok(select.query_row([name], |row| row.get(0)).optional()?)
        })?;
        text.as_deref().map(from_json).transpose()
    }

    async fn put_setting(&self, name: &str, value: &Value) -> Result<(), StoreError> {
        let (name, document) = (name.to_owned(), json(value)?);
        let put = "INSERT OR REPLACE INTO settings (name, document) VALUES (?1, ?2)";
        let work = move |tx: &crate::engine::Tx<'_>| tx.change_one(put, params![name, document]);
        self.0.write(table::SETTINGS, work).await
    }

    async fn replace_setting(&self, name: &str, expected: Option<&Value>, value: &Value) -> Result<bool, StoreError> {
        let (name, document) = (name.to_owned(), json(value)?);
        let expected = expected.map(json).transpose()?;
        let work = move |tx: &crate::engine::Tx<'_>| {
            let mut select = tx.prepare_cached("SELECT document FROM settings WHERE name = ?1")?;
            let stored: Option<String> = select.query_row([&name], |row| row.get(0)).optional()?;
            if stored != expected {
                return Ok(false);
            }
            let put = "INSERT OR REPLACE INTO settings (name, document) VALUES (?1, ?2)";
            tx.change_one(put, params![name, document])?;
            Ok(true)
        };
        self.0.write(table::SETTINGS, work).await
    }
}
