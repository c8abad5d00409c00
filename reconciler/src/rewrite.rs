//! Writing parts again that the deployment's keys have left behind: profiles without claims under a live blind index
//! key or with claims under a dropped one, and parts whose entry a region's KMS key does not open any more.
//!
//! A pass looks at every part of every region and writes again what is behind, where it lies, as a local write: a new
//! version under a new data key, which replicates by itself. What a part is behind in shows in the part, so passes may
//! be broken off and repeated at will, and one that finds nothing behind is the proof that nothing is. That nothing behind
//! is on its way between regions either is a rule of its own ([`Rule::ClaimsArrived`]).
//!
//! Writing again says nothing new, so it must not win over what somebody says: its stamp is the one right after the
//! stored one and not the time. A change that another region makes of the same version, or has made and not sent yet, is
//! later and beats it. (It is not where that region's clock is behind the stored stamp: then the two are equal, and the
//! name of the region decides, as between any two changes.)
//!
//! One region leads: what it holds in the same or a newer version is left to it, so that the regions do not write the
//! same part again all at once while it is on its way.

use futures_util::future::try_join_all;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Serialize;
use umoja_accounts::transaction::{ClaimPlan, Recorded, Replacement, Transaction, Unrecorded};
use umoja_schema::{Facts, Identity, Part, PartRecord, Region, UserId, Version};
use umoja_store::apply::{ClaimChange, same_person};
use umoja_store::claims;
use umoja_store::ports::{KeysError, StoreError};
use umoja_store::repairs::enqueue_if_incomplete;
use umoja_store::seal::{SealError, Sealer};
use umoja_store::secrets::Secrets;
use umoja_store::{Home, RegionPorts};

use crate::CONCURRENT;

/// How many parts one step looks at.
const PAGE: usize = 100;

/// How many parts that are on their way [`Rewrite::look_again`] looks at; more are left to the next pass.
const LOOKED_AT_AGAIN: usize = 10_000;

/// How many users are named that cannot be written again.
const NAMED: usize = 10;

/// What no part may be behind in.
#[derive(Clone, Copy)]
pub enum Rule<'a> {
    /// Every profile claims its identifiers under each live blind index key, and under no other.
    Claims(&'a Secrets),
    /// The same, and the profile is in every region in the same version. Else a version without those claims could still
    /// arrive somewhere: of the versions that are on their way to a region, none is newer than where it comes from holds.
    ClaimsArrived(&'a Secrets),
    /// The KMS key that this region has now opens its entry of every part.
    WrappedBy(&'a RegionPorts),
}

/// What a pass has done so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RewriteReport {
    /// Parts that were looked at.
    pub parts: u64,
    /// Parts that were written again.
    pub rewritten: u64,
    /// Parts that are behind, and that the leading region holds in the same or a newer version; and profiles that are
    /// not in every region in the same version, where that counts.
    pub on_their_way: u64,
    /// Parts that somebody else wrote at the same moment: another pass looks at them.
    pub overtaken: u64,
    /// Parts whose stamp is too far ahead of the clock to be written over.
    pub ahead: u64,
    /// Parts that lack an entry of the region; they are listed for the key repair.
    pub unwrapped: u64,
    /// Parts that are behind and cannot be opened.
    pub unreadable: u64,
    /// Some of the users of those.
    pub unreadable_users: Vec<UserId>,
    /// The users of some of the parts that are not in every region in the same version.
    #[serde(skip)]
    waiting: Vec<UserId>,
}

impl RewriteReport {
    /// True if nothing that was looked at was behind.
    pub const fn is_complete(&self) -> bool {
        self.rewritten + self.on_their_way + self.overtaken + self.ahead + self.unwrapped + self.unreadable == 0
    }

    /// True if only parts that cannot be opened are left. Other regions' copies of them count as on their way, so that is
    /// known once the pass before did nothing either and left as much.
    pub fn is_stuck_since(&self, before: Option<&Self>) -> bool {
        let is_same = |before: &Self| before.is_idle() && before.on_their_way == self.on_their_way;
        self.unreadable > 0 && self.is_idle() && (self.on_their_way == 0 || before.is_some_and(is_same))
    }

    const fn is_idle(&self) -> bool {
        self.rewritten + self.overtaken + self.ahead + self.unwrapped == 0
    }

    fn add(&mut self, other: Self) {
        self.parts += other.parts;
        self.rewritten += other.rewritten;
        self.on_their_way += other.on_their_way;
        self.overtaken += other.overtaken;
        self.ahead += other.ahead;
        self.unwrapped += other.unwrapped;
        self.unreadable += other.unreadable;
        let room = NAMED.saturating_sub(self.unreadable_users.len());
        self.unreadable_users.extend(other.unreadable_users.into_iter().take(room));
        let room = LOOKED_AT_AGAIN.saturating_sub(self.waiting.len());
        self.waiting.extend(other.waiting.into_iter().take(room));
    }
}

/// One pass over what every region holds.
pub struct Rewrite<'a> {
    rule: Rule<'a>,
    regions: Vec<(&'a Home, &'a Sealer)>,
    lead: Option<&'a Region>,
    /// False if parts that lack an entry are only counted.
    lists: bool,
    /// Which region, and from where on.
    at: usize,
    after: Option<String>,
    report: RewriteReport,
}

impl<'a> Rewrite<'a> {
    /// A new pass over what these regions hold: all of the deployment's, those that do not serve too. The first one
    /// leads, or the one that the rule is about.
    pub fn new(rule: Rule<'a>, regions: impl IntoIterator<Item = (&'a Home, &'a Sealer)>) -> Self {
        let mut regions: Vec<_> = regions.into_iter().collect();
        let lead = match &rule {
            Rule::Claims(_) | Rule::ClaimsArrived(_) => regions.first().map(|(home, _)| &home.own.name),
            // Last: what comes to it from a region while that is looked at, it looks at itself.
            Rule::WrappedBy(region) => {
                regions.sort_by_key(|(home, _)| home.own.name == region.name);
                Some(&region.name)
            }
        };
        Self { rule, regions, lead, lists: true, at: 0, after: None, report: RewriteReport::default() }
    }

    /// The same, but what lacks an entry is only counted: a pass before has listed it for the key repair.
    #[must_use]
    pub fn without_listing(self) -> Self {
        Self { lists: false, ..self }
    }

    /// What was done so far.
    pub const fn report(&self) -> &RewriteReport {
        &self.report
    }

    /// The region that is looked at now; nothing at the end.
    pub fn region(&self) -> Option<&'a Region> {
        self.regions.get(self.at).map(|(home, _)| &home.own.name)
    }

    /// Where it is: the region that is looked at now, and after what of it. Nothing at the end.
    pub(crate) fn place(&self) -> Option<(&'a Region, Option<&str>)> {
        Some((self.region()?, self.after.as_deref()))
    }

    /// Goes on there. False if there is no such region.
    pub(crate) fn go_to(&mut self, region: &Region, after: Option<String>) -> bool {
        let at = self.regions.iter().position(|(home, _)| home.own.name == *region);
        if let Some(at) = at {
            (self.at, self.after) = (at, after);
        }
        at.is_some()
    }

    /// Looks at the next page. False if there was none left. After an error, the same page comes again.
    ///
    /// # Errors
    /// If a region or a KMS does not do as asked.
    pub async fn step(&mut self) -> Result<bool, StoreError> {
        let Some((home, sealer)) = self.regions.get(self.at).copied() else { return Ok(false) };
        let page = home.own.users.scan(self.after.clone(), PAGE).await?;
        // What the leading region holds is compared with all others, and the others with that.
        let is_lead = Some(&home.own.name) == self.lead;
        let all = self.regions.iter().map(|(home, _)| &home.own);
        let others = all.filter(|other| other.name != home.own.name && (is_lead || Some(&other.name) == self.lead));
        let others = others.collect();
        let source = Source { rule: &self.rule, home, sealer, lead: lead(home, self.lead), others, lists: self.lists };
        let work = page.records.iter().map(|record| source.part(record)).collect::<Vec<_>>();
        let done: Vec<RewriteReport> = stream::iter(work).buffered(CONCURRENT).try_collect().await?;
        self.after = page.next;
        if self.after.is_none() {
            self.at += 1;
        }
        for one in done {
            self.report.add(one);
        }
        let unreadable_users = page.unreadable.iter().copied().flatten().collect();
        let unreadable = page.unreadable.len() as u64;
        self.report.add(RewriteReport { parts: unreadable, unreadable, unreadable_users, ..RewriteReport::default() });
        Ok(self.at < self.regions.len())
    }

    /// Looks again at what was on its way, after a while: with somebody writing all the time, something always is when a
    /// pass looks. False if there is none left to look at.
    ///
    /// # Errors
    /// If a region does not do as asked.
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

    /// Whether every region holds the same version of a profile now, with the claims that it should have.
    async fn has_arrived(&self, id: UserId) -> Result<bool, StoreError> {
        let (Rule::Claims(secrets) | Rule::ClaimsArrived(secrets)) = self.rule else { return Ok(false) };
        let held = self.regions.iter().map(|(home, _)| home.own.users.part(id, Part::Profile));
        let held = try_join_all(held).await?;
        let is_current = |record: &PartRecord| record.live().is_none() || claims::are_current(secrets, record.claims());
        let version = |record: &Option<PartRecord>| record.as_ref().map(|record| record.version.clone());
        let is_same = held.windows(2).all(|pair| version(&pair[0]) == version(&pair[1]));
        Ok(is_same && held.first().is_some_and(|held| held.as_ref().is_none_or(is_current)))
    }
}

/// The leading region as another one reaches it.
fn lead<'a>(home: &'a Home, name: Option<&Region>) -> Option<&'a RegionPorts> {
    home.peers.iter().map(|peer| &peer.ports).find(|peer| Some(&peer.name) == name)
}

struct Source<'a> {
    rule: &'a Rule<'a>,
    home: &'a Home,
    sealer: &'a Sealer,
    lead: Option<&'a RegionPorts>,
    /// Where versions have to be the same, if they have to be anywhere.
    others: Vec<&'a RegionPorts>,
    lists: bool,
}

impl Source<'_> {
    async fn part(&self, record: &PartRecord) -> Result<RewriteReport, StoreError> {
        let looked = RewriteReport { parts: 1, ..RewriteReport::default() };
        if record.live().is_none() {
            return Ok(looked);
        }
        match self.rule {
            Rule::Claims(secrets) | Rule::ClaimsArrived(secrets) => {
                if record.part != Part::Profile {
                    return Ok(looked);
                }
                if claims::are_current(secrets, record.claims()) {
                    if matches!(self.rule, Rule::Claims(_)) || self.is_everywhere(record).await? {
                        return Ok(looked);
                    }
                    return Ok(RewriteReport { on_their_way: 1, waiting: vec![record.id], ..looked });
                }
                if self.lead_has(record).await? {
                    return Ok(RewriteReport { on_their_way: 1, ..looked });
                }
            }
            Rule::WrappedBy(region) => {
                // Reading falls back to another entry: what the leading region has, it looks at itself.
                if self.lead_has(record).await? {
                    return Ok(looked);
                }
                if record.live().is_some_and(|live| !live.keys.contains_key(&region.name)) {
                    if self.lists {
                        enqueue_if_incomplete(self.home, record).await?;
                    }
                    return Ok(RewriteReport { unwrapped: 1, ..looked });
                }
                match self.sealer.is_wrapped_by(record, region).await {
                    Ok(true) => return Ok(looked),
                    Ok(false) => {}
                    Err(error) => return unreadable(record, error, looked),
                }
            }
        }
        self.rewrite(record, looked).await
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

    async fn rewrite(&self, record: &PartRecord, looked: RewriteReport) -> Result<RewriteReport, StoreError> {
        let hlc = record.version.hlc.successor();
        if hlc.is_far_ahead_of(self.home.clock.now()) {
            return Ok(RewriteReport { ahead: 1, ..looked });
        }
        let version = Version { erased: false, hlc, origin: self.home.own.name.clone() };
        let next = match self.sealed(record, version).await {
            Ok(next) => next,
            Err(error) => return unreadable(record, error, looked),
        };
        let transaction = Transaction::new(self.home, Recorded::none(Unrecorded::KeyRotation));
        let transaction = match record.part {
            Part::Credentials => transaction.credentials(&Replacement::of(record, next)),
            Part::Profile => {
                let users = &*self.home.own.users;
                let change = ClaimChange { id: record.id, before: record.claims(), after: next.claims() };
                let claims = ClaimPlan::read(users, &[change]).await?;
                let same = same_person(users, &next, claims.writes()).await?;
                transaction.profiles(&[Replacement::of(record, next)], claims, |other| same.contains(&other))
            }
        };
        let is_done = transaction.is_done().await?;
        Ok(RewriteReport { rewritten: is_done.into(), overtaken: (!is_done).into(), ..looked })
    }

    async fn sealed(&self, record: &PartRecord, version: Version) -> Result<PartRecord, SealError> {
        let live = record.live().ok_or(SealError::Opaque)?;
        let facts = match (&self.rule, &live.facts) {
            (Rule::Claims(secrets) | Rule::ClaimsArrived(secrets), Facts::Profile(facts)) => {
                let identity = self.sealer.open::<Identity>(record).await?;
                let claims = claims::current(secrets, &facts.claims, &identity).ok_or(SealError::Opaque)?;
                Facts::Profile(umoja_schema::ProfileFacts { claims, ..facts.clone() })
            }
            (_, facts) => facts.clone(),
        };
        self.sealer.seal_again(record, version, facts).await
    }
}

/// An outage stops the pass, which can go on later; a part that nobody can open holds up no other.
fn unreadable(record: &PartRecord, error: SealError, looked: RewriteReport) -> Result<RewriteReport, StoreError> {
    match error {
        SealError::Keys(KeysError::Unavailable) => Err(StoreError::Unavailable("a KMS".into())),
        SealError::Keys(KeysError::Throttled) => Err(StoreError::Throttled("a KMS".into())),
        SealError::Keys(KeysError::Disabled) => Err(StoreError::Refused("a KMS key, which is disabled,".into())),
        SealError::Keys(KeysError::Denied) => Err(StoreError::Refused("a KMS key, which may not be used,".into())),
        SealError::Keys(KeysError::Refused) | SealError::Opaque | SealError::Newer => {
            tracing::warn!(user = %record.id, part = %record.part, "a part cannot be opened");
            Ok(RewriteReport { unreadable: 1, unreadable_users: vec![record.id], ..looked })
        }
    }
}
