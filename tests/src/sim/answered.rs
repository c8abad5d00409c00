//! Answers, to be checked after their step.

use std::collections::BTreeSet;

use umoja_schema::{PersonVersion, UserId};

use super::plan::Call;
use crate::caller::Reply;

/// An answer, and what it was the answer to.
pub(super) struct Answered {
    /// The region.
    pub(super) at: usize,
    /// The call.
    pub(super) call: Call,
    /// Whom it was about.
    pub(super) id: UserId,
    /// Everybody who was one person with them in the region before the step, the root first.
    pub(super) person: Vec<UserId>,
    /// Whom an erasure could reach then.
    pub(super) reach: BTreeSet<UserId>,
    /// The password that was given was the stored one, or the token one that sets another, as far as is known; `None` if
    /// that is not known.
    pub(super) right: Option<bool>,
    /// The `min_version` that was sent.
    pub(super) min_version: Option<PersonVersion>,
    /// The answer.
    pub(super) reply: Reply,
}
