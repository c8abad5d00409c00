//! What a region's users say, and its derived tables do not.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use umoja_schema::{BlindIndex, ClaimItem, Log, Part, PartRecord, UserId};
use umoja_store::copy::{confirmation, delete_with_user};
use umoja_store::derive::{derive, derive_pointer, underived};
use umoja_store::digest::Bucket;
use umoja_store::ports::StoreError;
use umoja_store::repairs::{enqueue_if_incomplete, enqueue_verified, missing_regions};

use super::item::{Examined, Held, or_failed};
use super::pass::Sweep;
use super::state::{Difference, SweepReport};
use crate::CONCURRENT;

/// The parts of a page.
fn parts(items: &[Held]) -> impl Iterator<Item = &PartRecord> {
    items.iter().filter_map(|held| match held {
        Held::Item(item) => item.part(),
        Held::Claims(_) => None,
    })
}

impl Sweep<'_> {
    /// Counts what lacks a wrapped key, and lists it for repair. What is young has been listed by the replicator.
    pub(super) async fn missing_keys(&mut self, items: &[Held]) {
        let settled = self.progress.settled;
        let old = parts(items).filter(|record| record.version.hlc.millis() <= settled);
        let missing: Vec<&PartRecord> = old.filter(|record| !missing_regions(self.home, record).is_empty()).collect();
        self.progress.report.missing_keys += missing.len() as u64;
        if !self.mends {
            return;
        }
        // Wrapping one key twice gives two blobs, and each region would keep another: so one region does it, the one that
        // wrote the part, and its repair brings the blob to all. Nobody else is left to do it for a region that is gone.
        let own = &self.home.own.name;
        let gone = |origin| !self.home.region_names().any(|region| region == origin);
        let mine = missing.into_iter().filter(|record| {
            let origin = &record.version.origin;
            origin == own || gone(origin)
        });
        let listed: Vec<_> = mine.map(|record| enqueue_if_incomplete(self.home, record)).collect();
        let listed: Vec<_> = stream::iter(listed).buffered(CONCURRENT).collect().await;
        for listed in listed {
            if let Err(error) = listed {
                tracing::warn!(%error, "a missing key could not be listed for repair");
                self.progress.report.unlisted += 1;
            }
        }
    }

    /// Asks for merges that were asked for in a stream that was lost.
    pub(super) async fn merges(&mut self, items: &[Held]) -> Result<(), StoreError> {
        let shared = items.iter().filter_map(|item| match item {
            Held::Claims(item) if self.mends && item.claimants.len() > 1 => Some(item),
            _ => None,
        });
        let work: Vec<_> = shared.map(async |item| or_failed(None, enqueue_verified(self.home, item).await)).collect();
        let asked: Vec<Option<u64>> = stream::iter(work).buffered(CONCURRENT).try_collect().await?;
        self.progress.report.merges_asked += asked.into_iter().flatten().sum::<u64>();
        Ok(())
    }

    /// Looks up for each part of a page what the buckets say nothing of. Few users are merged or erased.
    pub(super) async fn looked_up(&mut self, items: &[Held]) -> Result<Vec<Difference>, StoreError> {
        let work: Vec<_> = parts(items).map(|record| self.look_up(record)).collect();
        let done: Vec<Examined> = stream::iter(work).buffered(CONCURRENT).try_collect().await?;
        for one in &done {
            self.progress.report.add(&one.report);
        }
        Ok(done.into_iter().filter_map(|one| one.difference).collect())
    }

    async fn look_up(&self, record: &PartRecord) -> Result<Examined, StoreError> {
        let done = match record.profile_facts().and_then(|facts| facts.merged_into) {
            Some(root) => self.pointer(record, root).await,
            None if record.version.erased => self.confirmed(record).await,
            None => return Ok(Examined::default()),
        };
        Ok(or_failed(Some(record.id), done)?.unwrap_or_else(Examined::failed))
    }

    /// Adds the pointer of a merged user if the table of members lacks it.
    async fn pointer(&self, seen: &PartRecord, root: UserId) -> Result<Examined, StoreError> {
        let users = &*self.home.own.users;
        if users.members(root).await?.contains(&seen.id) {
            return Ok(Examined::default());
        }
        let stored = users.part(seen.id, Part::Profile).await?;
        if stored.is_none_or(|stored| stored.version != seen.version) {
            return Ok(Examined::default());
        }
        let mut report = SweepReport { found: 1, ..SweepReport::default() };
        report.members_added += u64::from(self.mends && derive_pointer(users, seen).await?);
        let difference = Difference::Member { id: seen.id, root, since: seen.version.hlc.millis() };
        Ok(Examined { report, difference: Some(difference) })
    }

    /// Deletes what goes with an erased user and is still there. Confirms an erasure that another region made, if nobody did:
    /// who brought the tombstone was stopped before it could, and finds it there when it comes again.
    async fn confirmed(&self, tombstone: &PartRecord) -> Result<Examined, StoreError> {
        let own = &self.home.own;
        if self.is_young(tombstone.version.hlc) {
            return Ok(Examined::default());
        }
        if self.mends {
            delete_with_user(own, tombstone).await?;
        }
        if tombstone.version.origin == own.name {
            return Ok(Examined::default());
        }
        let row = confirmation(self.home, tombstone, &own.name);
        if own.logs.row(Log::Receipts, row.user, &row.key).await?.is_some() {
            return Ok(Examined::default());
        }
        let mut report = SweepReport { found: 1, ..SweepReport::default() };
        report.confirmed += u64::from(self.mends && own.logs.append(Log::Receipts, &row).await?);
        let since = tombstone.version.hlc.millis();
        let (log, lacking) = (Log::Receipts.table(), own.name.clone());
        Ok(Examined { report, difference: Some(Difference::Row { log, user: row.user, lacking, since }) })
    }

    /// Whether the claims that a part makes are there, as far as they are in buckets that differ.
    pub(super) async fn claims_of(&self, record: &PartRecord) -> Result<Examined, StoreError> {
        let differs = |index: &&BlindIndex| self.buckets.differ_in(Bucket::of_identifier(index));
        let indexes: Vec<BlindIndex> = record.claims().keys().filter(differs).copied().collect();
        let stored = self.home.own.users.claims(&indexes).await?;
        let said = |item: &ClaimItem| item.claimants.get(&record.id) == record.claims().get(&item.index);
        if stored.iter().all(said) {
            return Ok(Examined::default());
        }
        self.rederive(record.id, &indexes).await
    }

    /// Whether somebody is among the claimants of an identifier whose part does not say so.
    pub(super) async fn claimants(&self, item: &ClaimItem) -> Result<Examined, StoreError> {
        let mut all = Examined::default();
        for id in item.claimants.keys() {
            let part = self.home.own.users.part(*id, Part::Profile).await?;
            if part.is_some_and(|part| part.claims().contains_key(&item.index)) {
                continue;
            }
            let one = self.rederive(*id, &[item.index]).await?;
            all.report.add(&one.report);
            all.difference = all.difference.or(one.difference);
        }
        Ok(all)
    }

    async fn rederive(&self, id: UserId, indexes: &[BlindIndex]) -> Result<Examined, StoreError> {
        let users = &*self.home.own.users;
        let Some(found) = underived(users, id, indexes).await? else { return Ok(Examined::default()) };
        let difference = Difference::Claims {
            id,
            version: found.version.clone(),
            missing: found.missing(),
            superfluous: found.superfluous(),
        };
        let mut report = SweepReport { found: 1, ..SweepReport::default() };
        if self.mends && derive(users, &found, &self.home.own.name).await? {
            report.claims_added += found.missing() as u64;
            report.claims_removed += found.superfluous() as u64;
        }
        Ok(Examined { report, difference: Some(difference) })
    }
}
