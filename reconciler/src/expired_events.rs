//! Deleting events that have expired, where no database does it by itself.

use umoja_schema::Log;
use umoja_schema::events::expires_at;
use umoja_store::Home;
use umoja_store::ports::StoreError;

/// How many rows are read at once.
const PAGE: usize = 500;

/// Deletes the rows of a region's table `events` that have expired. Returns how many. Anti-entropy does not compare
/// such rows, so each region deletes them by itself.
///
/// # Errors
/// If the store fails.
pub async fn drop_expired_events(home: &Home) -> Result<u64, StoreError> {
    let (now, mut dropped, mut after) = (home.clock.now(), 0, None);
    loop {
        let page = home.own.logs.scan_rows(Log::Events, after, PAGE).await?;
        for row in page.rows.iter().filter(|row| expires_at(row).is_some_and(|at| at <= now)) {
            home.own.logs.drop_row(Log::Events, row.user, &row.key).await?;
            dropped += 1;
        }
        after = page.next;
        if after.is_none() {
            return Ok(dropped);
        }
    }
}
