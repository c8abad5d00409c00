//! Reports the changes of accounts to the status pages that are open: one reader of the region's changes for all of them,
//! which reads only while a page is open.

use std::sync::Weak;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use umoja_local::RegionStore;
use umoja_page::Watchers;
use umoja_schema::names::table;
use umoja_schema::replica::Image;
use umoja_store::ports::StoreError;

use super::follow::BATCH;

/// What a region's pages are informed of.
pub(super) struct Pages {
    store: RegionStore,
    /// They end with the settings that the pages began under.
    watchers: Weak<Watchers>,
}

impl Pages {
    pub(super) const fn new(store: RegionStore, watchers: Weak<Watchers>) -> Self {
        Self { store, watchers }
    }

    /// Reports until stopped, or until the pages have ended. What the reader misses, because changes were removed before it
    /// came, a page sees when it looks by itself.
    pub(super) async fn report_until(&self, poll: Duration, mut stop: watch::Receiver<bool>) {
        let mut position = 0;
        while !*stop.borrow() {
            let Some(watchers) = self.watchers.upgrade() else { return };
            let stepped =
                if watchers.is_empty() { Ok(self.store.noticed_change()) } else { self.report(&watchers, position) };
            drop(watchers);
            match stepped {
                Ok(next) if next > position => position = next,
                Ok(_) => {
                    // Changes of other processes wake no one.
                    let changed = timeout(poll, self.store.wait_for_change(position));
                    tokio::select! {
                        _ = changed => {}
                        _ = stop.changed() => {}
                    }
                }
                Err(error) => {
                    tracing::warn!(region = %self.store.region(), %error, "status pages are not informed of changes");
                    sleep(poll).await;
                }
            }
        }
    }

    /// Reports the next changes. Returns the position after them.
    fn report(&self, watchers: &Watchers, position: u64) -> Result<u64, StoreError> {
        let changes = self.store.next_changes(position, BATCH)?;
        for change in changes.iter().filter(|change| change.table == table::TARGET_ACCOUNTS) {
            if let Some(user) = Image(&change.image).user() {
                watchers.changed(user);
            }
        }
        // The store's sequences are decimal numbers.
        Ok(changes.last().and_then(|change| change.sequence.parse().ok()).unwrap_or(position))
    }
}
