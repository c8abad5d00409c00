//! Rules that can be disabled, to prove that the simulation detects each missing rule.
//!
//! A wrapper around a region's table disables a rule: it does what a version without the rule would have done. (The
//! wrappers around short-lived rows are in `short`.) The operator of the run disables the rules of a rotation. The
//! product's code has no switch for this, so a disabled rule cannot be shipped.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use umoja_schema::names::attribute;
use umoja_schema::{
    Attribute, BlindIndex, Credentials, IdentifierItem, Item, Key, Log, Part, PartRecord, Region, UserId, Version,
};
use umoja_store::ports::{
    Commit, Condition, Etag, IdentifierPage, IdentifierWrite, KeyAdded, KeyRemoved, LinkedAccountPage, Page, PartWrite,
    Parts, StoreError, Strays, SuperfluousPointer, Users, Writes,
};
use umoja_store::seal::Sealer;

use super::plan::Plan;

/// The attribute that a newer version writes.
pub const NEWER: &str = "from_a_newer_version";

/// A rule that the design calls necessary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Of two writes with the same HLC timestamp, the one of the greater region wins.
    Tiebreak,
    /// An erasure wins over every live write, even a later one.
    ErasedFirst,
    /// Ownerships are computed again from all owners.
    Ownerships,
    /// Only the origin of a version replicates it.
    Loop,
    /// Profile and credentials have separate versions.
    TwoParts,
    /// A replicated version that is older than the stored one is not written.
    NewestWins,
    /// A local write is conditional on the version that was read.
    Conditions,
    /// The unhandled records of a batch are delivered again.
    Redelivery,
    /// Missing wrapped keys are added later.
    KeyRepair,
    /// A request with `min_version` is not answered with an older version.
    MinVersion,
    /// Users that are verified to be one person are merged.
    Verified,
    /// Users who have different e-mail addresses or external ids are not merged by themselves.
    TwoPeople,
    /// A rotation takes no step before every instance has read the one before.
    Wait,
    /// An index key is dropped only when every region has every profile in a version that does not use it.
    Arrived,
    /// Every comparison of a password is counted as an attempt.
    Counted,
    /// The idempotency key of a request that was rejected is unused again.
    Withdrawn,
    /// An item without a proof is not used.
    Proved,
    /// What is remembered of a request is not used without a proof.
    Outcomes,
    /// Of two events, the one with the provider's newer time counts.
    EventOrder,
    /// The home of a source applies all its events.
    SourceHome,
    /// Events that wait without a message are rung again.
    RungAgain,
    /// A feed that has lost events begins another epoch.
    Epoch,
    /// One process at a time delivers an account.
    Lease,
    /// What a target has already is not sent again.
    Digest,
    /// A target that was moved gets every account once more.
    TargetEpoch,
    /// Only the user's id in `externalId` makes an account the user's.
    Adoption,
    /// Removals of accounts are held when they are many.
    Brake,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 27] = [
        Self::Tiebreak,
        Self::ErasedFirst,
        Self::Ownerships,
        Self::Loop,
        Self::TwoParts,
        Self::NewestWins,
        Self::Conditions,
        Self::Redelivery,
        Self::KeyRepair,
        Self::MinVersion,
        Self::Verified,
        Self::TwoPeople,
        Self::Wait,
        Self::Arrived,
        Self::Counted,
        Self::Withdrawn,
        Self::Proved,
        Self::Outcomes,
        Self::EventOrder,
        Self::SourceHome,
        Self::RungAgain,
        Self::Epoch,
        Self::Lease,
        Self::Digest,
        Self::TargetEpoch,
        Self::Adoption,
        Self::Brake,
    ];

    /// The run of a seed, of the mode in which the rule matters.
    pub fn plan(self, seed: u64) -> Plan {
        match self {
            Self::Epoch => Plan::listed(seed),
            Self::Lease | Self::Digest | Self::TargetEpoch | Self::Adoption | Self::Brake => Plan::delivered(seed),
            _ => Plan::of(seed),
        }
    }

    /// The name of the rule.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tiebreak => "tiebreak",
            Self::ErasedFirst => "erased-first",
            Self::Ownerships => "ownership-recomputation",
            Self::Loop => "loop",
            Self::TwoParts => "two-parts",
            Self::NewestWins => "newest-wins",
            Self::Conditions => "conditional-writes",
            Self::Redelivery => "redelivery",
            Self::KeyRepair => "key-repair",
            Self::MinVersion => "min-version",
            Self::Verified => "verified-merge",
            Self::TwoPeople => "two-people",
            Self::Wait => "rotation-wait",
            Self::Arrived => "rotation-proof",
            Self::Counted => "counted-attempts",
            Self::Withdrawn => "withdrawn-keys",
            Self::Proved => "proved-items",
            Self::Outcomes => "proved-outcomes",
            Self::EventOrder => "event-order",
            Self::SourceHome => "source-home",
            Self::RungAgain => "rung-again",
            Self::Epoch => "event-epoch",
            Self::Lease => "delivery-lease",
            Self::Digest => "delivery-digest",
            Self::TargetEpoch => "target-epoch",
            Self::Adoption => "adoption-by-id",
            Self::Brake => "removal-brake",
        }
    }
}

/// The software of a region: its version, and the rule that it lacks.
pub struct Software {
    /// The disabled rule.
    pub without: Option<Rule>,
    newer: AtomicBool,
    sealer: OnceLock<Arc<Sealer>>,
}

impl Software {
    /// The current version.
    pub fn new(without: Option<Rule>) -> Arc<Self> {
        Arc::new(Self { without, newer: AtomicBool::new(false), sealer: OnceLock::new() })
    }

    /// Switches to a newer version, or back to the current one.
    pub fn set_newer(&self, newer: bool) {
        self.newer.store(newer, Ordering::Relaxed);
    }

    /// True while the region runs a newer version.
    pub fn is_newer(&self) -> bool {
        self.newer.load(Ordering::Relaxed)
    }

    /// The sealer of the region.
    pub fn seal_with(&self, sealer: &Arc<Sealer>) {
        self.sealer.set(Arc::clone(sealer)).unwrap_or_else(|_| unreachable!("set once"));
    }
}

/// A region's table with the writes of its software.
pub struct Written {
    inner: Arc<dyn Users>,
    /// What is read: the same, or the items as they are stored if no proof is verified.
    read: Arc<dyn Users>,
    region: Region,
    software: Arc<Software>,
}

mod digests;
mod two_people;

impl Written {
    /// A wrapper around the table of a region, whose items are stored as in `raw`.
    pub fn new(inner: Arc<dyn Users>, raw: Arc<dyn Users>, region: Region, software: Arc<Software>) -> Self {
        let read = if software.without == Some(Rule::Proved) { raw } else { Arc::clone(&inner) };
        Self { inner, read, region, software }
    }

    fn is_own(&self, record: &PartRecord) -> bool {
        record.version.origin == self.region
    }

    /// The writes that are done. `None` if they are reported as done without being done.
    async fn bent(&self, writes: &Writes) -> Result<Option<Writes>, StoreError> {
        let mut writes = writes.clone();
        if self.software.is_newer() {
            // A copy of a peer that replaces a damaged item is as the peer has it.
            let is_copy = |write: &PartWrite| matches!(write.condition, Condition::EtagIs(_));
            for write in writes.parts.iter_mut().filter(|write| self.is_own(&write.record) && !is_copy(write)) {
                let written = write.record.version.hlc.to_string();
                if write.record.live().is_some() {
                    write.record.unknown.insert(NEWER.into(), Attribute::S(written));
                }
            }
        }
        match self.software.without {
            Some(rule @ (Rule::Tiebreak | Rule::ErasedFirst | Rule::NewestWins))
                if self.skips_replicating(rule, &mut writes).await? =>
            {
                return Ok(None);
            }
            Some(Rule::Conditions) => {
                writes.rows.append(&mut writes.new_rows);
                for write in &mut writes.parts {
                    if self.is_own(&write.record)
                        && matches!(write.condition, Condition::VersionIs(_))
                        && let Some(stored) = self.read.part(write.record.id, write.record.part).await?
                    {
                        write.condition = Condition::VersionIs(stored.version);
                    }
                }
            }
            Some(Rule::Ownerships) => {
                writes.ownerships = writes.ownerships.into_iter().filter_map(winner_only).collect();
            }
            Some(Rule::Verified) => {
                for (_, row) in writes.rows.iter_mut().filter(|(log, _)| *log == Log::Journal) {
                    row.fields.remove(attribute::VERIFIED);
                }
            }
            Some(Rule::TwoParts) => self.as_one_record(&mut writes).await?,
            Some(Rule::Digest) => digests::forget_digests(&mut writes),
            _ => {}
        }
        Ok(Some(writes))
    }

    async fn skips_replicating(&self, rule: Rule, writes: &mut Writes) -> Result<bool, StoreError> {
        let [write] = &mut writes.parts[..] else { return Ok(false) };
        if self.is_own(&write.record) {
            return Ok(false);
        }
        let Some(stored) = self.read.part(write.record.id, write.record.part).await? else { return Ok(false) };
        let (new, old) = (&write.record.version, &stored.version);
        match rule {
            Rule::Tiebreak => Ok((new.erased, new.hlc) == (old.erased, old.hlc) && new.origin != old.origin),
            Rule::ErasedFirst => Ok(new.erased && !old.erased && (old.hlc, &old.origin) > (new.hlc, &new.origin)),
            _ => {
                if write.condition == Condition::Older {
                    write.condition = Condition::VersionIs(old.clone());
                }
                Ok(false)
            }
        }
    }

    /// Writes a profile together with this region's credentials, under one version.
    async fn as_one_record(&self, writes: &mut Writes) -> Result<(), StoreError> {
        let [write] = &writes.parts[..] else { return Ok(()) };
        let profile = &write.record;
        if profile.part != Part::Profile || profile.live().is_none() || !self.is_own(profile) {
            return Ok(());
        }
        let Some(sealer) = self.software.sealer.get() else { return Ok(()) };
        let Some(stored) = self.read.part(profile.id, Part::Credentials).await? else { return Ok(()) };
        let Some(facts) = stored.live().map(|live| live.facts.clone()) else { return Ok(()) };
        if profile.version <= stored.version {
            return Ok(());
        }
        let Ok(opened) = sealer.open::<Credentials>(&stored).await else { return Ok(()) };
        let resealed = sealer.seal(profile.id, profile.version.clone(), facts, &opened, stored.unknown.clone()).await;
        if let Ok(record) = resealed {
            writes.parts.push(PartWrite { record, condition: Condition::VersionIs(stored.version) });
        }
        Ok(())
    }
}

fn winner_only(write: IdentifierWrite) -> Option<IdentifierWrite> {
    let winner = write.after.winner().map(|(id, _)| id);
    let mut after = write.after;
    after.owners.retain(|id, _| Some(*id) == winner);
    (after != write.before).then_some(IdentifierWrite { before: write.before, after })
}

#[async_trait]
impl Users for Written {
    async fn part(&self, id: UserId, part: Part) -> Result<Option<PartRecord>, StoreError> {
        self.read.part(id, part).await
    }

    async fn parts(&self, id: UserId) -> Result<Parts, StoreError> {
        self.read.parts(id).await
    }

    async fn ownerships(&self, indexes: &[BlindIndex]) -> Result<Vec<IdentifierItem>, StoreError> {
        self.read.ownerships(indexes).await
    }

    async fn commit(&self, writes: &Writes) -> Result<Commit, StoreError> {
        if self.software.without.is_none() && !self.software.is_newer() {
            return self.inner.commit(writes).await;
        }
        let Some(bent) = self.bent(writes).await? else { return Ok(Commit::Done) };
        let commit = self.inner.commit(&bent).await?;
        Ok(match commit {
            Commit::Conflict { mut stored } => {
                stored.truncate(writes.parts.len());
                Commit::Conflict { stored }
            }
            Commit::Done => {
                if self.software.without == Some(Rule::TwoPeople) {
                    self.merge_two_people(writes).await?;
                }
                Commit::Done
            }
        })
    }

    async fn linked_accounts(&self, id: UserId) -> Result<Vec<UserId>, StoreError> {
        self.read.linked_accounts(id).await
    }

    async fn derive(&self, id: UserId, profile: Option<&Version>, writes: &Writes) -> Result<bool, StoreError> {
        self.inner.derive(id, profile, writes).await
    }

    async fn scan_identifiers(&self, after: Option<String>, limit: usize) -> Result<IdentifierPage, StoreError> {
        self.read.scan_identifiers(after, limit).await
    }

    async fn scan_linked_accounts(&self, after: Option<String>, limit: usize) -> Result<LinkedAccountPage, StoreError> {
        self.read.scan_linked_accounts(after, limit).await
    }

    async fn add_wrapped_key(
        &self,
        id: UserId,
        part: Part,
        version: &Version,
        region: &Region,
        replaced: Option<&[u8]>,
        wrapped: &[u8],
    ) -> Result<KeyAdded, StoreError> {
        self.inner.add_wrapped_key(id, part, version, region, replaced, wrapped).await
    }

    async fn remove_wrapped_key(
        &self,
        id: UserId,
        part: Part,
        version: &Version,
        region: &Region,
    ) -> Result<KeyRemoved, StoreError> {
        self.inner.remove_wrapped_key(id, part, version, region).await
    }

    async fn etag(&self, key: &Key) -> Result<Option<Etag>, StoreError> {
        self.read.etag(key).await
    }

    async fn replace(&self, item: &Item, etag: &Etag) -> Result<bool, StoreError> {
        self.inner.replace(item, etag).await
    }

    async fn scan(&self, after: Option<String>, limit: usize) -> Result<Page, StoreError> {
        self.read.scan(after, limit).await
    }

    async fn drop_unreadable_identifier(&self, index: &BlindIndex) -> Result<bool, StoreError> {
        self.inner.drop_unreadable_identifier(index).await
    }

    async fn drop_pointers(&self, superfluous: &[SuperfluousPointer]) -> Result<u64, StoreError> {
        self.inner.drop_pointers(superfluous).await
    }

    async fn drop_strays(&self, strays: &Strays) -> Result<u64, StoreError> {
        self.inner.drop_strays(strays).await
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.inner.probe().await
    }
}
