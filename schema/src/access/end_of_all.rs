//! The ends of everything that a person had signed in to.

use super::item::{expires_at, item, key, live};
use super::{ENDED_FOR_MS, MAX_LIFE_MS};
use crate::{Attributes, ItemError, Millis, Region, UserId, Version, VersionedItem};

const CREDENTIALS: &str = "credentials";

/// The last time at which a region ended everything that a user had signed in to. Only that region writes the row, and its version says
/// when. It ends what began without knowing it ([`KnownEnds`](super::KnownEnds)), also in a region in which it has not arrived yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndOfAll {
    /// The user.
    pub user: UserId,
    /// The region.
    pub region: Region,
    /// The credentials of the user that the region had then. What begins in a region that has older ones does not know the end: they may
    /// be those that were ended.
    pub credentials: Version,
    /// When the row expires: not before anything that it ends.
    pub expires_at: Millis,
    /// Fields written by a newer version of Umoja.
    pub unknown: Attributes,
}

impl EndOfAll {
    /// The beginning of the sort keys.
    pub const KIND: &'static str = "all";

    /// The end of everything by a region, as of a time of its clock.
    pub fn new(user: UserId, region: Region, credentials: Version, now: Millis) -> Self {
        let expires_at = now.plus(MAX_LIFE_MS).plus(ENDED_FOR_MS);
        Self { user, region, credentials, expires_at, unknown: Attributes::new() }
    }

    /// The sort key of a region.
    pub fn key(region: &Region) -> String {
        key(Self::KIND, &[region.as_str()])
    }

    /// The beginning of all sort keys.
    pub fn of_all() -> String {
        key(Self::KIND, &[""])
    }

    /// The item of this row in a version.
    pub fn to_item(&self, version: Version) -> VersionedItem {
        let mut fields = self.unknown.clone();
        fields.insert(CREDENTIALS.into(), self.credentials.to_string().into());
        item(self.user, Self::key(&self.region), version, fields).expiring(self.expires_at)
    }

    /// Reads an item.
    ///
    /// # Errors
    /// If a field is absent or malformed, or the item is no live row of an end.
    pub fn from_item(item: &VersionedItem) -> Result<Self, ItemError> {
        let (mut fields, [region]) = live(item, Self::KIND)?;
        Ok(Self {
            user: item.user,
            region: region.parse().map_err(|_| ItemError::new(crate::names::attribute::KEY))?,
            credentials: fields.parse(CREDENTIALS)?,
            expires_at: expires_at(item)?,
            unknown: fields.0,
        })
    }
}
