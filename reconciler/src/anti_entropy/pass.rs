//! One anti-entropy pass.

use std::collections::BTreeSet;

use futures_util::future::try_join;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use umoja_schema::names::table;
use umoja_schema::{Hlc, Item, Millis, Region, UserId};
use umoja_store::digest::{Bucket, Buckets, Fingerprint};
use umoja_store::ports::{IdentifierPage, StoreError};
use umoja_store::queue_runs::concurrent;
use umoja_store::{Home, RegionPorts};

use super::item::{Examined, Held, LeftOut, Read, Side, entries, examined, item_entries};
use super::state::{AntiEntropyReport, Cursor, Difference, Kept, LastPass, Phase, Progress, settled};

/// How many items of each side one step examines.
const PAGE: usize = 500;

/// One comparison of a region with a peer, or of its users with its derived tables. It works a page at a time, so that
/// its caller decides how fast and how long it runs.
pub struct AntiEntropy<'a> {
    pub(super) home: &'a Home,
    pub(super) peer: Option<&'a RegionPorts>,
    /// The regions whose wrapped keys count.
    pub(super) regions: BTreeSet<Region>,
    pub(super) repairs: bool,
    /// Audit rows written before this time are not compared: one region may have dropped them already.
    dropped_before: Millis,
    pub(super) progress: Progress,
    pub(super) buckets: Buckets,
}

impl<'a> AntiEntropy<'a> {
    /// A pass that compares the region of `home` with one of its peers and repairs both; `None` if it has no such peer.
    pub fn with_peer(home: &'a Home, peer: &Region) -> Option<Self> {
        let peer = &home.peers.iter().find(|known| known.ports.name == *peer)?.ports;
        Some(Self::new(home, Some(peer)))
    }

    /// A pass that compares the users of the region of `home` with its derived tables and repairs those. It also counts
    /// the parts that lack a wrapped key and lists them for the key repair.
    pub fn within(home: &'a Home) -> Self {
        Self::new(home, None)
    }

    fn new(home: &'a Home, peer: Option<&'a RegionPorts>) -> Self {
        let regions = home.region_names().cloned().collect();
        let progress = Progress::new(home.clock.now());
        let dropped_before = Millis(0);
        Self { home, peer, regions, repairs: true, dropped_before, progress, buckets: Buckets::default() }
    }

    /// Makes the pass read-only.
    #[must_use]
    pub fn looking(self) -> Self {
        Self { repairs: false, ..self }
    }

    /// Excludes audit rows that were written before a time.
    #[must_use]
    pub fn without_audit_before(self, dropped_before: Millis) -> Self {
        Self { dropped_before, ..self }
    }

    /// The report so far.
    pub const fn report(&self) -> &AntiEntropyReport {
        &self.progress.report
    }

    /// Examines the next page of each side and repairs what differs. Returns the differences. Call it until
    /// [`AntiEntropy::is_done`]. After an error, the same page is read again.
    ///
    /// # Errors
    /// If one of the regions fails.
    pub async fn step(&mut self) -> Result<Vec<Difference>, StoreError> {
        match self.progress.phase {
            Phase::Digest => self.digest().await,
            Phase::Repair => self.repair().await,
            Phase::LinkedAccounts => self.linked_accounts().await,
            Phase::Done => Ok(Vec::new()),
        }
    }

    /// True once everything was examined.
    pub fn is_done(&self) -> bool {
        self.progress.phase == Phase::Done
    }

    /// Reads the next page of both sides concurrently, and digests them.
    async fn digest(&mut self) -> Result<Vec<Difference>, StoreError> {
        let (own, other) = try_join(self.page(Side::Own), self.page(Side::Other)).await?;
        let mut found = Vec::new();
        if self.peer.is_none()
            && let Some(own) = &own
        {
            found = self.looked_up(&own.items).await?;
        }
        if self.peer.is_none()
            && let Some(ownerships) = &other
        {
            found.extend(self.drop_left_out(&ownerships.left_out).await?);
            self.merges(&ownerships.items).await?;
        }
        for (side, page) in [(Side::Own, own), (Side::Other, other)] {
            let Some(Read { items, unreadable, next, .. }) = page else { continue };
            if side == Side::Own && self.peer.is_none() {
                self.missing_keys(&items).await;
            }
            for item in &items {
                self.count(side, item);
            }
            self.progress.report.unreadable += unreadable.len() as u64;
            found.extend(unreadable);
            *self.progress.cursor(side == Side::Own) = next;
        }
        if self.progress.at_end() {
            let differing = self.buckets.differing() as u64;
            self.progress.report.differing += differing;
            self.progress.report.buckets += umoja_store::digest::BUCKETS as u64;
            if differing == 0 {
                self.next_table();
            } else {
                self.progress.turn(Phase::Repair);
            }
        }
        Ok(found)
    }

    fn count(&mut self, side: Side, item: &Held) {
        let looked_at = match side {
            Side::Own => &mut self.progress.report.own,
            Side::Other => &mut self.progress.report.other,
        };
        *looked_at += 1;
        if self.is_dropped(item) {
            return;
        }
        if item.hlc().is_some_and(|hlc| hlc.millis() > self.progress.settled) {
            self.progress.report.passed_over += 1;
            return;
        }
        for (bucket, fingerprint) in self.entries(item) {
            match side {
                Side::Own => self.buckets.add(bucket, fingerprint),
                Side::Other => self.buckets.take(bucket, fingerprint),
            }
        }
    }

    /// The entries of an item in the buckets.
    fn entries(&self, held: &Held) -> Vec<(Bucket, Fingerprint)> {
        match held {
            Held::Item(Item::Part(record)) if self.peer.is_none() => entries(record.id, record.ownerships()).collect(),
            Held::Item(item) => vec![(Bucket::of_user(item.user()), Fingerprint::of_item(item, &self.regions))],
            Held::Ownerships(item) => item_entries(item).collect(),
        }
    }

    /// Examines the items of the buckets that differ: first the own side, then the other.
    async fn repair(&mut self) -> Result<Vec<Difference>, StoreError> {
        let side = if self.progress.own.is_end() { Side::Other } else { Side::Own };
        let Some(Read { items, next, .. }) = self.page(side).await? else { return Ok(Vec::new()) };
        let differing = items.iter().filter(|item| !self.is_dropped(item));
        let differing =
            differing.filter(|item| self.entries(item).iter().any(|(bucket, _)| self.buckets.differ_in(*bucket)));
        let examined: Vec<_> = differing.map(|item| self.attempt(side, item)).collect();
        let examined: Vec<Examined> = stream::iter(examined).buffered(concurrent(&self.home.own)).try_collect().await?;
        *self.progress.cursor(side == Side::Own) = next;
        if self.progress.at_end() {
            self.next_table();
        }
        Ok(self.note(examined))
    }

    /// Adds the results to the report. Returns the differences.
    pub(super) fn note(&mut self, examined: Vec<Examined>) -> Vec<Difference> {
        for one in &examined {
            self.progress.report.add(&one.report);
        }
        examined.into_iter().filter_map(|one| one.difference).collect()
    }

    /// An item that a region rejects or cannot read does not block others. An outage aborts the pass.
    async fn attempt(&self, side: Side, item: &Held) -> Result<Examined, StoreError> {
        examined(item.user(), self.examine(side, item).await)
    }

    async fn examine(&self, side: Side, held: &Held) -> Result<Examined, StoreError> {
        match (held, self.peer) {
            (Held::Item(item), Some(peer)) => self.exchange(peer, side, item).await,
            (Held::Item(Item::Part(record)), None) => self.ownerships_of(record).await,
            (Held::Ownerships(item), None) => self.owners(item).await,
            (Held::Item(_), None) | (Held::Ownerships(_), Some(_)) => Ok(Examined::default()),
        }
    }

    /// The next page of a side; `None` at its end.
    async fn page(&self, side: Side) -> Result<Option<Read>, StoreError> {
        let cursor = if side == Side::Own { &self.progress.own } else { &self.progress.other };
        let Cursor::After(after) = cursor.clone() else { return Ok(None) };
        let other = match (side, self.peer) {
            (Side::Other, Some(peer)) => peer,
            _ => &self.home.own,
        };
        let mut left_out = LeftOut::default();
        let (items, unreadable, next) = if side == Side::Other && self.peer.is_none() {
            let IdentifierPage { items, unreadable: indexes, strays, next } =
                other.users.scan_identifiers(after, PAGE).await?;
            let unreadable = unreadable(other, table::IDENTIFIERS, indexes.iter().map(|_| None));
            left_out = LeftOut { indexes, strays };
            (items.into_iter().map(Held::Ownerships).collect(), unreadable, next)
        } else {
            let Some(table) = self.home.own.tables.get(self.progress.table) else { return Ok(None) };
            let page = other.scan(table, after, PAGE).await?;
            let unreadable = unreadable(other, table.name, page.unreadable);
            (page.items.into_iter().map(Held::Item).collect(), unreadable, page.next)
        };
        let next = next.map_or(Cursor::End, |next| Cursor::After(Some(next)));
        Ok(Some(Read { items, unreadable, left_out, next }))
    }

    /// Examines a page of the table of linked accounts.
    async fn linked_accounts(&mut self) -> Result<Vec<Difference>, StoreError> {
        let Cursor::After(after) = self.progress.own.clone() else { return Ok(Vec::new()) };
        let page = self.home.own.users.scan_linked_accounts(after, PAGE).await?;
        let found = self.superfluous(&page).await?;
        match page.next {
            Some(next) => self.progress.own = Cursor::After(Some(next)),
            None => self.progress.turn(Phase::Done),
        }
        Ok(found)
    }

    fn next_table(&mut self) {
        let last = self.progress.table + 1 >= self.home.own.tables.len();
        self.buckets = Buckets::default();
        if self.peer.is_none() {
            self.progress.turn(Phase::LinkedAccounts);
        } else if last {
            self.progress.turn(Phase::Done);
        } else {
            self.progress.table += 1;
            self.progress.settled = settled(self.home.clock.now());
            self.progress.turn(Phase::Digest);
        }
    }

    fn is_dropped(&self, held: &Held) -> bool {
        let Held::Item(item) = held else { return false };
        // A pass compares by the time of its beginning, so that both sides have the same expired items.
        item.is_expired(self.progress.began) || umoja_store::audit::is_dropped(item, self.dropped_before)
    }

    pub(super) fn is_young(&self, written: Hlc) -> bool {
        written.millis() > settled(self.home.clock.now())
    }
}

/// Logs the unreadable items of a page.
fn unreadable(
    region: &RegionPorts,
    table: &'static str,
    users: impl IntoIterator<Item = Option<UserId>>,
) -> Vec<Difference> {
    let unreadable = |user: Option<UserId>| {
        let id = user.map(|user| user.to_string());
        tracing::warn!(region = %region.name, table, user = id, "an item cannot be read");
        Difference::Unreadable { table, region: region.name.clone(), user }
    };
    users.into_iter().map(unreadable).collect()
}

impl AntiEntropy<'_> {
    /// Continues a pass from its checkpoint.
    pub(super) fn resumed(self, progress: Progress, buckets: Buckets) -> Self {
        Self { progress, buckets, ..self }
    }

    /// The state of the pass for a checkpoint.
    pub(super) fn kept(&self, last: Option<LastPass>) -> Kept {
        Kept { open: Some((self.progress.clone(), self.buckets.clone())), last }
    }

    /// The result of the pass.
    pub(super) fn ended(&self, now: Millis) -> LastPass {
        LastPass { began: self.progress.began, ended: now, report: self.progress.report }
    }
}
