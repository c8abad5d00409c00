//! Whether a user may be merged into another: one rule for companies that ask for it and for operators.

use std::collections::BTreeMap;

use umoja_schema::{Part, UserId};

use super::pointer::{MAX_MERGED, Pointer};
use crate::ports::{StoreError, Users};

/// What is to be done about a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merging {
    /// The two are one person already, in a way that the survivor's values may count as asked for.
    Done,
    /// The pointer may be written.
    Allowed,
    /// It may not.
    Refused(MergeRefused),
}

/// Why a user is not merged into another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MergeRefused {
    /// An answer of success would be of a merge the other way round.
    #[error("the survivor is merged into the duplicate")]
    Otherwise,
    /// Who is merged into somebody else would silently stop being that person.
    #[error("the duplicate is merged into somebody else")]
    AlreadyMerged,
    /// The duplicate points at somebody of whom nothing is here yet.
    #[error("the duplicate points at a user who has not arrived in this region yet")]
    Behind,
    /// They would be too many.
    #[error("more than {MAX_MERGED} users would be one person")]
    TooLarge,
}

/// Decides about a merge: both users, each with the users of its person as they were read and opened.
///
/// What would make a cycle in this region is refused. (Two regions can make one at the same time; it has a root.) So is
/// moving a pointer: one at somebody who was erased can be moved; one at somebody who has not arrived here has to wait.
///
/// # Errors
/// If the store fails.
pub async fn merging(
    users: &dyn Users,
    (survivor, its): (UserId, &BTreeMap<UserId, Pointer>),
    (duplicate, theirs): (UserId, &BTreeMap<UserId, Pointer>),
) -> Result<Merging, StoreError> {
    if its.contains_key(&duplicate) {
        let the_other_way_only = leads(its, survivor, duplicate) && !leads(its, duplicate, survivor);
        return Ok(if the_other_way_only { Merging::Refused(MergeRefused::Otherwise) } else { Merging::Done });
    }
    if its.len() + theirs.len() > MAX_MERGED {
        return Ok(Merging::Refused(MergeRefused::TooLarge));
    }
    let Some(target) = theirs.get(&duplicate).and_then(|user| user.merged_into) else { return Ok(Merging::Allowed) };
    if theirs.contains_key(&target) {
        return Ok(Merging::Refused(MergeRefused::AlreadyMerged));
    }
    let parts = users.parts(target).await?;
    let erased = Part::ALL.into_iter().filter_map(|part| parts.get(part)).any(|record| record.version.erased);
    Ok(if erased { Merging::Allowed } else { Merging::Refused(MergeRefused::Behind) })
}

/// True if the pointers lead from one user to another.
fn leads(users: &BTreeMap<UserId, Pointer>, from: UserId, to: UserId) -> bool {
    let mut at = from;
    for _ in users {
        let Some(next) = users.get(&at).and_then(|user| user.merged_into) else { return false };
        if next == to {
            return users.contains_key(&to);
        }
        at = next;
    }
    false
}
