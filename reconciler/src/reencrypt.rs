//! Re-encrypting parts that are behind the deployment's keys: profiles that lack ownerships under a live blind index
//! key or have some under a dropped one, and parts whose wrapped key the region's KMS key can no longer open.
//!
//! A pass examines every part of every region and re-encrypts those that are behind, in their region, as a local write:
//! a new version under a new data key, which is then replicated. The part itself shows whether it is behind, so passes
//! may be interrupted and repeated at any time, and a pass that finds no part behind is the proof. That no such part is
//! on its way between regions either is a rule of its own ([`Rule::OwnershipsArrived`]).
//!
//! Re-encrypting adds no information, so it must not win over a change of a user's data. Its HLC timestamp is therefore
//! the one directly after the stored one, and not the time. A change that another region makes of the same version, or
//! has made and not sent yet, is later and wins. (Unless that region's clock is behind the stored HLC timestamp: then
//! the two are equal, and the name of the region decides, as between any two changes.)
//!
//! One region leads: the other regions leave parts to it that it holds in the same or a newer version, so that they do
//! not all re-encrypt the same part while it is on its way.

mod report;

use futures_util::future::try_join_all;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use umoja_accounts::transaction::{OwnershipPlan, Recorded, Replacement, Transaction, Unrecorded};
use umoja_schema::{Facts, Identity, Noticed, Part, PartRecord, Region, UserId, Version};
use umoja_store::apply::{OwnershipChange, same_person};
use umoja_store::ownerships;
use umoja_store::ports::{KeysError, StoreError};
use umoja_store::repairs::enqueue_if_incomplete;
use umoja_store::seal::{SealError, Sealer};
use umoja_store::secrets::Secrets;
use umoja_store::{Home, RegionPorts};

use crate::CONCURRENT;

pub use self::report::ReencryptionReport;

/// How many parts one step examines.
const PAGE: usize = 100;

/// The rule that a pass checks every part against.
#[derive(Clone, Copy)]
pub enum Rule<'a> {
    /// Every profile owns its identifiers under each live blind index key, and under no other.
    Ownerships(&'a Secrets),
    /// As `Ownerships`, and the profile is in every region in the same version. Otherwise a version without those
    /// ownerships could still arrive somewhere: of the versions on their way to a region, none is newer than the one in
    /// the region that they come from.
    OwnershipsArrived(&'a Secrets),
    /// The current KMS key of this region opens its wrapped key of every part.
    WrappedBy(&'a RegionPorts),
}

/// One pass over the parts of every region.
pub struct Reencryption<'a> {
    rule: Rule<'a>,
    regions: Vec<(&'a Home, &'a Sealer)>,
    lead: Option<&'a Region>,
    /// False if parts that lack a wrapped key are only counted.
    lists: bool,
    /// The index of the region, and the position in it.
    at: usize,
    after: Option<String>,
    report: ReencryptionReport,
}

impl<'a> Reencryption<'a> {
    /// A new pass over these regions: all regions of the deployment, including those that do not serve. The leading
    /// region is the first one, or the one that the rule names.
    pub fn new(rule: Rule<'a>, regions: impl IntoIterator<Item = (&'a Home, &'a Sealer)>) -> Self {
        let mut regions: Vec<_> = regions.into_iter().collect();
        let lead = match &rule {
            Rule::Ownerships(_) | Rule::OwnershipsArrived(_) => regions.first().map(|(home, _)| &home.own.name),
            // The region comes last, because it examines parts that arrive from the other regions while those are
            // examined.
            Rule::WrappedBy(region) => {
                regions.sort_by_key(|(home, _)| home.own.name == region.name);
                Some(&region.name)
            }
        };
        Self { rule, regions, lead, lists: true, at: 0, after: None, report: ReencryptionReport::default() }
    }

    /// Only counts parts that lack a wrapped key: an earlier pass has listed them for the key repair.
    #[must_use]
    pub fn without_listing(self) -> Self {
        Self { lists: false, ..self }
    }

    /// The report so far.
    pub const fn report(&self) -> &ReencryptionReport {
        &self.report
    }

    /// The region that is being examined; `None` at the end.
    pub fn region(&self) -> Option<&'a Region> {
        self.regions.get(self.at).map(|(home, _)| &home.own.name)
    }

    /// The region that is being examined, and the position in it; `None` at the end.
    pub(crate) fn place(&self) -> Option<(&'a Region, Option<&str>)> {
        Some((self.region()?, self.after.as_deref()))
    }

    /// Continues at a position. False if there is no such region.
    pub(crate) fn go_to(&mut self, region: &Region, after: Option<String>) -> bool {
        let at = self.regions.iter().position(|(home, _)| home.own.name == *region);
        if let Some(at) = at {
            (self.at, self.after) = (at, after);
        }
        at.is_some()
    }

    /// Examines the next page. False if there was none left. After an error, the same page is read again.
    ///
    /// # Errors
    /// If a region or a KMS fails.
    pub async fn step(&mut self) -> Result<bool, StoreError> {
        let Some((home, sealer)) = self.regions.get(self.at).copied() else { return Ok(false) };
        let page = home.own.users.scan(self.after.clone(), PAGE).await?;
        // Parts of the leading region are compared with all others, and parts of the others with the leading one.
        let is_lead = Some(&home.own.name) == self.lead;
        let all = self.regions.iter().map(|(home, _)| &home.own);
        let others = all.filter(|other| other.name != home.own.name && (is_lead || Some(&other.name) == self.lead));
        let others = others.collect();
        let source = Source { rule: &self.rule, home, sealer, lead: lead(home, self.lead), others, lists: self.lists };
        let work = page.records.iter().map(|record| source.part(record)).collect::<Vec<_>>();
        let done: Vec<ReencryptionReport> = stream::iter(work).buffered(CONCURRENT).try_collect().await?;
        self.after = page.next;
        if self.after.is_none() {
            self.at += 1;
        }
        for one in done {
            self.report.add(one);
        }
        let unreadable_users = page.unreadable.iter().copied().flatten().collect();
        let unreadable = page.unreadable.len() as u64;
        self.report.add(ReencryptionReport {
            parts: unreadable,
            unreadable,
            damaged: unreadable,
            unreadable_users,
            ..ReencryptionReport::default()
        });
        Ok(self.at < self.regions.len())
    }

    /// Checks again, after a while, parts that were on their way: under constant writes, some part always is when a
    /// pass reads it. False if there is none left to check.
    ///
    /// # Errors
    /// If a region fails.
    pub async fn look_again(&mut self) -> Result<bool, StoreError> {
        let looked =
            self.report.waiting.iter().map(async |id| Ok::<_, StoreError>((*id, self.has_arrived(*id).await?)));
        let looked: Vec<(UserId, bool)> =
            stream::iter(looked.collect::<Vec<_>>()).buffered(CONCURRENT).try_collect().await?;
        self.report.waiting.clear();
        for (id, has_arrived) in looked {
            if has_arrived {
                self.report.on_their_way -= 1;
            } else {
                self.report.waiting.push(id);
            }
        }
        Ok(!self.report.waiting.is_empty())
    }

    /// Whether every region now holds the same version of a profile, with the ownerships that it should have.
    async fn has_arrived(&self, id: UserId) -> Result<bool, StoreError> {
        let (Rule::Ownerships(secrets) | Rule::OwnershipsArrived(secrets)) = self.rule else { return Ok(false) };
        let held = self.regions.iter().map(|(home, _)| home.own.users.part(id, Part::Profile));
        let held = try_join_all(held).await?;
        let is_current =
            |record: &PartRecord| record.live().is_none() || ownerships::are_current(secrets, record.ownerships());
        let version = |record: &Option<PartRecord>| record.as_ref().map(|record| record.version.clone());
        let is_same = held.windows(2).all(|pair| version(&pair[0]) == version(&pair[1]));
        Ok(is_same && held.first().is_some_and(|held| held.as_ref().is_none_or(is_current)))
    }
}

/// The leading region, as another region reaches it.
fn lead<'a>(home: &'a Home, name: Option<&Region>) -> Option<&'a RegionPorts> {
    home.peers.iter().map(|peer| &peer.ports).find(|peer| Some(&peer.name) == name)
}

struct Source<'a> {
    rule: &'a Rule<'a>,
    home: &'a Home,
    sealer: &'a Sealer,
    lead: Option<&'a RegionPorts>,
    /// The regions that must hold the same version, if the rule requires it.
    others: Vec<&'a RegionPorts>,
    lists: bool,
}

impl Source<'_> {
    async fn part(&self, record: &PartRecord) -> Result<ReencryptionReport, StoreError> {
        let looked = ReencryptionReport { parts: 1, ..ReencryptionReport::default() };
        if record.live().is_none() {
            return Ok(looked);
        }
        match self.rule {
            Rule::Ownerships(secrets) | Rule::OwnershipsArrived(secrets) => {
                if record.part != Part::Profile {
                    return Ok(looked);
                }
                if ownerships::are_current(secrets, record.ownerships()) {
                    if matches!(self.rule, Rule::Ownerships(_)) || self.is_everywhere(record).await? {
                        return Ok(looked);
                    }
                    return Ok(ReencryptionReport { on_their_way: 1, waiting: vec![record.id], ..looked });
                }
                if self.lead_has(record).await? {
                    return Ok(ReencryptionReport { on_their_way: 1, ..looked });
                }
            }
            Rule::WrappedBy(region) => {
                // Opening falls back to another wrapped key. A part that the leading region has is left to it.
                if self.lead_has(record).await? {
                    return Ok(looked);
                }
                if record.live().is_some_and(|live| !live.keys.contains_key(&region.name)) {
                    if self.lists {
                        enqueue_if_incomplete(self.home, record).await?;
                    }
                    return Ok(ReencryptionReport { unwrapped: 1, ..looked });
                }
                match self.sealer.is_wrapped_by(record, region).await {
                    Ok(true) => return Ok(looked),
                    Ok(false) => {}
                    Err(error) => return unreadable(record, error, looked),
                }
            }
        }
        self.reencrypt(record, looked).await
    }

    async fn lead_has(&self, record: &PartRecord) -> Result<bool, StoreError> {
        let Some(lead) = self.lead else { return Ok(false) };
        let there = lead.users.part(record.id, record.part).await?;
        Ok(there.is_some_and(|there| there.version >= record.version))
    }

    async fn is_everywhere(&self, record: &PartRecord) -> Result<bool, StoreError> {
        let held = self.others.iter().map(|other| other.users.part(record.id, record.part));
        let held = try_join_all(held).await?;
        Ok(held.iter().all(|held| held.as_ref().is_some_and(|held| held.version == record.version)))
    }

    async fn reencrypt(
        &self,
        record: &PartRecord,
        looked: ReencryptionReport,
    ) -> Result<ReencryptionReport, StoreError> {
        let hlc = record.version.hlc.successor();
        if hlc.is_far_ahead_of(self.home.clock.now()) {
            return Ok(ReencryptionReport { ahead: 1, ..looked });
        }
        let version = Version { erased: false, hlc, origin: self.home.own.name.clone() };
        let next = match self.sealed(record, version).await {
            Ok(next) => next,
            Err(error) => return unreadable(record, error, looked),
        };
        let transaction = Transaction::new(self.home, Recorded::none(Unrecorded::KeyRotation));
        let transaction = match record.part {
            Part::Credentials => transaction.credentials(&Replacement::of(record, next, &Noticed::default())),
            Part::Profile => {
                let users = &*self.home.own.users;
                let change = OwnershipChange { id: record.id, before: record.ownerships(), after: next.ownerships() };
                let ownerships = OwnershipPlan::read(users, &[change]).await?;
                let same = same_person(users, &next, ownerships.writes()).await?;
                transaction.profiles(&[Replacement::of(record, next, &Noticed::default())], ownerships, |other| {
                    same.contains(&other)
                })
            }
        };
        let is_done = transaction.is_done().await?;
        Ok(ReencryptionReport { reencrypted: is_done.into(), overtaken: (!is_done).into(), ..looked })
    }

    async fn sealed(&self, record: &PartRecord, version: Version) -> Result<PartRecord, SealError> {
        let live = record.live().ok_or(SealError::Opaque)?;
        let facts = match (&self.rule, &live.facts) {
            (Rule::Ownerships(secrets) | Rule::OwnershipsArrived(secrets), Facts::Profile(facts)) => {
                let identity = self.sealer.open::<Identity>(record).await?;
                let ownerships = ownerships::current(secrets, &facts.ownerships, &identity).ok_or(SealError::Opaque)?;
                Facts::Profile(umoja_schema::ProfileFacts { ownerships, ..facts.clone() })
            }
            (_, facts) => facts.clone(),
        };
        self.sealer.seal_again(record, version, facts).await
    }
}

/// Whether the region's own KMS key opens a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OwnKey {
    /// It has just opened it.
    Opens,
    /// It had no wrapped key, and one was added.
    Added,
    /// It did not open it, so the part was re-encrypted as a new version.
    Reencrypted,
    /// The part was written meanwhile.
    Overtaken,
    /// No KMS key opens the part, or it cannot be replaced.
    Unopened,
}

/// Opens a part that has a wrapped key of the own region with the own region's KMS key. If that does not open it, and
/// another key does, the part is re-encrypted.
///
/// # Errors
/// If the region or a KMS fails.
pub(crate) async fn open_with_own_key(home: &Home, sealer: &Sealer, record: &PartRecord) -> Result<OwnKey, StoreError> {
    let rule = Rule::WrappedBy(&home.own);
    let source = Source { rule: &rule, home, sealer, lead: None, others: Vec::new(), lists: false };
    let ReencryptionReport { reencrypted, overtaken, unwrapped, ahead, unreadable, .. } = source.part(record).await?;
    Ok(match (reencrypted, overtaken + unwrapped, ahead + unreadable) {
        (0, 0, 0) => OwnKey::Opens,
        (0, 0, _) => OwnKey::Unopened,
        (0, _, _) => OwnKey::Overtaken,
        _ => OwnKey::Reencrypted,
    })
}

/// A KMS that cannot be asked.
pub(crate) fn outage(error: KeysError) -> StoreError {
    match error {
        KeysError::Throttled => StoreError::Throttled("a KMS".into()),
        KeysError::Disabled => StoreError::Rejected("a KMS key, which is disabled,".into()),
        KeysError::Denied => StoreError::Rejected("a KMS key, which may not be used,".into()),
        KeysError::Unavailable | KeysError::Rejected => StoreError::Unavailable("a KMS".into()),
    }
}

/// An outage stops the pass, which can continue later. A part that cannot be opened does not block others.
fn unreadable(
    record: &PartRecord,
    error: SealError,
    looked: ReencryptionReport,
) -> Result<ReencryptionReport, StoreError> {
    match error {
        SealError::Keys(error) if error != KeysError::Rejected => Err(outage(error)),
        SealError::Keys(_) | SealError::Opaque | SealError::Newer => {
            tracing::warn!(user = %record.id, part = %record.part, "a part cannot be opened");
            Ok(ReencryptionReport { unreadable: 1, unreadable_users: vec![record.id], ..looked })
        }
    }
}
