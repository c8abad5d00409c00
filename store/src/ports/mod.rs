//! What Umoja needs from the world, as traits. An adapter implements them; the module `contract` says what it must do,
//! in tests that every adapter passes.

mod attempts;
mod clock;
mod hasher;
mod items;
mod keys;
mod logs;
mod queue;
mod registry;
mod requests;
mod sweeps;
mod users;

pub use attempts::{Attempts, Counted, Limit, Tally};
pub use clock::{Clock, Entropy};
pub use hasher::{Attempt, Busy, Hasher, NewPassword, Verdict};
pub use items::{ItemPage, Items};
pub use keys::{EncryptionContext, Keys, KeysError};
pub use logs::{Logs, RowPage};
pub use queue::{Delivery, Queue, QueueDepth};
pub use registry::Registry;
pub use requests::{Outcome, Requests};
pub use sweeps::Sweeps;
pub use users::{
    ClaimPage, ClaimWrite, Commit, Condition, ItemWrite, KeyAdded, KeyRemoved, MAX_WRITES, MemberWrite, Page,
    PartWrite, Parts, Users, Writes,
};

use umoja_schema::ItemError;

/// Why a store or a queue did not do what it was asked. Carries what was asked for, for the operator's log; never a
/// key, a value or an identifier of a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No answer: the request may or may not have taken effect.
    #[error("{0} did not answer")]
    Unavailable(String),
    /// Asked too fast; nothing took effect.
    #[error("{0} is throttled")]
    Throttled(String),
    /// Refused for good: access denied, no such table, too large.
    #[error("{0} was refused")]
    Refused(String),
    /// What is stored cannot be read.
    #[error("a stored item cannot be read: {0}")]
    Unreadable(#[from] ItemError),
}

impl StoreError {
    /// True if the same request may succeed later.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Throttled(_))
    }
}
