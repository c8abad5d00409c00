//! Cases of [`Requests`](crate::ports::Requests). Times are whole seconds, because an adapter may round an expiry up to
//! the next second.

use std::sync::Arc;

use tokio::task::JoinSet;
use umoja_schema::Millis;
use umoja_schema::names::attribute::PROOF;

use super::Tables;
use super::sample::user;
use crate::ports::{Begun, Outcome, StoreError};

const HASH: [u8; 32] = [1; 32];
/// In the year 2100: an emulator deletes what has expired by its own clock, between two steps of a case.
const NOW: Millis = Millis(4_102_444_800_000);

fn later(secs: u64) -> Millis {
    NOW.plus(secs * 1000)
}

fn begun(request: &str) -> Outcome {
    Outcome { request: request.into(), mark: Some("m".into()), ..Outcome::default() }
}

/// Begins a request. An adapter that proves outcomes returns the first one with its proof.
async fn begin(
    t: &Tables,
    key: &[u8; 32],
    request: &str,
    now: Millis,
    expires_at: Millis,
) -> Result<Begun, StoreError> {
    t.requests.begin(key, begun(request), now, expires_at).await.map(without_proof)
}

fn without_proof(mut stored: Begun) -> Begun {
    if let Begun::First(outcome) = &mut stored {
        outcome.unknown.remove(PROOF);
    }
    stored
}

/// Begins the first request with the key, and returns the outcome as it is stored.
async fn stored(t: &Tables, request: &str) -> Outcome {
    match t.requests.begin(&HASH, begun(request), NOW, later(60)).await {
        Ok(Begun::First(outcome)) => outcome,
        other => panic!("{other:?}"),
    }
}

fn first(request: &str) -> Begun {
    Begun::First(begun(request))
}

fn finished(request: &str) -> Outcome {
    Outcome { status: Some(201), id: Some(user(1)), version: Some("v".into()), ..begun(request) }
}

pub async fn a_hash_is_used_first_only_once(t: Tables) {
    assert_eq!(t.requests.first_use(&HASH, NOW, later(60)).await, Ok(true));
    assert_eq!(t.requests.first_use(&HASH, NOW, later(60)).await, Ok(false));
    assert_eq!(t.requests.first_use(&[2; 32], NOW, later(60)).await, Ok(true));
}

pub async fn a_hash_counts_as_unused_once_it_has_expired(t: Tables) {
    assert_eq!(t.requests.first_use(&HASH, NOW, later(60)).await, Ok(true));
    assert_eq!(t.requests.first_use(&HASH, later(59), later(90)).await, Ok(false));
    assert_eq!(t.requests.first_use(&HASH, later(60), later(120)).await, Ok(true));
    assert_eq!(t.requests.first_use(&HASH, later(119), later(180)).await, Ok(false), "the new expiry counts");
}

pub async fn one_of_fifty_concurrent_uses_of_a_hash_is_first(t: Tables) {
    for (now, expires_at) in [(NOW, later(60)), (later(61), later(120))] {
        let mut tasks = JoinSet::new();
        for _ in 0..50 {
            let requests = Arc::clone(&t.requests);
            tasks.spawn(async move { requests.first_use(&HASH, now, expires_at).await.unwrap() });
        }
        assert_eq!(tasks.join_all().await.into_iter().filter(|first| *first).count(), 1);
    }
}

pub async fn the_first_outcome_is_stored_and_returned_to_others(t: Tables) {
    assert_eq!(begin(&t, &HASH, "a", NOW, later(60)).await, Ok(first("a")));
    assert_eq!(begin(&t, &HASH, "a", NOW, later(60)).await, Ok(Begun::Earlier(begun("a"))));
    assert_eq!(begin(&t, &HASH, "b", NOW, later(60)).await, Ok(Begun::Earlier(begun("a"))));
    assert_eq!(begin(&t, &[2; 32], "b", NOW, later(60)).await, Ok(first("b")));
}

pub async fn a_finished_outcome_is_returned(t: Tables) {
    begin(&t, &HASH, "a", NOW, later(60)).await.unwrap();
    for _ in 0..2 {
        assert_eq!(t.requests.finish(&HASH, &finished("a"), later(60)).await, Ok(()));
        assert_eq!(begin(&t, &HASH, "a", NOW, later(60)).await, Ok(Begun::Earlier(finished("a"))));
    }
}

pub async fn an_outcome_can_be_finished_without_a_begin(t: Tables) {
    t.requests.finish(&HASH, &finished("a"), later(60)).await.unwrap();
    assert_eq!(begin(&t, &HASH, "b", NOW, later(60)).await, Ok(Begun::Earlier(finished("a"))));
}

pub async fn an_outcome_counts_as_absent_once_it_has_expired(t: Tables) {
    begin(&t, &HASH, "a", NOW, later(60)).await.unwrap();
    assert_eq!(begin(&t, &HASH, "b", later(59), later(90)).await, Ok(Begun::Earlier(begun("a"))));
    assert_eq!(begin(&t, &HASH, "b", later(60), later(90)).await, Ok(first("b")));
    assert_eq!(begin(&t, &HASH, "a", later(60), later(90)).await, Ok(Begun::Earlier(begun("b"))));
    t.requests.finish(&HASH, &finished("b"), later(200)).await.unwrap();
    assert_eq!(begin(&t, &HASH, "a", later(100), later(190)).await, Ok(Begun::Earlier(finished("b"))));
}

pub async fn one_of_fifty_concurrent_begins_stores_its_outcome(t: Tables) {
    let mut tasks = JoinSet::new();
    for n in 0..50 {
        let requests = Arc::clone(&t.requests);
        let outcome = begun(&format!("request {n}"));
        tasks.spawn(async move { requests.begin(&HASH, outcome, NOW, later(60)).await.unwrap() });
    }
    let (mut first, mut earlier) = (Vec::new(), Vec::new());
    for begun in tasks.join_all().await {
        match without_proof(begun) {
            Begun::First(outcome) => first.push(outcome),
            Begun::Earlier(outcome) => earlier.push(outcome),
        }
    }
    assert_eq!((first.len(), earlier.len()), (1, 49));
    assert!(earlier.iter().all(|stored| *stored == first[0]));
}

pub async fn replays_and_outcomes_of_one_hash_are_separate(t: Tables) {
    t.requests.first_use(&HASH, NOW, later(60)).await.unwrap();
    assert_eq!(begin(&t, &HASH, "a", NOW, later(60)).await, Ok(first("a")));
    assert_eq!(t.requests.first_use(&[2; 32], NOW, later(60)).await, Ok(true));
}

pub async fn a_withdrawn_outcome_is_absent(t: Tables) {
    t.requests.withdraw(&HASH, &begun("a"), NOW).await.unwrap();
    let stored = stored(&t, "a").await;
    t.requests.withdraw(&HASH, &stored, later(1)).await.unwrap();
    assert_eq!(begin(&t, &HASH, "b", later(1), later(60)).await, Ok(first("b")));
    assert_eq!(begin(&t, &HASH, "a", later(1), later(60)).await, Ok(Begun::Earlier(begun("b"))));
}

pub async fn only_the_stored_outcome_can_be_withdrawn(t: Tables) {
    let stored = stored(&t, "a").await;
    let other_mark = Outcome { mark: Some("n".into()), ..begun("a") };
    for other in [begun("b"), other_mark, finished("a")] {
        t.requests.withdraw(&HASH, &other, NOW).await.unwrap();
        assert_eq!(begin(&t, &HASH, "b", NOW, later(60)).await, Ok(Begun::Earlier(begun("a"))));
    }
    t.requests.finish(&HASH, &finished("a"), later(60)).await.unwrap();
    t.requests.withdraw(&HASH, &stored, NOW).await.unwrap();
    assert_eq!(begin(&t, &HASH, "a", NOW, later(60)).await, Ok(Begun::Earlier(finished("a"))));
}
