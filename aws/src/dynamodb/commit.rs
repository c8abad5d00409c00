//! Conditional writes: `PutItem` for a single part, `TransactWriteItems` for more.
//!
//! Of two transactions at the same item, DynamoDB may cancel one with `TransactionConflict` although no condition
//! failed. This is reported as [`Commit::Conflict`] with the parts stored by then. The transaction had no effect, and a
//! caller that reads and plans again succeeds.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure,
    TransactWriteItem, Update,
};
use umoja_schema::names::{attribute, table};
use umoja_schema::{IdentifierItem, Log, LogRow, Part, PartRecord, UserId, Version};
use umoja_store::ports::{
    Commit, Condition, IdentifierWrite, ItemWrite, LinkedAccountWrite, PartWrite, StoreError, Users as _, Writes,
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
            Some(PutItemError::ConditionalCheckFailedException(failed)) => read(failed.item()),
            Some(PutItemError::TransactionConflictException(_)) => {
                self.part(write.record.id, write.record.part).await?
            }
            _ => return Err(error::store("PutItem on users", &error)),
        };
        Ok(Commit::Conflict { stored: vec![stored] })
    }

    /// The conflict does not contain the stored item, because replication reads it.
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
        let malformed = |_| StoreError::Rejected(format!("{TRANSACTION} (incomplete)"));
        let items = self.items(writes).map_err(malformed)?;
        match self.send(items).await? {
            None => Ok(Commit::Done),
            Some(reasons) => self.conflict(writes, &reasons).await,
        }
    }

    /// Does writes without parts, if the user's profile part is of exactly this version or, for `None`, absent.
    pub(super) async fn transact_if(
        &self,
        id: UserId,
        profile: Option<&Version>,
        writes: &Writes,
    ) -> Result<bool, StoreError> {
        if !writes.parts.is_empty() {
            return Err(StoreError::Rejected("a derivation that writes parts".into()));
        }
        let malformed = |_| StoreError::Rejected(format!("{TRANSACTION} (incomplete)"));
        let mut items = vec![self.profile_check(id, profile).map_err(malformed)?];
        items.extend(self.items(writes).map_err(malformed)?);
        Ok(self.send(items).await?.is_none())
    }

    /// Does all writes or none. If a condition failed, returns the reason for each item.
    pub(super) async fn send(
        &self,
        items: Vec<TransactWriteItem>,
    ) -> Result<Option<Vec<CancellationReason>>, StoreError> {
        let sent = self.client.transact_write_items().set_transact_items(Some(items)).send().await;
        let Err(error) = sent else { return Ok(None) };
        let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() else {
            return Err(error::store(TRANSACTION, &error));
        };
        let reasons = cancelled.cancellation_reasons();
        match verdict(reasons) {
            Verdict::Conflict => Ok(Some(reasons.to_vec())),
            Verdict::Throttled => Err(StoreError::Throttled(TRANSACTION.into())),
            Verdict::Rejected(code) => Err(StoreError::Rejected(format!("{TRANSACTION} ({code})"))),
        }
    }

    fn items(&self, writes: &Writes) -> Result<Vec<TransactWriteItem>, aws_sdk_dynamodb::error::BuildError> {
        let mut items = Vec::new();
        for part in &writes.parts {
            items.push(self.part_item(part)?);
        }
        for ownership in &writes.ownerships {
            items.push(self.identifier_write(ownership)?);
        }
        for linked in &writes.linked_accounts {
            items.push(self.linked_item(*linked)?);
        }
        for (id, version) in &writes.unchanged {
            items.push(self.profile_check(*id, Some(version))?);
        }
        for write in &writes.items {
            items.push(self.versioned_item(write)?);
        }
        // A transaction accepts each item once, and writing a row a second time has no effect anyway.
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

    /// The stored version of each part: from the failed condition, or read if the condition held.
    async fn conflict(&self, writes: &Writes, reasons: &[CancellationReason]) -> Result<Commit, StoreError> {
        let mut stored = Vec::new();
        for (n, write) in writes.parts.iter().enumerate() {
            let reason = reasons.get(n).filter(|reason| reason.code() == Some(CONDITION_FAILED));
            stored.push(match reason {
                Some(reason) => read(reason.item()),
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

    fn identifier_write(
        &self,
        write: &IdentifierWrite,
    ) -> Result<TransactWriteItem, aws_sdk_dynamodb::error::BuildError> {
        let table = self.table(table::IDENTIFIERS);
        let key = key([(attribute::INDEX, write.before.index.to_string())]);
        let (condition, placeholders) = identifier_condition(&write.before);
        let (names, item) = (Some(placeholders.names.clone()), TransactWriteItem::builder());
        Ok(if write.after == write.before {
            let check = ConditionCheck::builder().table_name(table).set_key(Some(key)).condition_expression(condition);
            let check = check.set_expression_attribute_names(names);
            item.condition_check(check.set_expression_attribute_values(placeholders.values()).build()?).build()
        } else if write.after.owners.is_empty() {
            let delete = Delete::builder().table_name(table).set_key(Some(key)).condition_expression(condition);
            let delete = delete.set_expression_attribute_names(names);
            item.delete(delete.set_expression_attribute_values(placeholders.values()).build()?).build()
        } else {
            let put = Put::builder().table_name(table).set_item(Some(to_item(write.after.to_item())));
            let put = put.condition_expression(condition).set_expression_attribute_names(names);
            item.put(put.set_expression_attribute_values(placeholders.values()).build()?).build()
        })
    }

    /// A pointer has no condition of its own: the condition of its part decides.
    fn linked_item(&self, write: LinkedAccountWrite) -> Result<TransactWriteItem, aws_sdk_dynamodb::error::BuildError> {
        let table = self.table(table::LINKED_ACCOUNTS);
        let key = key([(attribute::ID, write.primary.to_string()), (attribute::LINKED, write.linked.to_string())]);
        let item = TransactWriteItem::builder();
        Ok(if write.present {
            item.put(Put::builder().table_name(table).set_item(Some(key)).build()?).build()
        } else {
            item.delete(Delete::builder().table_name(table).set_key(Some(key)).build()?).build()
        })
    }

    /// Checks that the profile part is of this version or, for `None`, absent.
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

    /// A row has no condition, so that an existing row does not cancel the transaction. Each attribute keeps its stored
    /// value. An update without a change does not appear in the stream.
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

    /// A row whose key must be absent.
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

/// Why a transaction was cancelled, over all its items.
#[derive(Debug, PartialEq, Eq)]
enum Verdict<'a> {
    Conflict,
    Throttled,
    Rejected(&'a str),
}

/// A failed condition decides, whatever the other reasons are. Otherwise a reason that a retry cannot cure decides.
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
            code => verdict = Verdict::Rejected(code),
        }
    }
    verdict
}

/// The stored part of a failed condition. An item that cannot be read is no stored part; a caller that reads it again
/// meets the error.
fn read(item: Option<&Item>) -> Option<PartRecord> {
    from_item(item?.clone()).and_then(PartRecord::from_item).ok()
}

/// Versions are stored in a form whose string order in DynamoDB is the order of versions.
fn condition(condition: &Condition, written: &Version) -> (String, Placeholders) {
    let some = Placeholders::default();
    let (text, placeholders) = match condition {
        Condition::EtagIs(etag) => return super::etag::is(etag),
        Condition::Absent => is_absent(),
        Condition::VersionIs(is) => is_version(is),
        Condition::Older => (
            "attribute_not_exists(#id) OR #version < :version",
            some.name("#id", attribute::ID)
                .name("#version", attribute::VERSION)
                .value(":version", AttributeValue::S(written.to_string())),
        ),
    };
    (text.to_owned(), placeholders)
}

fn is_absent() -> (&'static str, Placeholders) {
    ("attribute_not_exists(#id)", Placeholders::default().name("#id", attribute::ID))
}

fn is_version(version: &Version) -> (&'static str, Placeholders) {
    let version = AttributeValue::S(version.to_string());
    ("#version = :version", Placeholders::default().name("#version", attribute::VERSION).value(":version", version))
}

/// The condition compares the owners as a whole with those that were read.
fn identifier_condition(before: &IdentifierItem) -> (&'static str, Placeholders) {
    let some = Placeholders::default();
    match before.to_item().remove(attribute::OWNERS) {
        Some(owners) if !before.owners.is_empty() => {
            ("#owners = :owners", some.name("#owners", attribute::OWNERS).value(":owners", to_value(owners)))
        }
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
    fn a_failed_condition_is_a_conflict_despite_other_reasons() {
        let codes = ["None", "ThrottlingError", "ValidationError", "ConditionalCheckFailed", "TransactionConflict"];
        assert_eq!(verdict(&reasons(&codes)), Verdict::Conflict);
    }

    #[test]
    fn a_concurrent_transaction_is_a_conflict() {
        assert_eq!(verdict(&reasons(&["None", "TransactionConflict"])), Verdict::Conflict);
    }

    #[test]
    fn throttling_is_transient_and_a_rejection_is_not() {
        assert_eq!(verdict(&reasons(&["ThrottlingError", "TransactionConflict"])), Verdict::Throttled);
        for codes in [["ThrottlingError", "ValidationError"], ["ValidationError", "ThrottlingError"]] {
            assert_eq!(verdict(&reasons(&codes)), Verdict::Rejected("ValidationError"));
        }
    }
}
