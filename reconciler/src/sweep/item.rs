//! What is compared, and what becomes of it.

use std::collections::BTreeMap;

use umoja_schema::{BlindIndex, Claim, ClaimItem, Hlc, Item, UserId};
use umoja_store::digest::{Bucket, Fingerprint};
use umoja_store::ports::StoreError;

use super::state::{Cursor, Difference, SweepReport};

/// One of the two things that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// The region; within it, its users.
    Own,
    /// The peer; within a region, the derived table.
    Other,
}

/// Something that a table holds.
pub(super) enum Held {
    /// Of a replicated table; within a region, a part with the claims that it makes.
    Item(Item),
    /// Of the derived table.
    Claims(ClaimItem),
}

/// A page of one side.
pub(super) struct Read {
    pub(super) items: Vec<Held>,
    /// What was left out because it cannot be read.
    pub(super) unreadable: u64,
    /// Where to go on.
    pub(super) next: Cursor,
}

/// What became of an item that was looked at.
#[derive(Default)]
pub(super) struct Examined {
    pub(super) report: SweepReport,
    pub(super) difference: Option<Difference>,
}

impl Examined {
    pub(super) fn failed() -> Self {
        Self { report: SweepReport { failed: 1, ..SweepReport::default() }, difference: None }
    }
}

impl Held {
    /// Whose it is; nothing for claims, which may be several people's.
    pub(super) fn user(&self) -> Option<UserId> {
        match self {
            Self::Item(item) => Some(item.user()),
            Self::Claims(_) => None,
        }
    }

    /// When it was written. Claims do not say: they are written with their part.
    pub(super) fn stamp(&self) -> Option<Hlc> {
        match self {
            Self::Item(item) => Some(item.stamp()),
            Self::Claims(_) => None,
        }
    }
}

/// What came of one item; nothing if it can never be handled as it is. An outage is an error: all that comes after would
/// meet it too.
pub(super) fn or_failed<T>(user: Option<UserId>, done: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(error) if error.is_transient() => Err(error),
        Err(error) => {
            let user = user.map(|user| user.to_string());
            tracing::warn!(user, %error, "the sweep leaves an item as it is");
            Ok(None)
        }
    }
}

/// What stands for the claims that a user makes.
pub(super) fn entries(
    id: UserId,
    claims: &BTreeMap<BlindIndex, Claim>,
) -> impl Iterator<Item = (Bucket, Fingerprint)> + '_ {
    claims.iter().map(move |(index, claim)| (Bucket::of_identifier(index), Fingerprint::of_claim(index, id, claim)))
}

/// What stands for the claims on an identifier.
pub(super) fn item_entries(item: &ClaimItem) -> impl Iterator<Item = (Bucket, Fingerprint)> + '_ {
    let bucket = Bucket::of_identifier(&item.index);
    item.claimants.iter().map(move |(id, claim)| (bucket, Fingerprint::of_claim(&item.index, *id, claim)))
}
