//! [`Due`]: two items for each row, in the partition of its target. One has the row, under its user, and the other is empty
//! and has a sort key that begins with the time, so that what is due is found in its order. One transaction writes both.

use async_trait::async_trait;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::{Map, Value};
use umoja_schema::names::{attribute, table};
use umoja_schema::{ItemError, Millis, UserId};
use umoja_store::ports::{Due, DuePage, DueRow, Etag, StoreError};

use super::registry::{etag, is_stored, stored};
use super::{DynamoDb, key};
use crate::attribute::Item;
use crate::error;

/// How many rows of a page are read at the same time.
const CONCURRENT: usize = 16;
/// The digits of a time in a key.
const DIGITS: usize = 20;

#[async_trait]
impl Due for DynamoDb {
    async fn due_row(&self, target: &str, user: UserId) -> Result<Option<DueRow>, StoreError> {
        let get = self.client.get_item().table_name(self.table(table::DUE)).consistent_read(true);
        let get = get.set_key(Some(due_key(target, &row_key(user)))).send().await;
        Ok(get.map_err(|e| error::store("GetItem on due", &e))?.item.map(|item| due_row(&item)))
    }

    async fn replace_due(
        &self,
        target: &str,
        user: UserId,
        expected: Option<&Etag>,
        row: Option<(Millis, &Map<String, Value>)>,
    ) -> Result<bool, StoreError> {
        if expected.is_none() && row.is_none() {
            return Ok(self.due_row(target, user).await?.is_none());
        }
        let row = match row {
            Some((at, members)) => {
                Some((at, serde_json::to_string(members).map_err(|_| ItemError::new(attribute::DOCUMENT))?))
            }
            None => None,
        };
        let items = self.due_items(target, user, expected, row);
        let items = items.map_err(|_| StoreError::Rejected("TransactWriteItems (incomplete)".into()))?;
        Ok(self.send(items).await?.is_none())
    }

    async fn due_page(
        &self,
        target: &str,
        until: Millis,
        after: Option<String>,
        limit: usize,
    ) -> Result<DuePage, StoreError> {
        let page = self
            .client
            .query()
            .table_name(self.table(table::DUE))
            .key_condition_expression("#id = :id AND #key BETWEEN :first AND :last")
            .expression_attribute_names("#id", attribute::ID)
            .expression_attribute_names("#key", attribute::KEY)
            .expression_attribute_values(":id", AttributeValue::S(target.to_owned()))
            .expression_attribute_values(":first", AttributeValue::S(time_prefix(Millis(0))))
            // After every user of that time.
            .expression_attribute_values(":last", AttributeValue::S(format!("{}~", time_prefix(until))))
            .limit(i32::try_from(limit.max(1)).unwrap_or(i32::MAX))
            .consistent_read(true)
            .set_exclusive_start_key(after.map(|after| due_key(target, &after)));
        let page = page.send().await.map_err(|e| error::store("Query on due", &e))?;
        let next = match page.last_evaluated_key.map(|mut last| last.remove(attribute::KEY)) {
            None => None,
            Some(Some(AttributeValue::S(key))) => Some(key),
            Some(_) => return Err(ItemError::new("LastEvaluatedKey").into()),
        };
        let users = page.items.unwrap_or_default().into_iter().filter_map(|item| {
            let key = item.get(attribute::KEY)?.as_s().ok()?;
            key.rsplit_once('#')?.1.parse::<UserId>().ok()
        });
        let rows = users.map(async |user| Ok::<_, StoreError>((user, self.due_row(target, user).await?)));
        let rows: Vec<_> = rows.collect();
        let rows: Vec<_> = stream::iter(rows).buffered(CONCURRENT).try_collect().await?;
        let rows = rows.into_iter().filter_map(|(user, row)| Some((user, row?)));
        // What was moved meanwhile is not due.
        Ok(DuePage { rows: rows.filter(|(_, row)| row.at <= until).collect(), next })
    }
}

impl DynamoDb {
    fn due_items(
        &self,
        target: &str,
        user: UserId,
        expected: Option<&Etag>,
        row: Option<(Millis, String)>,
    ) -> Result<Vec<TransactWriteItem>, BuildError> {
        let (table, stored) = (self.table(table::DUE), expected.map(expectation));
        let former = stored.as_ref().and_then(|(at, _)| *at).map(|at| time_key(at, user));
        let next = row.as_ref().map(|(at, _)| time_key(*at, user));
        let mut items = Vec::new();
        let condition = match &stored {
            None => "attribute_not_exists(#id)".to_owned(),
            Some((Some(_), document)) => format!("#due_at = :due_at AND {}", is_stored(document).0),
            Some((None, document)) => format!("NOT attribute_type(#due_at, :number) AND {}", is_stored(document).0),
        };
        let (mut names, mut values) = (std::collections::HashMap::new(), Item::new());
        match &stored {
            None => drop(names.insert("#id".to_owned(), attribute::ID.to_owned())),
            Some((at, document)) => {
                names.insert("#due_at".to_owned(), attribute::DUE_AT.to_owned());
                names.insert("#document".to_owned(), attribute::DOCUMENT.to_owned());
                values.insert(":stored".to_owned(), is_stored(document).1);
                match at {
                    Some(at) => values.insert(":due_at".to_owned(), AttributeValue::N(at.0.to_string())),
                    None => values.insert(":number".to_owned(), AttributeValue::S("N".to_owned())),
                };
            }
        }
        let values = (!values.is_empty()).then_some(values);
        let item = due_key(target, &row_key(user));
        items.push(if let Some((at, document)) = row {
            let put = Put::builder().table_name(&table).set_item(Some(item));
            let put = put.item(attribute::DUE_AT, AttributeValue::N(at.0.to_string()));
            let put = put.item(attribute::DOCUMENT, AttributeValue::S(document)).condition_expression(condition);
            let put = put.set_expression_attribute_names(Some(names)).set_expression_attribute_values(values);
            TransactWriteItem::builder().put(put.build()?).build()
        } else {
            let delete = Delete::builder().table_name(&table).set_key(Some(item)).condition_expression(condition);
            let delete = delete.set_expression_attribute_names(Some(names)).set_expression_attribute_values(values);
            TransactWriteItem::builder().delete(delete.build()?).build()
        });
        if former != next {
            if let Some(former) = former {
                let delete = Delete::builder().table_name(&table).set_key(Some(due_key(target, &former))).build()?;
                items.push(TransactWriteItem::builder().delete(delete).build());
            }
            if let Some(next) = next {
                let put = Put::builder().table_name(&table).set_item(Some(due_key(target, &next))).build()?;
                items.push(TransactWriteItem::builder().put(put).build());
            }
        }
        Ok(items)
    }
}

fn due_key(target: &str, sort: &str) -> Item {
    key([(attribute::ID, target.to_owned()), (attribute::KEY, sort.to_owned())])
}

fn row_key(user: UserId) -> String {
    format!("user#{user}")
}

fn time_prefix(at: Millis) -> String {
    format!("at#{:0DIGITS$}", at.0)
}

fn time_key(at: Millis, user: UserId) -> String {
    format!("{}#{user}", time_prefix(at))
}

/// A row from its item. Its tag is the time, and after it the tag of the document.
fn due_row(item: &Item) -> DueRow {
    let document = item.get(attribute::DOCUMENT);
    let at = item.get(attribute::DUE_AT).and_then(|at| at.as_n().ok()?.parse::<u64>().ok());
    let mut tag = at.map_or_else(|| "-".repeat(DIGITS), |at| format!("{at:0DIGITS$}")).into_bytes();
    tag.extend(etag(document).0);
    DueRow { members: stored(document), at: Millis(at.unwrap_or(0)), etag: Etag(tag) }
}

/// The time and the tag of the document in the tag of a row.
fn expectation(tag: &Etag) -> (Option<Millis>, Etag) {
    let (at, document) = tag.0.split_at_checked(DIGITS).unwrap_or_default();
    let at = std::str::from_utf8(at).ok().and_then(|at| at.parse().ok());
    (at.map(Millis), Etag(document.to_vec()))
}
