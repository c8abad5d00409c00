//! Consents: what a person lets a client know and do.

use super::item::{escaped, item, key, live};
use crate::{Attributes, ItemError, Millis, UserId, Version, VersionedItem};

const SCOPE: &str = "scope";
const GIVEN: &str = "given";
const AT: &str = "granted_at";

/// What a person has said about one scope of a client. A row for each scope, so that the consents of two regions both stay.
/// That it was withdrawn is a field, so that it can be given again: the newest word counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The user.
    pub user: UserId,
    /// The client.
    pub client: String,
    /// The scope.
    pub scope: String,
    /// True if it is given, false if it is withdrawn.
    pub given: bool,
    /// When.
    pub at: Millis,
    /// Fields written by a newer version of Umoja.
    pub unknown: Attributes,
}

impl Grant {
    /// The beginning of the sort keys.
    pub const KIND: &'static str = "grant";

    /// The sort key of a scope of a client.
    pub fn key(client: &str, scope: &str) -> String {
        key(Self::KIND, &[client, &escaped(scope)])
    }

    /// The beginning of the sort keys of a client.
    pub fn of_client(client: &str) -> String {
        key(Self::KIND, &[client, ""])
    }

    /// The beginning of all sort keys.
    pub fn of_all() -> String {
        key(Self::KIND, &[""])
    }

    /// The item of this row in a version.
    pub fn to_item(&self, version: Version) -> VersionedItem {
        let mut fields = self.unknown.clone();
        fields.extend([
            (SCOPE.into(), self.scope.clone().into()),
            (GIVEN.into(), self.given.into()),
            (AT.into(), self.at.0.into()),
        ]);
        item(self.user, Self::key(&self.client, &self.scope), version, fields)
    }

    /// Reads an item.
    ///
    /// # Errors
    /// If a field is absent or malformed, or the item is no live consent.
    pub fn from_item(item: &VersionedItem) -> Result<Self, ItemError> {
        let (mut fields, [client, name]) = live(item, Self::KIND)?;
        let scope = fields.text(SCOPE)?;
        if escaped(&scope) != name {
            return Err(ItemError::new(SCOPE));
        }
        Ok(Self {
            user: item.user,
            client,
            scope,
            given: fields.flag(GIVEN)?,
            at: Millis(fields.number(AT)?),
            unknown: fields.0,
        })
    }
}
