//! Dropping the wrapped keys of a region that was removed from the deployment.
//!
//! Dropping them is optional: reads, replication and digests use only the listed regions, and every write makes a data
//! key that only those wrap. It keeps parts small, and it keeps a region that returns under the same name with another
//! KMS key from taking the old entries for its own.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Serialize;
use umoja_schema::{PartRecord, Region};
use umoja_store::Home;
use umoja_store::ports::{KeyRemoved, StoreError};
use umoja_store::repairs::enqueue_if_incomplete;

use crate::CONCURRENT;

/// How many parts one step examines.
const PAGE: usize = 100;

/// What a pass has found and done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct DropWrappedKeysReport {
    /// Parts that were examined.
    pub parts: u64,
    /// Wrapped keys of the region that were dropped.
    pub dropped: u64,
    /// Parts whose data key no other listed region's KMS has wrapped, so that they can be opened only with the region's
    /// key. The wrapped key stays, and the part is listed for the key repair.
    pub needed: u64,
    /// Parts that were written meanwhile. Another pass examines them.
    pub overtaken: u64,
    /// Parts that cannot be read, so that it is unknown whether they need the key.
    pub unreadable: u64,
}

impl DropWrappedKeysReport {
    /// Adds another report to this one.
    pub const fn add(&mut self, other: &Self) {
        self.parts += other.parts;
        self.dropped += other.dropped;
        self.needed += other.needed;
        self.overtaken += other.overtaken;
        self.unreadable += other.unreadable;
    }
}

/// One pass over the parts of a region that stays. It may be interrupted and restarted at any time.
pub struct DropWrappedKeys<'a> {
    home: &'a Home,
    removed: &'a Region,
    drops: bool,
    after: Option<String>,
    ended: bool,
    report: DropWrappedKeysReport,
}

impl<'a> DropWrappedKeys<'a> {
    /// A read-only pass that finds parts that need the key of `removed` while that region is still listed. It is
    /// repeated until there are none; only then is the region removed from the list.
    pub const fn look(home: &'a Home, removed: &'a Region) -> Self {
        Self { home, removed, drops: false, after: None, ended: false, report: ZERO }
    }

    /// A pass that drops the wrapped keys of `removed`; `None` if `home` lists that region.
    pub fn drop_keys(home: &'a Home, removed: &'a Region) -> Option<Self> {
        let listed = home.region_names().any(|name| name == removed);
        (!listed).then_some(Self { home, removed, drops: true, after: None, ended: false, report: ZERO })
    }

    /// The position of the pass; `None` at the beginning and at the end.
    pub(crate) fn place(&self) -> Option<&str> {
        self.after.as_deref()
    }

    pub(crate) fn go_to(&mut self, after: String) {
        self.after = Some(after);
    }

    /// The report so far.
    pub const fn report(&self) -> &DropWrappedKeysReport {
        &self.report
    }

    /// Examines the next page. False if there was none left. After an error, the same page is read again.
    ///
    /// # Errors
    /// If the region fails.
    pub async fn step(&mut self) -> Result<bool, StoreError> {
        if self.ended {
            return Ok(false);
        }
        let page = self.home.own.users.scan(self.after.clone(), PAGE).await?;
        let work: Vec<_> = page.records.iter().map(|record| self.part(record)).collect();
        let found: Vec<DropWrappedKeysReport> = stream::iter(work).buffered(CONCURRENT).try_collect().await?;
        for one in &found {
            self.report.add(one);
        }
        self.report.unreadable += page.unreadable.len() as u64;
        self.ended = page.next.is_none();
        self.after = page.next;
        Ok(!self.ended)
    }

    async fn part(&self, record: &PartRecord) -> Result<DropWrappedKeysReport, StoreError> {
        let mut report = DropWrappedKeysReport { parts: 1, ..ZERO };
        let Some(live) = record.live() else { return Ok(report) };
        let stays = |region: &&Region| *region != self.removed && live.keys.contains_key(*region);
        if !self.home.region_names().any(|region| stays(&region)) {
            report.needed = 1;
            enqueue_if_incomplete(self.home, record).await?;
        } else if self.drops && live.keys.contains_key(self.removed) {
            let (id, part, version) = (record.id, record.part, &record.version);
            match self.home.own.users.remove_wrapped_key(id, part, version, self.removed).await? {
                KeyRemoved::Removed => report.dropped = 1,
                KeyRemoved::Absent => {}
                KeyRemoved::OtherVersion(_) => report.overtaken = 1,
            }
        }
        Ok(report)
    }
}

const ZERO: DropWrappedKeysReport =
    DropWrappedKeysReport { parts: 0, dropped: 0, needed: 0, overtaken: 0, unreadable: 0 };
