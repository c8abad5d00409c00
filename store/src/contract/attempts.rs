//! Cases of [`Attempts`]. Times are whole seconds, because an adapter may round an expiry up to the next second.

use std::sync::Arc;

use tokio::task::JoinSet;
use umoja_schema::Millis;

use super::Tables;
use crate::ports::{Attempts, Counted, Limit, Tally};

const KEY: [u8; 32] = [1; 32];
/// In the year 2100: an emulator deletes what has expired by its own clock, between two steps of a case.
const NOW: Millis = Millis(4_102_444_800_000);
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

/// Counts `times` attempts, all of which are allowed and set no lock.
async fn count(attempts: &dyn Attempts, times: u32, now: Millis) {
    for time in 1..=times {
        let expected = Counted::Let(open(time, now.plus(LIMIT.window_ms)));
        assert_eq!(attempts.count(&KEY, &LIMIT, now).await, Ok(expected));
    }
}

/// The number of allowed attempts of fifty concurrent callers.
async fn fifty(t: &Tables, now: Millis) -> usize {
    let mut tasks = JoinSet::new();
    for _ in 0..50 {
        let attempts = Arc::clone(&t.attempts);
        tasks.spawn(async move { attempts.count(&KEY, &LIMIT, now).await.unwrap() });
    }
    tasks.join_all().await.into_iter().filter(|counted| matches!(counted, Counted::Let(_))).count()
}

pub async fn an_uncounted_key_has_no_tally(t: Tables) {
    assert_eq!(t.attempts.tally(&KEY, NOW).await, Ok(None));
    count(&*t.attempts, 2, NOW).await;
    assert_eq!(t.attempts.tally(&KEY, NOW).await, Ok(Some(open(2, later(3600)))));
    assert_eq!(t.attempts.tally(&[2; 32], NOW).await, Ok(None));
}

pub async fn each_attempt_after_the_limit_doubles_the_lock(t: Tables) {
    count(&*t.attempts, 4, NOW).await;
    let mut now = NOW;
    for (count, secs) in [(5, 2), (6, 4), (7, 8), (8, 16), (9, 32), (10, 60), (11, 60)] {
        let until = now.plus(secs * 1000);
        let expected = Counted::Let(tally(count, until, now.plus(LIMIT.window_ms)));
        assert_eq!(t.attempts.count(&KEY, &LIMIT, now).await, Ok(expected));
        for early in [now, Millis(until.0 - 1000)] {
            assert_eq!(t.attempts.count(&KEY, &LIMIT, early).await, Ok(Counted::Locked(until)));
        }
        assert_eq!(t.attempts.tally(&KEY, now).await.unwrap().unwrap().count, count, "not counted while locked");
        now = until;
    }
}

pub async fn a_sliding_window_ends_after_the_last_attempt(t: Tables) {
    count(&*t.attempts, 1, NOW).await;
    assert_eq!(t.attempts.count(&KEY, &LIMIT, later(3599)).await, Ok(Counted::Let(open(2, later(7199)))));
    assert_eq!(t.attempts.tally(&KEY, later(7199)).await, Ok(None));
    assert_eq!(t.attempts.count(&KEY, &LIMIT, later(7199)).await, Ok(Counted::Let(open(1, later(10_799)))));
}

pub async fn a_fixed_window_ends_after_the_first_attempt(t: Tables) {
    let limit = Limit { slides: false, ..LIMIT };
    for (secs, count) in [(0, 1), (1800, 2), (3599, 3)] {
        let counted = t.attempts.count(&KEY, &limit, later(secs)).await;
        assert_eq!(counted, Ok(Counted::Let(open(count, later(3600)))));
    }
    assert_eq!(t.attempts.count(&KEY, &limit, later(3600)).await, Ok(Counted::Let(open(1, later(7200)))));
}

pub async fn no_lock_outlasts_the_longest_when_the_clock_goes_back(t: Tables) {
    count(&*t.attempts, 4, later(86_400)).await;
    let Counted::Let(closing) = t.attempts.count(&KEY, &LIMIT, later(86_400)).await.unwrap() else { panic!("locked") };
    assert_eq!(closing.locked_until, later(86_402));
    // A day back, the lock has ended, and the next attempt sets one by the clock of now.
    let counted = t.attempts.count(&KEY, &LIMIT, NOW).await;
    assert_eq!(counted, Ok(Counted::Let(tally(6, later(4), later(3600)))));
    assert_eq!(t.attempts.count(&KEY, &LIMIT, later(3)).await, Ok(Counted::Locked(later(4))));
}

pub async fn concurrent_attempts_do_not_exceed_the_limit(t: Tables) {
    assert_eq!(fifty(&t, NOW).await, 5);
    assert_eq!(fifty(&t, later(1)).await, 0, "the key is locked");
    assert_eq!(fifty(&t, later(2)).await, 1, "one attempt is allowed after the lock");
    assert_eq!(fifty(&t, later(7200)).await, 5, "the counter has expired");
}

pub async fn an_unused_attempt_can_be_given_back(t: Tables) {
    count(&*t.attempts, 2, NOW).await;
    let counted = open(1, later(3600));
    t.attempts.give_back(&KEY, &counted).await.unwrap();
    assert_eq!(t.attempts.tally(&KEY, NOW).await, Ok(Some(open(1, later(3600)))), "either attempt can be given back");
    t.attempts.give_back(&KEY, &counted).await.unwrap();
    t.attempts.give_back(&KEY, &counted).await.unwrap();
    assert_eq!(t.attempts.tally(&KEY, NOW).await, Ok(Some(open(0, later(3600)))), "the count never goes below zero");
    t.attempts.give_back(&[2; 32], &counted).await.unwrap();
    assert_eq!(t.attempts.tally(&[2; 32], NOW).await, Ok(None));
}

pub async fn giving_back_lifts_the_lock_unless_another_attempt_followed(t: Tables) {
    count(&*t.attempts, 4, NOW).await;
    let Counted::Let(closing) = t.attempts.count(&KEY, &LIMIT, NOW).await.unwrap() else { panic!("not locked") };
    t.attempts.give_back(&KEY, &closing).await.unwrap();
    assert_eq!(t.attempts.tally(&KEY, NOW).await, Ok(Some(open(4, later(3600)))));
    let Counted::Let(closing) = t.attempts.count(&KEY, &LIMIT, NOW).await.unwrap() else { panic!("not locked") };
    let Counted::Let(after) = t.attempts.count(&KEY, &LIMIT, later(2)).await.unwrap() else { panic!("not locked") };
    t.attempts.give_back(&KEY, &closing).await.unwrap();
    assert_eq!(t.attempts.tally(&KEY, later(2)).await, Ok(Some(after)));
}

pub async fn a_forgotten_key_starts_from_zero(t: Tables) {
    assert_eq!(fifty(&t, NOW).await, 5);
    t.attempts.forget(&KEY).await.unwrap();
    assert_eq!(t.attempts.tally(&KEY, NOW).await, Ok(None));
    count(&*t.attempts, 4, NOW).await;
    t.attempts.forget(&[2; 32]).await.unwrap();
    assert_eq!(t.attempts.tally(&KEY, NOW).await, Ok(Some(open(4, later(3600)))), "other keys keep their counters");
}

pub async fn a_key_that_was_not_remembered_is_unknown(t: Tables) {
    assert_eq!(t.attempts.count_known(&KEY, 5, NOW).await, Ok(None));
    assert_eq!(t.attempts.tally(&KEY, NOW).await, Ok(None), "a failed call stores no counter");
    t.attempts.remember(&[2; 32], later(60)).await.unwrap();
    assert_eq!(t.attempts.count_known(&KEY, 5, NOW).await, Ok(None));
}

pub async fn a_remembered_key_is_known_up_to_its_limit_and_expiry(t: Tables) {
    t.attempts.remember(&KEY, later(60)).await.unwrap();
    for count in 1..=3 {
        assert_eq!(t.attempts.count_known(&KEY, 3, later(59)).await, Ok(Some(open(count, later(60)))));
    }
    assert_eq!(t.attempts.count_known(&KEY, 3, later(59)).await, Ok(None));
    t.attempts.remember(&KEY, later(120)).await.unwrap();
    assert_eq!(t.attempts.count_known(&KEY, 3, later(60)).await, Ok(Some(open(1, later(120)))));
    assert_eq!(t.attempts.count_known(&KEY, 3, later(120)).await, Ok(None));
}

pub async fn concurrent_known_attempts_do_not_exceed_the_limit(t: Tables) {
    t.attempts.remember(&KEY, later(60)).await.unwrap();
    let mut tasks = JoinSet::new();
    for _ in 0..50 {
        let attempts = Arc::clone(&t.attempts);
        tasks.spawn(async move { attempts.count_known(&KEY, 5, NOW).await.unwrap() });
    }
    assert_eq!(tasks.join_all().await.into_iter().flatten().count(), 5);
}

pub async fn concurrent_additions_are_all_in_the_sum(t: Tables) {
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
