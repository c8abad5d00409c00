//! The events that providers post.

use serde::{Deserialize, Serialize};

/// The number of sources of a run.
pub const SOURCES: u8 = 2;

/// What a provider says about a user. The same event about the same user has the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The provider's time, in minutes. Events may have the same time, and may be posted in any order.
    pub time: u8,
    /// What has changed.
    pub says: Says,
}

/// What has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Says {
    /// The user is now as the event says. Without `active` it does not say whether the user may log in.
    State {
        email: Option<u8>,
        phone: Option<u8>,
        verified: bool,
        active: Option<bool>,
    },
    Suspended,
    Activated,
    Deleted,
    PasswordChanged,
}
