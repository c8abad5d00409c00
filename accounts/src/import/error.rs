//! Why a row is rejected, and why an import stops.

use umoja_crypto::legacy::ImportError;
use umoja_schema::profile::ProfileError;
use umoja_schema::{HlcError, IdentifierError, IdentifierKind, ItemError};
use umoja_store::ports::{KeysError, StoreError};
use umoja_store::seal::SealError;

use super::row::Rejected;
use crate::{Error, Field};

/// The maximum number of users that may own an identifier before a row that owns it too. Each pair takes two rows in
/// the journal, and all owners of one identifier share one item.
pub(super) const MAX_RIVALS: usize = 8;

/// Why a row is not imported. A reason names members and rules, and never a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The record does not have the format.
    #[error(transparent)]
    Format(#[from] Rejected),
    /// The text is not an identifier of its kind.
    #[error("`{}` {}", .0.kind.as_str(), .0.rule)]
    Identifier(IdentifierError),
    /// The record has no identifier by which the user could be found.
    #[error("the record has neither an id of the user nor an e-mail address, phone number or user name")]
    NoIdentifier,
    /// Other users have all of its identifiers, and without an external id the user could never be found.
    #[error("other users have all identifiers of the record, and it has no id of the user")]
    Unreachable,
    /// Too many users own one of its identifiers, which is most likely a placeholder.
    #[error("more than {MAX_RIVALS} other users have the `{}` of the record", .0.as_str())]
    Shared(IdentifierKind),
    /// The profile is invalid.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// The profile of the record does not fit into that of the known user whose blanks it would fill.
    #[error("the profile of the record and that of the matched user are together larger than a profile may be")]
    TooLargeTogether,
    /// The password hash cannot be imported.
    #[error(transparent)]
    Hash(#[from] ImportError),
    /// The hash names a secret that the deployment does not have.
    #[error("the password hash needs the hash key `{0}`, which the deployment does not have")]
    MissingKey(String),
    /// The user was imported before and erased since. An import must not bring the person back.
    #[error("the user was erased")]
    Erased,
    /// The user of an earlier record with the same id has another e-mail address.
    #[error(
        "the user with the id of the record has another e-mail address: the address was changed, or two people have one id"
    )]
    OtherAddress,
    /// A part of the record's user has not arrived in this region.
    #[error("the user has not completely arrived from another region; import the file again later")]
    Behind,
    /// A part of the record's user cannot be decrypted.
    #[error("the user of the record cannot be decrypted here")]
    Unreadable,
    /// The record's user was written by a region whose clock is far ahead.
    #[error("the user of the record has an HLC timestamp from the future; import the file again later")]
    Clock,
    /// The record's person consists of too many users, or its user has too many identifiers.
    #[error("the person of the record has too many users or identifiers")]
    TooMany,
    /// Several reasons, each of which rejects the row: every unusable value of it.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Several(Vec<Self>),
    /// The company of the source may not register users.
    #[error("the company has no scope `users:register`, without which its source neither makes nor matches users")]
    NoScope,
    /// Every attempt to write was overtaken by another write of the same identifiers.
    #[error("other writes of the same identifiers overtook every attempt; import the file again")]
    Busy,
}

impl Reason {
    /// The reason as programs know it.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Format(_) => "format",
            Self::Identifier(_) => "identifier",
            Self::NoIdentifier => "no_identifier",
            Self::Unreachable => "unreachable",
            Self::Shared(_) => "shared_identifier",
            Self::Profile(_) => "profile",
            Self::TooLargeTogether => "too_large_together",
            Self::Hash(_) => "password_hash",
            Self::MissingKey(_) => "hash_key_missing",
            Self::Erased => "erased",
            Self::OtherAddress => "other_address",
            Self::Behind => "behind",
            Self::Unreadable => "unreadable",
            Self::Clock => "clock",
            Self::TooMany => "too_many",
            Self::NoScope => "scope_missing",
            Self::Busy => "busy",
            Self::Several(_) => "several",
        }
    }

    /// All of these reasons. `None` if there are none.
    pub(super) fn all(reasons: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut all = Vec::new();
        for reason in reasons {
            if !all.contains(&reason) {
                all.push(reason);
            }
        }
        if all.len() < 2 { all.pop() } else { Some(Self::Several(all)) }
    }

    /// Each reason.
    pub fn each(&self) -> &[Self] {
        match self {
            Self::Several(reasons) => reasons,
            one => std::slice::from_ref(one),
        }
    }
}

impl From<IdentifierError> for Reason {
    fn from(error: IdentifierError) -> Self {
        Self::Identifier(error)
    }
}

/// Why an import stops early. The next run continues it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// The region's tables failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key services failed.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// A thread that worked on a row ended without a result.
    #[error("a thread of the import failed")]
    Thread,
}

impl Stopped {
    /// True if a retry may succeed.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Store(error) => error.is_transient(),
            Self::Keys(error) => matches!(error, KeysError::Unavailable | KeysError::Throttled),
            Self::Thread => false,
        }
    }
}

/// Why a row was not imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// This row is rejected, and the import continues.
    #[error(transparent)]
    Rejected(Reason),
    /// The import stops.
    #[error(transparent)]
    Stopped(Stopped),
}

impl Failed {
    /// True if a retry may succeed without a change of the row.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Rejected(reason) => matches!(reason, Reason::Behind | Reason::Clock | Reason::Busy),
            Self::Stopped(stopped) => stopped.is_transient(),
        }
    }
}

impl From<Reason> for Failed {
    fn from(reason: Reason) -> Self {
        Self::Rejected(reason)
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        match error {
            // A damaged item must not keep all other users from being imported.
            StoreError::Unreadable(_) => Self::Rejected(Reason::Unreadable),
            error => Self::Stopped(error.into()),
        }
    }
}

impl From<SealError> for Failed {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Opaque | SealError::Newer | SealError::Keys(KeysError::Rejected) => {
                Self::Rejected(Reason::Unreadable)
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
            Error::Invalid { field: Field::Profile, .. } => Reason::TooLargeTogether.into(),
            Error::TooLarge(_) | Error::Invalid { .. } => Reason::TooMany.into(),
            Error::Contended => Reason::Busy.into(),
            Error::Erased => Reason::Erased.into(),
            // The rules that imports call return no other errors.
            _ => Reason::Unreadable.into(),
        }
    }
}

impl From<HlcError> for Failed {
    fn from(HlcError::FarFuture: HlcError) -> Self {
        Self::Rejected(Reason::Clock)
    }
}

impl From<ItemError> for Failed {
    fn from(error: ItemError) -> Self {
        StoreError::from(error).into()
    }
}
