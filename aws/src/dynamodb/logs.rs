//! [`Logs`].

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use umoja_schema::names::attribute;
use umoja_schema::{ItemError, Log, LogRow, UserId};
use umoja_store::ports::{Logs, RowPage, StoreError};

use super::{DynamoDb, key};
use crate::attribute::{Item, from_item, to_item};
use crate::error;

#[async_trait]
impl Logs for DynamoDb {
    async fn append(&self, log: Log, row: &LogRow) -> Result<bool, StoreError> {
        let put = self
            .client
            .put_item()
            .table_name(self.log_table(log))
            .set_item(Some(to_item(row.to_item())))
            .condition_expression("attribute_not_exists(#id)")
            .expression_attribute_names("#id", attribute::ID)
            .send()
            .await;
        match put {
            Ok(_) => Ok(true),
            Err(error) if is_conditional(error.as_service_error()) => Ok(false),
            Err(error) => Err(error::store(&format!("PutItem on {}", log.table()), &error)),
        }
    }

    async fn row(&self, log: Log, user: UserId, row: &str) -> Result<Option<LogRow>, StoreError> {
        let key = key([(attribute::ID, user.to_string()), (attribute::KEY, row.to_owned())]);
        Ok(self.get(log.table(), key).await?.map(LogRow::from_item).transpose()?)
    }

    async fn rows(&self, log: Log, user: UserId) -> Result<Vec<LogRow>, StoreError> {
        let items = self.query(log.table(), &user.to_string()).await?;
        Ok(items.into_iter().map(LogRow::from_item).collect::<Result<_, _>>()?)
    }

    async fn scan_rows(&self, log: Log, after: Option<String>, limit: usize) -> Result<RowPage, StoreError> {
        let page = self
            .client
            .scan()
            .table_name(self.log_table(log))
            .consistent_read(true)
            .limit(i32::try_from(limit.max(1)).unwrap_or(i32::MAX))
            .set_exclusive_start_key(after.as_deref().map(read_cursor).transpose()?);
        let page = page.send().await.map_err(|e| error::store(&format!("Scan on {}", log.table()), &e))?;
        let mut rows = Vec::new();
        for item in page.items.unwrap_or_default() {
            rows.push(LogRow::from_item(from_item(item)?)?);
        }
        Ok(RowPage { rows, next: page.last_evaluated_key.as_ref().map(cursor).transpose()? })
    }
}

/// The last key of a page as text: user id and key.
fn cursor(last: &Item) -> Result<String, ItemError> {
    match (last.get(attribute::ID), last.get(attribute::KEY)) {
        (Some(AttributeValue::S(id)), Some(AttributeValue::S(key))) => Ok(format!("{id}/{key}")),
        _ => Err(ItemError::new("LastEvaluatedKey")),
    }
}

fn read_cursor(cursor: &str) -> Result<Item, StoreError> {
    let (id, row) = cursor.split_once('/').ok_or(ItemError::new("cursor"))?;
    Ok(key([(attribute::ID, id.to_owned()), (attribute::KEY, row.to_owned())]))
}

fn is_conditional(error: Option<&PutItemError>) -> bool {
    error.is_some_and(PutItemError::is_conditional_check_failed_exception)
}
