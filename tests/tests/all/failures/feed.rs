//! The promise of the feed: a consumer that applies the events ends with what the stores say, whatever fails meanwhile and
//! whatever region it asks.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};
use umoja_reconciler::drain_retries;
use umoja_schema::{EventRow, Log, LogRow, Millis, Noticed, Part, PartRecord, Place, Region, UserId, Version};
use umoja_store::Home;
use umoja_store::events::{Position, Window, begin_epoch, read};
use umoja_store::replicate::replicate;
use umoja_tests::deployment::Deployment;
use umoja_tests::world::{World, killed_after, run};

/// A company's backend that applies events: of each part the greatest version.
#[derive(Default)]
pub(super) struct Consumer {
    cursor: Option<String>,
    versions: BTreeMap<(UserId, Part), Version>,
    pub(super) seen: BTreeSet<String>,
    /// The last place of each source.
    last: BTreeMap<String, String>,
}

impl Consumer {
    /// Applies one page of a region. Returns the number of its events; `None` if the region does not answer.
    async fn read(&mut self, d: &Deployment, at: usize, limit: u16) -> Option<usize> {
        let mut body = json!({ "limit": limit });
        if let Some(cursor) = &self.cursor {
            body["cursor"] = json!(cursor);
        }
        let reply = d.call(at, "events/list", body).await;
        if reply.status != 200 {
            return None;
        }
        let events = reply.body["events"].as_array().unwrap();
        for event in events {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let (source, id, sequence) = (text(&event["source"]), text(&event["id"]), text(&event["sequence"]));
            assert!(self.seen.insert(format!("{source} {id}")), "{id} of {source} is read twice");
            let last = self.last.insert(source, sequence.clone());
            assert!(last.is_none_or(|last| last < sequence), "out of order");
            let user: UserId = event["data"]["user"].as_str().unwrap().parse().unwrap();
            let part: Part = event["data"]["part"].as_str().unwrap().parse().unwrap();
            let version: Version = event["data"]["version"].as_str().unwrap().parse().unwrap();
            let known = self.versions.entry((user, part)).or_insert_with(|| version.clone());
            *known = version.max(known.clone());
        }
        self.cursor = Some(text_of(&reply.body["cursor"]));
        Some(events.len())
    }

    /// Reads all that there is.
    pub(super) async fn catch_up(&mut self, d: &Deployment, at: usize) {
        while self.read(d, at, 7).await.expect("the region answers") > 0 {}
    }

    /// Compares what was applied with the parts of a region.
    async fn check(&self, world: &World, at: usize) {
        let page = world.regions[at].home.own.users.scan(None, 10_000).await.unwrap();
        let records: BTreeMap<_, _> = page.records.iter().map(|record| ((record.id, record.part), record)).collect();
        for ((id, part), record) in &records {
            let reported = self.versions.get(&(*id, *part));
            if record.version.erased {
                let profile = self.versions.get(&(*id, Part::Profile));
                assert!(profile.is_some_and(|version| version.erased), "the erasure of {id} made no event");
            } else if !Noticed::in_part(record).notices().is_empty() {
                assert_eq!(reported, Some(&record.version), "the {part} part of {id}");
            }
        }
        for (id, part) in self.versions.keys() {
            assert!(records.contains_key(&(*id, *part)), "{id} is not stored");
        }
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Makes all events and replicates them.
pub(super) async fn settle(world: &World) {
    world.settle().await;
    world.feed().await;
    world.settle().await;
}

#[derive(Debug, Clone)]
enum Act {
    Register(usize),
    Edit(usize),
    Status(usize),
    Merge(usize, usize),
    Erase(usize),
    Replicate(usize),
    Retry(usize, usize),
    Feed(usize),
    Read(usize),
    Cut(usize, usize, bool),
    Wait(u64),
}

fn act() -> impl Strategy<Value = Act> {
    let at = || 0usize..3;
    prop_oneof![
        3 => at().prop_map(Act::Register),
        5 => at().prop_map(Act::Edit),
        3 => at().prop_map(Act::Status),
        1 => (at(), 0usize..5).prop_map(|(at, into)| Act::Merge(at, into)),
        1 => at().prop_map(Act::Erase),
        6 => at().prop_map(Act::Replicate),
        2 => (at(), 0usize..2).prop_map(|(at, peer)| Act::Retry(at, peer)),
        8 => at().prop_map(Act::Feed),
        6 => at().prop_map(Act::Read),
        2 => (at(), at(), any::<bool>()).prop_map(|(from, to, cut)| Act::Cut(from, to, cut)),
        2 => prop_oneof![Just(Act::Wait(61_000)), Just(Act::Wait(Millis::DAY_MS))],
    ]
}

/// Does one thing, and kills what runs in the background after N polls.
async fn perform(d: &Deployment, consumer: &mut Consumer, act: &Act, polls: usize, ids: &mut Vec<String>) {
    let world = &d.world;
    let user = |at: usize| ids.get((polls + at) % ids.len().max(1)).cloned().unwrap_or_default();
    match act {
        Act::Register(at) => {
            let email = format!("user{}@example.com", ids.len());
            let reply = d.register(*at, &email, "correct horse").await;
            if reply.status == 201 {
                ids.push(reply.id());
            }
        }
        Act::Edit(at) => {
            let set = json!({ "profile": { "name": format!("name {polls}") } });
            d.call(*at, "update", json!({ "id": user(*at), "set": set })).await;
        }
        Act::Status(at) => {
            let status = if polls.is_multiple_of(2) { "disabled" } else { "active" };
            d.call(*at, "status", json!({ "id": user(*at), "status": status })).await;
        }
        Act::Merge(at, into) => {
            d.call(*at, "merge", json!({ "survivor": user(*into), "duplicate": user(*at) })).await;
        }
        Act::Erase(at) => {
            d.call(*at, "erase", json!({ "id": user(*at) })).await;
        }
        Act::Replicate(at) => drop(killed_after(polls, world.regions[*at].pump.replicate()).await),
        Act::Retry(at, peer) => {
            let home = &world.regions[*at].home;
            killed_after(polls, drain_retries(home, &home.peers[*peer])).await;
        }
        Act::Feed(at) => drop(killed_after(polls, world.regions[*at].pump.feed()).await),
        Act::Read(at) => _ = consumer.read(d, *at, 3).await,
        Act::Cut(from, to, cut) if from != to => world.set_cut(*from, *to, *cut),
        Act::Cut(..) => {}
        Act::Wait(ms) => world.clock.advance(*ms),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Failure: events for companies lost, doubled or out of order
    #[test]
    fn a_consumer_of_any_regions_ends_with_what_the_stores_say(
        acts in proptest::collection::vec((act(), 0usize..60), 10..60), seed: u64, last in 0usize..3,
    ) {
        run(async {
            let d = Deployment::of(World::new(seed, 3).await).await;
            let (mut consumer, mut ids) = (Consumer::default(), Vec::new());
            d.world.set_pausing(true);
            for (act, polls) in &acts {
                perform(&d, &mut consumer, act, *polls, &mut ids).await;
            }
            d.world.set_pausing(false);
            for (from, to) in [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)] {
                d.world.set_cut(from, to, false);
            }
            settle(&d.world).await;
            d.world.drain().await;
            settle(&d.world).await;
            consumer.catch_up(&d, last).await;
            consumer.check(&d.world, last).await;
            let mut fresh = Consumer::default();
            fresh.catch_up(&d, (last + 1) % 3).await;
            assert_eq!(fresh.versions, consumer.versions, "a consumer that begins now");
        });
    }
}

/// The rows of a region's own events for the shop, in their order.
pub(super) async fn own_events(d: &Deployment, at: usize) -> Vec<LogRow> {
    let name: &Region = d.world.name(at);
    let page = d.world.regions[at].home.own.logs.scan_rows(Log::Events, None, 10_000).await.unwrap();
    let mut rows: Vec<(Place, LogRow)> = Vec::new();
    for row in page.rows {
        if let Some((origin, place)) = Place::in_key(&row.key).filter(|_| row.kind == "event")
            && origin == *name
        {
            rows.push((place, row));
        }
    }
    rows.sort_by_key(|(place, _)| *place);
    rows.into_iter().map(|(_, row)| row).collect()
}

/// Failure: a region's events arrive after three days, out of order
#[test]
fn a_cursor_waits_for_what_arrives_late_and_misses_nothing() {
    run(async {
        let d = Deployment::new(720).await;
        let mut consumer = Consumer::default();
        d.world.set_cut(0, 1, true);
        d.world.set_cut(1, 0, true);
        for n in 0..4 {
            d.register(0, &format!("ada{n}@example.com"), "correct horse").await;
            d.world.feed().await;
            d.world.deliver().await;
            d.world.clock.advance(Millis::DAY_MS);
        }
        assert_eq!(consumer.read(&d, 0, 2).await, Some(2), "a cursor of the cut region");
        d.register(1, "eve@example.com", "correct horse").await;
        d.world.feed().await;
        assert_eq!(
            consumer.read(&d, 1, 100).await,
            Some(1),
            "the other region continues, and lacks nothing that was read"
        );
        // The last event arrives first.
        d.world.set_cut(0, 1, false);
        d.world.set_cut(1, 0, false);
        let events = own_events(&d, 0).await;
        assert_eq!(events.len(), 4);
        let home = &d.world.regions[0].home;
        let send = async |n: usize| {
            replicate(home, &home.peers[0].ports, &(Log::Events, events[n].clone()).into()).await.unwrap();
        };
        send(3).await;
        assert_eq!(consumer.read(&d, 1, 100).await, Some(0), "a gap is not passed over");
        send(2).await;
        assert_eq!(consumer.read(&d, 1, 100).await, Some(2));
        settle(&d.world).await;
        assert_eq!(consumer.read(&d, 1, 100).await, Some(0), "nothing comes twice");
        assert_eq!(consumer.seen.len(), 5);
        consumer.check(&d.world, 1).await;
    });
}

/// Failure: a region that has lost events makes others
#[test]
fn a_number_that_a_lost_event_had_is_not_used_again() {
    run(async {
        let d = Deployment::new(721).await;
        let (mut ahead, mut behind) = (Consumer::default(), Consumer::default());
        for n in 0..2 {
            d.register(0, &format!("ada{n}@example.com"), "correct horse").await;
        }
        settle(&d.world).await;
        behind.catch_up(&d, 1).await;
        d.world.set_cut(0, 1, true);
        d.register(0, "eve@example.com", "correct horse").await;
        d.world.feed().await;
        ahead.catch_up(&d, 0).await;
        assert_eq!(ahead.seen.len(), 3);
        // The region is restored from a backup without the last event, and its feed begins again.
        let home = &d.world.regions[0].home;
        let lost = own_events(&d, 0).await.pop().unwrap();
        let made = home.own.logs.rows(Log::Events, EventRow::from_row(&lost).unwrap().changed).await.unwrap();
        for row in made.iter().chain([&lost]) {
            home.own.logs.drop_row(Log::Events, row.user, &row.key).await.unwrap();
        }
        d.world.skip_stream(0).await;
        begin_epoch(&*home.checkpoints, home.clock.now(), 0).await.unwrap();
        d.world.set_cut(0, 1, false);
        let feed = umoja_replicator::Feed::new(home.clone());
        d.register(0, "joe@example.com", "correct horse").await;
        let outcome = feed.handle(&d.world.changes(0)).await;
        assert_eq!((outcome.failed, outcome.made), (None, 2), "only the lost one and the new one");
        settle(&d.world).await;
        behind.catch_up(&d, 1).await;
        assert_eq!(behind.seen.len(), 4);
        // Who has read the lost event may have applied what is not so any more, and has to compare.
        let lost = d.call(1, "events/list", json!({ "cursor": ahead.cursor })).await;
        lost.rejected(410, "cursor_expired");
    });
}

#[test]
fn a_gap_of_a_removed_region_is_passed_over_once_no_region_can_fill_it() {
    run(async {
        let d = Deployment::new(722).await;
        for n in 0..3 {
            d.register(0, &format!("ada{n}@example.com"), "correct horse").await;
        }
        d.world.feed().await;
        let events = own_events(&d, 0).await;
        let (home, other) = (&d.world.regions[0].home, &d.world.regions[1].home);
        for n in [0, 2] {
            replicate(home, &home.peers[0].ports, &(Log::Events, events[n].clone()).into()).await.unwrap();
        }
        let alone = Home { peers: Vec::new(), ..other.clone() };
        let count = async |home: &Home| {
            let page = read(home, &"shop".parse().unwrap(), &Position::default(), 100, Window::Whole).await.unwrap();
            page.events.len()
        };
        assert_eq!((count(other).await, count(&alone).await), (1, 1));
        d.world.clock.advance(2 * Millis::DAY_MS + 1);
        assert_eq!((count(other).await, count(&alone).await), (1, 2));
    });
}

/// Failure: any function killed at any await
#[test]
fn a_killed_feed_makes_each_event_once() {
    run(async {
        let d = Deployment::new(723).await;
        for n in 0..3 {
            d.register(0, &format!("ada{n}@example.com"), "correct horse").await;
        }
        d.world.set_pausing(true);
        for polls in 0..200 {
            let changes = d.world.changes(0);
            // Another feed each time, as another function instance.
            let feed = umoja_replicator::Feed::new(d.world.regions[0].home.clone());
            if killed_after(polls, Box::pin(feed.handle(&changes))).await.is_some() {
                break;
            }
        }
        d.world.set_pausing(false);
        assert_eq!(own_events(&d, 0).await.len(), 3);
        let feed = umoja_replicator::Feed::new(d.world.regions[0].home.clone());
        assert_eq!(feed.handle(&d.world.changes(0)).await.made, 0);
    });
}

#[test]
fn numbers_continue_over_blocks_and_days_without_a_gap() {
    run(async {
        let d = Deployment::new(724).await;
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        let mut count = 1;
        for round in 0..3 {
            for n in 0..150 {
                let set = json!({ "profile": { "name": format!("{round} {n}") } });
                d.call(0, "update", json!({ "id": id, "set": set })).await.ok(200);
                count += 1;
            }
            // A feed that starts again finds the last event.
            let feed = umoja_replicator::Feed::new(d.world.regions[0].home.clone());
            assert_eq!(feed.handle(&d.world.changes(0)).await.failed, None);
            if round == 1 {
                d.world.clock.advance(Millis::DAY_MS);
            }
        }
        let events = own_events(&d, 0).await;
        assert_eq!(events.len(), count);
        let days: BTreeSet<u16> = events.iter().filter_map(|row| Some(Place::in_key(&row.key)?.1.day)).collect();
        assert_eq!(days.len(), 2);
        settle(&d.world).await;
        let mut consumer = Consumer::default();
        consumer.catch_up(&d, 1).await;
        assert_eq!(consumer.seen.len(), count);
        consumer.check(&d.world, 1).await;
    });
}

/// A copy of what an earlier write noticed, in a part that software has written which does not know it, makes no event.
#[test]
fn a_copied_notice_makes_no_event() {
    run(async {
        let d = Deployment::new(725).await;
        let id: UserId = d.register(0, "ada@example.com", "correct horse").await.id().parse().unwrap();
        let region = &d.world.regions[0];
        let stored = region.home.own.users.part(id, Part::Profile).await.unwrap().unwrap();
        let hlc = stored.version.hlc.successor();
        let version = Version { hlc, ..stored.version.clone() };
        let facts = stored.live().unwrap().facts.clone();
        let copied: PartRecord = region.sealer.seal_again(&stored, version, facts).await.unwrap();
        assert_eq!(Noticed::in_part(&copied), Noticed::default());
        d.world.feed().await;
        assert_eq!(own_events(&d, 0).await.len(), 1);
    });
}

#[test]
fn a_write_whose_key_was_wrapped_later_has_one_event() {
    run(async {
        let d = Deployment::new(726).await;
        d.world.set_cut(0, 1, true);
        d.register(0, "ada@example.com", "correct horse").await;
        d.world.set_cut(0, 1, false);
        settle(&d.world).await;
        assert_eq!(own_events(&d, 0).await.len(), 1);
    });
}
