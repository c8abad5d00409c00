//! A hold: what keeps a person from being erased.

use super::item::{item, key, live, optional};
use super::life::ENDED_FOR_MS;
use crate::names::attribute::EXPIRES_AT;
use crate::{Attribute, Attributes, ItemError, Millis, UserId, Version, VersionedItem};

const UNTIL: &str = "until";
const HELD_AT: &str = "held_at";
const BY: &str = "by";
const REASON: &str = "reason";

/// That an operator holds a user: until its end, no region erases it. The newest word counts, so a hold is released by a
/// row whose end has passed, and can be set again. An erasure ends the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The user.
    pub user: UserId,
    /// When it ends.
    pub until: Millis,
    /// When it was set, or released.
    pub at: Millis,
    /// The role or account that decided.
    pub by: String,
    /// Why, sealed for the row; `None` once it is released.
    pub reason: Option<Vec<u8>>,
    /// Fields written by a newer version of Umoja.
    pub unknown: Attributes,
}

impl Hold {
    /// The beginning of the sort key.
    pub const KIND: &'static str = "hold";

    /// The sort key: a user has one hold.
    pub fn key() -> String {
        key(Self::KIND, &["erasure"])
    }

    /// The item of this row in a version. It outlives the hold for as long as a copy of an earlier word may come.
    pub fn to_item(&self, version: Version) -> VersionedItem {
        let mut fields = self.unknown.clone();
        fields.extend([
            (UNTIL.into(), self.until.0.into()),
            (HELD_AT.into(), self.at.0.into()),
            (BY.into(), self.by.clone().into()),
        ]);
        fields.extend(self.reason.clone().map(|reason| (REASON.into(), Attribute::B(reason))));
        item(self.user, Self::key(), version, fields).expiring(self.until.max(self.at).plus(ENDED_FOR_MS))
    }

    /// Reads an item.
    ///
    /// # Errors
    /// If a field is absent or malformed, or the item is no live row of a hold.
    pub fn from_item(item: &VersionedItem) -> Result<Self, ItemError> {
        let (mut fields, [_]) = live(item, Self::KIND)?;
        item.expires_at().ok_or(ItemError::new(EXPIRES_AT))?;
        let reason = match fields.0.remove(REASON) {
            Some(Attribute::B(sealed)) => Some(sealed),
            None => None,
            Some(_) => return Err(ItemError::new(REASON)),
        };
        Ok(Self {
            user: item.user,
            until: Millis(fields.number(UNTIL)?),
            at: Millis(fields.number(HELD_AT)?),
            by: optional(&mut fields, BY)?.unwrap_or_default(),
            reason,
            unknown: fields.0,
        })
    }

    /// True if the user cannot be erased at this time.
    pub fn holds(&self, now: Millis) -> bool {
        now < self.until
    }
}
