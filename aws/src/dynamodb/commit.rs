//! Conditional writes: one `PutItem` for a single part, one `TransactWriteItems` for anything more.
//!
//! Two transactions at the same item cancel one of them with `TransactionConflict` although no condition failed. That
//! is reported as [`Commit::Conflict`] with what is stored by then: nothing was done, and whoever reads again and
//! plans again gets through.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure,
    TransactWriteItem, Update,
};
use umoja_schema::names::{attribute, table};
use umoja_schema::{ClaimItem, Log, LogRow, Part, PartRecord, UserId, Version};
use umoja_store::ports::{
    ClaimWrite, Commit, Condition, ItemWrite, MemberWrite, PartWrite, StoreError, Users as _, Writes,
};

use super::{DynamoDb, Placeholders, key, part_key};
use crate::attribute::{Item, from_item, to_item, to_value};
use crate::error;

const TRANSACTION: &str = "TransactWriteItems";

impl DynamoDb {
    pub(super) async fn put_part(&self, write: &PartWrite) -> Result<Commit, StoreError> {
        let (condition, placeholders) = condition(&write.condition, &write.record.version);
        let put = self
            .client
            .put_item()
            .table_name(self.table(table::USERS))
            .set_item(Some(to_item(write.record.to_item())))
            .condition_expression(condition)
            .set_expression_attribute_names(Some(placeholders.names.clone()))
            .set_expression_attribute_values(placeholders.values())
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = put else { return Ok(Commit::Done) };
        let stored = match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => read(failed.item())?,
            Some(PutItemError::TransactionConflictException(_)) => {
                self.part(write.record.id, write.record.part).await?
            }
            _ => return Err(error::store("PutItem on users", &error)),
        };
        Ok(Commit::Conflict { stored: vec![stored] })
    }

    /// What is stored of an item is not told: whoever copies one looks.
    pub(super) async fn put_item(&self, write: &ItemWrite) -> Result<Commit, StoreError> {
        let ItemWrite { item, condition: when } = write;
        let (condition, placeholders) = condition(when, &item.version);
        let put = self
            .client
            .put_item()
            .table_name(self.table(item.table.name))
            .set_item(Some(to_item(item.to_item())))
            .condition_expression(condition)
            .set_expression_attribute_names(Some(placeholders.names.clone()))
            .set_expression_attribute_values(placeholders.values())
            .send()
            .await;
        let Err(error) = put else { return Ok(Commit::Done) };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(_) | PutItemError::TransactionConflictException(_)) => {
                Ok(Commit::Conflict { stored: Vec::new() })
            }
            _ => Err(error::store(&format!("PutItem on {}", item.table.name), &error)),
        }
    }

    pub(super) async fn transact(&self, writes: &Writes) -> Result<Commit, StoreError> {
        let malformed = |_| StoreError::Refused(format!("{TRANSACTION} (incomplete)"));
        let items = self.items(writes).map_err(malformed)?;
        match self.send(items).await? {
            None => Ok(Commit::Done),
            Some(reasons) => self.conflict(writes, &reasons).await,
        }
    }

    /// Writes without parts, if the user's profile part is of exactly this version, or absent.
    pub(super) async fn transact_if(
        &self,
        id: UserId,
        profile: Option<&Version>,
        writes: &Writes,
    ) -> Result<bool, StoreError> {
        if !writes.parts.is_empty() {
            return Err(StoreError::Refused("parts among what is derived from one".into()));
        }
        let malformed = |_| StoreError::Refused(format!("{TRANSACTION} (incomplete)"));
        let mut items = vec![self.profile_check(id, profile).map_err(malformed)?];
        items.extend(self.items(writes).map_err(malformed)?);
        Ok(self.send(items).await?.is_none())
    }

    /// Does all writes or none. Gives why each was cancelled, if something else was stored than a condition wants.
    async fn send(&self, items: Vec<TransactWriteItem>) -> Result<Option<Vec<CancellationReason>>, StoreError> {
        let sent = self.client.transact_write_items().set_transact_items(Some(items)).send().await;
        let Err(error) = sent else { return Ok(None) };
        let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() else {
            return Err(error::store(TRANSACTION, &error));
        };
        let reasons = cancelled.cancellation_reasons();
        match verdict(reasons) {
            Verdict::Conflict => Ok(Some(reasons.to_vec())),
            Verdict::Throttled => Err(StoreError::Throttled(TRANSACTION.into())),
            Verdict::Refused(code) => Err(StoreError::Refused(format!("{TRANSACTION} ({code})"))),
        }
    }

    fn items(&self, writes: &Writes) -> Result<Vec<TransactWriteItem>, aws_sdk_dynamodb::error::BuildError> {
        let mut items = Vec::new();
        for part in &writes.parts {
            items.push(self.part_item(part)?);
        }
        for claim in &writes.claims {
            items.push(self.claim_write(claim)?);
        }
        for member in &writes.members {
            items.push(self.member_item(*member)?);
        }
        for (id, version) in &writes.unchanged {
            items.push(self.profile_check(*id, Some(version))?);
        }
        for write in &writes.items {
            items.push(self.versioned_item(write)?);
        }
        // A transaction takes each item once; writing a row again changes nothing anyway.
        let mut seen = BTreeSet::new();
        for (log, row) in &writes.rows {
            if seen.insert((*log, row.user, &row.key)) {
                items.push(self.row_item(*log, row)?);
            }
        }
        for (log, row) in &writes.new_rows {
            items.push(self.new_row_item(*log, row)?);
        }
        Ok(items)
    }

    /// What is stored for each part: as the failed condition returned it, and read where the condition held.
    async fn conflict(&self, writes: &Writes, reasons: &[CancellationReason]) -> Result<Commit, StoreError> {
        let mut stored = Vec::new();
        for (n, write) in writes.parts.iter().enumerate() {
            let reason = reasons.get(n).filter(|reason| reason.code() == Some(CONDITION_FAILED));
            stored.push(match reason {
                Some(reason) => read(reason.item())?,
                None => self.part(write.record.id, write.record.part).await?,
            });
        }
        Ok(Commit::Conflict { stored })
    }

    fn part_item(&self, write: &PartWrite) -> Result<TransactWriteItem, aws_sdk_dynamodb::error::BuildError> {
        let (condition, placeholders) = condition(&write.condition, &write.record.version);
        let put = Put::builder()
            .table_name(self.table(table::USERS))
            .set_item(Some(to_item(write.record.to_item())))
            .condition_expression(condition)
            .set_expression_attribute_names(Some(placeholders.names.clone()))
            .set_expression_attribute_values(placeholders.values())
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    fn versioned_item(&self, write: &ItemWrite) -> Result<TransactWriteItem, aws_sdk_dynamodb::error::BuildError> {
        let ItemWrite { item, condition: when } = write;
        let (condition, placeholders) = condition(when, &item.version);
        let put = Put::builder()
            .table_name(self.table(item.table.name))
            .set_item(Some(to_item(item.to_item())))
            .condition_expression(condition)
            .set_expression_attribute_names(Some(placeholders.names.clone()))
            .set_expression_attribute_values(placeholders.values())
            .build()?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    fn claim_write(&self, write: &ClaimWrite) -> Result<TransactWriteItem, aws_sdk_dynamodb::error::BuildError> {
        let table = self.table(table::IDENTIFIERS);
        let key = key([(attribute::INDEX, write.before.index.to_string())]);
        let (condition, placeholders) = claim_condition(&write.before);
        let (names, item) = (Some(placeholders.names.clone()), TransactWriteItem::builder());
        Ok(if write.after == write.before {
            let check = ConditionCheck::builder().table_name(table).set_key(Some(key)).condition_expression(condition);
            let check = check.set_expression_attribute_names(names);
            item.condition_check(check.set_expression_attribute_values(placeholders.values()).build()?).build()
        } else if write.after.claimants.is_empty() {
            let delete = Delete::builder().table_name(table).set_key(Some(key)).condition_expression(condition);
            let delete = delete.set_expression_attribute_names(names);
            item.delete(delete.set_expression_attribute_values(placeholders.values()).build()?).build()
        } else {
            let put = Put::builder().table_name(table).set_item(Some(to_item(write.after.to_item())));
            let put = put.condition_expression(condition).set_expression_attribute_names(names);
            item.put(put.set_expression_attribute_values(placeholders.values()).build()?).build()
        })
    }

    /// A pointer is written without a condition: that of the part which it is derived from decides.
    fn member_item(&self, write: MemberWrite) -> Result<TransactWriteItem, aws_sdk_dynamodb::error::BuildError> {
        let table = self.table(table::MEMBERS);
        let key = key([(attribute::ID, write.root.to_string()), (attribute::MEMBER, write.member.to_string())]);
        let item = TransactWriteItem::builder();
        Ok(if write.present {
            item.put(Put::builder().table_name(table).set_item(Some(key)).build()?).build()
        } else {
            item.delete(Delete::builder().table_name(table).set_key(Some(key)).build()?).build()
        })
    }

    /// The profile part is of this version, or absent.
    fn profile_check(
        &self,
        id: UserId,
        version: Option<&Version>,
    ) -> Result<TransactWriteItem, aws_sdk_dynamodb::error::BuildError> {
        let (condition, placeholders) = match version {
            Some(version) => is_version(version),
            None => is_absent(),
        };
        let check = ConditionCheck::builder()
            .table_name(self.table(table::USERS))
            .set_key(Some(part_key(id, Part::Profile)))
            .condition_expression(condition)
            .set_expression_attribute_names(Some(placeholders.names.clone()))
            .set_expression_attribute_values(placeholders.values());
        Ok(TransactWriteItem::builder().condition_check(check.build()?).build())
    }

    /// A row is written without a condition, so that one that is there already does not cancel the transaction: each
    /// attribute keeps the value that it has. An update that changes nothing does not appear in the stream.
    fn row_item(&self, log: Log, row: &LogRow) -> Result<TransactWriteItem, aws_sdk_dynamodb::error::BuildError> {
        let mut item = to_item(row.to_item());
        let key_names = [attribute::ID, attribute::KEY];
        let key: Item = key_names.iter().filter_map(|name| item.remove_entry(*name)).collect();
        let mut placeholders = Placeholders::default();
        let mut assignments = Vec::new();
        for (n, (name, value)) in item.into_iter().enumerate() {
            assignments.push(format!("#a{n} = if_not_exists(#a{n}, :a{n})"));
            placeholders = placeholders.name(&format!("#a{n}"), &name).value(&format!(":a{n}"), value);
        }
        let update = Update::builder()
            .table_name(self.log_table(log))
            .set_key(Some(key))
            .update_expression(format!("SET {}", assignments.join(", ")))
            .set_expression_attribute_names(Some(placeholders.names.clone()))
            .set_expression_attribute_values(placeholders.values())
            .build()?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// A row whose key has to be absent.
    fn new_row_item(&self, log: Log, row: &LogRow) -> Result<TransactWriteItem, aws_sdk_dynamodb::error::BuildError> {
        let (condition, placeholders) = is_absent();
        let put = Put::builder()
            .table_name(self.log_table(log))
            .set_item(Some(to_item(row.to_item())))
            .condition_expression(condition)
            .set_expression_attribute_names(Some(placeholders.names.clone()))
            .build()?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}

const CONDITION_FAILED: &str = "ConditionalCheckFailed";

/// Why a transaction was cancelled, over all of its items.
#[derive(Debug, PartialEq, Eq)]
enum Verdict<'a> {
    Conflict,
    Throttled,
    Refused(&'a str),
}

/// A failed condition decides: the other items do not matter then. Otherwise what cannot be cured by trying again.
fn verdict(reasons: &[CancellationReason]) -> Verdict<'_> {
    let mut verdict = Verdict::Conflict;
    for code in reasons.iter().filter_map(CancellationReason::code) {
        match code {
            CONDITION_FAILED => return Verdict::Conflict,
            "None" | "TransactionConflict" => {}
            "ThrottlingError" | "ProvisionedThroughputExceeded" | "RequestLimitExceeded" => {
                if verdict == Verdict::Conflict {
                    verdict = Verdict::Throttled;
                }
            }
            code => verdict = Verdict::Refused(code),
        }
    }
    verdict
}

fn read(item: Option<&Item>) -> Result<Option<PartRecord>, StoreError> {
    Ok(item.map(|item| PartRecord::from_item(from_item(item.clone())?)).transpose()?)
}

/// Versions are stored so that DynamoDB's comparison of strings is the order of versions.
fn condition(condition: &Condition, written: &Version) -> (&'static str, Placeholders) {
    let some = Placeholders::default();
    match condition {
        Condition::Absent => is_absent(),
        Condition::VersionIs(is) => is_version(is),
        Condition::Older => (
            "attribute_not_exists(#id) OR #version < :version",
            some.name("#id", attribute::ID)
                .name("#version", attribute::VERSION)
                .value(":version", AttributeValue::S(written.to_string())),
        ),
    }
}

fn is_absent() -> (&'static str, Placeholders) {
    ("attribute_not_exists(#id)", Placeholders::default().name("#id", attribute::ID))
}

fn is_version(version: &Version) -> (&'static str, Placeholders) {
    let version = AttributeValue::S(version.to_string());
    ("#version = :version", Placeholders::default().name("#version", attribute::VERSION).value(":version", version))
}

/// The claimants as a whole are compared with those that were read.
fn claim_condition(before: &ClaimItem) -> (&'static str, Placeholders) {
    let some = Placeholders::default();
    match before.to_item().remove(attribute::CLAIMANTS) {
        Some(claimants) if !before.claimants.is_empty() => (
            "#claimants = :claimants",
            some.name("#claimants", attribute::CLAIMANTS).value(":claimants", to_value(claimants)),
        ),
        _ => ("attribute_not_exists(#index)", some.name("#index", attribute::INDEX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(codes: &[&str]) -> Vec<CancellationReason> {
        codes.iter().map(|code| CancellationReason::builder().code(*code).build()).collect()
    }

    #[test]
    fn a_failed_condition_is_a_conflict_whatever_befell_the_other_items() {
        let codes = ["None", "ThrottlingError", "ValidationError", "ConditionalCheckFailed", "TransactionConflict"];
        assert_eq!(verdict(&reasons(&codes)), Verdict::Conflict);
    }

    #[test]
    fn another_transaction_at_the_same_item_is_a_conflict() {
        assert_eq!(verdict(&reasons(&["None", "TransactionConflict"])), Verdict::Conflict);
    }

    #[test]
    fn throttling_is_worth_a_retry_and_a_refusal_is_not() {
        assert_eq!(verdict(&reasons(&["ThrottlingError", "TransactionConflict"])), Verdict::Throttled);
        for codes in [["ThrottlingError", "ValidationError"], ["ValidationError", "ThrottlingError"]] {
            assert_eq!(verdict(&reasons(&codes)), Verdict::Refused("ValidationError"));
        }
    }
}
