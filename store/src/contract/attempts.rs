//! Cases of [`Attempts`]. Times are whole seconds: an adapter may round an expiry up to the next
//! one.

use std::sync::Arc;

use tokio::task::JoinSet;
use umoja_schema::Millis;

use super::Tables;
use crate::ports::{Attempts, Counted, Limit, Tally};

const KEY: [u8; 32] = [1; 32];
const NOW: Millis = Millis(1_700_000_000_000);
const LIMIT: Limit = Limit { at_once: 5, shortest_ms: 2_000, longest_ms: 60_000, window_ms: 3_600_000, slides: true };

fn later(secs: u64) -> Millis {
    NOW.plus(secs * 1000)
}

fn tally(count: u32, locked_until: Millis, expires_at: Millis) -> Tally {
    Tally { count, locked_until, expires_at }
}

fn open(count: u32, expires_at: Millis) -> Tally {
    tally(count, Millis(0), expires_at)
}

/// Counts so many attempts, all of which are let through and close nothing.
async fn count(attempts: &dyn Attempts, times: u32, now: Millis) {
    for time in 1..=times {
        let expected = Counted::Let(open(time, now.plus(LIMIT.window_ms)));
        assert_eq!(attempts.count(&KEY, &LIMIT, now).await, Ok(expected));
    }
}

/// How many of fifty callers at once were let through.
async fn fifty(t: &Tables, now: Millis) -> usize {
    let mut tasks = JoinSet::new();
    for _ in 0..50 {
        let attempts = Arc::clone(&t.attempts);
        tasks.spawn(async move { attempts.count(&KEY, &LIMIT, now).await.unwrap() });
    }
    tasks.join_all().await.into_iter().filter(|counted| matches!(counted, Counted::Let(_))).count()
}

pub async fn what_was_never_counted_has_no_tally(t: Tables) {
    assert_eq!(t.attempts.tally(&KEY, NOW).await, Ok(None));
    count(&*t.attempts, 2, NOW).await;
    assert_eq!(t.attempts.tally(&KEY, NOW).await, Ok(Some(open(2, later(3600)))));
    assert_eq!(t.attempts.tally(&[2; 32], NOW).await, Ok(None));
}

pub async fn the_last_attempt_at_once_closes_the_way_and_what_follows_closes_it_for_longer(t: Tables) {
    count(&*t.attempts, 4, NOW).await;
    let mut now = NOW;
    for (count, secs) in [(5, 2), (6, 4), (7, 8), (8, 16), (9, 32), (10, 60), (11, 60)] {
        let until = now.plus(secs * 1000);
        let expected = Counted::Let(tally(count, until, now.plus(LIMIT.window_ms)));
        assert_eq!(t.attempts.count(&KEY, &LIMIT, now).await, Ok(expected));
        for early in [now, Millis(until.0 - 1000)] {
            assert_eq!(t.attempts.count(&KEY, &LIMIT, early).await, Ok(Counted::Locked(until)));
        }
        assert_eq!(t.attempts.tally(&KEY, now).await.unwrap().unwrap().count, count, "who waits is not counted");
        now = until;
    }
}

pub async fn what_was_counted_is_forgotten_a_window_after_the_last_attempt(t: Tables) {
    count(&*t.attempts, 1, NOW).await;
    assert_eq!(t.attempts.count(&KEY, &LIMIT, later(3599)).await, Ok(Counted::Let(open(2, later(7199)))));
    assert_eq!(t.attempts.tally(&KEY, later(7199)).await, Ok(None));
    assert_eq!(t.attempts.count(&KEY, &LIMIT, later(7199)).await, Ok(Counted::Let(open(1, later(10_799)))));
}

pub async fn a_window_that_stays_is_over_a_window_after_the_first_attempt(t: Tables) {
    let limit = Limit { slides: false, ..LIMIT };
    for (secs, count) in [(0, 1), (1800, 2), (3599, 3)] {
        let counted = t.attempts.count(&KEY, &limit, later(secs)).await;
        assert_eq!(counted, Ok(Counted::Let(open(count, later(3600)))));
    }
    assert_eq!(t.attempts.count(&KEY, &limit, later(3600)).await, Ok(Counted::Let(open(1, later(7200)))));
}

pub async fn of_fifty_at_once_as_many_are_let_through_as_one_after_the_other(t: Tables) {
    assert_eq!(fifty(&t, NOW).await, 5);
    assert_eq!(fifty(&t, later(1)).await, 0, "the way is closed");
    assert_eq!(fifty(&t, later(2)).await, 1, "and opens for one");
    assert_eq!(fifty(&t, later(7200)).await, 5, "and all is forgotten");
}

pub async fn an_attempt_that_was_not_made_is_given_back(t: Tables) {
    count(&*t.attempts, 2, NOW).await;
    let counted = open(1, later(3600));
    t.attempts.give_back(&KEY, &counted).await.unwrap();
    assert_eq!(t.attempts.tally(&KEY, NOW).await, Ok(Some(open(1, later(3600)))), "whichever of them it was");
    t.attempts.give_back(&KEY, &counted).await.unwrap();
    t.attempts.give_back(&KEY, &counted).await.unwrap();
    assert_eq!(t.attempts.tally(&KEY, NOW).await, Ok(Some(open(0, later(3600)))), "never below nothing");
    t.attempts.give_back(&[2; 32], &counted).await.unwrap();
    assert_eq!(t.attempts.tally(&[2; 32], NOW).await, Ok(None));
}

pub async fn an_attempt_that_closed_the_way_opens_it_again_unless_another_was_counted(t: Tables) {
    count(&*t.attempts, 4, NOW).await;
    let Counted::Let(closing) = t.attempts.count(&KEY, &LIMIT, NOW).await.unwrap() else { panic!("the way is open") };
    t.attempts.give_back(&KEY, &closing).await.unwrap();
    assert_eq!(t.attempts.tally(&KEY, NOW).await, Ok(Some(open(4, later(3600)))));
    let Counted::Let(closing) = t.attempts.count(&KEY, &LIMIT, NOW).await.unwrap() else { panic!("the way is open") };
    let Counted::Let(after) = t.attempts.count(&KEY, &LIMIT, later(2)).await.unwrap() else { panic!("it is again") };
    t.attempts.give_back(&KEY, &closing).await.unwrap();
    assert_eq!(t.attempts.tally(&KEY, later(2)).await, Ok(Some(after)));
}

pub async fn what_is_forgotten_begins_anew(t: Tables) {
    assert_eq!(fifty(&t, NOW).await, 5);
    t.attempts.forget(&KEY).await.unwrap();
    assert_eq!(t.attempts.tally(&KEY, NOW).await, Ok(None));
    count(&*t.attempts, 4, NOW).await;
    t.attempts.forget(&[2; 32]).await.unwrap();
    assert_eq!(t.attempts.tally(&KEY, NOW).await, Ok(Some(open(4, later(3600)))), "only that key");
}

pub async fn what_was_not_remembered_is_not_known(t: Tables) {
    assert_eq!(t.attempts.count_known(&KEY, 5, NOW).await, Ok(None));
    assert_eq!(t.attempts.tally(&KEY, NOW).await, Ok(None), "asking leaves nothing");
    t.attempts.remember(&[2; 32], later(60)).await.unwrap();
    assert_eq!(t.attempts.count_known(&KEY, 5, NOW).await, Ok(None));
}

pub async fn what_was_remembered_is_known_for_so_many_attempts_and_until_then(t: Tables) {
    t.attempts.remember(&KEY, later(60)).await.unwrap();
    for count in 1..=3 {
        assert_eq!(t.attempts.count_known(&KEY, 3, later(59)).await, Ok(Some(open(count, later(60)))));
    }
    assert_eq!(t.attempts.count_known(&KEY, 3, later(59)).await, Ok(None));
    t.attempts.remember(&KEY, later(120)).await.unwrap();
    assert_eq!(t.attempts.count_known(&KEY, 3, later(60)).await, Ok(Some(open(1, later(120)))));
    assert_eq!(t.attempts.count_known(&KEY, 3, later(120)).await, Ok(None));
}

pub async fn of_fifty_known_at_once_as_many_are_counted_as_may(t: Tables) {
    t.attempts.remember(&KEY, later(60)).await.unwrap();
    let mut tasks = JoinSet::new();
    for _ in 0..50 {
        let attempts = Arc::clone(&t.attempts);
        tasks.spawn(async move { attempts.count_known(&KEY, 5, NOW).await.unwrap() });
    }
    assert_eq!(tasks.join_all().await.into_iter().flatten().count(), 5);
}

pub async fn what_is_added_at_once_is_all_in_the_sum(t: Tables) {
    let mut tasks = JoinSet::new();
    for _ in 0..50 {
        let attempts = Arc::clone(&t.attempts);
        tasks.spawn(async move { attempts.add(&KEY, 7, later(10)).await.unwrap() });
    }
    let mut sums = tasks.join_all().await;
    sums.sort_unstable();
    assert_eq!(sums, (1..=50).map(|times| times * 7).collect::<Vec<_>>());
    assert_eq!(t.attempts.add(&[2; 32], 1, later(10)).await, Ok(1));
}
