//! What a source says about one of its users.

use std::fmt;

use umoja_schema::{IdentifierKind, Millis, UserId};

use crate::import::Row;

/// One change of a user at a source, as its event says it.
#[derive(Clone)]
pub struct IncomingChange {
    /// The id of the user at the source: the external id of the company.
    pub subject: String,
    /// The provider's own time of the change, at most five minutes after the receipt of the event.
    pub at: Millis,
    /// What has changed.
    pub change: Change,
}

/// What has changed.
#[derive(Clone)]
pub enum Change {
    /// The user is now as the row has it. Values that the row does not have stay as they are. The status of the row is
    /// that of the user at the company; without it, a deleted or suspended user stays so.
    State {
        /// The user at the provider. Its external id is the subject. A password hash of it is not taken.
        row: Box<Row>,
        /// True if the user has just logged in.
        logged_in: bool,
    },
    /// The user logged in and is now as the row has it, as for [`Change::State`]. A user that the company does not know
    /// stays unknown: the login of a user that was erased meanwhile does not bring the person back.
    LoggedIn {
        /// The user at the provider.
        row: Box<Row>,
    },
    /// The user may not log in at the company.
    Suspended,
    /// The user may log in at the company again.
    Activated,
    /// The user no longer exists at the provider.
    Deleted,
    /// The user has another password at the provider, so what the company has stated about the password before is over.
    PasswordChanged,
}

/// What a change has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It made a user.
    Created(UserId),
    /// It linked a user whom another company had registered.
    Matched(UserId),
    /// It changed a user.
    Changed(UserId),
    /// The user was so already.
    Unchanged(UserId),
    /// A newer state was applied before.
    Older(UserId),
    /// It erased a person whom no other company knows.
    Erased(UserId),
    /// The state describes a person who was erased, and was ignored.
    KeptOut,
    /// The user is unknown or was erased, and stays so.
    Absent,
}

impl Applied {
    /// The user that has what the source says, or something newer. `None` if there is no such user.
    pub const fn user(self) -> Option<UserId> {
        match self {
            Self::Created(id) | Self::Matched(id) | Self::Changed(id) | Self::Unchanged(id) | Self::Older(id) => {
                Some(id)
            }
            Self::Erased(_) | Self::KeptOut | Self::Absent => None,
        }
    }
}

impl IncomingChange {
    /// Leaves an identifier of the state out. False if it has none of this kind.
    pub(super) fn leave_out(&mut self, kind: IdentifierKind) -> bool {
        let (Change::State { row, .. } | Change::LoggedIn { row }) = &mut self.change else { return false };
        let value = match kind {
            IdentifierKind::Email => row.email.take(),
            IdentifierKind::PhoneNumber => row.phone_number.take(),
            IdentifierKind::Username => row.username.take(),
            IdentifierKind::ExternalId => None,
        };
        value.is_some()
    }
}

/// A change has personal data, so `Debug` shows its time only.
impl fmt::Debug for IncomingChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IncomingChange").field("at", &self.at).finish_non_exhaustive()
    }
}
