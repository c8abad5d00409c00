//! [`Logs`].

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use umoja_schema::names::attribute;
use umoja_schema::{ItemError, Log, LogRow, UserId};
use umoja_store::ports::{Logs, RowPage, StoreError};

use super::{DynamoDb, key, readable};
use crate::attribute::{Item, to_item};
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
        let after = after.as_deref().map(read_cursor).transpose()?;
        let (items, next) = self.scan_page(log.table(), attribute::KEY, after, limit).await?;
        let (rows, unreadable) = readable(items, LogRow::from_item);
        Ok(RowPage { rows, unreadable, next })
    }
}

/// The key in the text of a cursor: user id and key.
fn read_cursor(cursor: &str) -> Result<Item, StoreError> {
    let (id, row) = cursor.split_once('/').ok_or(ItemError::new("cursor"))?;
    Ok(key([(attribute::ID, id.to_owned()), (attribute::KEY, row.to_owned())]))
}

fn is_conditional(error: Option<&PutItemError>) -> bool {
    error.is_some_and(PutItemError::is_conditional_check_failed_exception)
}
