//! The families of a client that outlive their sessions.

use super::item::{expires_at, item, key, live, read_texts, texts};
use crate::{Attributes, ItemError, Millis, Region, UserId, Version, VersionedItem};

const FAMILIES: &str = "families";

/// The families of a user and a client that began in a region and outlive their sessions (scope `offline_access`), up to the number that a
/// client may have. Only that region writes the row. It says nothing of what the person may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfflineFamilies {
    /// The user.
    pub user: UserId,
    /// The client.
    pub client: String,
    /// The region.
    pub region: Region,
    /// Their ids, the oldest first. Some may have ended.
    pub families: Vec<String>,
    /// When the last of them has ended by itself.
    pub expires_at: Millis,
    /// Fields written by a newer version of Umoja.
    pub unknown: Attributes,
}

impl OfflineFamilies {
    /// The beginning of the sort keys.
    pub const KIND: &'static str = "offline";

    /// The sort key of a client and a region.
    pub fn key(client: &str, region: &Region) -> String {
        key(Self::KIND, &[client, region.as_str()])
    }

    /// The item of this row in a version.
    pub fn to_item(&self, version: Version) -> VersionedItem {
        let mut fields = self.unknown.clone();
        fields.insert(FAMILIES.into(), texts(&self.families));
        item(self.user, Self::key(&self.client, &self.region), version, fields).expiring(self.expires_at)
    }

    /// Reads an item.
    ///
    /// # Errors
    /// If a field is absent or malformed, or the item is no live row of families.
    pub fn from_item(item: &VersionedItem) -> Result<Self, ItemError> {
        let (mut fields, [client, region]) = live(item, Self::KIND)?;
        Ok(Self {
            user: item.user,
            client,
            region: region.parse().map_err(|_| ItemError::new(crate::names::attribute::KEY))?,
            families: read_texts(&mut fields, FAMILIES)?,
            expires_at: expires_at(item)?,
            unknown: fields.0,
        })
    }
}
