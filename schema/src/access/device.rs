//! Devices that wait for a person to let them in (RFC 8628).

use std::collections::BTreeSet;

use super::item::{expires_at, item, key, live, optional, read_texts, texts};
use crate::{Attributes, ItemError, Millis, UserId, Version, VersionedItem};

const JTI: &str = "jti";
const CLIENT: &str = "client";
const SCOPES: &str = "scopes";
const ANSWER: &str = "answer";

/// A device that waits, under an id that is derived from the code that a person types. No user has this id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRequest {
    /// The derived id.
    pub id: UserId,
    /// The id of the request, which the device knows too: another request may have got the same code later.
    pub jti: String,
    /// The client.
    pub client: String,
    /// What the client asks for.
    pub scopes: BTreeSet<String>,
    /// What the person has answered, sealed; `None` before.
    pub answer: Option<String>,
    /// When the code ends.
    pub expires_at: Millis,
    /// Fields written by a newer version of Umoja.
    pub unknown: Attributes,
}

impl DeviceRequest {
    /// The beginning of the sort key.
    pub const KIND: &'static str = "device";

    /// The sort key: an id has one request.
    pub fn key() -> String {
        key(Self::KIND, &["request"])
    }

    /// The item of this row in a version.
    pub fn to_item(&self, version: Version) -> VersionedItem {
        let mut fields = self.unknown.clone();
        fields.extend([
            (JTI.into(), self.jti.clone().into()),
            (CLIENT.into(), self.client.clone().into()),
            (SCOPES.into(), texts(&self.scopes)),
        ]);
        fields.extend(self.answer.clone().map(|answer| (ANSWER.into(), answer.into())));
        item(self.id, Self::key(), version, fields).expiring(self.expires_at)
    }

    /// Reads an item.
    ///
    /// # Errors
    /// If a field is absent or malformed, or the item is no live request.
    pub fn from_item(item: &VersionedItem) -> Result<Self, ItemError> {
        let (mut fields, [_]) = live(item, Self::KIND)?;
        Ok(Self {
            id: item.user,
            jti: fields.text(JTI)?,
            client: fields.text(CLIENT)?,
            scopes: read_texts(&mut fields, SCOPES)?,
            answer: optional(&mut fields, ANSWER)?,
            expires_at: expires_at(item)?,
            unknown: fields.0,
        })
    }
}
