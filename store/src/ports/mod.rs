//! What Umoja needs from the world, as traits. Adapters implement them. The module `contract` specifies their behaviour
//! in tests that every adapter passes.

mod attempts;
mod checkpoints;
mod clock;
mod due;
mod hasher;
mod inbox;
mod items;
mod keys;
mod legacy_login;
mod logs;
mod mailer;
mod outbound;
mod permit;
mod queue;
mod registry;
mod requests;
mod user_pool;
mod users;

pub use attempts::{Attempts, Counted, Limit, Tally};
pub use checkpoints::Checkpoints;
#[cfg(test)]
pub(crate) use clock::Fixed;
pub use clock::{Clock, Entropy};
pub use due::{Due, DuePage, DueRow};
pub use hasher::{Attempt, Busy, Hasher, NewPassword, Verdict};
pub use inbox::{Inbox, InboxDocument, InboxPage, WAITING_TEXT};
pub use items::{ItemPage, Items};
pub use keys::{EncryptionContext, Keys, KeysError};
pub use legacy_login::{KnownAs, LegacyAnswer, LegacyError, LegacyLogin, Question};
pub use logs::{Logs, RowPage};
pub use mailer::{Mail, MailError, Mailer};
pub use outbound::{Answered, Call, Method, Outbound, OutboundError};
pub use permit::{Permit, Permitted};
pub use queue::{Delivery, Queue, QueueDepth};
pub use registry::{CompanyRow, Registry, SettingRow};
pub use requests::{Begun, Outcome, Requests};
pub use user_pool::{PoolPage, UserPool};
pub use users::{
    Commit, Condition, Etag, IdentifierPage, IdentifierWrite, ItemWrite, KeyAdded, KeyRemoved, LinkedAccountPage,
    LinkedAccountWrite, MAX_WRITES, Page, PartWrite, Parts, Strays, SuperfluousPointer, Users, Writes,
};

use umoja_schema::ItemError;

/// Why a store or a queue failed. The text names the request for the operator's log, and never contains a key, a value
/// or an identifier of a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No answer. The request may have taken effect.
    #[error("{0} did not answer")]
    Unavailable(String),
    /// The rate of requests is too high. The request had no effect.
    #[error("{0} is throttled")]
    Throttled(String),
    /// A retry cannot succeed: access denied, no such table, too large.
    #[error("{0} was rejected")]
    Rejected(String),
    /// The region's secrets are not those of the deployment, so no item can be proved or verified. The text says why.
    #[error("the secret of proofs ({0}) was rejected")]
    Secrets(String),
    /// A stored item is unreadable.
    #[error("a stored item cannot be read: {0}")]
    Unreadable(#[from] ItemError),
}

impl StoreError {
    /// True if the same request may succeed later.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Throttled(_))
    }
}
