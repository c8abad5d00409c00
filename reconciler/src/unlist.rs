//! Dropping the wrapped keys of a region that was removed from the deployment.
//!
//! Nothing needs it to be done: reads, copies and digests go by the regions that are listed, and every write makes a data
//! key that only those wrap. It keeps parts small, and a region that comes back under the same name with another KMS key
//! from taking the old entries for its own.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Serialize;
use umoja_schema::{PartRecord, Region};
use umoja_store::Home;
use umoja_store::ports::{KeyRemoved, StoreError};
use umoja_store::repairs::enqueue_if_incomplete;

use crate::CONCURRENT;

/// How many parts one step looks at.
const PAGE: usize = 100;

/// What a pass has found and done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct UnlistReport {
    /// Parts that were looked at.
    pub parts: u64,
    /// Wrapped keys of the region that were dropped.
    pub dropped: u64,
    /// Parts that no other listed region's KMS has wrapped the data key of: without the region's key nobody opens them.
    /// Its entry stays, and the part is listed for the key repair.
    pub needed: u64,
    /// Parts that were written meanwhile; another pass looks again.
    pub overtaken: u64,
    /// Parts that cannot be read: whether they need the key is not known.
    pub unreadable: u64,
}

impl UnlistReport {
    /// Counts something else too.
    pub const fn add(&mut self, other: &Self) {
        self.parts += other.parts;
        self.dropped += other.dropped;
        self.needed += other.needed;
        self.overtaken += other.overtaken;
        self.unreadable += other.unreadable;
    }
}

/// One pass over the parts of a region that stays. Can be broken off and begun anew at will.
pub struct Unlist<'a> {
    home: &'a Home,
    removed: &'a Region,
    drops: bool,
    after: Option<String>,
    ended: bool,
    report: UnlistReport,
}

impl<'a> Unlist<'a> {
    /// A pass that only looks which parts need the key of `removed`, while that is listed still: to be done until there
    /// are none, before the region is taken off the list.
    pub const fn look(home: &'a Home, removed: &'a Region) -> Self {
        Self { home, removed, drops: false, after: None, ended: false, report: ZERO }
    }

    /// A pass that drops the wrapped keys of `removed`; nothing if `home` lists that region.
    pub fn drop_keys(home: &'a Home, removed: &'a Region) -> Option<Self> {
        let listed = home.region_names().any(|name| name == removed);
        (!listed).then_some(Self { home, removed, drops: true, after: None, ended: false, report: ZERO })
    }

    /// After what it goes on; nothing at the beginning and at the end.
    pub(crate) fn place(&self) -> Option<&str> {
        self.after.as_deref()
    }

    pub(crate) fn go_to(&mut self, after: String) {
        self.after = Some(after);
    }

    /// What was found and done so far.
    pub const fn report(&self) -> &UnlistReport {
        &self.report
    }

    /// Looks at the next page. False if there was none left. After an error, the same page comes again.
    ///
    /// # Errors
    /// If the region does not do as asked.
    pub async fn step(&mut self) -> Result<bool, StoreError> {
        if self.ended {
            return Ok(false);
        }
        let page = self.home.own.users.scan(self.after.clone(), PAGE).await?;
        let work: Vec<_> = page.records.iter().map(|record| self.part(record)).collect();
        let found: Vec<UnlistReport> = stream::iter(work).buffered(CONCURRENT).try_collect().await?;
        for one in &found {
            self.report.add(one);
        }
        self.report.unreadable += page.unreadable.len() as u64;
        self.ended = page.next.is_none();
        self.after = page.next;
        Ok(!self.ended)
    }

    async fn part(&self, record: &PartRecord) -> Result<UnlistReport, StoreError> {
        let mut report = UnlistReport { parts: 1, ..ZERO };
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

const ZERO: UnlistReport = UnlistReport { parts: 0, dropped: 0, needed: 0, overtaken: 0, unreadable: 0 };
