//! [`Registry`]: JSON documents by id.

use async_trait::async_trait;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::put_item::{PutItemError, PutItemOutput};
use aws_sdk_dynamodb::types::AttributeValue;
use serde::de::DeserializeOwned;
use serde_json::Value;
use umoja_schema::names::{attribute, table};
use umoja_schema::{Attribute, Attributes, Company, CompanyId, ItemError};
use umoja_store::ports::{CompanyRow, Etag, Registry, SettingRow, StoreError};

use super::{DynamoDb, key};
use crate::error;

#[async_trait]
impl Registry for DynamoDb {
    async fn company(&self, id: &CompanyId) -> Result<Option<Company>, StoreError> {
        self.document(table::COMPANIES, id.as_str()).await
    }

    async fn company_rows(&self) -> Result<Vec<CompanyRow>, StoreError> {
        Ok(self.documents(table::COMPANIES).await?.into_iter().map(company_row).collect())
    }

    async fn replace_company_row(&self, row: &CompanyRow, company: Option<&Company>) -> Result<bool, StoreError> {
        let document = company.map(serde_json::to_string).transpose();
        let document = document.map_err(|_| ItemError::new(attribute::DOCUMENT))?;
        match document {
            Some(document) => self.put_if(table::COMPANIES, &row.key, is_stored(&row.etag), document).await,
            None => self.delete_if(table::COMPANIES, &row.key, is_stored(&row.etag)).await,
        }
    }

    async fn put_company(&self, company: &Company) -> Result<(), StoreError> {
        let document = serde_json::to_string(company).map_err(|_| ItemError::new(attribute::DOCUMENT))?;
        self.put_document(table::COMPANIES, company.id.as_str(), document).await
    }

    async fn replace_company(&self, expected: Option<&Company>, company: &Company) -> Result<bool, StoreError> {
        let id = company.id.as_str();
        let stored = match self.get(table::COMPANIES, key([(attribute::ID, id.to_owned())])).await? {
            Some(item) => Some(text(item)?),
            None => None,
        };
        let read = stored.as_deref().map(parsed::<Company>).transpose()?;
        if read.as_ref() != expected {
            return Ok(false);
        }
        let document = serde_json::to_string(company).map_err(|_| ItemError::new(attribute::DOCUMENT))?;
        self.replace_document(table::COMPANIES, id, stored, document).await
    }

    async fn setting(&self, name: &str) -> Result<Option<Value>, StoreError> {
        self.document(table::SETTINGS, name).await
    }

    async fn put_setting(&self, name: &str, value: &Value) -> Result<(), StoreError> {
        self.put_document(table::SETTINGS, name, value.to_string()).await
    }

    async fn replace_setting(&self, name: &str, expected: Option<&Value>, value: &Value) -> Result<bool, StoreError> {
        self.replace_document(table::SETTINGS, name, expected.map(Value::to_string), value.to_string()).await
    }

    /// Reads the whole table, which is small: DynamoDB keeps partition keys in no order.
    async fn setting_rows(&self, prefix: &str) -> Result<Vec<SettingRow>, StoreError> {
        let rows = self.documents(table::SETTINGS).await?.into_iter();
        Ok(rows.filter(|(name, _)| name.starts_with(prefix)).map(setting_row).collect())
    }

    async fn remove_setting(&self, row: &SettingRow) -> Result<bool, StoreError> {
        self.delete_if(table::SETTINGS, &row.name, is_stored(&row.etag)).await
    }
}

impl DynamoDb {
    /// All rows of a table of documents in the order of their keys, each with its document as it is stored.
    async fn documents(&self, name: &str) -> Result<Vec<(String, Option<AttributeValue>)>, StoreError> {
        let mut rows = Vec::new();
        let mut from = None;
        loop {
            let page =
                self.client.scan().table_name(self.table(name)).consistent_read(true).set_exclusive_start_key(from);
            let page = page.send().await.map_err(|e| error::store(&format!("Scan on {name}"), &e))?;
            for mut item in page.items.unwrap_or_default() {
                if let Some(AttributeValue::S(key)) = item.remove(attribute::ID) {
                    rows.push((key, item.remove(attribute::DOCUMENT)));
                }
            }
            from = page.last_evaluated_key;
            if from.is_none() {
                break;
            }
        }
        rows.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(rows)
    }

    async fn document<T: DeserializeOwned>(&self, table: &str, id: &str) -> Result<Option<T>, StoreError> {
        let item = self.get(table, key([(attribute::ID, id.to_owned())])).await?;
        Ok(item.map(read).transpose()?)
    }

    /// Stores a document if the stored text is exactly `expected`.
    async fn replace_document(
        &self,
        table: &str,
        id: &str,
        expected: Option<String>,
        document: String,
    ) -> Result<bool, StoreError> {
        if let Some(expected) = expected {
            let is_stored = ("#document = :stored", AttributeValue::S(expected));
            return self.put_if(table, id, is_stored, document).await;
        }
        let put = self.put(table, id, document).condition_expression("attribute_not_exists(#id)");
        is_done(table, put.expression_attribute_names("#id", attribute::ID).send().await)
    }

    /// Stores a document if a condition on the stored one is met.
    async fn put_if(
        &self,
        table: &str,
        id: &str,
        (condition, value): (&str, AttributeValue),
        document: String,
    ) -> Result<bool, StoreError> {
        let put = self.put(table, id, document).condition_expression(condition);
        let put = put.expression_attribute_names("#document", attribute::DOCUMENT);
        is_done(table, put.expression_attribute_values(":stored", value).send().await)
    }

    /// Deletes a document if a condition on it is met.
    async fn delete_if(
        &self,
        table: &str,
        id: &str,
        (condition, value): (&str, AttributeValue),
    ) -> Result<bool, StoreError> {
        let delete = self.client.delete_item().table_name(self.table(table));
        let delete = delete.key(attribute::ID, AttributeValue::S(id.to_owned())).condition_expression(condition);
        let delete = delete.expression_attribute_names("#document", attribute::DOCUMENT);
        match delete.expression_attribute_values(":stored", value).send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(error::store(&format!("DeleteItem on {table}"), &error)),
            },
        }
    }

    async fn put_document(&self, table: &str, id: &str, document: String) -> Result<(), StoreError> {
        let put = self.put(table, id, document).send().await;
        put.map(|_| ()).map_err(|e| error::store(&format!("PutItem on {table}"), &e))
    }

    fn put(&self, table: &str, id: &str, document: String) -> PutItemFluentBuilder {
        let put =
            self.client.put_item().table_name(self.table(table)).item(attribute::ID, AttributeValue::S(id.to_owned()));
        put.item(attribute::DOCUMENT, AttributeValue::S(document))
    }
}

/// Whether the condition of a put was met.
pub(super) fn is_done(
    table: &str,
    put: Result<PutItemOutput, SdkError<PutItemError, HttpResponse>>,
) -> Result<bool, StoreError> {
    match put {
        Ok(_) => Ok(true),
        Err(error) => match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(false),
            _ => Err(error::store(&format!("PutItem on {table}"), &error)),
        },
    }
}

/// The entity tag of a document. That of a text is a byte and the text, and that of anything else, which is never a
/// document, is empty.
pub(super) fn etag(document: Option<&AttributeValue>) -> Etag {
    match document {
        Some(AttributeValue::S(text)) => Etag([b"S", text.as_bytes()].concat()),
        _ => Etag(Vec::new()),
    }
}

/// The condition that the stored document has this tag, with the value of its placeholder.
pub(super) fn is_stored(etag: &Etag) -> (&'static str, AttributeValue) {
    match etag.0.split_first() {
        Some((_, text)) => ("#document = :stored", AttributeValue::S(String::from_utf8_lossy(text).into_owned())),
        None => ("NOT attribute_type(#document, :stored)", AttributeValue::S("S".to_owned())),
    }
}

fn company_row((key, document): (String, Option<AttributeValue>)) -> CompanyRow {
    let company: Option<Company> = stored(document.as_ref());
    let company = company.filter(|company| company.id.as_str() == key);
    CompanyRow { key, etag: etag(document.as_ref()), company }
}

fn setting_row((name, document): (String, Option<AttributeValue>)) -> SettingRow {
    SettingRow { name, etag: etag(document.as_ref()), value: stored(document.as_ref()) }
}

/// The content of a document that can be read.
pub(super) fn stored<T: DeserializeOwned>(document: Option<&AttributeValue>) -> Option<T> {
    parsed(document?.as_s().ok()?).ok()
}

pub(super) fn read<T: DeserializeOwned>(item: Attributes) -> Result<T, ItemError> {
    parsed(&text(item)?)
}

fn text(mut item: Attributes) -> Result<String, ItemError> {
    match item.remove(attribute::DOCUMENT) {
        Some(Attribute::S(text)) => Ok(text),
        _ => Err(ItemError::new(attribute::DOCUMENT)),
    }
}

fn parsed<T: DeserializeOwned>(text: &str) -> Result<T, ItemError> {
    serde_json::from_str(text).map_err(|_| ItemError::new(attribute::DOCUMENT))
}
