//! [`Logs`].

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use umoja_schema::names::attribute;
use umoja_schema::{Log, LogRow, UserId};
use umoja_store::ports::{Logs, RowPage, StoreError};

use super::{DynamoDb, key, read_cursor, readable};
use crate::attribute::{from_item, to_item};
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
        Ok(readable(items, LogRow::from_item).0)
    }

    async fn last_row(&self, log: Log, user: UserId, prefix: &str) -> Result<Option<LogRow>, StoreError> {
        let last = self
            .client
            .query()
            .table_name(self.log_table(log))
            .key_condition_expression("#id = :id AND begins_with(#key, :prefix)")
            .expression_attribute_names("#id", attribute::ID)
            .expression_attribute_names("#key", attribute::KEY)
            .expression_attribute_values(":id", AttributeValue::S(user.to_string()))
            .expression_attribute_values(":prefix", AttributeValue::S(prefix.to_owned()))
            .consistent_read(true)
            .scan_index_forward(false)
            .limit(1)
            .send()
            .await
            .map_err(|error| error::store(&format!("Query on {}", log.table()), &error))?;
        let last = last.items.unwrap_or_default().pop();
        Ok(last.map(|item| LogRow::from_item(from_item(item)?)).transpose()?)
    }

    async fn drop_row(&self, log: Log, user: UserId, row: &str) -> Result<(), StoreError> {
        let key = key([(attribute::ID, user.to_string()), (attribute::KEY, row.to_owned())]);
        let delete = self.client.delete_item().table_name(self.log_table(log)).set_key(Some(key)).send().await;
        delete.map(drop).map_err(|error| error::store(&format!("DeleteItem on {}", log.table()), &error))
    }

    async fn scan_rows(&self, log: Log, after: Option<String>, limit: usize) -> Result<RowPage, StoreError> {
        let after = after.as_deref().map(|after| read_cursor(attribute::KEY, after)).transpose()?;
        let (items, next) = self.scan_page(log.table(), attribute::KEY, after, limit).await?;
        let (rows, unreadable) = readable(items, LogRow::from_item);
        Ok(RowPage { rows, unreadable, next })
    }
}

fn is_conditional(error: Option<&PutItemError>) -> bool {
    error.is_some_and(PutItemError::is_conditional_check_failed_exception)
}
