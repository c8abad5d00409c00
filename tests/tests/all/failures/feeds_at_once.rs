//! Several feeds of one region at the same time, and two regions that know different companies of a user.

use std::collections::BTreeSet;
use std::pin::pin;

use serde_json::{Value, json};
use umoja_replicator::Feed;
use umoja_schema::names::attribute;
use umoja_schema::{Millis, UserId};
use umoja_store::Change;
use umoja_tests::deployment::Deployment;
use umoja_tests::world::{World, polled, run};

use super::feed::{Consumer, own_events, settle};

/// The changes of one user in a region's stream.
fn changes_of(d: &Deployment, at: usize, id: &str) -> Vec<Change> {
    let is_of = |change: &Change| change.image.get(attribute::ID) == Some(&id.to_owned().into());
    d.world.changes(at).into_iter().filter(is_of).collect()
}

/// Runs a feed for the first user, stops it after N polls, lets `ms` pass, runs another feed for the second user, and lets the
/// first one continue. A consumer that reads in between gets both events. Returns whether the first one had ended.
async fn interleaved(polls: usize, ms: u64) -> bool {
    let d = Deployment::of(World::new(770, 1).await).await;
    let mut ids = Vec::new();
    for n in 0..2 {
        ids.push(d.register(0, &format!("ada{n}@example.com"), "correct horse").await.id());
    }
    let home = &d.world.regions[0].home;
    let (one, other) = (Feed::new(home.clone()), Feed::new(home.clone()));
    let (first, second) = (changes_of(&d, 0, &ids[0]), changes_of(&d, 0, &ids[1]));
    d.world.set_pausing(true);
    let mut slow = pin!(one.handle(&first));
    let ended = polled(polls, slow.as_mut()).await;
    d.world.clock.advance(ms);
    let outcome = other.handle(&second).await;
    assert_eq!((outcome.failed, outcome.made), (None, 1));
    d.world.set_pausing(false);
    let mut consumer = Consumer::default();
    consumer.catch_up(&d, 0).await;
    let is_over = ended.is_some();
    let outcome = match ended {
        Some(outcome) => outcome,
        None => slow.await,
    };
    assert_eq!((outcome.failed, outcome.made), (None, 1), "after {polls} polls");
    consumer.catch_up(&d, 0).await;
    assert_eq!(consumer.seen.len(), 2, "after {polls} polls and {ms} ms");
    is_over
}

/// Failure: the epoch of the events is lost while several feeds run
#[test]
fn feeds_that_find_no_epoch_make_no_event_behind_a_reader() {
    run(async {
        for polls in 0..200 {
            if interleaved(polls, 61_000).await {
                return;
            }
        }
        panic!("the feed never ended");
    });
}

#[test]
fn feeds_on_both_sides_of_midnight_make_no_event_behind_a_reader() {
    run(async {
        for polls in 0..200 {
            if interleaved(polls, Millis::DAY_MS).await {
                return;
            }
        }
        panic!("the feed never ended");
    });
}

/// The types of all events that a company lists in a region about a user.
async fn listed(d: &Deployment, at: usize, id: &str) -> Vec<(String, Value)> {
    let reply = d.call_as(&d.food, at, "events/list", json!({})).await;
    let events = reply.ok(200).body["events"].as_array().unwrap().clone();
    let of_user = events.into_iter().filter(|event| event["data"]["user"] == id);
    of_user.map(|event| (event["type"].as_str().unwrap().to_owned(), event["data"]["version"].clone())).collect()
}

/// Failure: a company is linked in one region while another erases the user
#[test]
fn a_company_that_only_one_region_had_linked_learns_of_the_erasure() {
    run(async {
        // Whether the feed of the linking region runs before the erasure arrives, and whether the receipt arrives with it.
        for runs_before in [true, false] {
            let d = Deployment::new(771).await;
            let id = d.register(0, "ada@example.com", "correct horse").await.id();
            settle(&d.world).await;
            d.world.set_cut(0, 1, true);
            d.world.set_cut(1, 0, true);
            let login = json!({ "email": "ada@example.com", "password": "correct horse" });
            d.call_as(&d.food, 1, "authenticate", login).await.ok(200);
            if runs_before {
                d.world.feed().await;
            }
            d.call(0, "erase", json!({ "id": id })).await.ok(202);
            d.world.feed().await;
            d.world.set_cut(0, 1, false);
            d.world.set_cut(1, 0, false);
            settle(&d.world).await;
            d.world.drain().await;
            settle(&d.world).await;
            for at in 0..2 {
                let events = listed(&d, at, &id).await;
                let kinds: BTreeSet<&str> = events.iter().map(|(kind, _)| kind.as_str()).collect();
                assert_eq!(kinds, BTreeSet::from(["umoja.user.linked", "umoja.user.erased"]), "region {at}");
                let last = events.iter().max_by_key(|(_, version)| version.as_str().unwrap()).unwrap();
                assert_eq!(last.0, "umoja.user.erased", "the greatest version is the erasure");
            }
            assert_eq!(d.world.feed().await, 0, "no event is made again");
        }
    });
}

#[test]
fn the_companies_of_the_receipt_are_informed_once() {
    run(async {
        let d = Deployment::new(772).await;
        // Made and reported in the other region.
        let id = d.register(1, "ada@example.com", "correct horse").await.id();
        settle(&d.world).await;
        let user: UserId = id.parse().unwrap();
        d.call(0, "erase", json!({ "id": user })).await.ok(202);
        settle(&d.world).await;
        assert_eq!((own_events(&d, 0).await.len(), own_events(&d, 1).await.len()), (1, 1));
    });
}
