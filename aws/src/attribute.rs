//! Conversion between the domain's attributes and the SDK's.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use umoja_schema::{Attribute, Attributes, ItemError};

/// An item in the SDK's form.
pub(crate) type Item = HashMap<String, AttributeValue>;

pub(crate) fn to_item(attributes: Attributes) -> Item {
    attributes.into_iter().map(|(name, value)| (name, to_value(value))).collect()
}

pub(crate) fn to_value(attribute: Attribute) -> AttributeValue {
    match attribute {
        Attribute::S(text) => AttributeValue::S(text),
        Attribute::N(number) => AttributeValue::N(number),
        Attribute::B(bytes) => AttributeValue::B(Blob::new(bytes)),
        Attribute::Bool(flag) => AttributeValue::Bool(flag),
        Attribute::Null => AttributeValue::Null(true),
        Attribute::M(map) => AttributeValue::M(to_item(map)),
        Attribute::L(list) => AttributeValue::L(list.into_iter().map(to_value).collect()),
        Attribute::Ss(texts) => AttributeValue::Ss(texts),
        Attribute::Ns(numbers) => AttributeValue::Ns(numbers),
        Attribute::Bs(blobs) => AttributeValue::Bs(blobs.into_iter().map(Blob::new).collect()),
    }
}

pub(crate) fn from_item(item: Item) -> Result<Attributes, ItemError> {
    item.into_iter().map(|(name, value)| Ok((name, from_value(value)?))).collect()
}

fn from_value(value: AttributeValue) -> Result<Attribute, ItemError> {
    Ok(match value {
        AttributeValue::S(text) => Attribute::S(text),
        AttributeValue::N(number) => Attribute::N(number),
        AttributeValue::B(bytes) => Attribute::B(bytes.into_inner()),
        AttributeValue::Bool(flag) => Attribute::Bool(flag),
        AttributeValue::Null(_) => Attribute::Null,
        AttributeValue::M(map) => Attribute::M(from_item(map)?),
        AttributeValue::L(list) => Attribute::L(list.into_iter().map(from_value).collect::<Result<_, _>>()?),
        AttributeValue::Ss(texts) => Attribute::Ss(texts),
        AttributeValue::Ns(numbers) => Attribute::Ns(numbers),
        AttributeValue::Bs(blobs) => Attribute::Bs(blobs.into_iter().map(Blob::into_inner).collect()),
        _ => return Err(ItemError::new("an attribute of a type that DynamoDB has since been given")),
    })
}
