//! The tables of one region. Every read is strongly consistent, and every write is conditional where its port requires
//! it.

mod attempts;
mod checkpoints;
mod commit;
mod due;
mod etag;
mod inbox;
mod items;
mod logs;
mod registry;
mod requests;
mod users;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use umoja_schema::names::attribute;
use umoja_schema::{Attributes, ItemError, Log, Part, UserId};
use umoja_store::cursor;
use umoja_store::ports::StoreError;

use crate::attribute::{Item, from_item};
use crate::error;

/// Names of attributes and values in an expression. DynamoDB rejects an empty map of values and reserves many words, so
/// every name has a placeholder.
#[derive(Default)]
struct Placeholders {
    names: std::collections::HashMap<String, String>,
    values: Item,
}

impl Placeholders {
    fn name(mut self, placeholder: &str, name: &str) -> Self {
        self.names.insert(placeholder.to_owned(), name.to_owned());
        self
    }

    fn value(mut self, placeholder: &str, value: AttributeValue) -> Self {
        self.values.insert(placeholder.to_owned(), value);
        self
    }

    fn values(self) -> Option<Item> {
        (!self.values.is_empty()).then_some(self.values)
    }
}

/// `Users`, `Logs`, `Items`, `Inbox`, `Registry`, `Requests`, `Attempts`, `Checkpoints` and `Due` on the
/// tables `<prefix>-users` and so on.
#[derive(Debug, Clone)]
pub struct DynamoDb {
    client: Client,
    prefix: String,
}

impl DynamoDb {
    pub(crate) fn new(client: Client, prefix: &str) -> Self {
        Self { client, prefix: prefix.to_owned() }
    }

    /// The name of a table in this deployment.
    fn table(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    fn log_table(&self, log: Log) -> String {
        self.table(log.table())
    }

    async fn get(&self, table: &str, key: Item) -> Result<Option<Attributes>, StoreError> {
        let answer = self.client.get_item().table_name(self.table(table)).set_key(Some(key)).consistent_read(true);
        let answer = answer.send().await.map_err(|e| error::store(&format!("GetItem on {table}"), &e))?;
        Ok(answer.item.map(from_item).transpose()?)
    }

    /// One page of a table with the keys `id` and `sort`, starting after the key `after`, and the cursor of the next
    /// page.
    async fn scan_page(
        &self,
        table: &str,
        sort: &str,
        after: Option<Item>,
        limit: usize,
    ) -> Result<(Vec<Item>, Option<String>), StoreError> {
        let (items, last) = self.scan_items(table, after, limit).await?;
        let next = last.map(|last| position(sort, &last)).transpose()?;
        Ok((items, next))
    }

    /// One page of a table, starting after the key `after`, and the key after which the next page starts.
    async fn scan_items(
        &self,
        table: &str,
        after: Option<Item>,
        limit: usize,
    ) -> Result<(Vec<Item>, Option<Item>), StoreError> {
        self.scan_filtered(table, None, after, limit).await
    }

    /// As [`scan_items`](Self::scan_items), of the items alone whose attribute has a text in it. The page may be empty
    /// before the last one.
    async fn scan_filtered(
        &self,
        table: &str,
        containing: Option<(&str, &str)>,
        after: Option<Item>,
        limit: usize,
    ) -> Result<(Vec<Item>, Option<Item>), StoreError> {
        let mut scan = self
            .client
            .scan()
            .table_name(self.table(table))
            .consistent_read(true)
            .limit(i32::try_from(limit.max(1)).unwrap_or(i32::MAX))
            .set_exclusive_start_key(after);
        if let Some((attribute, text)) = containing {
            scan = scan
                .filter_expression("contains(#filtered, :text)")
                .expression_attribute_names("#filtered", attribute)
                .expression_attribute_values(":text", AttributeValue::S(text.to_owned()));
        }
        let page = scan.send().await.map_err(|e| error::store(&format!("Scan on {table}"), &e))?;
        Ok((page.items.unwrap_or_default(), page.last_evaluated_key))
    }

    /// All items of one partition of a table with the key `id`, in the order of their sort keys.
    async fn query(&self, table: &str, id: &str) -> Result<Vec<Item>, StoreError> {
        self.query_under(table, id, None).await
    }

    /// As [`DynamoDb::query`]; with the name of the sort key and a prefix, only the items whose sort key begins with it.
    async fn query_under(&self, table: &str, id: &str, under: Option<(&str, &str)>) -> Result<Vec<Item>, StoreError> {
        let query = self
            .client
            .query()
            .table_name(self.table(table))
            .expression_attribute_names("#id", attribute::ID)
            .expression_attribute_values(":id", AttributeValue::S(id.to_owned()))
            .consistent_read(true);
        let query = match under {
            None => query.key_condition_expression("#id = :id"),
            Some((sort_key, prefix)) => query
                .key_condition_expression("#id = :id AND begins_with(#key, :prefix)")
                .expression_attribute_names("#key", sort_key)
                .expression_attribute_values(":prefix", AttributeValue::S(prefix.to_owned())),
        };
        let mut items = Vec::new();
        let mut from = None;
        loop {
            let page = query.clone().set_exclusive_start_key(from);
            let page = page.send().await.map_err(|e| error::store(&format!("Query on {table}"), &e))?;
            items.extend(page.items.unwrap_or_default());
            from = page.last_evaluated_key;
            if from.is_none() {
                return Ok(items);
            }
        }
    }
}

/// The key of an item as a cursor.
fn position(sort: &str, item: &Item) -> Result<String, ItemError> {
    match (item.get(attribute::ID), item.get(sort)) {
        (Some(AttributeValue::S(id)), Some(AttributeValue::S(sort))) => Ok(cursor::write(id, sort)),
        _ => Err(ItemError::new("key")),
    }
}

/// Parses the key in a cursor: a user id and a sort key.
fn read_cursor(sort: &str, cursor: &str) -> Result<Item, StoreError> {
    let (id, value) = cursor::read(cursor).ok_or(ItemError::new("cursor"))?;
    Ok(key([(attribute::ID, id), (sort, value)]))
}

/// A key with `N` attributes.
fn key<const N: usize>(attributes: [(&str, String); N]) -> Item {
    attributes.into_iter().map(|(name, value)| (name.to_owned(), AttributeValue::S(value))).collect()
}

/// The readable items of a page, and the users of the others.
fn readable<T>(items: Vec<Item>, read: impl Fn(Attributes) -> Result<T, ItemError>) -> (Vec<T>, Vec<Option<UserId>>) {
    let (mut found, mut unreadable) = (Vec::with_capacity(items.len()), Vec::new());
    for item in items {
        let user = item.get(attribute::ID).and_then(|id| id.as_s().ok()?.parse().ok());
        match from_item(item).and_then(&read) {
            Ok(one) => found.push(one),
            Err(error) => {
                tracing::error!(user = user.map(|user: UserId| user.to_string()), %error, "an item cannot be read");
                unreadable.push(user);
            }
        }
    }
    (found, unreadable)
}

/// The key of a part.
fn part_key(id: UserId, part: Part) -> Item {
    key([(attribute::ID, id.to_string()), (attribute::PART, part.to_string())])
}
