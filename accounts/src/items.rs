//! Writes of versioned items of the own region.

use std::collections::BTreeSet;

use umoja_schema::replicated::Erasure;
use umoja_schema::{Log, LogRow, Version, VersionedItem};
use umoja_store::ports::{Commit, Condition, ItemWrite, StoreError, Writes};
use umoja_store::replicate::drop_if_erased;

use crate::{Error, People};

/// Replaces an item of this region by a version, if it is still as it was read. True if it was replaced; false if another
/// write came between.
///
/// # Errors
/// If the store fails, or it is not known whether it was replaced. [`Error::Erased`] if the user was erased meanwhile, and
/// its items go with it.
pub(crate) async fn replace(people: &People, stored: Option<&Version>, item: VersionedItem) -> Result<bool, Error> {
    replace_all(people, vec![over(stored, item)]).await
}

/// The write of an item in place of what was read.
pub(crate) fn over(stored: Option<&Version>, item: VersionedItem) -> ItemWrite {
    ItemWrite { item, condition: stored.cloned().map_or(Condition::Absent, Condition::VersionIs) }
}

/// As [`replace`], of several items: all of them, or none.
///
/// # Errors
/// As [`replace`].
pub(crate) async fn replace_all(people: &People, items: Vec<ItemWrite>) -> Result<bool, Error> {
    replace_recorded(people, items, Vec::new()).await
}

/// As [`replace_all`], with the rows of the audit trail that record it in the same transaction. False also if another event was recorded
/// meanwhile.
///
/// # Errors
/// As [`replace`].
pub(crate) async fn replace_recorded(
    people: &People,
    items: Vec<ItemWrite>,
    new_rows: Vec<(Log, LogRow)>,
) -> Result<bool, Error> {
    let own = &people.home.own;
    let writes = Writes { items, new_rows, ..Writes::default() };
    let is_done = match own.users.commit(&writes).await {
        Ok(Commit::Done) => true,
        Ok(Commit::Conflict { .. }) => false,
        // It may have been done. One item says it of all.
        Err(StoreError::Unavailable(request)) => {
            let Some(ItemWrite { item, .. }) = writes.items.first() else { return Ok(true) };
            let now = own.items.item(item.table, item.user, &item.key).await?;
            if now.is_none_or(|now| now.version != item.version) {
                return Err(StoreError::Unavailable(request).into());
            }
            true
        }
        Err(error) => return Err(error.into()),
    };
    let mut users = BTreeSet::new();
    for ItemWrite { item, .. } in writes.items.iter().filter(|_| is_done) {
        let is_new = item.table.erasure == Erasure::Deleted && users.insert((item.table.name, item.user));
        if is_new && drop_if_erased(own, item.table, item.user).await? {
            return Err(Error::Erased);
        }
    }
    Ok(is_done)
}
