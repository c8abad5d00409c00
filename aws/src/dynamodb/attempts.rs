//! [`Attempts`]: one item for each key. DynamoDB cannot compute powers of two, so an attempt that sets a lock is
//! computed here and written on the condition that the item is unchanged. All other attempts, which are most, are one
//! write without a read.

use async_trait::async_trait;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use umoja_schema::names::{attribute, table};
use umoja_schema::{Attribute, Attributes, ItemError, Millis};
use umoja_store::ports::{Attempts, Counted, Limit, StoreError, Tally};

use super::DynamoDb;
use crate::attribute::{Item, from_item};
use crate::error;

/// How often a write may lose to a faster one. Each of those counted an attempt or set a lock, so reaching the limit
/// means a very hot key.
const MAX_ROUNDS: usize = 16;

/// How long such a key is locked, in milliseconds.
const TOO_HOT_MS: u64 = 1_000;

#[async_trait]
impl Attempts for DynamoDb {
    async fn count(&self, key: &[u8; 32], limit: &Limit, now: Millis) -> Result<Counted, StoreError> {
        // The usual case: no recent attempt is stored.
        let mut stored = None;
        for _ in 0..MAX_ROUNDS {
            let Some(next) = limit.next(stored.as_ref(), now) else {
                return Ok(Counted::Locked(stored.map_or(now, |tally: Tally| tally.locked_until)));
            };
            let written = match stored.filter(|tally| tally.expires_at > now) {
                None => self.put_over_nothing(key, &next, now).await?,
                Some(live) if limit.is_free_after(live.count) => self.count_free(key, limit, &next, now).await?,
                Some(live) => self.put_over(key, &next, &live).await?,
            };
            match written {
                Written::Done(tally) => return Ok(Counted::Let(tally)),
                Written::Found(found) => stored = found,
                Written::Damaged => {
                    let put = self.put_attempt(key, &next).send().await;
                    return put.map(|_| Counted::Let(next)).map_err(|e| error::store("PutItem on attempts", &e));
                }
            }
        }
        Ok(Counted::Locked(now.plus(TOO_HOT_MS)))
    }

    async fn count_known(&self, key: &[u8; 32], most: u32, now: Millis) -> Result<Option<Tally>, StoreError> {
        let update = self
            .update_attempt(key)
            .update_expression("SET #count = #count + :one")
            .condition_expression("#expires_at > :now AND #count < :most")
            .expression_attribute_names("#expires_at", attribute::EXPIRES_AT)
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":now", number(now.secs()))
            .expression_attribute_values(":most", number(most.into()));
        Ok(match updated(update).await? {
            Written::Done(tally) => Some(tally),
            Written::Found(_) | Written::Damaged => None,
        })
    }

    async fn tally(&self, key: &[u8; 32], now: Millis) -> Result<Option<Tally>, StoreError> {
        let item = self.get(table::ATTEMPTS, super::key([(attribute::ID, hex::encode(key))])).await?;
        Ok(item.and_then(|item| read(item).ok()).filter(|tally| tally.expires_at > now))
    }

    async fn give_back(&self, key: &[u8; 32], counted: &Tally) -> Result<(), StoreError> {
        let update = self.update_attempt(key).expression_attribute_values(":one", number(1));
        let update = if counted.locked_until > Millis(0) {
            update
                .update_expression("SET #count = #count - :one, #locked_until = :open")
                .condition_expression("#count = :counted")
                .expression_attribute_names("#locked_until", attribute::LOCKED_UNTIL)
                .expression_attribute_values(":open", number(0))
                .expression_attribute_values(":counted", number(counted.count.into()))
        } else {
            update.update_expression("SET #count = #count - :one").condition_expression("#count >= :one")
        };
        updated(update).await.map(|_| ())
    }

    async fn forget(&self, key: &[u8; 32]) -> Result<(), StoreError> {
        let delete = self.client.delete_item().table_name(self.table(table::ATTEMPTS));
        let delete = delete.key(attribute::ID, AttributeValue::S(hex::encode(key))).send().await;
        delete.map(|_| ()).map_err(|e| error::store("DeleteItem on attempts", &e))
    }

    async fn remember(&self, key: &[u8; 32], until: Millis) -> Result<(), StoreError> {
        let known = Tally { count: 0, locked_until: Millis(0), expires_at: until };
        let put = self.put_attempt(key, &known).send().await;
        put.map(|_| ()).map_err(|e| error::store("PutItem on attempts", &e))
    }

    async fn add(&self, key: &[u8; 32], amount: u32, until: Millis) -> Result<u64, StoreError> {
        let update = self
            .update_attempt(key)
            .update_expression("SET #expires_at = if_not_exists(#expires_at, :until) ADD #count :amount")
            .expression_attribute_names("#expires_at", attribute::EXPIRES_AT)
            .expression_attribute_values(":until", seconds(until))
            .expression_attribute_values(":amount", number(amount.into()))
            .send()
            .await;
        let counted = match update {
            Ok(update) => {
                from_item(update.attributes.unwrap_or_default()).and_then(|item| int(&item, attribute::COUNT))
            }
            // What is stored is no number.
            Err(error) if error.code() == Some("ValidationException") => Err(ItemError::new(attribute::COUNT)),
            Err(error) => return Err(error::store("UpdateItem on attempts", &error)),
        };
        if let Ok(counted) = counted {
            return Ok(counted);
        }
        let first = Tally { count: amount, locked_until: Millis(0), expires_at: until };
        let put = self.put_attempt(key, &first).send().await;
        put.map(|_| amount.into()).map_err(|e| error::store("PutItem on attempts", &e))
    }
}

/// The result of a conditional write.
enum Written {
    Done(Tally),
    /// The write was not done. This is the stored item.
    Found(Option<Tally>),
    /// The write was not done. The stored item cannot be read, and counts as absent: who can damage it can delete it, and
    /// otherwise its key would be locked for ever.
    Damaged,
}

impl DynamoDb {
    async fn put_over_nothing(&self, key: &[u8; 32], next: &Tally, now: Millis) -> Result<Written, StoreError> {
        let put = self
            .put_attempt(key, next)
            .condition_expression("attribute_not_exists(#id) OR #expires_at <= :now")
            .expression_attribute_names("#id", attribute::ID)
            .expression_attribute_names("#expires_at", attribute::EXPIRES_AT)
            .expression_attribute_values(":now", number(now.secs()));
        put_done(put, next).await
    }

    async fn put_over(&self, key: &[u8; 32], next: &Tally, live: &Tally) -> Result<Written, StoreError> {
        let put = self
            .put_attempt(key, next)
            .condition_expression("#count = :count AND #locked_until = :locked_until AND #expires_at = :expires_at")
            .expression_attribute_names("#count", attribute::COUNT)
            .expression_attribute_names("#locked_until", attribute::LOCKED_UNTIL)
            .expression_attribute_names("#expires_at", attribute::EXPIRES_AT)
            .expression_attribute_values(":count", number(live.count.into()))
            .expression_attribute_values(":locked_until", number(live.locked_until.0))
            .expression_attribute_values(":expires_at", seconds(live.expires_at));
        put_done(put, next).await
    }

    /// Counts an attempt if it sets no lock, whatever the count is by then.
    async fn count_free(
        &self,
        key: &[u8; 32],
        limit: &Limit,
        next: &Tally,
        now: Millis,
    ) -> Result<Written, StoreError> {
        let update = self
            .update_attempt(key)
            .update_expression("SET #count = #count + :one, #expires_at = :expires_at")
            .condition_expression("#expires_at > :now AND #locked_until <= :now_ms AND #count < :last")
            .expression_attribute_names("#locked_until", attribute::LOCKED_UNTIL)
            .expression_attribute_names("#expires_at", attribute::EXPIRES_AT)
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":expires_at", seconds(next.expires_at))
            .expression_attribute_values(":now", number(now.secs()))
            .expression_attribute_values(":now_ms", number(now.0))
            .expression_attribute_values(":last", number(limit.at_once.saturating_sub(1).into()));
        updated(update).await
    }

    fn put_attempt(&self, key: &[u8; 32], tally: &Tally) -> PutItemFluentBuilder {
        self.client
            .put_item()
            .table_name(self.table(table::ATTEMPTS))
            .item(attribute::ID, AttributeValue::S(hex::encode(key)))
            .item(attribute::COUNT, number(tally.count.into()))
            .item(attribute::LOCKED_UNTIL, number(tally.locked_until.0))
            .item(attribute::EXPIRES_AT, seconds(tally.expires_at))
    }

    /// Updates the count and returns the whole item.
    fn update_attempt(&self, key: &[u8; 32]) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(self.table(table::ATTEMPTS))
            .set_key(Some(super::key([(attribute::ID, hex::encode(key))])))
            .expression_attribute_names("#count", attribute::COUNT)
            .return_values(ReturnValue::AllNew)
    }
}

async fn put_done(put: PutItemFluentBuilder, next: &Tally) -> Result<Written, StoreError> {
    let put = put.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld).send().await;
    let Err(error) = put else { return Ok(Written::Done(*next)) };
    match error.as_service_error() {
        Some(PutItemError::ConditionalCheckFailedException(failed)) => Ok(found(failed.item())),
        _ => Err(error::store("PutItem on attempts", &error)),
    }
}

async fn updated(update: UpdateItemFluentBuilder) -> Result<Written, StoreError> {
    let update = update.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    let error: SdkError<UpdateItemError, HttpResponse> = match update.send().await {
        Ok(answer) => return Ok(Written::Done(read(from_item(answer.attributes.unwrap_or_default())?)?)),
        Err(error) => error,
    };
    match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(failed)) => Ok(found(failed.item())),
        _ => Err(error::store("UpdateItem on attempts", &error)),
    }
}

fn found(item: Option<&Item>) -> Written {
    let tally = item.map(|item| from_item(item.clone()).and_then(read)).transpose();
    tally.map_or(Written::Damaged, Written::Found)
}

fn read(item: Attributes) -> Result<Tally, ItemError> {
    let count = u32::try_from(int(&item, attribute::COUNT)?).unwrap_or(u32::MAX);
    let expires_at = Millis(int(&item, attribute::EXPIRES_AT)?.saturating_mul(1000));
    // The item of a sum has no lock.
    let locked_until = match item.get(attribute::LOCKED_UNTIL) {
        None => 0,
        Some(_) => int(&item, attribute::LOCKED_UNTIL)?,
    };
    Ok(Tally { count, locked_until: Millis(locked_until), expires_at })
}

fn int(item: &Attributes, name: &'static str) -> Result<u64, ItemError> {
    match item.get(name) {
        Some(Attribute::N(number)) => number.parse().map_err(|_| ItemError::new(name)),
        _ => Err(ItemError::new(name)),
    }
}

fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// Whole seconds, rounded up, as Time to Live requires.
fn seconds(at: Millis) -> AttributeValue {
    number(at.0.div_ceil(1000))
}
