//! Sessions: that a person has signed in with a browser.

use super::KnownEnds;
use super::item::{expires_at, item, key, live, optional, read_texts, texts};
use crate::target_account::bytes;
use crate::{Attribute, Attributes, ItemError, Millis, UserId, Version, VersionedItem};

const AUTH_TIME: &str = "auth_time";
const AMR: &str = "amr";
const ACR: &str = "acr";
const LABEL: &str = "label";
const CREATED_AT: &str = "created_at";

/// A session of a person at the provider. No client learns its id: each has a name of its own for it (claim `sid`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The user that signed in.
    pub user: UserId,
    /// The id: letters, digits, `-` and `_`.
    pub id: String,
    /// When the person proved who it is (claim `auth_time`). 0 if that is not known.
    pub auth_time: Millis,
    /// By which methods (claim `amr`, RFC 8176).
    pub amr: Vec<String>,
    /// How well (claim `acr`).
    pub acr: Option<String>,
    /// What the person sees of the device, sealed.
    pub label: Option<Vec<u8>>,
    /// When the session began.
    pub created_at: Millis,
    /// When it ends by itself.
    pub expires_at: Millis,
    /// The ends of everything that the region knew when it began.
    pub ends: KnownEnds,
    /// Fields written by a newer version of Umoja.
    pub unknown: Attributes,
}

impl Session {
    /// The beginning of the sort keys.
    pub const KIND: &'static str = "session";

    /// The sort key of a session.
    pub fn key(id: &str) -> String {
        key(Self::KIND, &[id])
    }

    /// The beginning of all sort keys.
    pub fn of_all() -> String {
        key(Self::KIND, &[""])
    }

    /// The item of this row in a version.
    pub fn to_item(&self, version: Version) -> VersionedItem {
        let mut fields = self.unknown.clone();
        fields.extend([
            (AUTH_TIME.into(), self.auth_time.0.into()),
            (AMR.into(), texts(&self.amr)),
            (CREATED_AT.into(), self.created_at.0.into()),
        ]);
        fields.extend(self.acr.clone().map(|acr| (ACR.into(), acr.into())));
        fields.extend(self.label.clone().map(|label| (LABEL.into(), Attribute::B(label))));
        self.ends.put(&mut fields);
        item(self.user, Self::key(&self.id), version, fields).expiring(self.expires_at)
    }

    /// Reads an item.
    ///
    /// # Errors
    /// If a field is absent or malformed, or the item is no live session.
    pub fn from_item(item: &VersionedItem) -> Result<Self, ItemError> {
        let (mut fields, [id]) = live(item, Self::KIND)?;
        Ok(Self {
            user: item.user,
            id,
            auth_time: Millis(fields.number(AUTH_TIME)?),
            amr: read_texts(&mut fields, AMR)?,
            acr: optional(&mut fields, ACR)?,
            label: bytes(&mut fields, LABEL)?,
            created_at: Millis(fields.number(CREATED_AT)?),
            expires_at: expires_at(item)?,
            ends: KnownEnds::take(&mut fields)?,
            unknown: fields.0,
        })
    }
}
