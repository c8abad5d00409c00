//! Companies and settings.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::Value;
use umoja_schema::names::table;
use umoja_schema::{Company, CompanyId, ItemError};
use umoja_store::ports::{CompanyRow, Etag, Registry, SettingRow, StoreError};

use super::json::{from_json, json};
use crate::engine::{Engine, Fault};

/// The key of a row of `companies`. What is no printable text stands in hexadecimal digits.
const KEY: &str =
    "CASE WHEN typeof(id) = 'text' AND id NOT GLOB '*[^ -~]*' THEN id ELSE '0x' || hex(CAST(id AS BLOB)) END";

/// The type and the bytes of a document.
const ETAG: &str = "typeof(document) || ':' || hex(document)";

/// The company that a document holds, if it is the one of this key.
fn company(key: &str, document: ValueRef<'_>) -> Option<Company> {
    let company: Company = from_json(document.as_str().ok()?).ok()?;
    (company.id.as_str() == key).then_some(company)
}

/// The stored company with this id.
fn stored(connection: &Connection, id: &CompanyId) -> Result<Option<Company>, Fault> {
    let mut select = connection.prepare_cached("SELECT document FROM companies WHERE id = ?1")?;
    let found = select.query_row([id.as_str()], |row| Ok(company(id.as_str(), row.get_ref(0)?))).optional()?;
    let unreadable = || Fault::from(StoreError::from(ItemError::new("document")));
    found.map(|company| company.ok_or_else(unreadable)).transpose()
}

/// The end of the names with a prefix: no name contains this character.
fn end_of(prefix: &str) -> String {
    format!("{prefix}\u{10ffff}")
}

/// The documents of operators in the tables of one region, as they are stored.
pub(super) struct Documents(pub(super) Arc<Engine>);

#[async_trait]
impl Registry for Documents {
    async fn company(&self, id: &CompanyId) -> Result<Option<Company>, StoreError> {
        self.0.read(table::COMPANIES, |connection| stored(connection, id))
    }

    async fn company_rows(&self) -> Result<Vec<CompanyRow>, StoreError> {
        self.0.read(table::COMPANIES, |connection| {
            let rows = format!("SELECT {KEY}, {ETAG}, document FROM companies ORDER BY 1");
            let mut select = connection.prepare_cached(&rows)?;
            let row = |row: &rusqlite::Row<'_>| {
                let (key, etag): (String, String) = (row.get(0)?, row.get(1)?);
                let company = company(&key, row.get_ref(2)?);
                Ok(CompanyRow { key, etag: Etag(etag.into_bytes()), company })
            };
            Ok(select.query_map([], row)?.collect::<Result<_, _>>()?)
        })
    }

    async fn replace_company_row(&self, row: &CompanyRow, company: Option<&Company>) -> Result<bool, StoreError> {
        let (key, etag) = (row.key.clone(), String::from_utf8_lossy(&row.etag.0).into_owned());
        let document = company.map(json).transpose()?;
        let work = move |tx: &crate::engine::Tx<'_>| {
            let changed = match &document {
                Some(document) => tx
                    .prepare_cached(&format!("UPDATE companies SET document = ?3 WHERE {KEY} = ?1 AND {ETAG} = ?2"))?
                    .execute(params![key, etag, document])?,
                None => tx
                    .prepare_cached(&format!("DELETE FROM companies WHERE {KEY} = ?1 AND {ETAG} = ?2"))?
                    .execute(params![key, etag])?,
            };
            Ok(changed == 1)
        };
        self.0.write(table::COMPANIES, work).await
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
            if stored(tx, &id)? != expected {
                return Ok(false);
            }
            let put = "INSERT OR REPLACE INTO companies (id, document) VALUES (?1, ?2)";
            tx.change_one(put, params![id.as_str(), document])?;
            Ok(true)
        };
        self.0.write(table::COMPANIES, work).await
    }

    async fn setting(&self, name: &str) -> Result<Option<Value>, StoreError> {
        let text: Option<Option<String>> = self.0.read(table::SETTINGS, |connection| {
            let mut select = connection.prepare_cached("SELECT document FROM settings WHERE name = ?1")?;
            let text = |row: &rusqlite::Row<'_>| Ok(row.get_ref(0)?.as_str().ok().map(str::to_owned));
            Ok(select.query_row([name], text).optional()?)
        })?;
        let unreadable = || StoreError::from(ItemError::new("document"));
        text.map(|text| from_json(&text.ok_or_else(unreadable)?)).transpose()
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

    async fn setting_rows(&self, prefix: &str) -> Result<Vec<SettingRow>, StoreError> {
        self.0.read(table::SETTINGS, |connection| {
            let rows =
                format!("SELECT name, {ETAG}, document FROM settings WHERE name >= ?1 AND name < ?2 ORDER BY name");
            let mut select = connection.prepare_cached(&rows)?;
            let row = |row: &rusqlite::Row<'_>| {
                let etag: String = row.get(1)?;
                let value = row.get_ref(2)?.as_str().ok().and_then(|text| from_json(text).ok());
                let name = String::from_utf8_lossy(row.get_ref(0)?.as_bytes()?).into_owned();
                Ok(SettingRow { name, etag: Etag(etag.into_bytes()), value })
            };
            Ok(select.query_map([prefix, &end_of(prefix)], row)?.collect::<Result<_, _>>()?)
        })
    }

    async fn remove_setting(&self, row: &SettingRow) -> Result<bool, StoreError> {
        let (name, etag) = (row.name.clone(), String::from_utf8_lossy(&row.etag.0).into_owned());
        let work = move |tx: &crate::engine::Tx<'_>| {
            let delete = format!("DELETE FROM settings WHERE name = ?1 AND {ETAG} = ?2");
            Ok(tx.prepare_cached(&delete)?.execute(params![name, etag])? == 1)
        };
        self.0.write(table::SETTINGS, work).await
    }
}
