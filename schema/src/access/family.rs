//! Families of refresh tokens (RFC 9700 section 4.14.2).

use std::collections::BTreeSet;

use super::KnownEnds;
use super::item::{expires_at, item, key, live, optional, read_texts, texts};
use crate::{Attributes, ItemError, Millis, UserId, Version, VersionedItem};

const CLIENT: &str = "client";
const SESSION: &str = "session";
const SCOPES: &str = "scopes";
const JKT: &str = "jkt";

/// The refresh tokens that come from one authorization, each from the one before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Family {
    /// The user.
    pub user: UserId,
    /// The id: letters, digits, `-` and `_`.
    pub id: String,
    /// The client.
    pub client: String,
    /// The session with which it ends; `None` if it outlives its session (scope `offline_access`).
    pub session: Option<String>,
    /// The scopes of the authorization.
    pub scopes: BTreeSet<String>,
    /// The thumbprint of the key to which it is bound (RFC 9449).
    pub jkt: Option<String>,
    /// When it ends by itself.
    pub expires_at: Millis,
    /// The ends of everything that the region knew when it began.
    pub ends: KnownEnds,
    /// Fields written by a newer version of Umoja.
    pub unknown: Attributes,
}

impl Family {
    /// The beginning of the sort keys.
    pub const KIND: &'static str = "family";

    /// The sort key of a family.
    pub fn key(id: &str) -> String {
        key(Self::KIND, &[id])
    }

    /// The item of this row in a version.
    pub fn to_item(&self, version: Version) -> VersionedItem {
        let mut fields = self.unknown.clone();
        fields.extend([(CLIENT.into(), self.client.clone().into()), (SCOPES.into(), texts(&self.scopes))]);
        fields.extend(self.session.clone().map(|session| (SESSION.into(), session.into())));
        fields.extend(self.jkt.clone().map(|jkt| (JKT.into(), jkt.into())));
        self.ends.put(&mut fields);
        item(self.user, Self::key(&self.id), version, fields).expiring(self.expires_at)
    }

    /// Reads an item.
    ///
    /// # Errors
    /// If a field is absent or malformed, or the item is no live family.
    pub fn from_item(item: &VersionedItem) -> Result<Self, ItemError> {
        let (mut fields, [id]) = live(item, Self::KIND)?;
        Ok(Self {
            user: item.user,
            id,
            client: fields.text(CLIENT)?,
            session: optional(&mut fields, SESSION)?,
            scopes: read_texts(&mut fields, SCOPES)?,
            jkt: optional(&mut fields, JKT)?,
            expires_at: expires_at(item)?,
            ends: KnownEnds::take(&mut fields)?,
            unknown: fields.0,
        })
    }
}
