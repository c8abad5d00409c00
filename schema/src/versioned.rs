//! Versioned items of a user without a data key: of two copies the newest is kept.

use crate::item::Reader;
use crate::names::attribute;
use crate::replicated::Replicated;
use crate::{Attribute, Attributes, ItemError, UserId, Version};

/// One item. An end is recorded in its fields: an item is deleted with its user and never by itself, because a region
/// that missed the deletion would bring it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionedItem {
    /// The table that it is in.
    pub table: &'static Replicated,
    /// The user that it is about.
    pub user: UserId,
    /// Sort key.
    pub key: String,
    /// The write that made it. One version has one content.
    pub version: Version,
    /// Its fields, without personal data in clear.
    pub fields: Attributes,
    /// Attributes written by a newer version of Umoja.
    pub unknown: Attributes,
}

impl VersionedItem {
    /// The item as it is stored.
    pub fn to_item(&self) -> Attributes {
        let mut item = self.unknown.clone();
        item.extend([
            (attribute::ID.into(), self.user.to_string().into()),
            (self.table.sort_key.into(), self.key.clone().into()),
            (attribute::VERSION.into(), self.version.to_string().into()),
            (attribute::ORIGIN.into(), self.version.origin.to_string().into()),
            (attribute::FIELDS.into(), Attribute::M(self.fields.clone())),
        ]);
        item
    }

    /// Reads an item.
    ///
    /// # Errors
    /// If an attribute is absent or malformed, or the version is that of a tombstone.
    pub fn from_item(table: &'static Replicated, item: Attributes) -> Result<Self, ItemError> {
        let mut item = Reader(item);
        let version: Version = item.parse(attribute::VERSION)?;
        if version.erased {
            return Err(ItemError::new(attribute::VERSION));
        }
        if item.parse::<crate::Region>(attribute::ORIGIN)? != version.origin {
            return Err(ItemError::new(attribute::ORIGIN));
        }
        Ok(Self {
            table,
            user: item.parse(attribute::ID)?,
            key: item.text(table.sort_key)?,
            version,
            fields: item.map(attribute::FIELDS)?,
            unknown: item.0,
        })
    }
}
