//! Whether a user may be merged into another: one rule for requests of companies and for operators.

use std::collections::BTreeMap;

use umoja_schema::{Part, UserId};

use super::pointer::{MAX_MERGED, Pointer};
use crate::ports::{StoreError, Users};

/// The decision about a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merging {
    /// The two users are already one person, with a survivor whose values count as requested.
    Done,
    /// The pointer may be written.
    Allowed,
    /// The pointer must not be written.
    Rejected(MergeError),
}

/// Why a user is not merged into another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// The two are merged in the opposite direction, so a success would be a wrong answer.
    #[error("the survivor is merged into the duplicate")]
    Otherwise,
    /// A second merge would silently remove the duplicate from its person.
    #[error("the duplicate is already merged into another user")]
    AlreadyMerged,
    /// The duplicate points at a user that has not arrived in this region.
    #[error("the duplicate points at a user that has not arrived in this region yet")]
    Behind,
    /// The person would have too many users.
    #[error("more than {MAX_MERGED} users would be one person")]
    TooLarge,
}

/// Decides about a merge of two users, each with the users of its person as they were read and opened.
///
/// A merge that would make a cycle in this region is rejected. (Two regions can still make one at the same time; it has
/// a primary account.) Moving a pointer is rejected too, unless its target was erased. If the target has not arrived
/// here, the merge has to wait.
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
        return Ok(if the_other_way_only { Merging::Rejected(MergeError::Otherwise) } else { Merging::Done });
    }
    if its.len() + theirs.len() > MAX_MERGED {
        return Ok(Merging::Rejected(MergeError::TooLarge));
    }
    let Some(target) = theirs.get(&duplicate).and_then(|user| user.merged_into) else { return Ok(Merging::Allowed) };
    if theirs.contains_key(&target) {
        return Ok(Merging::Rejected(MergeError::AlreadyMerged));
    }
    let parts = users.parts(target).await?;
    let erased = Part::ALL.into_iter().filter_map(|part| parts.get(part)).any(|record| record.version.erased);
    Ok(if erased { Merging::Allowed } else { Merging::Rejected(MergeError::Behind) })
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
