//! [`Registry`]: JSON documents by id.

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::de::DeserializeOwned;
use serde_json::Value;
use umoja_schema::names::{attribute, table};
use umoja_schema::{Attribute, Attributes, Company, CompanyId, ItemError};
use umoja_store::ports::{Registry, StoreError};

use super::{DynamoDb, key};
use crate::attribute::from_item;
use crate::error;

#[async_trait]
impl Registry for DynamoDb {
    async fn company(&self, id: &CompanyId) -> Result<Option<Company>, StoreError> {
        self.document(table::COMPANIES, id.as_str()).await
    }

    async fn companies(&self) -> Result<Vec<Company>, StoreError> {
        let mut companies: Vec<Company> = Vec::new();
        let mut from = None;
        loop {
            let table = self.table(table::COMPANIES);
            let page = self.client.scan().table_name(table).consistent_read(true).set_exclusive_start_key(from);
            let page = page.send().await.map_err(|e| error::store("Scan on companies", &e))?;
            for item in page.items.unwrap_or_default() {
                companies.push(read(from_item(item)?)?);
            }
            from = page.last_evaluated_key;
            if from.is_none() {
                break;
            }
        }
        companies.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(companies)
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
}

impl DynamoDb {
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
        let put = self
            .client
            .put_item()
            .table_name(self.table(table))
            .item(attribute::ID, AttributeValue::S(id.to_owned()))
            .item(attribute::DOCUMENT, AttributeValue::S(document));
        let put = match expected {
            None => {
                put.condition_expression("attribute_not_exists(#id)").expression_attribute_names("#id", attribute::ID)
            }
            Some(expected) => put
                .condition_expression("#document = :expected")
                .expression_attribute_names("#document", attribute::DOCUMENT)
                .expression_attribute_values(":expected", AttributeValue::S(expected)),
        };
        match put.send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(error::store(&format!("PutItem on {table}"), &error)),
            },
        }
    }

    async fn put_document(&self, table: &str, id: &str, document: String) -> Result<(), StoreError> {
        let put =
            self.client.put_item().table_name(self.table(table)).item(attribute::ID, AttributeValue::S(id.to_owned()));
        let put = put.item(attribute::DOCUMENT, AttributeValue::S(document)).send().await;
        put.map(|_| ()).map_err(|e| error::store(&format!("PutItem on {table}"), &e))
    }
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
