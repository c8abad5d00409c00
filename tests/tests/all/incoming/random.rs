//! Random events of two sources about one person, in any order, several times, at two workers at the same time, which
//! are killed at any await.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::Poll;

use proptest::prelude::*;
use serde_json::{Value, json};
use umoja_accounts::incoming::{Change, Feeder, IncomingChange};
use umoja_migrate::Row;
use umoja_schema::AccountStatus;
use umoja_schema::ingest::Allowed;
use umoja_tests::deployment::Deployment;
use umoja_tests::world::{killed_after, run};

use super::{change, feeder};
use crate::import::row;

/// What an event says: the number of the values and the standing, if it says anything about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Said {
    source: usize,
    at: u64,
    values: Option<u8>,
    standing: Option<u8>,
}

fn said() -> impl Strategy<Value = Said> {
    let says = prop_oneof![
        (0u8..4, prop::option::of(0u8..2)).prop_map(|(values, standing)| (Some(values), standing)),
        (0u8..3).prop_map(|standing| (None, Some(standing))),
    ];
    (0usize..2, 11u64..20, says).prop_map(|(source, at, (values, standing))| Said { source, at, values, standing })
}

/// The values of a company differ from those of the other in their names, so that both can be seen.
fn event(Said { source, at, values, standing }: Said) -> IncomingChange {
    let subject = ["s7", "f1"][source];
    let what = match (values, standing) {
        (Some(n), standing) => {
            let mut row = Row { status: standing.map(status), ..row(subject, "ada@example.com") };
            row.profile.custom.insert(subject.to_owned(), json!(n));
            Change::State { row: Box::new(row), logged_in: false }
        }
        (None, Some(0)) => Change::Activated,
        (None, Some(1)) => Change::Suspended,
        (None, _) => Change::Deleted,
    };
    change(subject, at, what)
}

fn status(standing: u8) -> AccountStatus {
    if standing == 0 { AccountStatus::Active } else { AccountStatus::Disabled }
}

/// The person after the first states and these events.
async fn end(d: &Deployment, feeders: &[Feeder; 2], work: impl AsyncFnOnce()) -> Value {
    for (source, feeder) in feeders.iter().enumerate() {
        let first = Said { source, at: 10, values: Some(9), standing: Some(0) };
        feeder.apply(&event(first)).await.unwrap();
    }
    work().await;
    d.world.settle().await;
    d.world.check_invariants().await;
    let reply = d.call(1, "lookup", json!({ "email": "ada@example.com" })).await;
    let user = &reply.ok(200).body["user"];
    let standing = |company: &str| user["accounts"][company]["status"].clone();
    json!({ "custom": user["profile"]["custom"], "status": user["status"], "at": [standing("shop"), standing("food")] })
}

async fn feeders(d: &Deployment) -> [Feeder; 2] {
    [feeder(d, &d.shop, Allowed::default()).await, feeder(d, &d.food, Allowed::default()).await]
}

/// Polls two futures by turns, as the bits say.
async fn by_turns(mut bits: u64, one: Pin<&mut impl Future<Output = ()>>, other: Pin<&mut impl Future<Output = ()>>) {
    let (mut one, mut other) = (Some(one), Some(other));
    std::future::poll_fn(move |context| {
        bits = bits.rotate_left(1);
        let is_first = bits & 1 == 0;
        if let Some(future) = one.as_mut().filter(|_| is_first)
            && future.as_mut().poll(context).is_ready()
        {
            one = None;
        }
        if let Some(future) = other.as_mut().filter(|_| !is_first)
            && future.as_mut().poll(context).is_ready()
        {
            other = None;
        }
        if one.is_none() && other.is_none() {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Applies events, each first in a run that is killed after some polls.
async fn worker(feeders: &[Feeder; 2], events: &[(Said, usize)]) {
    for (said, polls) in events {
        let (feeder, event) = (&feeders[said.source], event(*said));
        if killed_after(*polls, Box::pin(feeder.apply(&event))).await.is_none() {
            Box::pin(feeder.apply(&event)).await.unwrap();
        }
    }
}

/// The newest values and the newest standing of each source.
fn newest(all: &[Said]) -> Vec<Said> {
    let mut newest = Vec::new();
    for source in 0..2 {
        let of = || all.iter().filter(move |said| said.source == source).copied();
        let standings = of().filter(|said| said.standing.is_some());
        newest.extend(standings.max_by_key(|said| (said.at, said.standing)).map(|said| Said { values: None, ..said }));
        let last = of().filter(|said| said.values.is_some()).map(|said| said.at).max();
        // Of several values at one time, those with the greatest hash count: all of them are applied.
        let values = of().filter(|said| said.values.is_some() && Some(said.at) == last);
        newest.extend(values.map(|said| Said { standing: None, ..said }));
    }
    newest
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Failure: events of a source out of order, or repeated
    #[test]
    fn the_newest_of_each_kind_counts_in_any_order_at_two_workers(
        seed: u64,
        bits: u64,
        (events, twice) in prop::collection::vec(said(), 1..6).prop_flat_map(|events| {
            let twice: Vec<_> = events.iter().chain(&events).copied().collect();
            let polls = prop::collection::vec(1usize..60, twice.len());
            (Just(events), (Just(twice).prop_shuffle(), polls).prop_map(|(said, polls)| said.into_iter().zip(polls).collect::<Vec<_>>()))
        }),
    ) {
        let expected = run(async {
            let d = Deployment::new(seed).await;
            let feeders = feeders(&d).await;
            Box::pin(end(&d, &feeders, async || {
                for said in newest(&events) {
                    feeders[said.source].apply(&event(said)).await.unwrap();
                }
            })).await
        });
        let is = run(async {
            let d = Deployment::new(seed).await;
            let feeders = feeders(&d).await;
            Box::pin(end(&d, &feeders, async || {
                let (first, second) = twice.split_at(twice.len() / 2);
                d.world.set_pausing(true);
                let (one, other) = (pin!(worker(&feeders, first)), pin!(worker(&feeders, second)));
                by_turns(bits, one, other).await;
                d.world.set_pausing(false);
            })).await
        });
        prop_assert_eq!(is, expected);
    }
}
