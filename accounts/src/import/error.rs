//! Why a row is refused, and why an import stops.

use umoja_crypto::legacy::ImportError;
use umoja_schema::profile::ProfileError;
use umoja_schema::{IdentifierError, IdentifierKind, ItemError, StampError};
use umoja_store::ports::{KeysError, StoreError};
use umoja_store::seal::SealError;

use super::row::Refused;
use crate::Error;

/// The most users who may claim an identifier before a row that claims it too: each pair is two rows in the journal, and the
/// claimants of one identifier are one item.
pub(super) const MAX_RIVALS: usize = 8;

/// Why a row is not imported. Names members and rules, never a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// It is not of the format.
    #[error(transparent)]
    Format(#[from] Refused),
    /// An identifier is none of its kind.
    #[error("`{}` {}", .0.kind.as_str(), .0.rule)]
    Identifier(IdentifierError),
    /// There is nothing to find the user by.
    #[error("the record has neither an id of the user nor an e-mail address, phone number or user name")]
    NoIdentifier,
    /// Somebody has each of its identifiers, and without an id of its own nobody would ever find the user.
    #[error("others have all of its identifiers, and the record has no id of the user to find it by")]
    Unreachable,
    /// So many users claim one of its identifiers that it tells nobody from anybody: a placeholder, most likely.
    #[error("its `{}` is that of more than {MAX_RIVALS} other users", .0.as_str())]
    Shared(IdentifierKind),
    /// The profile.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// The password hash.
    #[error(transparent)]
    Hash(#[from] ImportError),
    /// The hash names a secret that the deployment does not have.
    #[error("the password hash needs the hash key `{0}`, which is not among the keys")]
    MissingKey(String),
    /// The user was imported before and erased since: nothing brings the person back.
    #[error("the user was erased")]
    Erased,
    /// A part of the user that it would be has not arrived in this region.
    #[error("the user is on its way from another region; import the file again later")]
    Behind,
    /// The part of a user that it belongs to cannot be opened.
    #[error("the user that it belongs to cannot be opened here")]
    Unreadable,
    /// The user that it belongs to was written by a region whose clock is far ahead.
    #[error("the user that it belongs to has a stamp from the future; import the file again later")]
    Clock,
    /// The person that it belongs to is merged of too many users.
    #[error("the person that it belongs to is merged of too many users")]
    TooMany,
    /// Others wrote the same identifiers all the time.
    #[error("its identifiers were written by others all the time; import the file again")]
    Busy,
}

impl From<IdentifierError> for Reason {
    fn from(error: IdentifierError) -> Self {
        Self::Identifier(error)
    }
}

/// Why an import ends before its end. Running it again goes on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// The region's tables.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key services.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// A thread that worked on a row ended without an answer.
    #[error("a thread of the import failed")]
    Thread,
}

impl Stopped {
    /// True if the same may succeed later.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Store(error) => error.is_transient(),
            Self::Keys(error) => matches!(error, KeysError::Unavailable | KeysError::Throttled),
            Self::Thread => false,
        }
    }
}

/// What came of a row that was not imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// This row.
    #[error(transparent)]
    Refused(Reason),
    /// The import.
    #[error(transparent)]
    Stopped(Stopped),
}

impl From<Reason> for Failed {
    fn from(reason: Reason) -> Self {
        Self::Refused(reason)
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        match error {
            // One damaged item is no reason to leave everybody else where they are.
            StoreError::Unreadable(_) => Self::Refused(Reason::Unreadable),
            error => Self::Stopped(error.into()),
        }
    }
}

impl From<SealError> for Failed {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Opaque | SealError::Newer | SealError::Keys(KeysError::Refused) => {
                Self::Refused(Reason::Unreadable)
            }
            SealError::Keys(error) => Self::Stopped(error.into()),
        }
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        match error {
            Error::Store(error) => error.into(),
            Error::Seal(error) => error.into(),
            Error::Clock(error) => error.into(),
            Error::Behind => Reason::Behind.into(),
            Error::TooLarge(_) => Reason::TooMany.into(),
            Error::Contended => Reason::Busy.into(),
            Error::Erased => Reason::Erased.into(),
            // Nothing else is asked of what imports call.
            _ => Reason::Unreadable.into(),
        }
    }
}

impl From<StampError> for Failed {
    fn from(StampError::FarFuture: StampError) -> Self {
        Self::Refused(Reason::Clock)
    }
}

impl From<ItemError> for Failed {
    fn from(error: ItemError) -> Self {
        StoreError::from(error).into()
    }
}
