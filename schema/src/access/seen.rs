//! The clients that got tokens in a session, which learn when it ends.

use super::item::{expires_at, item, key, live};
use crate::{Attributes, ItemError, Millis, UserId, Version, VersionedItem};

/// A client that got tokens in a session. A row for each, so that the clients of two regions both stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSeen {
    /// The user of the session.
    pub user: UserId,
    /// The session.
    pub session: String,
    /// The client.
    pub client: String,
    /// When the session ends by itself.
    pub expires_at: Millis,
    /// Fields written by a newer version of Umoja.
    pub unknown: Attributes,
}

impl ClientSeen {
    /// The beginning of the sort keys.
    pub const KIND: &'static str = "seen";

    /// The sort key of a client in a session.
    pub fn key(session: &str, client: &str) -> String {
        key(Self::KIND, &[session, client])
    }

    /// The beginning of the sort keys of a session.
    pub fn of_session(session: &str) -> String {
        key(Self::KIND, &[session, ""])
    }

    /// The item of this row in a version.
    pub fn to_item(&self, version: Version) -> VersionedItem {
        let key = Self::key(&self.session, &self.client);
        item(self.user, key, version, self.unknown.clone()).expiring(self.expires_at)
    }

    /// Reads an item.
    ///
    /// # Errors
    /// If a field is absent or malformed, or the item is no live row of a client.
    pub fn from_item(item: &VersionedItem) -> Result<Self, ItemError> {
        let (fields, [session, client]) = live(item, Self::KIND)?;
        Ok(Self { user: item.user, session, client, expires_at: expires_at(item)?, unknown: fields.0 })
    }
}
