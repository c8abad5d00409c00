//! Writes of versioned items of the own region.

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
    replace_recorded(people, stored, item, Vec::new()).await
}

/// [`replace`], with the rows of the audit trail that record it: both are written, or neither. False also if another event was recorded
/// meanwhile.
///
/// # Errors
/// As [`replace`].
pub(crate) async fn replace_recorded(
    people: &People,
    stored: Option<&Version>,
    item: VersionedItem,
    new_rows: Vec<(Log, LogRow)>,
) -> Result<bool, Error> {
    let own = &people.home.own;
    let condition = stored.cloned().map_or(Condition::Absent, Condition::VersionIs);
    let (table, user, key, version) = (item.table, item.user, item.key.clone(), item.version.clone());
    let writes = Writes { items: vec![ItemWrite { item, condition }], new_rows, ..Writes::default() };
    let is_done = match own.users.commit(&writes).await {
        Ok(Commit::Done) => true,
        Ok(Commit::Conflict { .. }) => false,
        // It may have been done.
        Err(StoreError::Unavailable(request)) => {
            let now = own.items.item(table, user, &key).await?;
            if now.is_none_or(|now| now.version != version) {
                return Err(StoreError::Unavailable(request).into());
            }
            true
        }
        Err(error) => return Err(error.into()),
    };
    if is_done && table.erasure == Erasure::Deleted && drop_if_erased(own, table, user).await? {
        return Err(Error::Erased);
    }
    Ok(is_done)
}
