//! Filling a region that joins with what a serving region holds.
//!
//! The new region is a peer already, so whatever is written from now on reaches it by itself; what was written before is
//! brought by passes over the replicated tables of a serving region. A pass looks whether the new region has each item and
//! copies what it lacks, as the replicator would: the newest version wins, claims are derived, an erasure arrives as its
//! tombstone and is confirmed. Parts whose data key the new region has not wrapped are listed for the key repair. So
//! passes may be broken off and repeated at will, and the first one that finds nothing missing is the proof that the
//! region has everything.
//!
//! What is younger than a minute, and was written when every function knew of the new region, does not count as missing:
//! it is on its way, and its replicator lists it for the key repair if need be.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Serialize;
use umoja_schema::{Item, Log, Millis, PartRecord, Region, Resolution};
use umoja_store::apply::Applied;
use umoja_store::copy::{confirmation_key, copy};
use umoja_store::derive::{derive, derive_pointer, underived};
use umoja_store::ports::StoreError;
use umoja_store::repairs::enqueue_if_incomplete;
use umoja_store::{Home, RegionPorts};

use crate::{CONCURRENT, ON_ITS_WAY_MS};

/// How many items one step looks at.
const PAGE: usize = 100;

/// What a pass has done so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FillReport {
    /// Parts that the serving region holds, as far as they were looked at.
    pub parts: u64,
    /// Parts that were copied.
    pub parts_copied: u64,
    /// Rows and versioned items of all other tables.
    pub rows: u64,
    /// Those that were copied.
    pub rows_copied: u64,
    /// Parts and rows among the copied ones that were not on their way: it takes another pass without any.
    pub missing: u64,
    /// Parts without a data key that the new region has wrapped; they are listed for the key repair.
    pub unwrapped: u64,
    /// Parts and rows of the serving region that cannot be read: another pass finds them again.
    pub unreadable: u64,
}

impl FillReport {
    /// True if the new region has all that the pass looked at.
    pub const fn is_complete(&self) -> bool {
        self.missing == 0 && self.unwrapped == 0 && self.unreadable == 0
    }

    /// Counts something else too.
    pub const fn add(&mut self, other: &Self) {
        self.parts += other.parts;
        self.parts_copied += other.parts_copied;
        self.rows += other.rows;
        self.rows_copied += other.rows_copied;
        self.missing += other.missing;
        self.unwrapped += other.unwrapped;
        self.unreadable += other.unreadable;
    }
}

/// One pass over what a serving region holds.
pub struct Fill<'a> {
    source: &'a Home,
    target: &'a RegionPorts,
    /// What was written after this is on its way.
    settled: Millis,
    /// Whether claims and pointers are looked at too where the part is there.
    derives: bool,
    /// Whether the source writes nothing any more.
    ended: bool,
    /// Which of the replicated tables, and where in it the pass goes on.
    table: usize,
    after: Option<String>,
    report: FillReport,
}

impl<'a> Fill<'a> {
    /// A new pass over what the region of `source` holds, for one of its peers; nothing if it has no such peer. `since`
    /// is when every function had read that there is this peer.
    pub fn new(source: &'a Home, target: &Region, since: Millis) -> Option<Self> {
        let target = &source.peers.iter().find(|peer| peer.ports.name == *target)?.ports;
        let settled = since.max(Millis(source.clock.now().0.saturating_sub(ON_ITS_WAY_MS)));
        let report = FillReport::default();
        Some(Self { source, target, settled, derives: false, ended: false, table: 0, after: None, report })
    }

    /// Counts also what is young, if the source itself wrote it: for a source that serves nobody any more, whose own ways
    /// are not to be relied on.
    #[must_use]
    pub fn of_ended(self) -> Self {
        Self { ended: true, ..self }
    }

    /// Derives claims and pointers again also where the part is there: for a region whose tables of claims or members
    /// were restored or lost.
    #[must_use]
    pub fn deriving(self) -> Self {
        Self { derives: true, ..self }
    }

    /// Where it is: the table, and after what of it. Nothing at the end.
    pub(crate) fn place(&self) -> Option<(&'static str, Option<&str>)> {
        let table = self.source.own.tables.get(self.table)?;
        Some((table.name, self.after.as_deref()))
    }

    /// Goes on there. False if there is no such table.
    pub(crate) fn go_to(&mut self, name: &str, after: Option<String>) -> bool {
        let Some(table) = self.source.own.tables.iter().position(|table| table.name == name) else { return false };
        (self.table, self.after) = (table, after);
        true
    }

    /// What was done so far.
    pub const fn report(&self) -> &FillReport {
        &self.report
    }

    /// Looks at the next page. False if there was none left. After an error, the same page comes again.
    ///
    /// # Errors
    /// If one of the regions does not do as asked.
    pub async fn step(&mut self) -> Result<bool, StoreError> {
        let tables = self.source.own.tables;
        let Some(table) = tables.get(self.table) else { return Ok(false) };
        let page = self.source.own.scan(table, self.after.clone(), PAGE).await?;
        let work: Vec<_> = page.items.into_iter().map(|item| self.item(item)).collect();
        let found: Vec<FillReport> = stream::iter(work).buffered(CONCURRENT).try_collect().await?;
        self.table += usize::from(page.next.is_none());
        self.after = page.next;
        self.report.unreadable += page.unreadable.len() as u64;
        for one in &found {
            self.report.add(one);
        }
        Ok(self.table < tables.len())
    }

    async fn item(&self, item: Item) -> Result<FillReport, StoreError> {
        let item = match item {
            Item::Part(record) => self.source.listed(&record).into_owned().into(),
            item => item,
        };
        let stored = self.target.read(&item.key()).await?;
        let mut there = item.resolve(stored.as_ref()) == Resolution::KeepStored && self.is_confirmed(&item).await?;
        if !there {
            let applied = copy(self.source, self.target, &item).await?;
            // What goes with an erased user is not taken, and is not missing.
            there = matches!(item, Item::Versioned(_)) && applied == Applied::Current;
        }
        let (copied, missing) = (u64::from(!there), !there && !self.is_young(&item));
        let Some(record) = item.part() else {
            let missing = missing.into();
            return Ok(FillReport { rows: 1, rows_copied: copied, missing, ..FillReport::default() });
        };
        let derived = match stored.as_ref().and_then(Item::part) {
            Some(stored) if there && self.derives => self.derive(stored).await?,
            _ => false,
        };
        let unwrapped = record.live().is_some_and(|live| !live.keys.contains_key(&self.target.name));
        let unwrapped = unwrapped && !self.is_young(&item);
        if unwrapped {
            enqueue_if_incomplete(self.source, record).await?;
        }
        Ok(FillReport {
            parts: 1,
            parts_copied: copied,
            missing: (derived || missing).into(),
            unwrapped: unwrapped.into(),
            ..FillReport::default()
        })
    }

    /// Writes the claims and the pointer that a part of the new region makes and its derived tables lack. True if any were
    /// lacking; another pass looks again.
    async fn derive(&self, stored: &PartRecord) -> Result<bool, StoreError> {
        let (users, indexes) = (&*self.target.users, stored.claims().keys().copied().collect::<Vec<_>>());
        let pointer = derive_pointer(users, stored).await?;
        let Some(found) = underived(users, stored.id, &indexes).await? else { return Ok(pointer) };
        derive(users, &found, &self.target.name).await?;
        Ok(true)
    }

    /// Whether it is written down that the new region holds a tombstone.
    async fn is_confirmed(&self, item: &Item) -> Result<bool, StoreError> {
        let Some(tombstone) = item.tombstone() else { return Ok(true) };
        let key = confirmation_key(&self.target.name, tombstone.part);
        Ok(self.source.own.logs.row(Log::Receipts, tombstone.id, &key).await?.is_some())
    }

    fn is_young(&self, item: &Item) -> bool {
        item.stamp().millis() > self.settled && !(self.ended && *item.origin() == self.source.own.name)
    }
}
