//! One user as another system knew them.

use std::fmt;

use umoja_crypto::legacy::{ForeignHash, ImportError};
use umoja_schema::{AccountStatus, Millis, Profile};

/// One user of another system, read and not yet judged: identifiers are as the source wrote them.
///
/// Personal data: `Debug` shows the line only.
#[derive(Clone, Default)]
pub struct Row {
    /// Where it begins in the source: the line, from 1, or for formats without lines the record, from 1.
    pub line: u64,
    /// The source's own id of the user. Becomes the importing company's `external_id`.
    pub external_id: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// True if the source has verified the address.
    pub email_verified: bool,
    /// Phone number.
    pub phone_number: Option<String>,
    /// True if the source has verified the number.
    pub phone_number_verified: bool,
    /// User name.
    pub username: Option<String>,
    /// OIDC standard claims, and `custom` for anything else.
    pub profile: Profile,
    /// When the source made the user, if it says so.
    pub created_at: Option<Millis>,
    /// Whether the user may log in; active if the source does not say.
    pub status: Option<AccountStatus>,
    /// The password hash, if the user has one.
    pub hash: Option<ForeignHash>,
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row").field("line", &self.line).finish_non_exhaustive()
    }
}

/// Why a row is not imported. Names members and columns, never a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is not of the format.
    #[error("the record is not of the format: {0}")]
    Form(&'static str),
    /// A member or column is absent, of another type or out of its range.
    #[error("`{0}` is absent or not what the format says")]
    Field(String),
    /// It takes more bytes than what is read of one at most.
    #[error("the record is larger than a mebibyte")]
    TooLarge,
    /// The source marks the user as deleted.
    #[error("the source marks the user as deleted")]
    Deleted,
    /// The password hash.
    #[error(transparent)]
    Hash(#[from] ImportError),
}
