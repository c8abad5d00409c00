//! One pass.

use std::collections::BTreeSet;

use futures_util::future::try_join;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use umoja_schema::{Hlc, Item, Millis, Region, UserId};
use umoja_store::digest::{Bucket, Buckets, Fingerprint};
use umoja_store::ports::StoreError;
use umoja_store::{Home, RegionPorts};

use super::item::{Examined, Held, Read, Side, entries, item_entries, or_failed};
use super::state::{Cursor, Difference, Kept, LastSweep, Phase, Progress, SweepReport, settled};
use crate::runs::CONCURRENT;

/// How many items of each side one step looks at.
const PAGE: usize = 500;

/// One comparison of a region with a peer, or of its users with what is derived from them. Does a page at a time, so that
/// who runs it decides how fast and how long.
pub struct Sweep<'a> {
    pub(super) home: &'a Home,
    pub(super) peer: Option<&'a RegionPorts>,
    /// Whose wrapped keys count.
    pub(super) regions: BTreeSet<Region>,
    pub(super) mends: bool,
    /// Rows of the audit trail that were written before may be gone in one region already: they are not compared.
    dropped_before: Millis,
    pub(super) progress: Progress,
    pub(super) buckets: Buckets,
}

impl<'a> Sweep<'a> {
    /// A pass that compares the region of `home` with one of its peers, and mends both; nothing if it has no such peer.
    pub fn with_peer(home: &'a Home, peer: &Region) -> Option<Self> {
        let peer = &home.peers.iter().find(|known| known.ports.name == *peer)?.ports;
        Some(Self::new(home, Some(peer)))
    }

    /// A pass that compares the users of the region of `home` with what is derived from them, and mends that. It also
    /// counts the parts that lack a wrapped key, and lists them for the key repair.
    pub fn within(home: &'a Home) -> Self {
        Self::new(home, None)
    }

    fn new(home: &'a Home, peer: Option<&'a RegionPorts>) -> Self {
        let regions = home.region_names().cloned().collect();
        let progress = Progress::new(home.clock.now());
        let dropped_before = Millis(0);
        Self { home, peer, regions, mends: true, dropped_before, progress, buckets: Buckets::default() }
    }

    /// The same without writing anything.
    #[must_use]
    pub fn looking(self) -> Self {
        Self { mends: false, ..self }
    }

    /// The same without rows of the audit trail that were written before a time.
    #[must_use]
    pub fn without_audit_before(self, dropped_before: Millis) -> Self {
        Self { dropped_before, ..self }
    }

    /// What was found so far.
    pub const fn report(&self) -> &SweepReport {
        &self.progress.report
    }

    /// Looks at the next page of each side, and mends what differs. Gives what differed; to be called until
    /// [`Sweep::is_done`]. After an error the same page comes again.
    ///
    /// # Errors
    /// If one of the regions does not do as asked.
    pub async fn step(&mut self) -> Result<Vec<Difference>, StoreError> {
        match self.progress.phase {
            Phase::Digest => self.digest().await,
            Phase::Mend => self.mend().await,
            Phase::Done => Ok(Vec::new()),
        }
    }

    /// True once everything was looked at.
    pub fn is_done(&self) -> bool {
        self.progress.phase == Phase::Done
    }

    /// Adds up the next page of both sides, at once.
    async fn digest(&mut self) -> Result<Vec<Difference>, StoreError> {
        let (own, other) = try_join(self.page(Side::Own), self.page(Side::Other)).await?;
        let mut found = Vec::new();
        if self.peer.is_none()
            && let Some(own) = &own
        {
            found = self.looked_up(&own.items).await?;
        }
        if self.peer.is_none()
            && let Some(claims) = &other
        {
            self.merges(&claims.items).await?;
        }
        for (side, page) in [(Side::Own, own), (Side::Other, other)] {
            let Some(Read { items, unreadable, next }) = page else { continue };
            if side == Side::Own && self.peer.is_none() {
                self.missing_keys(&items).await;
            }
            for item in &items {
                self.count(side, item);
            }
            self.progress.report.unreadable += unreadable;
            *self.progress.cursor(side == Side::Own) = next;
        }
        if self.progress.at_end() {
            let differing = self.buckets.differing() as u64;
            self.progress.report.differing += differing;
            self.progress.report.buckets += umoja_store::digest::BUCKETS as u64;
            if differing == 0 {
                self.next_table();
            } else {
                self.progress.turn(Phase::Mend);
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
        if item.stamp().is_some_and(|stamp| stamp.millis() > self.progress.settled) {
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

    /// What stands for an item where it is compared.
    fn entries(&self, held: &Held) -> Vec<(Bucket, Fingerprint)> {
        match held {
            Held::Item(Item::Part(record)) if self.peer.is_none() => entries(record.id, record.claims()).collect(),
            Held::Item(item) => vec![(Bucket::of_user(item.user()), Fingerprint::of_item(item, &self.regions))],
            Held::Claims(item) => item_entries(item).collect(),
        }
    }

    /// Looks again at what belongs to buckets that differ: first what the own side holds, then what the other does.
    async fn mend(&mut self) -> Result<Vec<Difference>, StoreError> {
        let side = if self.progress.own.is_end() { Side::Other } else { Side::Own };
        let Some(Read { items, next, .. }) = self.page(side).await? else { return Ok(Vec::new()) };
        let differing = items.iter().filter(|item| !self.is_dropped(item));
        let differing =
            differing.filter(|item| self.entries(item).iter().any(|(bucket, _)| self.buckets.differ_in(*bucket)));
        let examined: Vec<_> = differing.map(|item| self.attempt(side, item)).collect();
        let examined: Vec<Examined> = stream::iter(examined).buffered(CONCURRENT).try_collect().await?;
        *self.progress.cursor(side == Side::Own) = next;
        if self.progress.at_end() {
            self.next_table();
        }
        for one in &examined {
            self.progress.report.add(&one.report);
        }
        Ok(examined.into_iter().filter_map(|one| one.difference).collect())
    }

    /// An item that one region refuses or cannot read holds up no other; an outage breaks the pass off.
    async fn attempt(&self, side: Side, item: &Held) -> Result<Examined, StoreError> {
        let examined = self.examine(side, item).await;
        Ok(or_failed(item.user(), examined)?.unwrap_or_else(Examined::failed))
    }

    async fn examine(&self, side: Side, held: &Held) -> Result<Examined, StoreError> {
        match (held, self.peer) {
            (Held::Item(item), Some(peer)) => self.exchange(peer, side, item).await,
            (Held::Item(Item::Part(record)), None) => self.claims_of(record).await,
            (Held::Claims(item), None) => self.claimants(item).await,
            (Held::Item(_), None) | (Held::Claims(_), Some(_)) => Ok(Examined::default()),
        }
    }

    /// The next page of a side; nothing if the side was read to its end.
    async fn page(&self, side: Side) -> Result<Option<Read>, StoreError> {
        let cursor = if side == Side::Own { &self.progress.own } else { &self.progress.other };
        let Cursor::After(after) = cursor.clone() else { return Ok(None) };
        let other = match (side, self.peer) {
            (Side::Other, Some(peer)) => peer,
            _ => &self.home.own,
        };
        let (items, unreadable, next) = if side == Side::Other && self.peer.is_none() {
            let page = other.users.scan_claims(after, PAGE).await?;
            if page.unreadable > 0 {
                tracing::warn!(region = %other.name, items = page.unreadable, "claims cannot be read");
            }
            (page.items.into_iter().map(Held::Claims).collect(), page.unreadable, page.next)
        } else {
            let Some(table) = self.home.own.tables.get(self.progress.table) else { return Ok(None) };
            let page = other.scan(table, after, PAGE).await?;
            let unreadable = unreadable(other, table.name, &page.unreadable);
            (page.items.into_iter().map(Held::Item).collect(), unreadable, page.next)
        };
        Ok(Some(Read { items, unreadable, next: next.map_or(Cursor::End, |next| Cursor::After(Some(next))) }))
    }

    fn next_table(&mut self) {
        let last = self.peer.is_none() || self.progress.table + 1 >= self.home.own.tables.len();
        self.buckets = Buckets::default();
        if last {
            self.progress.turn(Phase::Done);
        } else {
            self.progress.table += 1;
            self.progress.settled = settled(self.home.clock.now());
            self.progress.turn(Phase::Digest);
        }
    }

    fn is_dropped(&self, held: &Held) -> bool {
        matches!(held, Held::Item(item) if umoja_store::audit::is_dropped(item, self.dropped_before))
    }

    pub(super) fn is_young(&self, written: Hlc) -> bool {
        written.millis() > settled(self.home.clock.now())
    }
}

/// Tells what of a page cannot be read, and counts it.
fn unreadable(region: &RegionPorts, table: &str, users: &[Option<UserId>]) -> u64 {
    for user in users {
        let user = user.map(|user| user.to_string());
        tracing::warn!(region = %region.name, table, user, "an item cannot be read");
    }
    users.len() as u64
}

impl Sweep<'_> {
    /// Goes on where a pass was kept.
    pub(super) fn resumed(self, progress: Progress, buckets: Buckets) -> Self {
        Self { progress, buckets, ..self }
    }

    /// Where the pass is, to be kept.
    pub(super) fn kept(&self, last: Option<LastSweep>) -> Kept {
        Kept { open: Some((self.progress.clone(), self.buckets.clone())), last }
    }

    /// How the pass ended.
    pub(super) fn ended(&self, now: Millis) -> LastSweep {
        LastSweep { began: self.progress.began, ended: now, report: self.progress.report }
    }
}
