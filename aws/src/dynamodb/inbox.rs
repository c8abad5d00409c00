//! [`Inbox`]: one item for each document. As for requests, conditions compare the expiry itself.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Map, Value};
use umoja_schema::names::{attribute, table};
use umoja_schema::{ItemError, Millis};
use umoja_store::ports::{Etag, Inbox, InboxDocument, InboxPage, StoreError, WAITING_TEXT};

use super::registry::{etag, is_done, is_stored, stored};
use super::requests::unless_live;
use super::{DynamoDb, key};
use crate::attribute::Item;
use crate::error;

#[async_trait]
impl Inbox for DynamoDb {
    async fn inbox_document(&self, id: &[u8; 32], now: Millis) -> Result<Option<InboxDocument>, StoreError> {
        let get = self.client.get_item().table_name(self.table(table::INBOX)).consistent_read(true);
        let get = get.set_key(Some(key([(attribute::ID, hex::encode(id))]))).send().await;
        let item = get.map_err(|e| error::store("GetItem on inbox", &e))?.item;
        Ok(item.and_then(|item| live(&item, now)))
    }

    async fn replace_inbox_document(
        &self,
        key: &[u8; 32],
        stored: Option<&Etag>,
        document: &Map<String, Value>,
        now: Millis,
        expires_at: Millis,
    ) -> Result<bool, StoreError> {
        let document = serde_json::to_string(document).map_err(|_| ItemError::new(attribute::DOCUMENT))?;
        let put = self.row(table::INBOX, key, expires_at).item(attribute::DOCUMENT, AttributeValue::S(document));
        let put = match stored.map(is_stored) {
            None => unless_live(put, now),
            Some((is_stored, value)) => put
                .condition_expression(format!("{is_stored} AND #expires_at > :now"))
                .expression_attribute_names("#document", attribute::DOCUMENT)
                .expression_attribute_names("#expires_at", attribute::EXPIRES_AT)
                .expression_attribute_values(":stored", value)
                .expression_attribute_values(":now", AttributeValue::N(now.secs().to_string())),
        };
        is_done(table::INBOX, put.send().await)
    }

    async fn scan_inbox(&self, after: Option<String>, limit: usize, now: Millis) -> Result<InboxPage, StoreError> {
        self.inbox_page(None, after, limit, now).await
    }

    /// DynamoDB reads every item, and returns those that wait.
    async fn scan_waiting(&self, after: Option<String>, limit: usize, now: Millis) -> Result<InboxPage, StoreError> {
        self.inbox_page(Some((attribute::DOCUMENT, WAITING_TEXT)), after, limit, now).await
    }
}

impl DynamoDb {
    async fn inbox_page(
        &self,
        containing: Option<(&str, &str)>,
        after: Option<String>,
        limit: usize,
        now: Millis,
    ) -> Result<InboxPage, StoreError> {
        let after = after.map(|id| key([(attribute::ID, id)]));
        let (items, last) = self.scan_filtered(table::INBOX, containing, after, limit).await?;
        let next = match last.map(|mut last| last.remove(attribute::ID)) {
            None => None,
            Some(Some(AttributeValue::S(id))) => Some(id),
            Some(_) => return Err(ItemError::new("LastEvaluatedKey").into()),
        };
        let (mut documents, mut strays) = (Vec::new(), 0);
        for item in items {
            let Some(document) = live(&item, now) else { continue };
            match item.get(attribute::ID).and_then(hash) {
                Some(key) => documents.push((key, document)),
                None => strays += 1,
            }
        }
        Ok(InboxPage { documents, strays, next })
    }
}

/// The document of an item that has not expired. An expiry that is no number of seconds counts as over.
fn live(item: &Item, now: Millis) -> Option<InboxDocument> {
    let secs: u64 = item.get(attribute::EXPIRES_AT)?.as_n().ok()?.parse().ok()?;
    let expires_at = Millis(secs.checked_mul(1000)?);
    let document = item.get(attribute::DOCUMENT);
    (expires_at > now).then(|| InboxDocument { members: stored(document), expires_at, etag: etag(document) })
}

/// The hash that a key is the text of.
fn hash(key: &AttributeValue) -> Option<[u8; 32]> {
    let (text, mut hash) = (key.as_s().ok()?, [0; 32]);
    hex::decode_to_slice(text, &mut hash).ok()?;
    (hex::encode(hash) == *text).then_some(hash)
}
