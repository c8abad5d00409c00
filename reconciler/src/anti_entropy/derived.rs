//! Differences between a region's users and its derived tables, and their repair.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use umoja_schema::names::table;
use umoja_schema::{BlindIndex, IdentifierItem, Key, Log, Part, PartRecord, UserId};
use umoja_store::derive::{SuperfluousOwners, derive, derive_pointer, underived};
use umoja_store::digest::Bucket;
use umoja_store::ports::{LinkedAccountPage, StoreError, Strays, SuperfluousPointer};
use umoja_store::repairs::{enqueue_if_incomplete, enqueue_verified, missing_regions};
use umoja_store::replicate::{confirmation, delete_with_user};

use super::item::{Examined, Held, LeftOut, examined, or_failed};
use super::pass::AntiEntropy;
use super::state::{AntiEntropyReport, Difference};
use crate::CONCURRENT;
use crate::restore::readable;

/// The parts of a page.
fn parts(items: &[Held]) -> impl Iterator<Item = &PartRecord> {
    items.iter().filter_map(|held| match held {
        Held::Item(item) => item.part(),
        Held::Ownerships(_) => None,
    })
}

impl AntiEntropy<'_> {
    /// Counts the parts that lack a wrapped key and lists them for repair. Young parts are skipped: the replicator has
    /// listed them.
    pub(super) async fn missing_keys(&mut self, items: &[Held]) {
        let settled = self.progress.settled;
        let old = parts(items).filter(|record| record.version.hlc.millis() <= settled);
        let missing: Vec<&PartRecord> = old.filter(|record| !missing_regions(self.home, record).is_empty()).collect();
        self.progress.report.missing_keys += missing.len() as u64;
        if !self.repairs {
            return;
        }
        // If two regions wrapped the same key, they would make two blobs, and each region would keep a different one.
        // So only the region that wrote the part wraps it, and its repair brings the blob to all. For a region that is
        // gone, every region does it.
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

    /// Lists users for their merge, in case the stream that listed them was lost.
    pub(super) async fn merges(&mut self, items: &[Held]) -> Result<(), StoreError> {
        let shared = items.iter().filter_map(|item| match item {
            Held::Ownerships(item) if self.repairs && item.owners.len() > 1 => Some(item),
            _ => None,
        });
        let work: Vec<_> = shared.map(async |item| or_failed(None, enqueue_verified(self.home, item).await)).collect();
        let asked: Vec<Option<u64>> = stream::iter(work).buffered(CONCURRENT).try_collect().await?;
        self.progress.report.merges_asked += asked.into_iter().flatten().sum::<u64>();
        Ok(())
    }

    /// Looks up the pointers and erasures of a page's parts, which the buckets do not cover. Few users are merged or
    /// erased.
    pub(super) async fn looked_up(&mut self, items: &[Held]) -> Result<Vec<Difference>, StoreError> {
        let work: Vec<_> = parts(items).map(|record| self.look_up(record)).collect();
        let done = stream::iter(work).buffered(CONCURRENT).try_collect().await?;
        Ok(self.note(done))
    }

    async fn look_up(&self, record: &PartRecord) -> Result<Examined, StoreError> {
        let done = match record.profile_facts().and_then(|facts| facts.merged_into) {
            Some(primary) => self.pointer(record, primary).await,
            None if record.version.erased => self.confirmed(record).await,
            None => return Ok(Examined::default()),
        };
        examined(Some(record.id), done)
    }

    /// Adds the pointer of a merged user if the table of linked accounts lacks it.
    async fn pointer(&self, seen: &PartRecord, primary: UserId) -> Result<Examined, StoreError> {
        let users = &*self.home.own.users;
        if users.linked_accounts(primary).await?.contains(&seen.id) {
            return Ok(Examined::default());
        }
        let stored = users.part(seen.id, Part::Profile).await?;
        if stored.is_none_or(|stored| stored.version != seen.version) {
            return Ok(Examined::default());
        }
        let mut report = AntiEntropyReport { found: 1, ..AntiEntropyReport::default() };
        report.linked_accounts_added += u64::from(self.repairs && derive_pointer(users, seen).await?);
        report.repaired = report.linked_accounts_added;
        let difference = Difference::LinkedAccount { id: seen.id, primary, since: seen.version.hlc.millis() };
        Ok(Examined { report, difference: Some(difference) })
    }

    /// Removes pointers from the table of linked accounts that no user's part has, and what is no pointer.
    pub(super) async fn superfluous(&mut self, page: &LinkedAccountPage) -> Result<Vec<Difference>, StoreError> {
        let mut differences = self.strays(Strays::LinkedAccounts(page.strays.clone())).await?;
        let work: Vec<_> = page.pointers.iter().map(|(primary, id)| self.listed(*primary, *id)).collect();
        let found: Vec<_> = stream::iter(work).buffered(CONCURRENT).try_collect().await?;
        self.progress.report.failed += found.iter().filter(|one| one.is_none()).count() as u64;
        let found: Vec<SuperfluousPointer> = found.into_iter().flatten().flatten().collect();
        self.progress.report.found += found.len() as u64;
        if self.repairs && !found.is_empty() {
            let dropped = or_failed(None, self.home.own.users.drop_pointers(&found).await)?;
            self.progress.report.linked_accounts_removed += dropped.unwrap_or_default();
            self.progress.report.repaired += dropped.unwrap_or_default();
            self.progress.report.failed += if dropped.is_none() { found.len() as u64 } else { 0 };
        }
        let difference = |one: SuperfluousPointer| {
            let SuperfluousPointer { primary, linked, .. } = one;
            Difference::SuperfluousLinkedAccount { id: linked, primary }
        };
        differences.extend(found.into_iter().map(difference));
        Ok(differences)
    }

    /// The pointer of a user in the table, if the user's part does not have it. `None` outside if the part cannot be
    /// read.
    async fn listed(&self, primary: UserId, linked: UserId) -> Result<Option<Option<SuperfluousPointer>>, StoreError> {
        let read = self.home.own.users.part(linked, Part::Profile).await;
        let Some(part) = or_failed(Some(linked), read)? else { return Ok(None) };
        let pointer = part.as_ref().and_then(|part| part.profile_facts()?.merged_into);
        let profile = part.map(|part| part.version);
        Ok(Some((pointer != Some(primary)).then_some(SuperfluousPointer { primary, linked, profile })))
    }

    /// Counts rows of a derived table that no reader finds, and removes them.
    async fn strays(&mut self, strays: Strays) -> Result<Vec<Difference>, StoreError> {
        let (table, places) = match &strays {
            Strays::Identifiers(places) => (table::IDENTIFIERS, places.len()),
            Strays::LinkedAccounts(places) => (table::LINKED_ACCOUNTS, places.len()),
        };
        if places == 0 {
            return Ok(Vec::new());
        }
        let (region, number) = (&self.home.own.name, places as u64);
        tracing::warn!(%region, table, rows = number, "the keys of rows cannot be read");
        let unreadable = Difference::Unreadable { table, region: region.clone(), user: None };
        self.progress.report.unreadable += number;
        if self.repairs {
            let dropped = or_failed(None, self.home.own.users.drop_strays(&strays).await)?.unwrap_or_default();
            self.progress.report.failed += number.saturating_sub(dropped);
        }
        Ok(vec![unreadable; places])
    }

    /// Deletes what belongs to an erased user and is still stored. Also confirms an erasure of another region if its
    /// confirmation is missing: the process that applied the tombstone may have stopped before it confirmed, and finds
    /// the tombstone already applied when it retries.
    async fn confirmed(&self, tombstone: &PartRecord) -> Result<Examined, StoreError> {
        let own = &self.home.own;
        if self.is_young(tombstone.version.hlc) {
            return Ok(Examined::default());
        }
        if self.repairs {
            delete_with_user(own, tombstone).await?;
        }
        if tombstone.version.origin == own.name {
            return Ok(Examined::default());
        }
        let row = confirmation(self.home, tombstone, &own.name);
        let key = Key { table: Log::Receipts.entry(), user: row.user, sort: row.key.clone() };
        if readable(own, &key).await?.is_some() {
            return Ok(Examined::default());
        }
        let mut report = AntiEntropyReport { found: 1, ..AntiEntropyReport::default() };
        report.confirmed += u64::from(self.repairs && own.logs.append(Log::Receipts, &row).await?);
        report.repaired = report.confirmed;
        let since = tombstone.version.hlc.millis();
        let (log, lacking) = (Log::Receipts.table(), own.name.clone());
        Ok(Examined { report, difference: Some(Difference::Row { log, user: row.user, lacking, since }) })
    }

    /// Compares the ownerships of a part with the derived table, for identifiers in buckets that differ.
    pub(super) async fn ownerships_of(&self, record: &PartRecord) -> Result<Examined, StoreError> {
        let differs = |index: &&BlindIndex| self.buckets.differ_in(Bucket::of_identifier(index));
        let indexes: Vec<BlindIndex> = record.ownerships().keys().filter(differs).copied().collect();
        let stored = self.home.own.users.ownerships(&indexes).await?;
        let said = |item: &IdentifierItem| item.owners.get(&record.id) == record.ownerships().get(&item.index);
        if stored.iter().all(said) {
            return Ok(Examined::default());
        }
        self.rederive(record.id, &indexes).await
    }

    /// Drops items of the derived table that cannot be read; the pass then finds their owners without them.
    pub(super) async fn drop_left_out(&mut self, left_out: &LeftOut) -> Result<Vec<Difference>, StoreError> {
        let differences = self.strays(Strays::Identifiers(left_out.strays.clone())).await?;
        for index in left_out.indexes.iter().filter(|_| self.repairs) {
            self.home.own.users.drop_unreadable_identifier(index).await?;
        }
        Ok(differences)
    }

    /// Checks the owners of an identifier against their profile parts.
    pub(super) async fn owners(&self, item: &IdentifierItem) -> Result<Examined, StoreError> {
        let users = &*self.home.own.users;
        let Some(found) = SuperfluousOwners::of(users, item).await? else { return Ok(Examined::default()) };
        let mut report = AntiEntropyReport { found: found.count() as u64, ..AntiEntropyReport::default() };
        if self.repairs {
            report.ownerships_removed += found.drop(users).await?;
            report.repaired = report.ownerships_removed;
        }
        let difference = found.first().map(|(id, version)| {
            let (id, version, superfluous) = (*id, version.clone(), 1);
            Difference::Ownerships { id, version, missing: 0, superfluous }
        });
        Ok(Examined { report, difference })
    }

    async fn rederive(&self, id: UserId, indexes: &[BlindIndex]) -> Result<Examined, StoreError> {
        let users = &*self.home.own.users;
        let (mut report, mut difference) = (AntiEntropyReport::default(), None);
        // Users who own one identifier overtake each other, and one of them is written in each round.
        for _ in 0..=CONCURRENT {
            let Some(found) = underived(users, id, indexes).await? else { break };
            report.found = 1;
            difference.get_or_insert_with(|| Difference::Ownerships {
                id,
                version: found.version.clone(),
                missing: found.missing(),
                superfluous: found.superfluous(),
            });
            if !self.repairs {
                break;
            }
            if derive(users, &found, &self.home.own.name).await? {
                report.ownerships_added += found.missing() as u64;
                report.ownerships_removed += found.superfluous() as u64;
                report.repaired = 1;
                break;
            }
        }
        Ok(Examined { report, difference })
    }
}
