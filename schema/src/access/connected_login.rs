//! Logins at other providers, as their persons see them.

use super::item::{item, key, live};
use crate::target_account::bytes;
use crate::{Attribute, Attributes, CompanyId, ItemError, LoginProviderId, Millis, UserId, Version, VersionedItem};

const PROVIDER: &str = "provider";
const COMPANY: &str = "company";
const SUBJECT: &str = "subject";
const LABEL: &str = "label";
const CREATED_AT: &str = "created_at";

/// A login at another provider that a user got by signing in there. Whose a login is, the external id of the provider's company says: this
/// row says what the person knows of it, and counts only beside that external id. It never expires, and ends by itself or with the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectedLogin {
    /// The user.
    pub user: UserId,
    /// The id, drawn: letters, digits, `-` and `_`.
    pub id: String,
    /// The provider.
    pub provider: LoginProviderId,
    /// The company whose external id it is.
    pub company: CompanyId,
    /// A keyed hash of what the provider calls the person.
    pub subject: Vec<u8>,
    /// What the person sees of the account at the provider, sealed.
    pub label: Option<Vec<u8>>,
    /// When the user got it.
    pub created_at: Millis,
    /// Fields written by a newer version of Umoja.
    pub unknown: Attributes,
}

impl ConnectedLogin {
    /// The beginning of the sort keys.
    pub const KIND: &'static str = "login";

    /// The beginning of the sort keys of all.
    pub fn of_all() -> String {
        format!("{}#", Self::KIND)
    }

    /// The sort key of a login.
    pub fn key(id: &str) -> String {
        key(Self::KIND, &[id])
    }

    /// The item of this row in a version.
    pub fn to_item(&self, version: Version) -> VersionedItem {
        let mut fields = self.unknown.clone();
        fields.extend([
            (PROVIDER.into(), self.provider.to_string().into()),
            (COMPANY.into(), self.company.to_string().into()),
            (SUBJECT.into(), Attribute::B(self.subject.clone())),
            (CREATED_AT.into(), self.created_at.0.into()),
        ]);
        fields.extend(self.label.clone().map(|label| (LABEL.into(), Attribute::B(label))));
        item(self.user, Self::key(&self.id), version, fields)
    }

    /// Reads an item.
    ///
    /// # Errors
    /// If a field is absent or malformed, or the item is no live login.
    pub fn from_item(item: &VersionedItem) -> Result<Self, ItemError> {
        let (mut fields, [id]) = live(item, Self::KIND)?;
        Ok(Self {
            user: item.user,
            id,
            provider: fields.text(PROVIDER)?.parse().map_err(|_| ItemError::new(PROVIDER))?,
            company: fields.text(COMPANY)?.parse().map_err(|_| ItemError::new(COMPANY))?,
            subject: bytes(&mut fields, SUBJECT)?.ok_or(ItemError::new(SUBJECT))?,
            label: bytes(&mut fields, LABEL)?,
            created_at: Millis(fields.number(CREATED_AT)?),
            unknown: fields.0,
        })
    }
}
