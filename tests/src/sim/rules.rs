//! Rules that can be disabled, to prove that the simulation detects each missing rule.
//!
//! A wrapper around a region's table disables a rule: it does what a version without the rule would have done. (The
//! wrappers around short-lived rows are in `short`.) The operator of the run disables the rules of a rotation. The
//! product's code has no switch for this, so a disabled rule cannot be shipped.

mod digests;
mod rule;
mod sign_on;
mod two_people;

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

pub use rule::Rule;

/// The attribute that a newer version writes.
pub const NEWER: &str = "from_a_newer_version";

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

impl Written {
    /// A wrapper around the table of a region, whose items are stored as in `raw`.
    pub fn new(inner: Arc<dyn Users>, raw: Arc<dyn Users>, region: Region, software: Arc<Software>) -> Self {
        let read = if software.without == Some(Rule::Proved) { raw } else { Arc::clone(&inner) };
        Self { inner, read, region, software }
    }

    /// What is read, as software without the rule takes it.
    fn change(&self, record: &mut PartRecord) {
        if self.software.without == Some(Rule::ActivePerson) {
            sign_on::activate(record);
        }
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
            Some(rule) if rule.is_of_sign_on() => sign_on::bend(rule, &self.region, &mut writes),
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
        let mut stored = self.read.part(id, part).await?;
        if let Some(record) = &mut stored {
            self.change(record);
        }
        Ok(stored)
    }

    async fn parts(&self, id: UserId) -> Result<Parts, StoreError> {
        let mut parts = self.read.parts(id).await?;
        if let Some(record) = &mut parts.credentials {
            self.change(record);
        }
        Ok(parts)
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
