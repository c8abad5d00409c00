//! Dropping the wrapped keys of a region that was removed from the deployment.
//!
//! Dropping them is optional: reads, replication and digests use only the listed regions, and every write makes a data
//! key that only those wrap. It keeps parts small, and it keeps a region that returns under the same name with another
//! KMS key from taking the old entries for its own.
//!
//! That another region *has* a wrapped key proves nothing: its KMS key may have been replaced since. So a wrapped key
//! is dropped in a region only after the region's own, current KMS key has unwrapped the data key of that very part.
//! Where it does not, the data key that another region's KMS unwraps is wrapped for the region first: added if the
//! region has no entry, otherwise with a new version of the part, because entries are not exchanged within a version.
//! Where no KMS unwraps the data key, the wrapped key stays and the part is named.

use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Serialize;
use umoja_schema::{Part, PartRecord, Region, UserId};
use umoja_store::Home;
use umoja_store::keyring::KeyRing;
use umoja_store::ports::{KeyAdded, KeyRemoved, KeysError, StoreError};
use umoja_store::repairs::enqueue_if_incomplete;
use umoja_store::seal::{SealError, Sealer};

use crate::CONCURRENT;
use crate::reencrypt::{OwnKey, open_with_own_key, outage};

/// How many parts one step examines.
const PAGE: usize = 100;

/// How many parts are listed that no KMS key opens.
const NAMED: usize = 10;

/// How long a peer's KMS may take to wrap the data key of a part that is re-encrypted, in milliseconds.
const PEER_WRAP_BUDGET_MS: u64 = 5_000;

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
    /// Parts that no listed region's KMS key opens although there are wrapped keys. The wrapped key stays.
    pub unopened: u64,
    /// Parts that the own region's KMS key did not open and opens now.
    pub repaired: u64,
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
        self.unopened += other.unopened;
        self.repaired += other.repaired;
        self.overtaken += other.overtaken;
        self.unreadable += other.unreadable;
    }

    /// True if the own region's KMS key had opened every examined part when the pass reached it.
    pub const fn is_proof(&self) -> bool {
        self.needed + self.unopened + self.repaired + self.overtaken + self.unreadable == 0
    }

    /// The number of parts that still need the region's wrapped key, or may need it.
    pub const fn kept(&self) -> u64 {
        self.needed + self.unopened + self.unreadable
    }
}

/// One pass over the parts of a region that stays. It may be interrupted and restarted at any time. It calls the
/// region's KMS once for each part that it verifies.
pub struct DropWrappedKeys<'a> {
    home: &'a Home,
    removed: &'a Region,
    sealer: Sealer,
    drops: bool,
    after: Option<String>,
    ended: bool,
    report: DropWrappedKeysReport,
    named: Vec<(UserId, Part)>,
}

impl<'a> DropWrappedKeys<'a> {
    /// A pass that drops no key. It verifies that the region opens each of its parts with its own KMS key, and repairs
    /// what it does not open, as long as `removed` is still listed also with the key of that region. It is repeated
    /// until it is a proof; only then is `removed` taken off the list.
    pub fn look(home: &'a Home, removed: &'a Region) -> Self {
        Self::new(home, removed, false)
    }

    /// A pass that drops the wrapped keys of `removed`; `None` if `home` lists that region.
    pub fn drop_keys(home: &'a Home, removed: &'a Region) -> Option<Self> {
        let listed = home.region_names().any(|name| name == removed);
        (!listed).then(|| Self::new(home, removed, true))
    }

    fn new(home: &'a Home, removed: &'a Region, drops: bool) -> Self {
        let sealer = Sealer::new(KeyRing::new(home, PEER_WRAP_BUDGET_MS), Arc::clone(&home.entropy));
        let report = DropWrappedKeysReport::default();
        Self { home, removed, sealer, drops, after: None, ended: false, report, named: Vec::new() }
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

    /// Some of the parts that still need the wrapped key of the removed region, or that no KMS key opens.
    pub fn named(&self) -> &[(UserId, Part)] {
        &self.named
    }

    /// Examines the next page. False if there was none left. After an error, the same page is read again.
    ///
    /// # Errors
    /// If the region or a KMS fails.
    pub async fn step(&mut self) -> Result<bool, StoreError> {
        if self.ended {
            return Ok(false);
        }
        let page = self.home.own.users.scan(self.after.clone(), PAGE).await?;
        let work: Vec<_> = page.records.iter().map(|record| self.part(record)).collect();
        let found: Vec<DropWrappedKeysReport> = stream::iter(work).buffered(CONCURRENT).try_collect().await?;
        for (record, one) in page.records.iter().zip(&found) {
            self.report.add(one);
            if one.kept() > 0 && self.named.len() < NAMED {
                self.named.push((record.id, record.part));
            }
        }
        self.report.unreadable += page.unreadable.len() as u64;
        self.ended = page.next.is_none();
        self.after = page.next;
        Ok(!self.ended)
    }

    async fn part(&self, record: &PartRecord) -> Result<DropWrappedKeysReport, StoreError> {
        let examined = DropWrappedKeysReport { parts: 1, ..DropWrappedKeysReport::default() };
        let Some(live) = record.live() else { return Ok(examined) };
        let mut stay = self.home.region_names().filter(|region| *region != self.removed);
        if !stay.any(|region| live.keys.contains_key(region)) {
            enqueue_if_incomplete(self.home, record).await?;
            return Ok(DropWrappedKeysReport { needed: 1, ..examined });
        }
        if self.drops && !live.keys.contains_key(self.removed) {
            return Ok(examined);
        }
        let opened = if live.keys.contains_key(&self.home.own.name) {
            open_with_own_key(self.home, &self.sealer, record).await?
        } else {
            self.wrap(record).await?
        };
        match opened {
            OwnKey::Opens => self.drop_key(record, examined).await,
            OwnKey::Added => self.drop_key(record, DropWrappedKeysReport { repaired: 1, ..examined }).await,
            OwnKey::Reencrypted => Ok(DropWrappedKeysReport { repaired: 1, ..examined }),
            OwnKey::Overtaken => Ok(DropWrappedKeysReport { overtaken: 1, ..examined }),
            OwnKey::Unopened => Ok(DropWrappedKeysReport { unopened: 1, ..examined }),
        }
    }

    /// Wraps the data key, which another region's KMS unwraps, for the own region.
    async fn wrap(&self, record: &PartRecord) -> Result<OwnKey, StoreError> {
        let own = &self.home.own.name;
        let wrapped = async {
            let key = self.sealer.committed_key(record).await?;
            self.sealer.wrap_for(record, &key, own).await
        };
        let blob = match wrapped.await {
            Ok(blob) => blob,
            Err(SealError::Keys(KeysError::Rejected) | SealError::Opaque | SealError::Newer) => {
                return Ok(OwnKey::Unopened);
            }
            Err(SealError::Keys(error)) => return Err(outage(error)),
        };
        let users = &self.home.own.users;
        Ok(match users.add_wrapped_key(record.id, record.part, &record.version, own, None, &blob).await? {
            KeyAdded::Added => OwnKey::Added,
            // Another pass asks the KMS whether it opens the entry that another writer has added.
            KeyAdded::Present | KeyAdded::OtherVersion(_) => OwnKey::Overtaken,
        })
    }

    /// Drops the wrapped key of a part that the own region's KMS key has just opened.
    async fn drop_key(
        &self,
        record: &PartRecord,
        opened: DropWrappedKeysReport,
    ) -> Result<DropWrappedKeysReport, StoreError> {
        if !self.drops {
            return Ok(opened);
        }
        let (id, part, version) = (record.id, record.part, &record.version);
        Ok(match self.home.own.users.remove_wrapped_key(id, part, version, self.removed).await? {
            KeyRemoved::Removed => DropWrappedKeysReport { dropped: 1, ..opened },
            KeyRemoved::Absent => opened,
            KeyRemoved::OtherVersion(_) => DropWrappedKeysReport { overtaken: 1, ..opened },
        })
    }
}
