//! [`Requests`]: DynamoDB deletes rows some time after they expire (Time to Live, up to days late), so every condition
//! compares the expiry itself. Expiries are whole seconds, rounded up, so that a row never expires too early.

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use umoja_schema::names::{attribute, table};
use umoja_schema::{ItemError, Millis};
use umoja_store::ports::{Begun, Outcome, Requests, StoreError};

use super::{DynamoDb, registry};
use crate::attribute::from_item;
use crate::error;

/// How long ago a withdrawn row expired, in milliseconds: longer than any error of a clock, and recently enough for Time
/// to Live, which ignores what expired more than five years ago.
const EXPIRED_MS: u64 = 24 * 60 * 60 * 1000;

#[async_trait]
impl Requests for DynamoDb {
    async fn first_use(&self, hash: &[u8; 32], now: Millis, expires_at: Millis) -> Result<bool, StoreError> {
        match unless_live(self.row(table::REPLAYS, hash, expires_at), now).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(PutItemError::is_conditional_check_failed_exception) => {
                Ok(false)
            }
            Err(error) => Err(error::store("PutItem on replays", &error)),
        }
    }

    async fn begin(
        &self,
        key: &[u8; 32],
        outcome: Outcome,
        now: Millis,
        expires_at: Millis,
    ) -> Result<Begun, StoreError> {
        let put = self.row(table::IDEMPOTENCY, key, expires_at).item(attribute::DOCUMENT, document(&outcome)?);
        let put = unless_live(put, now)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = put else { return Ok(Begun::First(outcome)) };
        let Some(PutItemError::ConditionalCheckFailedException(failed)) = error.as_service_error() else {
            return Err(error::store("PutItem on idempotency", &error));
        };
        let stored = failed.item().ok_or(ItemError::new(attribute::DOCUMENT))?;
        Ok(Begun::Earlier(registry::read(from_item(stored.clone())?)?))
    }

    async fn finish(&self, key: &[u8; 32], outcome: &Outcome, expires_at: Millis) -> Result<(), StoreError> {
        let put = self.row(table::IDEMPOTENCY, key, expires_at).item(attribute::DOCUMENT, document(outcome)?);
        put.send().await.map(|_| ()).map_err(|e| error::store("PutItem on idempotency", &e))
    }

    /// Lets the row expire, which needs no permission to delete.
    async fn withdraw(&self, key: &[u8; 32], outcome: &Outcome, now: Millis) -> Result<(), StoreError> {
        let document = document(outcome)?;
        let expired = self
            .row(table::IDEMPOTENCY, key, Millis(now.0.saturating_sub(EXPIRED_MS)))
            .item(attribute::DOCUMENT, document.clone())
            .condition_expression("#document = :document")
            .expression_attribute_names("#document", attribute::DOCUMENT)
            .expression_attribute_values(":document", document);
        match expired.send().await {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(PutItemError::is_conditional_check_failed_exception) => {
                Ok(())
            }
            Err(error) => Err(error::store("PutItem on idempotency", &error)),
        }
    }
}

impl DynamoDb {
    pub(super) fn row(&self, table: &str, hash: &[u8; 32], expires_at: Millis) -> PutItemFluentBuilder {
        let expires_at = AttributeValue::N(expires_at.0.div_ceil(1000).to_string());
        let put = self.client.put_item().table_name(self.table(table));
        put.item(attribute::ID, AttributeValue::S(hex::encode(hash))).item(attribute::EXPIRES_AT, expires_at)
    }
}

pub(super) fn unless_live(put: PutItemFluentBuilder, now: Millis) -> PutItemFluentBuilder {
    // An expiry that is no number would never be over.
    put.condition_expression(
        "attribute_not_exists(#id) OR #expires_at <= :now OR NOT attribute_type(#expires_at, :number)",
    )
    .expression_attribute_values(":number", AttributeValue::S("N".into()))
    .expression_attribute_names("#id", attribute::ID)
    .expression_attribute_names("#expires_at", attribute::EXPIRES_AT)
    .expression_attribute_values(":now", AttributeValue::N(now.secs().to_string()))
}

fn document(outcome: &Outcome) -> Result<AttributeValue, StoreError> {
    let json = serde_json::to_string(outcome).map_err(|_| ItemError::new(attribute::DOCUMENT))?;
    Ok(AttributeValue::S(json))
}
