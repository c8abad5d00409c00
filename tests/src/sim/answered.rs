//! Answers that are checked after their step.

use std::collections::BTreeSet;

use umoja_schema::{CompanyId, Millis, PersonVersion, UserId, Version};

use super::plan::Call;
use crate::caller::Reply;

/// An answer and its call.
pub(super) struct Answered {
    /// The region.
    pub(super) at: usize,
    /// The caller.
    pub(super) company: CompanyId,
    /// The call. A repeated call is the one of the first time if it was rejected each time before, because it is then
    /// evaluated like a first one.
    pub(super) call: Call,
    /// The number of the user in the plan.
    pub(super) user: usize,
    /// The idempotency key.
    pub(super) idk: Option<String>,
    /// True if the key was unused, or every request under it was rejected.
    pub(super) is_unused: bool,
    /// The user that the call was about.
    pub(super) id: UserId,
    /// All users of that user's person in the region before the step, the primary account first.
    pub(super) person: Vec<UserId>,
    /// The users that an erasure could reach then.
    pub(super) reach: BTreeSet<UserId>,
    /// Whether the given password was the stored one, or the given token sets a new password. `None` if that is not
    /// known.
    pub(super) right: Option<bool>,
    /// The `min_version` that was sent.
    pub(super) min_version: Option<PersonVersion>,
    /// The answer.
    pub(super) reply: Reply,
}

/// A request that was answered that it set a password.
#[derive(Debug, Clone)]
pub(super) struct Done {
    /// The region.
    pub(super) at: usize,
    /// The user with the password.
    pub(super) id: UserId,
    /// The version of the user's credentials that has it.
    pub(super) credentials: Version,
    /// The time of the answer.
    pub(super) when: Millis,
}
