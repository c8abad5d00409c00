//! Entity tags of items: the attributes that every honest write changes, whether or not the item can be read.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use umoja_schema::names::attribute::{ID, KEYS, PROOF, VERSION};
use umoja_schema::{Attributes, Item, Key};
use umoja_store::ports::{Etag, StoreError};

use super::{DynamoDb, Placeholders, key};
use crate::attribute::{to_item, to_value};
use crate::error;

/// The attributes of a tag with their placeholders.
const ATTRIBUTES: [(&str, &str, &str); 3] =
    [(VERSION, "#version", ":version"), (PROOF, "#proof", ":proof"), (KEYS, "#keys", ":keys")];

impl DynamoDb {
    pub(super) async fn item_etag(&self, of: &Key) -> Result<Option<Etag>, StoreError> {
        let item_key = key([(ID, of.user.to_string()), (of.table.sort_key, of.sort.clone())]);
        let Some(item) = self.get(of.table.name, item_key).await? else { return Ok(None) };
        let kept = item.into_iter().filter(|(name, _)| ATTRIBUTES.iter().any(|(kept, ..)| kept == name));
        let tag = serde_json::to_vec(&kept.collect::<Attributes>());
        Ok(Some(Etag(tag.map_err(|_| StoreError::Rejected("an entity tag that is not JSON".into()))?)))
    }

    pub(super) async fn replace_item(&self, item: &Item, etag: &Etag) -> Result<bool, StoreError> {
        let (of, (condition, placeholders)) = (item.key(), is(etag));
        let attributes = match item {
            Item::Part(record) => record.to_item(),
            Item::Row(_, row) => row.to_item(),
            Item::Versioned(item) => item.to_item(),
        };
        let put = self
            .client
            .put_item()
            .table_name(self.table(of.table.name))
            .set_item(Some(to_item(attributes)))
            .condition_expression(condition)
            .set_expression_attribute_names(Some(placeholders.names.clone()))
            .set_expression_attribute_values(placeholders.values())
            .send()
            .await;
        let Err(error) = put else { return Ok(true) };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(_) | PutItemError::TransactionConflictException(_)) => {
                Ok(false)
            }
            _ => Err(error::store(&format!("PutItem on {}", of.table.name), &error)),
        }
    }
}

/// The condition that the stored item has this tag. A tag of another form fits no item.
pub(super) fn is(etag: &Etag) -> (String, Placeholders) {
    let mut tag: Attributes = serde_json::from_slice(&etag.0).unwrap_or_default();
    let mut placeholders = Placeholders::default().name("#id", ID);
    let mut conditions = vec!["attribute_exists(#id)".to_owned()];
    for (name, name_as, value_as) in ATTRIBUTES {
        placeholders = placeholders.name(name_as, name);
        match tag.remove(name) {
            Some(value) => {
                placeholders = placeholders.value(value_as, to_value(value));
                conditions.push(format!("{name_as} = {value_as}"));
            }
            None => conditions.push(format!("attribute_not_exists({name_as})")),
        }
    }
    (conditions.join(" AND "), placeholders)
}
