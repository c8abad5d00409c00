//! Replication to a peer. The replicator does it immediately ([`replicate`]), the reconcilers later
//! ([`replicate_newest`]).

use futures_util::future::join_all;
use umoja_schema::replicated::Erasure;
use umoja_schema::{
    Attributes, Hlc, Item, Log, LogRow, Part, PartRecord, Region, Replicated, Resolution, TargetId, UserId,
    VersionedItem, resolve,
};

use crate::apply::{Applied, MAX_ROUNDS, apply_newest, apply_replicated};
use crate::ports::{Commit, Condition, ItemWrite, StoreError, Writes};
use crate::{Home, RegionPorts};

/// The key of the row that confirms an erasure in a region.
pub fn confirmation_key(region: &Region, part: Part) -> String {
    format!("confirm#{region}#{part}")
}

/// The key of the row that says that a target has no account of an erased user any more.
pub fn target_confirmation_key(target: &TargetId) -> String {
    format!("confirm#target#{target}")
}

/// The key of the row in which an operator says why a target never confirms an erasure.
pub fn operator_confirmation_key(target: &TargetId) -> String {
    format!("operator#target#{target}")
}

/// The row that says that `region` holds the tombstone.
pub fn confirmation(home: &Home, tombstone: &PartRecord, region: &Region) -> LogRow {
    LogRow {
        user: tombstone.id,
        key: confirmation_key(region, tombstone.part),
        at: Hlc::at(home.clock.now()),
        origin: home.own.name.clone(),
        kind: "confirm".into(),
        fields: Attributes::from([("region".into(), region.to_string().into())]),
        unknown: Attributes::new(),
    }
}

/// Replicates an item to a region by the rule of its table. A part carries the wrapped keys of the regions that the
/// deployment lists. An item that has expired is not replicated. Replicating an item twice, late, or after a newer one has the same effect as replicating it once.
///
/// For a tombstone, the peer's items that are deleted with the user are deleted too. Then the confirmation is written
/// in the own region, and is replicated like any other row.
///
/// # Errors
/// If one of the regions fails. [`StoreError::Unreadable`] if the region's part cannot be read or verified: the image
/// of a stream may be older than what the region had, so only [`replicate_newest`] replaces such a part.
pub async fn replicate(home: &Home, to: &RegionPorts, item: &Item) -> Result<Applied, StoreError> {
    match item {
        Item::Part(record) => {
            let applied = apply_replicated(&*to.users, &home.listed(record), &to.name).await?;
            finish_erasure(home, to, record).await?;
            Ok(applied)
        }
        Item::Row(log, row) => {
            let appended = to.logs.append(*log, row).await?;
            Ok(if appended { Applied::Written } else { Applied::Current })
        }
        Item::Versioned(item) if item.is_expired(home.clock.now()) => Ok(Applied::Current),
        Item::Versioned(item) => apply_item(to, item).await,
    }
}

/// As [`replicate`]. If the region's part cannot be read or verified, the newest copy of all regions takes its place. A
/// region that does not answer, or cannot read its copy, has none.
///
/// # Errors
/// If one of the regions fails.
pub async fn replicate_newest(home: &Home, to: &RegionPorts, item: &Item) -> Result<Applied, StoreError> {
    match (replicate(home, to, item).await, item) {
        (Err(StoreError::Unreadable(_)), Item::Part(record)) => {
            let newest = newest(home, to, record).await;
            let applied = apply_newest(&*to.users, &home.listed(&newest), &to.name).await?;
            finish_erasure(home, to, &newest).await?;
            Ok(applied)
        }
        (replicated, _) => replicated,
    }
}

/// The newest of a part and the copies of all regions but one.
async fn newest(home: &Home, but: &RegionPorts, record: &PartRecord) -> PartRecord {
    let regions = std::iter::once(&home.own).chain(home.peers.iter().map(|peer| &peer.ports));
    let others = regions.filter(|region| region.name != but.name);
    let copies = join_all(others.map(async |region| (region, region.users.part(record.id, record.part).await))).await;
    let mut newest = record.clone();
    for (region, copy) in copies {
        match copy {
            Ok(Some(copy)) if resolve(Some(&newest), &copy) == Resolution::TakeIncoming => newest = copy,
            Ok(_) => {}
            Err(error) => tracing::warn!(region = %region.name, %error, "a region was not asked for its copy"),
        }
    }
    newest
}

/// If a region has taken a tombstone: deletes what goes with the user, and confirms the erasure.
async fn finish_erasure(home: &Home, to: &RegionPorts, record: &PartRecord) -> Result<(), StoreError> {
    if record.version.erased {
        delete_with_user(to, record).await?;
        home.own.logs.append(Log::Receipts, &confirmation(home, record, &to.name)).await?;
    }
    Ok(())
}

/// The newest version wins. An item of an erased user is deleted immediately. The writer of a tombstone deletes the
/// user's items after it, and the writer of an item looks for a tombstone after it, so one of the two sees the other.
async fn apply_item(to: &RegionPorts, item: &VersionedItem) -> Result<Applied, StoreError> {
    let applied = put_newer(to, item).await?;
    let is_dropped = item.table.erasure == Erasure::Deleted && drop_if_erased(to, item.table, item.user).await?;
    Ok(if is_dropped { Applied::Current } else { applied })
}

/// Deletes a user's items of a table if the region holds the tombstone of the user's profile: for the writer of an item,
/// after it was written. True if the user is erased.
///
/// # Errors
/// If the store fails.
pub async fn drop_if_erased(ports: &RegionPorts, table: &'static Replicated, user: UserId) -> Result<bool, StoreError> {
    let profile = ports.users.part(user, Part::Profile).await?;
    let is_erased = profile.is_some_and(|profile| profile.version.erased);
    if is_erased {
        ports.items.drop_items(table, user).await?;
    }
    Ok(is_erased)
}

async fn put_newer(to: &RegionPorts, item: &VersionedItem) -> Result<Applied, StoreError> {
    let items = vec![ItemWrite { item: item.clone(), condition: Condition::Older }];
    let writes = Writes { items, ..Writes::default() };
    for _ in 0..MAX_ROUNDS {
        if to.users.commit(&writes).await? == Commit::Done {
            return Ok(Applied::Written);
        }
        let stored = to.items.item(item.table, item.user, &item.key).await?;
        if stored.is_some_and(|stored| stored.version >= item.version) {
            return Ok(Applied::Current);
        }
    }
    Err(StoreError::Throttled(format!("an item of {} that is written very often", item.table.name)))
}

/// Deletes a region's items of an erased user in the tables whose items go with their user, once the region holds the
/// tombstone of the profile. Returns the number of deleted items.
///
/// # Errors
/// If the store fails.
pub async fn delete_with_user(ports: &RegionPorts, tombstone: &PartRecord) -> Result<u64, StoreError> {
    let mut deleted = 0;
    if tombstone.part == Part::Profile && tombstone.version.erased {
        for table in ports.tables.iter().filter(|table| table.erasure == Erasure::Deleted) {
            deleted += ports.items.drop_items(table, tombstone.id).await?;
        }
    }
    Ok(deleted)
}
