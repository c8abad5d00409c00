//! Events for companies: the feeds of the regions, and a consumer for each company, which reads in any region with one cursor.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use umoja_replicator::Feed;
use umoja_schema::names::{attribute, table};
use umoja_schema::{Attribute, CompanyId, Part, UserId, Version};
use umoja_store::Change;

use super::names;
use super::plan::{Job, Plan, Step};
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
    pub(super) is_on: bool,
    pub(super) shards: Vec<[Shard; SHARDS]>,
    pub(super) consumers: RefCell<[Consumer; COMPANIES]>,
    /// The events that a region lost before any other region had them.
    pub(super) lost: RefCell<BTreeSet<(CompanyId, UserId, Part, Version)>>,
}

/// A shard of a region's stream, and the instance of the function that reads it.
pub(super) struct Shard {
    pub(super) stream: Stream,
    pub(super) feed: RefCell<Arc<Feed>>,
    /// True while a batch is handled: the next one waits.
    pub(super) is_busy: Cell<bool>,
}

/// A company's backend that applies events: of each part the greatest version.
#[derive(Default, Clone)]
pub(super) struct Consumer {
    pub(super) cursor: Option<String>,
    pub(super) versions: BTreeMap<(UserId, Part), Version>,
    pub(super) seen: BTreeSet<(String, String)>,
    pub(super) last: BTreeMap<String, String>,
}

/// Frees a shard when it is dropped, also if the function is killed.
pub(super) struct Busy<'a>(pub(super) &'a Cell<bool>);

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
    pub(super) fn apply(&mut self, reply: &Reply) -> usize {
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
