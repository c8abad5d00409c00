//! [`Items`].

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::try_join_all;
use umoja_schema::names::attribute;
use umoja_schema::{Replicated, UserId, VersionedItem};
use umoja_store::ports::{ItemPage, Items, StoreError};

use super::{DynamoDb, key, read_cursor, readable};
use crate::error;

#[async_trait]
impl Items for DynamoDb {
    async fn item(
        &self,
        table: &'static Replicated,
        user: UserId,
        sort: &str,
    ) -> Result<Option<VersionedItem>, StoreError> {
        let key = key([(attribute::ID, user.to_string()), (table.sort_key, sort.to_owned())]);
        let item = self.get(table.name, key).await?;
        Ok(item.map(|item| VersionedItem::from_item(table, item)).transpose()?)
    }

    async fn items(&self, table: &'static Replicated, user: UserId) -> Result<Vec<VersionedItem>, StoreError> {
        let items = self.query(table.name, &user.to_string()).await?;
        Ok(readable(items, |item| VersionedItem::from_item(table, item)).0)
    }

    async fn items_under(
        &self,
        table: &'static Replicated,
        user: UserId,
        prefixes: &[String],
    ) -> Result<Vec<VersionedItem>, StoreError> {
        let id = user.to_string();
        let queries = prefixes.iter().map(|prefix| self.query_under(table.name, &id, Some((table.sort_key, prefix))));
        let items = try_join_all(queries).await?.into_iter().flatten().collect();
        Ok(readable(items, |item| VersionedItem::from_item(table, item)).0)
    }

    async fn drop_items(&self, table: &'static Replicated, user: UserId) -> Result<u64, StoreError> {
        let mut dropped = 0;
        for item in self.query(table.name, &user.to_string()).await? {
            let Some(AttributeValue::S(sort)) = item.get(table.sort_key) else { continue };
            let key = key([(attribute::ID, user.to_string()), (table.sort_key, sort.clone())]);
            let delete = self.client.delete_item().table_name(self.table(table.name)).set_key(Some(key)).send().await;
            delete.map_err(|error| error::store(&format!("DeleteItem on {}", table.name), &error))?;
            dropped += 1;
        }
        Ok(dropped)
    }

    async fn drop_item(&self, item: &VersionedItem) -> Result<bool, StoreError> {
        let key = key([(attribute::ID, item.user.to_string()), (item.table.sort_key, item.key.clone())]);
        let delete = self.client.delete_item().table_name(self.table(item.table.name)).set_key(Some(key));
        let delete = delete
            .condition_expression("#version = :version")
            .expression_attribute_names("#version", attribute::VERSION)
            .expression_attribute_values(":version", AttributeValue::S(item.version.to_string()));
        match delete.send().await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(is_conditional) => Ok(false),
            Err(error) => Err(error::store(&format!("DeleteItem on {}", item.table.name), &error)),
        }
    }

    async fn scan_items(
        &self,
        table: &'static Replicated,
        after: Option<String>,
        limit: usize,
    ) -> Result<ItemPage, StoreError> {
        let after = after.as_deref().map(|after| read_cursor(table.sort_key, after)).transpose()?;
        let (items, next) = self.scan_page(table.name, table.sort_key, after, limit).await?;
        let (items, unreadable) = readable(items, |item| VersionedItem::from_item(table, item).map(Into::into));
        Ok(ItemPage { items, unreadable, next })
    }
}

fn is_conditional(error: &DeleteItemError) -> bool {
    matches!(error, DeleteItemError::ConditionalCheckFailedException(_))
}
