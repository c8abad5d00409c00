//! Deleting items that have expired, where no database does it by itself.

use umoja_schema::{Item, Replicated};
use umoja_store::Home;
use umoja_store::ports::StoreError;

/// How many items are read at once.
const PAGE: usize = 500;

/// Deletes the expired items of a region's replicated tables. Returns how many. No region compares or copies such items, so each
/// deletes them by itself.
///
/// # Errors
/// If the store fails.
pub async fn drop_expired(home: &Home) -> Result<u64, StoreError> {
    let mut dropped = 0;
    for table in home.own.tables.iter().filter(|table| table.ttl.is_some()) {
        dropped += drop_expired_of(home, table).await?;
    }
    Ok(dropped)
}

async fn drop_expired_of(home: &Home, table: &'static Replicated) -> Result<u64, StoreError> {
    let (now, mut dropped, mut after) = (home.clock.now(), 0, None);
    loop {
        let page = home.own.scan(table, after, PAGE).await?;
        for item in page.items.iter().filter(|item| item.is_expired(now)) {
            dropped += u64::from(drop_item(home, item).await?);
        }
        after = page.next;
        if after.is_none() {
            return Ok(dropped);
        }
    }
}

/// Deletes an item. A versioned one is left if it was replaced since it was read.
async fn drop_item(home: &Home, item: &Item) -> Result<bool, StoreError> {
    match item {
        Item::Part(_) => Ok(false),
        Item::Row(log, row) => home.own.logs.drop_row(*log, row.user, &row.key).await.map(|()| true),
        Item::Versioned(item) => home.own.items.drop_item(item).await,
    }
}
