//! [`Checkpoints`]: one item for each comparison of the region.

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use umoja_schema::Attribute;
use umoja_schema::names::{attribute, table};
use umoja_store::ports::{Checkpoints, StoreError};

use super::{DynamoDb, key};
use crate::error;

#[async_trait]
impl Checkpoints for DynamoDb {
    async fn checkpoint(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let item = self.get(table::CHECKPOINTS, key([(attribute::ID, name.to_owned())])).await?;
        Ok(match item.and_then(|mut item| item.remove(attribute::STATE)) {
            Some(Attribute::B(state)) => Some(state),
            // A state that cannot be read is lost, as the port allows.
            _ => None,
        })
    }

    async fn put_checkpoint(&self, name: &str, state: &[u8]) -> Result<(), StoreError> {
        let put = self.client.put_item().table_name(self.table(table::CHECKPOINTS));
        let put = put.item(attribute::ID, AttributeValue::S(name.to_owned()));
        let put = put.item(attribute::STATE, AttributeValue::B(Blob::new(state))).send().await;
        put.map(|_| ()).map_err(|e| error::store("PutItem on checkpoints", &e))
    }

    async fn replace_checkpoint(&self, name: &str, expected: Option<&[u8]>, state: &[u8]) -> Result<bool, StoreError> {
        let put = self.client.put_item().table_name(self.table(table::CHECKPOINTS));
        let put = put.item(attribute::ID, AttributeValue::S(name.to_owned()));
        let put = put.item(attribute::STATE, AttributeValue::B(Blob::new(state)));
        let put = put.expression_attribute_names("#state", attribute::STATE);
        let put = match expected {
            Some(expected) => put
                .condition_expression("#state = :expected")
                .expression_attribute_values(":expected", AttributeValue::B(Blob::new(expected))),
            // A state of another type cannot be read, and counts as lost.
            None => put
                .condition_expression("attribute_not_exists(#state) OR NOT attribute_type(#state, :type)")
                .expression_attribute_values(":type", AttributeValue::S("B".to_owned())),
        };
        match put.send().await {
            Ok(_) => Ok(true),
            Err(e) if e.as_service_error().is_some_and(PutItemError::is_conditional_check_failed_exception) => {
                Ok(false)
            }
            Err(e) => Err(error::store("PutItem on checkpoints", &e)),
        }
    }
}
