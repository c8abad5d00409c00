//! Events for companies: the feeds of the regions, and a consumer for each company, which reads in any region with one cursor.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use umoja_replicator::Feed;
use umoja_schema::events::{EVENT, end, expires_at, made_key};
use umoja_schema::names::{attribute, table};
use umoja_schema::{Attribute, CompanyId, EventRow, Log, LogRow, Noticed, Part, Place, Region, UserId, Version};
use umoja_store::Change;
use umoja_store::events::{begin_epoch, block_of};
use umoja_store::ports::{Clock as _, Logs, RowPage, StoreError};

use super::fleet::Fleet;
use super::names::{self, company};
use super::plan::{Job, Plan, Step};
use super::rules::Rule;
use super::stream::Stream;
use crate::caller::Reply;
use crate::world::World;

/// The number of companies, each of which has a consumer.
pub(super) const COMPANIES: usize = names::COMPANIES.len();
/// The shards of a region's stream. A user's changes are in one of them, in their order.
const SHARDS: usize = 2;

/// The feeds of a run, and what companies have read.
pub(super) struct Listing {
    /// False in a run without feeds, which makes no events.
    is_on: bool,
    shards: Vec<[Shard; SHARDS]>,
    consumers: RefCell<[Consumer; COMPANIES]>,
    /// The events that a region lost before any other region had them.
    lost: RefCell<BTreeSet<(CompanyId, UserId, Part, Version)>>,
}

/// A shard of a region's stream, and the instance of the function that reads it.
struct Shard {
    stream: Stream,
    feed: RefCell<Arc<Feed>>,
    /// True while a batch is handled: the next one waits.
    is_busy: Cell<bool>,
}

/// A company's backend that applies events: of each part the greatest version.
#[derive(Default, Clone)]
struct Consumer {
    cursor: Option<String>,
    versions: BTreeMap<(UserId, Part), Version>,
    seen: BTreeSet<(String, String)>,
    last: BTreeMap<String, String>,
}

/// Frees a shard when it is dropped, also if the function is killed.
struct Busy<'a>(&'a Cell<bool>);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

impl Listing {
    pub(super) fn new(plan: &Plan, world: &World) -> Self {
        let feeds = |step: &Step| match step {
            Step::Run(tasks) => tasks.iter().any(|task| matches!(task.job, Job::Feed { .. } | Job::List { .. })),
            _ => false,
        };
        let shard = |at: usize| Shard {
            stream: Stream::default(),
            feed: RefCell::new(Arc::new(Feed::new(world.regions[at].home.clone()))),
            is_busy: Cell::new(false),
        };
        Self {
            is_on: plan.steps.iter().any(feeds),
            shards: (0..world.regions.len()).map(|at| std::array::from_fn(|_| shard(at))).collect(),
            consumers: RefCell::default(),
            lost: RefCell::default(),
        }
    }

    /// Adds the writes of every region.
    pub(super) fn extend(&self, changes: &[Vec<Change>]) {
        for (shards, changes) in self.shards.iter().zip(changes) {
            for change in changes.iter().filter(|change| [table::USERS, table::RECEIPTS].contains(&&*change.table)) {
                let id = match change.image.get(attribute::ID) {
                    Some(Attribute::S(id)) => id.as_bytes(),
                    _ => b"".as_slice(),
                };
                let shard = usize::from(id.last().copied().unwrap_or_default()) % SHARDS;
                shards[shard].stream.extend(vec![change.clone()]);
            }
        }
    }
}

impl Consumer {
    /// Applies the events of an answer. Returns how many there were.
    fn apply(&mut self, reply: &Reply) -> usize {
        let events = reply.body["events"].as_array().expect("events");
        for event in events {
            let text = |name: &str| event[name].as_str().expect("a text").to_owned();
            let of = |name: &str| event["data"][name].as_str().expect("a text").to_owned();
            let (source, sequence) = (text("source"), text("sequence"));
            assert!(self.seen.insert((source.clone(), text("id"))), "listing: an event of {source} came twice");
            let last = self.last.insert(source, sequence.clone());
            assert!(last.is_none_or(|last| last < sequence), "listing: events came out of order");
            let user = of("user").parse().expect("a user");
            let part = of("part").parse().expect("a part");
            let version: Version = of("version").parse().expect("a version");
            let known = self.versions.entry((user, part)).or_insert_with(|| version.clone());
            *known = version.max(known.clone());
        }
        self.cursor = reply.body["cursor"].as_str().map(str::to_owned);
        events.len()
    }
}

impl Fleet {
    /// A batch of each shard of a region's stream, as the feed gets it.
    pub(super) async fn feed(&self, at: usize, (take, again): (u8, u8), new: bool) {
        for shard in &self.listing.shards[at] {
            if shard.is_busy.replace(true) {
                continue;
            }
            let _busy = Busy(&shard.is_busy);
            if new {
                *shard.feed.borrow_mut() = Arc::new(Feed::new(self.region(at).home.clone()));
            }
            let feed = Arc::clone(&shard.feed.borrow());
            let mut batch = shard.stream.batch(take, again, 0);
            let outcome = feed.handle(&batch.changes).await;
            batch.handled_until(outcome.failed.as_ref());
        }
    }

    /// A page of a company's events.
    pub(super) async fn list(&self, at: usize, number: usize) -> usize {
        let Some(endpoint) = self.instance(at).await else { return 0 };
        let cursor = self.listing.consumers.borrow()[number].cursor.clone();
        let mut body = json!({ "limit": 3 });
        if let Some(cursor) = &cursor {
            body["cursor"] = json!(cursor);
        }
        let now = self.region(at).clock.now().secs();
        let reply = self.company(number).call(&endpoint, "events/list", now, body).await;
        let consumer = &mut self.listing.consumers.borrow_mut()[number];
        // Another request of the company may have come first.
        if reply.status == 200 && consumer.cursor == cursor { consumer.apply(&reply) } else { 0 }
    }

    /// Makes the events of everything that was written, and replicates them.
    pub(super) async fn make_all_events(&self) {
        if !self.listing.is_on {
            return;
        }
        loop {
            self.note_changes();
            if self.listing.shards.iter().flatten().all(|shard| shard.stream.is_empty()) {
                return;
            }
            for at in 0..self.world().regions.len() {
                self.feed(at, (0, 0), false).await;
            }
            self.settle(true).await;
        }
    }

    /// A region loses its own events that no peer has, as if it had been restored from a backup, and its feed begins another
    /// epoch.
    pub(super) async fn forget_events(&self, at: usize) {
        let own = &self.region(at).name;
        let held = self.made_by(own, (0..self.world().regions.len()).filter(|other| *other != at)).await;
        let logs = &self.region(at).tables.logs;
        for ((company, place), event) in self.made_by(own, [at]).await {
            // What a peer has is brought back, and with it what was before.
            if held.keys().any(|(other, last)| *other == company && *last >= place) {
                continue;
            }
            logs.drop_row(Log::Events, block_of(&company, place), &place.key(own)).await.expect("a row can be dropped");
            let Some(event) = event else { continue };
            let kind = if event.version.erased { "erased" } else { event.part.as_str() };
            let change = format!("{kind}#{}", event.version.hlc);
            let made = made_key(own, &change, &company);
            logs.drop_row(Log::Events, event.changed, &made).await.expect("a row can be dropped");
            self.listing.lost.borrow_mut().insert((company, event.changed, event.part, event.version));
        }
        self.streams[at].drop_records(table::EVENTS);
        for shard in &self.listing.shards[at] {
            *shard.feed.borrow_mut() = Arc::new(Feed::new(self.region(at).home.clone()));
        }
        let region = self.region(at);
        if self.without != Some(Rule::Epoch) {
            begin_epoch(&*region.tables.checkpoints, region.clock.now(), 0).await.expect("an epoch begins");
        }
        self.lost.set(true);
    }

    /// The events of a region's feed in the tables of some regions, by company and place; `None` for the end of a day.
    async fn made_by(
        &self,
        origin: &Region,
        regions: impl IntoIterator<Item = usize>,
    ) -> BTreeMap<(CompanyId, Place), Option<EventRow>> {
        let mut found = BTreeMap::new();
        for at in regions {
            let page = self.region(at).tables.logs.scan_rows(Log::Events, None, 10_000).await;
            for row in page.expect("rows can be read").rows {
                let Some((of, place)) = Place::in_key(&row.key) else { continue };
                let company = (0..COMPANIES).map(company).find(|company| block_of(company, place) == row.user);
                if let Some(company) = company.filter(|_| of == *origin) {
                    found.insert(
                        (company, place),
                        (row.kind == EVENT).then(|| EventRow::from_row(&row).expect("an event")),
                    );
                }
            }
        }
        found
    }

    /// Every consumer ends with what the stores say of the users that its company is linked to.
    pub(super) async fn check_listed(&self) {
        if !self.listing.is_on {
            return;
        }
        let page = self.region(0).tables.users.scan(None, 10_000).await.expect("users can be read");
        let stored: BTreeMap<_, _> = page.records.iter().map(|record| ((record.id, record.part), record)).collect();
        for number in 0..COMPANIES {
            let at = number % self.world().regions.len();
            while self.list(at, number).await > 0 {}
            let (consumer, company) = (self.listing.consumers.borrow()[number].clone(), company(number));
            for ((id, part), version) in &consumer.versions {
                let record = stored.get(&(*id, *part));
                let is_newer = record.is_none_or(|record| *version > record.version);
                assert!(!is_newer, "listing: {company} knows a version of {id} that no region has");
                let is_erased = stored.get(&(*id, Part::Profile)).is_some_and(|record| record.version.erased);
                let knows = consumer.versions.get(&(*id, Part::Profile)).is_some_and(|version| version.erased);
                assert!(
                    !is_erased || knows || self.has_lost(&company, *id, None),
                    "listing: {company} did not learn that {id} was erased"
                );
            }
            for ((id, part), record) in &stored {
                let Some(profile) = stored.get(&(*id, Part::Profile)).filter(|profile| profile.live().is_some()) else {
                    continue;
                };
                // The region that wrote the credentials had this profile, or the company may have been linked there later.
                let had = *part == Part::Profile
                    || profile.version.origin == record.version.origin && profile.version.hlc < record.version.hlc;
                let is_linked = profile.profile_facts().is_some_and(|facts| facts.links.contains_key(&company));
                let noticed = Noticed::in_part(record);
                let concerns = noticed.notices().iter().any(|notice| notice.only().is_none_or(|only| *only == company));
                if had && is_linked && concerns && !self.has_lost(&company, *id, Some(&record.version)) {
                    let known = consumer.versions.get(&(*id, *part));
                    assert_eq!(known, Some(&record.version), "listing: {company} has not the newest {part} of {id}");
                }
            }
        }
    }

    /// Whether a region lost an event of a user for a company.
    fn has_lost(&self, company: &CompanyId, id: UserId, version: Option<&Version>) -> bool {
        let is_it = |lost: &(CompanyId, UserId, Part, Version)| {
            lost.0 == *company && lost.1 == id && version.is_none_or(|version| lost.3 == *version)
        };
        self.listing.lost.borrow().iter().any(is_it)
    }
}

/// The rows of a region that lacks a rule.
pub(super) fn without(rule: Option<Rule>, logs: Arc<dyn Logs>) -> Arc<dyn Logs> {
    if rule == Some(Rule::Gap) { Arc::new(Gapless(logs)) } else { logs }
}

/// Shows an event that has not arrived as the end of a day, so that a reader passes over it.
struct Gapless(Arc<dyn Logs>);

#[async_trait]
impl Logs for Gapless {
    async fn append(&self, log: Log, row: &LogRow) -> Result<bool, StoreError> {
        self.0.append(log, row).await
    }

    async fn row(&self, log: Log, user: UserId, key: &str) -> Result<Option<LogRow>, StoreError> {
        self.0.row(log, user, key).await
    }

    async fn rows(&self, log: Log, user: UserId) -> Result<Vec<LogRow>, StoreError> {
        let mut rows = self.0.rows(log, user).await?;
        let placed = |row: &LogRow| Place::in_key(&row.key);
        let there: BTreeSet<(Region, Place)> = rows.iter().filter_map(placed).collect();
        let mut missing = Vec::new();
        for row in rows.iter().filter(|_| log == Log::Events) {
            let Some((origin, place)) = placed(row) else { continue };
            for number in 0..place.number {
                let before = Place { number, ..place };
                if before.block() == place.block() && !there.contains(&(origin.clone(), before)) {
                    missing.push(end(user, before, (&origin, row.at), expires_at(row).unwrap_or_default()));
                }
            }
        }
        rows.extend(missing);
        rows.sort_by(|a, b| a.key.cmp(&b.key));
        rows.dedup_by(|a, b| a.key == b.key);
        Ok(rows)
    }

    async fn last_row(&self, log: Log, user: UserId, prefix: &str) -> Result<Option<LogRow>, StoreError> {
        self.0.last_row(log, user, prefix).await
    }

    async fn drop_row(&self, log: Log, user: UserId, key: &str) -> Result<(), StoreError> {
        self.0.drop_row(log, user, key).await
    }

    async fn scan_rows(&self, log: Log, after: Option<String>, limit: usize) -> Result<RowPage, StoreError> {
        self.0.scan_rows(log, after, limit).await
    }
}
