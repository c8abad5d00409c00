//! That a person has withdrawn what a client had.

use super::item::{expires_at, item, key, live};
use super::life::{ENDED_FOR_MS, MAX_LIFE_MS};
use crate::{Attributes, ItemError, Millis, UserId, Version, VersionedItem};

/// The last time at which a user withdrew everything that it had given to a client. Its version says when. It ends the tokens that the client
/// got for what began without knowing it, also in a region in which it has not arrived yet, and also if the scopes are given again. So no
/// clocks are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawal {
    /// The user.
    pub user: UserId,
    /// The client.
    pub client: String,
    /// When the row expires: not before anything that it ends.
    pub expires_at: Millis,
    /// Fields written by a newer version of Umoja.
    pub unknown: Attributes,
}

impl Withdrawal {
    /// The beginning of the sort keys.
    pub const KIND: &'static str = "withdrawal";

    /// A withdrawal at a time of the clock of the region.
    pub fn new(user: UserId, client: String, now: Millis) -> Self {
        Self { user, client, expires_at: now.plus(MAX_LIFE_MS).plus(ENDED_FOR_MS), unknown: Attributes::new() }
    }

    /// The sort key of a client.
    pub fn key(client: &str) -> String {
        key(Self::KIND, &[client])
    }

    /// The beginning of all sort keys.
    pub fn of_all() -> String {
        key(Self::KIND, &[""])
    }

    /// The item of this row in a version.
    pub fn to_item(&self, version: Version) -> VersionedItem {
        item(self.user, Self::key(&self.client), version, self.unknown.clone()).expiring(self.expires_at)
    }

    /// Reads an item.
    ///
    /// # Errors
    /// If a field is absent or malformed, or the item is no live row of a withdrawal.
    pub fn from_item(item: &VersionedItem) -> Result<Self, ItemError> {
        let (fields, [client]) = live(item, Self::KIND)?;
        Ok(Self { user: item.user, client, expires_at: expires_at(item)?, unknown: fields.0 })
    }
}
