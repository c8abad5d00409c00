//! One user of another system.

use std::fmt;

use serde_json::Value;
use umoja_crypto::legacy::{ForeignHash, ImportError};
use umoja_schema::{AccountStatus, Millis, Profile};

use crate::access::ForeignFactor;

/// One user of another system as it was read, before validation. Identifiers are as the source wrote them.
///
/// A row is personal data, so `Debug` shows the line only.
#[derive(Clone, Default)]
pub struct Row {
    /// The position in the source: the number of its first line, or of the record for formats without lines, from 1.
    pub line: u64,
    /// The id of the user in the source. It becomes the `external_id` of the importing company.
    pub external_id: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// True if the source has verified the address.
    pub email_verified: bool,
    /// Phone number.
    pub phone_number: Option<String>,
    /// True if the source has verified the number.
    pub phone_number_verified: bool,
    /// The country (ISO 3166-1 alpha-2) in which a national phone number of the row is read; by default the company's.
    pub phone_country: Option<String>,
    /// User name.
    pub username: Option<String>,
    /// OIDC standard claims, with all other values in `custom`.
    pub profile: Profile,
    /// The time at which the source made the user, if it is known.
    pub created_at: Option<Millis>,
    /// Whether the user may log in. `None` counts as active.
    pub status: Option<AccountStatus>,
    /// The password hash, if the user has one.
    pub hash: Option<ForeignHash>,
    /// The second factors.
    pub factors: Vec<RowFactor>,
    /// What of the source could not be read and without which the user would be another one: the status, the hash. Each
    /// rejects the row.
    pub rejections: Vec<Rejected>,
    /// The fields of the source that could not be read.
    pub left_out: Vec<LeftOut>,
    /// The names of the members, columns or attributes of the source that have a value and no place in a user.
    pub not_taken: Vec<String>,
}

impl Row {
    /// The row, unless something rejects it.
    ///
    /// # Errors
    /// [`Rejected::Deleted`] if the source marks the user as deleted; otherwise the first of its rejections.
    pub fn sound(mut self) -> Result<Self, Rejected> {
        match self.rejections.iter().position(|rejected| *rejected == Rejected::Deleted) {
            Some(deleted) => Err(self.rejections.swap_remove(deleted)),
            None if self.rejections.is_empty() => Ok(self),
            None => Err(self.rejections.swap_remove(0)),
        }
    }
}

/// A second factor of the source.
#[derive(Clone)]
pub struct RowFactor {
    /// What it is.
    pub factor: ForeignFactor,
    /// The host for which a passkey was made (relying party id), if the source says it.
    pub site: Option<String>,
    /// What the person calls it. Personal data.
    pub label: Option<String>,
}

/// A field of the source with a value that the user cannot have.
#[derive(Clone)]
pub struct LeftOut {
    /// The name of the member, column or attribute.
    pub field: String,
    /// The value as the source has it; null if it must not be kept.
    pub value: Value,
}

impl LeftOut {
    /// A text.
    pub fn text(field: &str, text: &str) -> Self {
        Self { field: field.to_owned(), value: Value::String(text.to_owned()) }
    }
}

/// The value is personal data, so `Debug` shows the name only.
impl fmt::Debug for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeftOut").field("field", &self.field).finish_non_exhaustive()
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row").field("line", &self.line).finish_non_exhaustive()
    }
}

/// Why a row is not imported. A reason names members and columns, and never a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// The record does not have the format.
    #[error("the record does not have the format: {0}")]
    Form(&'static str),
    /// A member or column is absent, of another type or out of its range.
    #[error("`{0}` is absent or does not have the form that the format requires")]
    Field(String),
    /// The status of the user is a word that the mapping does not have.
    #[error("the value of `{0}` is on none of the lists of `status` in the mapping")]
    Status(String),
    /// A number of the record has more digits than can be kept.
    #[error("a number of the record cannot be kept exactly; write it as a text")]
    Number,
    /// The record has more bytes than are read of one record.
    #[error("the record is larger than a mebibyte")]
    TooLarge,
    /// The source marks the user as deleted.
    #[error("the source marks the user as deleted")]
    Deleted,
    /// The password hash cannot be imported.
    #[error(transparent)]
    Hash(#[from] ImportError),
}
