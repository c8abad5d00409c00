//! Versioned items of a user without a data key: of two copies the newest is kept.

use crate::item::Reader;
use crate::names::attribute;
use crate::replicated::Replicated;
use crate::{Attribute, Attributes, ItemError, Millis, UserId, Version};

/// One item. It is deleted with its user or when it has expired, and never by itself, because a region that missed the
/// deletion would bring it back. So an end is recorded in its fields, or, in a table whose items can be ended
/// ([`Replicated::ends`]), in its version.
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

    /// The item with the time at which it expires, in a table whose items do. It is stored in seconds, rounded up.
    #[must_use]
    pub fn expiring(mut self, at: Millis) -> Self {
        if let Some(name) = self.table.ttl {
            self.unknown.insert(name.into(), at.0.div_ceil(1000).into());
        }
        self
    }

    /// When the item expires: then it counts as absent, is not copied, and each region deletes it by itself. `None` if it
    /// never does.
    pub fn expires_at(&self) -> Option<Millis> {
        match self.unknown.get(self.table.ttl?)? {
            Attribute::N(secs) => Some(Millis(secs.parse::<u64>().ok()?.saturating_mul(1000))),
            _ => None,
        }
    }

    /// True if the item has expired.
    pub fn is_expired(&self, now: Millis) -> bool {
        self.expires_at().is_some_and(|at| at <= now)
    }

    /// Reads an item.
    ///
    /// # Errors
    /// If an attribute is absent or malformed, or the version is that of a tombstone in a table whose items cannot be ended.
    pub fn from_item(table: &'static Replicated, item: Attributes) -> Result<Self, ItemError> {
        let mut item = Reader(item);
        let version: Version = item.parse(attribute::VERSION)?;
        if version.erased && !table.ends {
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
