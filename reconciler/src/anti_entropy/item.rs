//! The items that are compared, and the result of one comparison.

use std::collections::BTreeMap;

use umoja_schema::{BlindIndex, Hlc, IdentifierItem, Item, Ownership, UserId};
use umoja_store::digest::{Bucket, Fingerprint};
use umoja_store::ports::StoreError;

use super::state::{AntiEntropyReport, Cursor, Difference};

/// One of the two sides of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// The region. Within a region: its users.
    Own,
    /// The peer. Within a region: the derived table.
    Other,
}

/// An item of a table.
pub(super) enum Held {
    /// An item of a replicated table. Within a region: a part with its ownerships.
    Item(Item),
    /// An item of the derived table.
    Ownerships(IdentifierItem),
}

/// A page of one side.
pub(super) struct Read {
    pub(super) items: Vec<Held>,
    /// The items that were left out because they cannot be read.
    pub(super) unreadable: Vec<Difference>,
    /// What was left out of the derived table.
    pub(super) left_out: LeftOut,
    /// Where the next page begins.
    pub(super) next: Cursor,
}

/// What cannot be read in the table of identifiers. It is dropped, and derived again.
#[derive(Default)]
pub(super) struct LeftOut {
    /// The identifiers of items.
    pub(super) indexes: Vec<BlindIndex>,
    /// The positions of items whose key cannot be read either.
    pub(super) strays: Vec<String>,
}

/// The result of examining one item.
#[derive(Default)]
pub(super) struct Examined {
    pub(super) report: AntiEntropyReport,
    pub(super) difference: Option<Difference>,
}

impl Examined {
    fn failed() -> Self {
        Self { report: AntiEntropyReport { failed: 1, ..AntiEntropyReport::default() }, difference: None }
    }
}

impl Held {
    /// The user of the item; `None` for ownerships, which may belong to several users.
    pub(super) fn user(&self) -> Option<UserId> {
        match self {
            Self::Item(item) => Some(item.user()),
            Self::Ownerships(_) => None,
        }
    }

    /// When the item was written; `None` for ownerships, which are written with their part.
    pub(super) fn hlc(&self) -> Option<Hlc> {
        match self {
            Self::Item(item) => Some(item.hlc()),
            Self::Ownerships(_) => None,
        }
    }
}

/// The result for one item; `None` if the item can never be handled as it is. An outage is an error, because every
/// later item would meet it too.
pub(super) fn or_failed<T>(user: Option<UserId>, done: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(error) if error.is_transient() => Err(error),
        Err(error) => {
            let user = user.map(|user| user.to_string());
            tracing::warn!(user, %error, "anti-entropy skipped an item");
            Ok(None)
        }
    }
}

/// As [`or_failed`], for an item that was examined.
pub(super) fn examined(user: Option<UserId>, done: Result<Examined, StoreError>) -> Result<Examined, StoreError> {
    Ok(or_failed(user, done)?.unwrap_or_else(Examined::failed))
}

/// The entries of a user's ownerships in the buckets.
pub(super) fn entries(
    id: UserId,
    ownerships: &BTreeMap<BlindIndex, Ownership>,
) -> impl Iterator<Item = (Bucket, Fingerprint)> + '_ {
    ownerships
        .iter()
        .map(move |(index, ownership)| (Bucket::of_identifier(index), Fingerprint::of_ownership(index, id, ownership)))
}

/// The entries of an identifier's ownerships in the buckets.
pub(super) fn item_entries(item: &IdentifierItem) -> impl Iterator<Item = (Bucket, Fingerprint)> + '_ {
    let bucket = Bucket::of_identifier(&item.index);
    item.owners.iter().map(move |(id, ownership)| (bucket, Fingerprint::of_ownership(&item.index, *id, ownership)))
}
