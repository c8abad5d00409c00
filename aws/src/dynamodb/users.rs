//! [`Users`] except [`Users::commit`], which is in `commit`.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, ReturnValuesOnConditionCheckFailure};
use umoja_schema::names::{attribute, table};
use umoja_schema::{BlindIndex, IdentifierItem, Item, ItemError, Key, Part, PartRecord, Region, UserId, Version};
use umoja_store::ports::{
    Commit, Etag, IdentifierPage, KeyAdded, KeyRemoved, LinkedAccountPage, Page, Parts, StoreError, Strays, Users,
    Writes,
};

use super::{DynamoDb, key, part_key, read_cursor, readable};
use crate::attribute::{Item as DynamoItem, from_item, to_value};
use crate::error;

/// The most keys of one `BatchGetItem` (Amazon DynamoDB API Reference).
const BATCH: usize = 100;

#[async_trait]
impl Users for DynamoDb {
    async fn part(&self, id: UserId, part: Part) -> Result<Option<PartRecord>, StoreError> {
        let item = self.get(table::USERS, part_key(id, part)).await?;
        Ok(item.map(PartRecord::from_item).transpose()?)
    }

    async fn parts(&self, id: UserId) -> Result<Parts, StoreError> {
        let mut parts = Parts::default();
        for item in self.query(table::USERS, &id.to_string()).await? {
            // An item under another key is no part, and hides none.
            if item.get(attribute::PART).is_none_or(|part| part.as_s().is_ok_and(|part| part.parse::<Part>().is_err()))
            {
                continue;
            }
            parts.set(PartRecord::from_item(from_item(item)?)?);
        }
        Ok(parts)
    }

    async fn ownerships(&self, indexes: &[BlindIndex]) -> Result<Vec<IdentifierItem>, StoreError> {
        let mut found = BTreeMap::new();
        let distinct: Vec<BlindIndex> = indexes.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
        if let [index] = distinct[..] {
            found.extend(self.identifier_item(index).await?.map(|item| (index, item)));
        } else {
            for batch in distinct.chunks(BATCH) {
                self.identifier_items(batch, &mut found).await?;
            }
        }
        let item = |index: &BlindIndex| found.get(index).cloned().unwrap_or_else(|| IdentifierItem::unowned(*index));
        Ok(indexes.iter().map(item).collect())
    }

    async fn linked_accounts(&self, id: UserId) -> Result<Vec<UserId>, StoreError> {
        let items = self.query(table::LINKED_ACCOUNTS, &id.to_string()).await?;
        // Only the part of a user decides whether its pointer exists, so what is no id is none.
        Ok(items.iter().filter_map(|item| id_in(item, attribute::LINKED)).collect())
    }

    async fn scan_linked_accounts(&self, after: Option<String>, limit: usize) -> Result<LinkedAccountPage, StoreError> {
        let after = after.as_deref().map(|after| read_cursor(attribute::LINKED, after)).transpose()?;
        let (items, next) = self.scan_page(table::LINKED_ACCOUNTS, attribute::LINKED, after, limit).await?;
        let (mut pointers, mut strays) = (Vec::new(), Vec::new());
        for item in items {
            match (id_in(&item, attribute::ID), id_in(&item, attribute::LINKED)) {
                (Some(primary), Some(linked)) => pointers.push((primary, linked)),
                _ => strays.push(super::position(attribute::LINKED, &item)?),
            }
        }
        Ok(LinkedAccountPage { pointers, strays, next })
    }

    async fn commit(&self, writes: &Writes) -> Result<Commit, StoreError> {
        match (&writes.parts[..], &writes.items[..], writes.count()) {
            (_, _, 0) => Ok(Commit::Done),
            ([part], _, 1) => self.put_part(part).await,
            (_, [item], 1) => self.put_item(item).await,
            _ => self.transact(writes).await,
        }
    }

    async fn derive(&self, id: UserId, profile: Option<&Version>, writes: &Writes) -> Result<bool, StoreError> {
        self.transact_if(id, profile, writes).await
    }

    async fn add_wrapped_key(
        &self,
        id: UserId,
        part: Part,
        version: &Version,
        region: &Region,
        replaced: Option<&[u8]>,
        wrapped: &[u8],
    ) -> Result<KeyAdded, StoreError> {
        // The second condition is that the part is live, because `SET` into an absent map is an error.
        let condition = match replaced {
            None => "#version = :version AND attribute_exists(#keys) AND attribute_not_exists(#keys.#region)",
            Some(_) => "#version = :version AND #keys.#region = :replaced",
        };
        let values = replaced.map(|replaced| (":replaced".to_owned(), AttributeValue::B(Blob::new(replaced))));
        let values = values.into_iter().chain([
            (":wrapped".to_owned(), AttributeValue::B(Blob::new(wrapped))),
            (":version".to_owned(), AttributeValue::S(version.to_string())),
        ]);
        let updated = self
            .client
            .update_item()
            .table_name(self.table(table::USERS))
            .set_key(Some(part_key(id, part)))
            .update_expression("SET #keys.#region = :wrapped")
            .condition_expression(condition)
            .expression_attribute_names("#keys", attribute::KEYS)
            .expression_attribute_names("#region", region.as_str())
            .expression_attribute_names("#version", attribute::VERSION)
            .set_expression_attribute_values(Some(values.collect()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = updated else { return Ok(KeyAdded::Added) };
        let Some(UpdateItemError::ConditionalCheckFailedException(failed)) = error.as_service_error() else {
            return Err(error::store("UpdateItem on users", &error));
        };
        let Some(stored) = failed.item() else { return Ok(KeyAdded::OtherVersion(None)) };
        let stored = PartRecord::from_item(from_item(stored.clone())?)?;
        let live = stored.live().is_some_and(|live| replaced.is_some() || live.keys.contains_key(region));
        Ok(if stored.version == *version && live {
            KeyAdded::Present
        } else {
            KeyAdded::OtherVersion(Some(stored.version))
        })
    }

    async fn remove_wrapped_key(
        &self,
        id: UserId,
        part: Part,
        version: &Version,
        region: &Region,
    ) -> Result<KeyRemoved, StoreError> {
        let updated = self
            .client
            .update_item()
            .table_name(self.table(table::USERS))
            .set_key(Some(part_key(id, part)))
            .update_expression("REMOVE #keys.#region")
            .condition_expression("#version = :version AND attribute_exists(#keys.#region)")
            .expression_attribute_names("#keys", attribute::KEYS)
            .expression_attribute_names("#region", region.as_str())
            .expression_attribute_names("#version", attribute::VERSION)
            .expression_attribute_values(":version", AttributeValue::S(version.to_string()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = updated else { return Ok(KeyRemoved::Removed) };
        let Some(UpdateItemError::ConditionalCheckFailedException(failed)) = error.as_service_error() else {
            return Err(error::store("UpdateItem on users", &error));
        };
        let Some(stored) = failed.item() else { return Ok(KeyRemoved::OtherVersion(None)) };
        let stored = PartRecord::from_item(from_item(stored.clone())?)?;
        let live = stored.live().is_some();
        Ok(if stored.version == *version && live {
            KeyRemoved::Absent
        } else {
            KeyRemoved::OtherVersion(Some(stored.version))
        })
    }

    async fn etag(&self, key: &Key) -> Result<Option<Etag>, StoreError> {
        self.item_etag(key).await
    }

    async fn replace(&self, item: &Item, etag: &Etag) -> Result<bool, StoreError> {
        self.replace_item(item, etag).await
    }

    async fn scan(&self, after: Option<String>, limit: usize) -> Result<Page, StoreError> {
        let after = after.as_deref().map(|after| read_cursor(attribute::PART, after)).transpose()?;
        let (items, next) = self.scan_page(table::USERS, attribute::PART, after, limit).await?;
        let (records, unreadable) = readable(items, PartRecord::from_item);
        Ok(Page { records, unreadable, next })
    }

    async fn scan_identifiers(&self, after: Option<String>, limit: usize) -> Result<IdentifierPage, StoreError> {
        let after = after.map(|index| key([(attribute::INDEX, index)]));
        let (items, last) = self.scan_items(table::IDENTIFIERS, after, limit).await?;
        let next = match last.map(|mut last| last.remove(attribute::INDEX)) {
            None => None,
            Some(Some(AttributeValue::S(index))) => Some(index),
            Some(_) => return Err(ItemError::new("LastEvaluatedKey").into()),
        };
        let (mut found, mut unreadable, mut strays) = (Vec::new(), Vec::new(), Vec::new());
        for item in items {
            let key = item.get(attribute::INDEX).and_then(|key| key.as_s().ok().cloned()).unwrap_or_default();
            match (key.parse::<BlindIndex>(), from_item(item).and_then(IdentifierItem::from_item)) {
                (Ok(index), _) if index.to_string() != key => strays.push(key),
                (Ok(_), Ok(item)) => found.push(item),
                (Ok(index), Err(_)) => unreadable.push(index),
                (Err(_), _) => strays.push(key),
            }
        }
        Ok(IdentifierPage { items: found, unreadable, strays, next })
    }

    async fn drop_strays(&self, strays: &Strays) -> Result<u64, StoreError> {
        let (name, keys): (_, Vec<DynamoItem>) = match strays {
            Strays::Identifiers(places) => {
                (table::IDENTIFIERS, places.iter().map(|index| key([(attribute::INDEX, index.clone())])).collect())
            }
            Strays::LinkedAccounts(places) => {
                let keys = places.iter().map(|place| read_cursor(attribute::LINKED, place));
                (table::LINKED_ACCOUNTS, keys.collect::<Result<_, _>>()?)
            }
        };
        for key in &keys {
            let delete = self.client.delete_item().table_name(self.table(name)).set_key(Some(key.clone()));
            delete.send().await.map_err(|e| error::store(&format!("DeleteItem on {name}"), &e))?;
        }
        Ok(keys.len() as u64)
    }

    async fn drop_unreadable_identifier(&self, index: &BlindIndex) -> Result<bool, StoreError> {
        let key = key([(attribute::INDEX, index.to_string())]);
        let Some(mut item) = self.get(table::IDENTIFIERS, key.clone()).await? else { return Ok(false) };
        if IdentifierItem::from_item(item.clone()).is_ok() {
            return Ok(false);
        }
        let delete = self.client.delete_item().table_name(self.table(table::IDENTIFIERS)).set_key(Some(key));
        let delete = delete.expression_attribute_names("#owners", attribute::OWNERS);
        let delete = match item.remove(attribute::OWNERS) {
            Some(owners) => delete
                .condition_expression("#owners = :owners")
                .expression_attribute_values(":owners", to_value(owners)),
            None => delete.condition_expression("attribute_not_exists(#owners)"),
        };
        match delete.send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(error::store("DeleteItem on identifiers", &error)),
            },
        }
    }

    async fn probe(&self) -> Result<(), StoreError> {
        // An eventually consistent read of an absent item: it costs half a read unit and tests the data plane.
        let key = part_key(UserId::v8([0; 16]), Part::Profile);
        let answer = self.client.get_item().table_name(self.table(table::USERS)).set_key(Some(key)).send().await;
        answer.map(|_| ()).map_err(|e| error::store("GetItem on users", &e))
    }
}

impl DynamoDb {
    async fn identifier_item(&self, index: BlindIndex) -> Result<Option<IdentifierItem>, StoreError> {
        let item = self.get(table::IDENTIFIERS, key([(attribute::INDEX, index.to_string())])).await?;
        Ok(item.map(IdentifierItem::from_item).transpose()?)
    }

    /// DynamoDB may leave keys unprocessed. As long as each answer contains some items, the remaining keys are
    /// requested again.
    async fn identifier_items(
        &self,
        indexes: &[BlindIndex],
        found: &mut BTreeMap<BlindIndex, IdentifierItem>,
    ) -> Result<(), StoreError> {
        let name = self.table(table::IDENTIFIERS);
        let mut keys: Vec<DynamoItem> =
            indexes.iter().map(|index| key([(attribute::INDEX, index.to_string())])).collect();
        while !keys.is_empty() {
            let asked = keys.len();
            let request = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
            let request = request.map_err(|_| StoreError::Rejected("BatchGetItem without keys".into()))?;
            let answer = self.client.batch_get_item().request_items(&name, request).send().await;
            let answer = answer.map_err(|e| error::store("BatchGetItem on identifiers", &e))?;
            for item in answer.responses.and_then(|mut tables| tables.remove(&name)).unwrap_or_default() {
                let item = IdentifierItem::from_item(from_item(item)?)?;
                found.insert(item.index, item);
            }
            let left = answer.unprocessed_keys.and_then(|mut tables| tables.remove(&name));
            keys = left.map(|left| left.keys).unwrap_or_default();
            if keys.len() == asked {
                return Err(StoreError::Throttled("BatchGetItem on identifiers".into()));
            }
        }
        Ok(())
    }
}

/// The id in an attribute. No reader finds one in another spelling.
fn id_in(item: &DynamoItem, name: &str) -> Option<UserId> {
    let text = item.get(name)?.as_s().ok()?;
    text.parse().ok().filter(|id: &UserId| id.to_string() == *text)
}
