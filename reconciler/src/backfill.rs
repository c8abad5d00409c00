//! Backfilling a region with what a serving region holds.
//!
//! The new region is already a peer, so every later write reaches it by replication. Passes over the replicated tables
//! of a serving region bring the earlier ones. A pass looks for each item in the new region and replicates what is
//! missing, as the replicator would: the newest version wins, ownerships are derived, and an erasure arrives as its
//! tombstone and is confirmed. Parts whose data key the new region has not wrapped are listed for the key repair. So
//! passes may be interrupted and repeated at any time, and the first pass that finds no item missing proves that the
//! region is complete.
//!
//! An item younger than a minute that was written when every function knew the new region does not count as missing: it
//! is on its way, and its replicator lists it for the key repair if necessary.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Serialize;
use umoja_schema::{Item, Key, Log, Millis, PartRecord, Region, Replicated, Resolution, UserId};
use umoja_store::apply::Applied;
use umoja_store::derive::{derive, derive_pointer, underived};
use umoja_store::ports::StoreError;
use umoja_store::queue_runs::concurrent;
use umoja_store::repairs::enqueue_if_incomplete;
use umoja_store::replicate::{confirmation_key, replicate_newest};
use umoja_store::seal::Sealer;
use umoja_store::{Home, RegionPorts};

use crate::ON_ITS_WAY_MS;
use crate::missing_wrapped_keys::wrap_now;
use crate::restore::{readable, restore};

/// The fewest items that one step examines.
const PAGE: usize = 100;

/// What a pass has done so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BackfillReport {
    /// Parts of the serving region that were examined.
    pub parts: u64,
    /// Parts that were replicated.
    pub parts_replicated: u64,
    /// Rows and versioned items of all other tables.
    pub rows: u64,
    /// Of those, rows and items that were replicated.
    pub rows_replicated: u64,
    /// Replicated parts and rows that were not on their way. Backfilling ends with a pass without any.
    pub missing: u64,
    /// Parts whose data key the new region has not wrapped. They are listed for the key repair.
    pub unwrapped: u64,
    /// Parts and rows of the serving region that could not be read and were replaced by the copies of other regions.
    /// Another pass replicates them.
    pub restored: u64,
    /// Parts and rows of the serving region that cannot be read, and no region has a copy that can. No backfill can
    /// bring them.
    pub unreadable: u64,
}

impl BackfillReport {
    /// True if the new region has everything that can be read in the source.
    pub const fn is_complete(&self) -> bool {
        self.missing == 0 && self.unwrapped == 0 && self.restored == 0
    }

    /// Adds another report to this one.
    pub const fn add(&mut self, other: &Self) {
        self.parts += other.parts;
        self.parts_replicated += other.parts_replicated;
        self.rows += other.rows;
        self.rows_replicated += other.rows_replicated;
        self.missing += other.missing;
        self.unwrapped += other.unwrapped;
        self.restored += other.restored;
        self.unreadable += other.unreadable;
    }
}

/// One pass over the tables of a serving region.
pub struct Backfill<'a> {
    source: &'a Home,
    target: &'a RegionPorts,
    /// Items written after this are on their way.
    settled: Millis,
    /// Whether ownerships and pointers are checked even where the part is present.
    derives: bool,
    /// Whether the source has stopped writing.
    ended: bool,
    /// What wraps missing keys at once, if it may.
    sealer: Option<Arc<Sealer>>,
    /// The index of the table in the list of replicated tables, and the position in it.
    table: usize,
    after: Option<String>,
    report: BackfillReport,
}

impl<'a> Backfill<'a> {
    /// A new pass over the tables of the region of `source`, for one of its peers; `None` if it has no such peer.
    /// `since` is when every function had read that this peer exists.
    pub fn new(source: &'a Home, target: &Region, since: Millis) -> Option<Self> {
        let target = &source.peers.iter().find(|peer| peer.ports.name == *target)?.ports;
        let settled = since.max(Millis(source.clock.now().0.saturating_sub(ON_ITS_WAY_MS)));
        let report = BackfillReport::default();
        Some(Self {
            source,
            target,
            settled,
            derives: false,
            ended: false,
            sealer: None,
            table: 0,
            after: None,
            report,
        })
    }

    /// Also counts young items that the source itself wrote. For a source that no longer serves, and whose replication
    /// cannot be relied on.
    #[must_use]
    pub fn of_ended(self) -> Self {
        Self { ended: true, ..self }
    }

    /// Derives ownerships and pointers even where the part is present. For a region whose table of ownerships or linked
    /// accounts was restored or lost.
    #[must_use]
    pub fn deriving(self) -> Self {
        Self { derives: true, ..self }
    }

    /// Wraps data keys that a region lacks at once, instead of listing their parts for the key repair. For a directory, whose
    /// keys cost no calls of a service.
    #[must_use]
    pub fn wrapping(self, sealer: Arc<Sealer>) -> Self {
        Self { sealer: Some(sealer), ..self }
    }

    /// The current table and the position in it; `None` at the end.
    pub(crate) fn place(&self) -> Option<(&'static str, Option<&str>)> {
        let table = self.source.own.tables.get(self.table)?;
        Some((table.name, self.after.as_deref()))
    }

    /// Continues at a position. False if there is no such table.
    pub(crate) fn go_to(&mut self, name: &str, after: Option<String>) -> bool {
        let Some(table) = self.source.own.tables.iter().position(|table| table.name == name) else { return false };
        (self.table, self.after) = (table, after);
        true
    }

    /// The report so far.
    pub const fn report(&self) -> &BackfillReport {
        &self.report
    }

    /// Examines the next page. False if there was none left. After an error, the same page is read again.
    ///
    /// # Errors
    /// If one of the regions fails.
    pub async fn step(&mut self) -> Result<bool, StoreError> {
        let tables = self.source.own.tables;
        let Some(table) = tables.get(self.table) else { return Ok(false) };
        let at_once = concurrent(self.target);
        let page = self.source.own.scan(table, self.after.clone(), PAGE.max(at_once)).await?;
        let work: Vec<_> = page.items.into_iter().map(|item| self.item(item)).collect();
        let found: Vec<BackfillReport> = stream::iter(work).buffered(at_once).try_collect().await?;
        self.table += usize::from(page.next.is_none());
        self.after = page.next;
        for one in &found {
            self.report.add(one);
        }
        self.unreadable(table, &page.unreadable).await?;
        Ok(self.table < tables.len())
    }

    /// Counts unreadable items, after it has replaced those of which another region has a copy.
    async fn unreadable(&mut self, table: &'static Replicated, users: &[Option<UserId>]) -> Result<(), StoreError> {
        let mut unreadable = users.len() as u64;
        let named: BTreeSet<UserId> = users.iter().copied().flatten().collect();
        for user in named {
            let restored = match restore(self.source, table, user).await {
                Err(error) if error.is_transient() => return Err(error),
                Err(error) => {
                    tracing::warn!(%user, table = table.name, %error, "an item cannot be replaced");
                    0
                }
                Ok(restored) => restored,
            };
            self.report.restored += restored;
            unreadable = unreadable.saturating_sub(restored);
        }
        if unreadable > 0 {
            tracing::warn!(region = %self.source.own.name, table = table.name, unreadable, "items cannot be read");
        }
        self.report.unreadable += unreadable;
        Ok(())
    }

    async fn item(&self, item: Item) -> Result<BackfillReport, StoreError> {
        let item = match item {
            Item::Part(record) => self.wrapped(self.source.listed(&record).into_owned()).await?.into(),
            item => item,
        };
        let stored = readable(self.target, &item.key()).await?;
        let mut there = item.resolve(stored.as_ref()) == Resolution::KeepStored && self.is_confirmed(&item).await?;
        if !there {
            let applied = replicate_newest(self.source, self.target, &item).await?;
            // A region does not accept items of an erased user, so they do not count as missing.
            there = matches!(item, Item::Versioned(_)) && applied == Applied::Current;
        }
        let (replicated, missing) = (u64::from(!there), !there && !self.is_young(&item));
        let Some(record) = item.part() else {
            let missing = missing.into();
            return Ok(BackfillReport { rows: 1, rows_replicated: replicated, missing, ..BackfillReport::default() });
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
        Ok(BackfillReport {
            parts: 1,
            parts_replicated: replicated,
            missing: (derived || missing).into(),
            unwrapped: unwrapped.into(),
            ..BackfillReport::default()
        })
    }

    /// The part with the wrapped keys of all regions, as far as they can be made now.
    async fn wrapped(&self, record: PartRecord) -> Result<PartRecord, StoreError> {
        match &self.sealer {
            Some(sealer) => wrap_now(self.source, sealer, record, &self.target.name).await,
            None => Ok(record),
        }
    }

    /// Writes the ownerships and the pointer of a part that the new region's derived tables lack. True if any were
    /// missing; another pass checks again.
    async fn derive(&self, stored: &PartRecord) -> Result<bool, StoreError> {
        let (users, indexes) = (&*self.target.users, stored.ownerships().keys().copied().collect::<Vec<_>>());
        let pointer = derive_pointer(users, stored).await?;
        let Some(found) = underived(users, stored.id, &indexes).await? else { return Ok(pointer) };
        derive(users, &found, &self.target.name).await?;
        Ok(true)
    }

    /// Whether the new region's confirmation of a tombstone is stored.
    async fn is_confirmed(&self, item: &Item) -> Result<bool, StoreError> {
        let Some(tombstone) = item.tombstone() else { return Ok(true) };
        let sort = confirmation_key(&self.target.name, tombstone.part);
        let key = Key { table: Log::Receipts.entry(), user: tombstone.id, sort };
        Ok(readable(&self.source.own, &key).await?.is_some())
    }

    fn is_young(&self, item: &Item) -> bool {
        item.hlc().millis() > self.settled && !(self.ended && *item.origin() == self.source.own.name)
    }
}
