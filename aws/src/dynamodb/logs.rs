//! [`Logs`].

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use umoja_schema::names::attribute;
use umoja_schema::{Log, LogRow, UserId};
use umoja_store::ports::{Logs, StoreError};

use super::{DynamoDb, key};
use crate::attribute::to_item;
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
}

fn is_conditional(error: Option<&PutItemError>) -> bool {
    error.is_some_and(PutItemError::is_conditional_check_failed_exception)
}
