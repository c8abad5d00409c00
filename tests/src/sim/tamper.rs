//! An attacker writes into one region's tables, without any key: every changed item is found and repaired from a peer,
//! and no other region is harmed.
//!
//! Only what every other region holds too is changed. What the attacker writes is in the region's stream like any write,
//! but not in the history, so a region that takes it has a version that no region wrote.

use std::collections::BTreeSet;

use umoja_schema::{AccountStatus, Attribute, Body, Facts, Hlc, Item, Log, Part, PartRecord, UserId, Version};
use umoja_store::ports::{Parts, StoreError};

use super::fleet::Fleet;
use super::harm::Harm;
use super::plan::Forgery;

/// More than the milliseconds between two writes of a run.
const LATER_MS: u64 = 1_000;

impl Fleet {
    /// Changes an item of a user in one region. Skipped if some other region does not hold the same.
    pub(super) async fn tamper(&self, at: usize, id: UserId, forgery: Forgery) {
        self.note_changes();
        let Some((genuine, forged)) = self.forged(at, id, forgery).await else { return };
        let (key, tables) = (genuine.key(), &self.region(at).tables);
        for other in (0..self.world().regions.len()).filter(|other| *other != at) {
            let held = self.region(other).tables.ports(&self.region(other).store).read(&key).await;
            if held.ok().flatten().as_ref() != Some(&genuine) {
                return;
            }
        }
        let raw = &tables.raw_users;
        let Some(etag) = raw.etag(&key).await.expect("a store can be read") else { return };
        if !raw.replace(&forged, &etag).await.expect("a store can be written") {
            return;
        }
        // The attacker's write is delivered by the stream, and is no write of Umoja's.
        self.streams[at].extend(tables.new_changes());
        let (version, wrapped) = match (forgery, forged) {
            (Forgery::Wrapped, Item::Part(record)) => {
                self.history.borrow_mut().wrapped_keys_were_damaged(at, id, record.part);
                let wrapped = record.live().map(|live| live.keys.keys().cloned().collect());
                (Some(record.version), wrapped.unwrap_or_default())
            }
            _ => (None, BTreeSet::new()),
        };
        self.harmed.borrow_mut().push(Harm { at, key, version, wrapped });
        self.lost.set(true);
        self.coverage.borrow_mut().note("anti-entropy", "tampered");
    }

    /// The genuine item and the forged one.
    async fn forged(&self, at: usize, id: UserId, forgery: Forgery) -> Option<(Item, Item)> {
        let ports = self.region(at).tables.ports(&self.region(at).store);
        let row = async |log: Log| -> Option<(Item, Item)> {
            let mut row = ports.logs.rows(log, id).await.ok()?.pop()?;
            let genuine = Item::from((log, row.clone()));
            row.at = row.at.successor();
            Some((genuine, Item::from((log, row))))
        };
        let part = match forgery {
            Forgery::Journal => return row(Log::Journal).await,
            Forgery::Receipt => return row(Log::Receipts).await,
            Forgery::Audit => return row(Log::Audit).await,
            Forgery::Status => Part::Credentials,
            _ => Part::Profile,
        };
        let stored = self.region(at).tables.raw_users.part(id, part).await.ok()??;
        let genuine: Item = ports.users.part(id, part).await.ok()??.into();
        let forged = if forgery == Forgery::Moved {
            // Another user's part under this user's key.
            let other = *self.history.borrow().users().iter().find(|other| **other != id)?;
            let other = self.region(at).tables.raw_users.part(other, part).await.ok()??;
            PartRecord { id, ..other }
        } else {
            forged_part(stored, forgery)?
        };
        Some((genuine, forged.into()))
    }

    /// True while some region has an item that an attacker changed, or what such an item has left behind: a tombstone in
    /// the place of a damaged part cannot show which identifiers the part owned, so they belong to a user that is gone
    /// until anti-entropy drops them from the derived table.
    pub(super) async fn is_harmed(&self) -> bool {
        let harmed = self.harmed.take();
        let mut left = Vec::new();
        for harm in harmed {
            if !self.is_repaired(&harm).await || self.owns_though_gone(&harm).await {
                left.push(harm);
            }
        }
        let is_harmed = !left.is_empty();
        self.harmed.borrow_mut().extend(left);
        is_harmed
    }

    /// True if no region has an item any more that an attacker changed.
    pub(super) async fn is_all_repaired(&self) -> bool {
        let harmed = self.harmed.take();
        let mut is_all = true;
        for harm in &harmed {
            is_all &= self.is_repaired(harm).await;
        }
        self.harmed.borrow_mut().extend(harmed);
        is_all
    }

    /// True if the derived table of the region has an identifier of a user that was erased.
    async fn owns_though_gone(&self, harm: &Harm) -> bool {
        let (region, id) = (self.region(harm.at), harm.key.user);
        let parts = region.tables.users.parts(id).await.unwrap_or_default();
        if parts.is_live() || parts == Parts::default() {
            return false;
        }
        let mut after = None;
        loop {
            let page = region.tables.users.scan_identifiers(after, 100).await.expect("a store can be read");
            if page.items.iter().any(|item| item.owners.contains_key(&id)) {
                return true;
            }
            after = page.next;
            if after.is_none() {
                return false;
            }
        }
    }

    async fn is_repaired(&self, harm: &Harm) -> bool {
        let region = self.region(harm.at);
        match region.tables.ports(&region.store).read(&harm.key).await {
            Ok(Some(Item::Part(record))) => {
                let is_newer = harm.version.as_ref().is_some_and(|version| *version != record.version);
                is_newer
                    || record.live().is_none_or(|live| harm.wrapped.iter().all(|region| live.keys.contains_key(region)))
            }
            Ok(_) => true,
            Err(StoreError::Unreadable(_)) => false,
            Err(error) => panic!("a store can be read: {error}"),
        }
    }
}

fn forged_part(stored: PartRecord, forgery: Forgery) -> Option<PartRecord> {
    let later = Hlc::at(stored.version.hlc.millis().plus(LATER_MS));
    let mut forged = stored;
    match forgery {
        Forgery::Tombstone => {
            let version = Version { erased: true, hlc: later, ..forged.version.clone() };
            return Some(PartRecord {
                unknown: forged.unknown.clone(),
                ..PartRecord::tombstone(forged.id, forged.part, version)
            });
        }
        Forgery::Raised => forged.version.hlc = later,
        _ => {
            let Body::Live(live) = &mut forged.body else { return None };
            match forgery {
                Forgery::Status => {
                    let Facts::Credentials { status, .. } = &mut live.facts else { return None };
                    *status = match *status {
                        AccountStatus::Active => AccountStatus::Disabled,
                        AccountStatus::Disabled => AccountStatus::Active,
                    };
                }
                Forgery::Sealed => {
                    let bytes = live.data.0.values_mut().find_map(|value| match value {
                        Attribute::B(bytes) => bytes.first_mut(),
                        _ => None,
                    });
                    *bytes? ^= 1;
                }
                Forgery::Wrapped => live.keys.values_mut().for_each(|wrapped| wrapped[0] ^= 1),
                _ => return None,
            }
        }
    }
    Some(forged)
}
