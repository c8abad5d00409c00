//! A circuit breaker for each target, which processes that take turns pass on: a target that is out costs one call now and then, whatever waits for
//! it, and what waits uses up no attempts.

use serde::{Deserialize, Serialize};
use umoja_schema::Millis;

/// How many calls have to fail one after the other before the target counts as out.
const FAILURES: u32 = 10;

/// How long a target that is out is not called, in milliseconds. Each failed probe doubles it.
const FIRST_WAIT_MS: u64 = 30_000;

/// The longest wait, in milliseconds.
const LONGEST_WAIT_MS: u64 = 15 * 60_000;

/// The state of one target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    /// Calls that failed since the last success.
    failures: u32,
    /// Set while it counts as out.
    out: Option<Out>,
    /// Until when the target has asked not to be called.
    held_until: Option<Millis>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Out {
    until: Millis,
    wait_ms: u64,
    /// Until when one call may try whether the target is back. A call that is dropped does not end.
    probed_until: Option<Millis>,
}

/// The permission to call. [`Breaker::end`] takes it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    is_probe: bool,
}

impl Pass {
    /// True for a call that tries whether a target that is out is back. Its failure says nothing about what is sent.
    pub const fn is_probe(self) -> bool {
        self.is_probe
    }
}

impl Breaker {
    /// Whether the target may be called now.
    pub fn begin(&mut self, now: Millis) -> Option<Pass> {
        if self.held_until.is_some_and(|until| is_ahead(until, now)) {
            return None;
        }
        match &mut self.out {
            None => Some(Pass { is_probe: false }),
            Some(out) if is_ahead(out.until, now) => None,
            Some(out) if out.probed_until.is_some_and(|until| is_ahead(until, now)) => None,
            Some(out) => {
                out.probed_until = Some(now.plus(FIRST_WAIT_MS));
                Some(Pass { is_probe: true })
            }
        }
    }

    /// Ends a call. True if the target counts as out from now on, and did not before.
    pub fn end(&mut self, pass: Pass, succeeded: bool, now: Millis) -> bool {
        if succeeded {
            *self = Self::default();
            return false;
        }
        self.failures = self.failures.saturating_add(1);
        match self.out {
            Some(out) if pass.is_probe => {
                let wait_ms = out.wait_ms.saturating_mul(2).min(LONGEST_WAIT_MS);
                self.out = Some(Out { until: now.plus(wait_ms), wait_ms, probed_until: None });
                false
            }
            None if self.failures >= FAILURES => {
                self.out = Some(Out { until: now.plus(FIRST_WAIT_MS), wait_ms: FIRST_WAIT_MS, probed_until: None });
                true
            }
            // It was called before it counted as out, or too few calls have failed.
            _ => false,
        }
    }

    /// Calls the target no more for this number of seconds, because it has too many requests; at most for a quarter of an
    /// hour.
    pub fn hold(&mut self, secs: u64, now: Millis) {
        self.held_until = Some(now.plus(secs.saturating_mul(1000).min(LONGEST_WAIT_MS)));
    }

    /// True while the target counts as out.
    pub const fn is_out(&self) -> bool {
        self.out.is_some()
    }
}

/// Whether a time is to come. One that is further away than the longest wait was set by a clock that was ahead.
fn is_ahead(until: Millis, now: Millis) -> bool {
    now < until && until.since(now) <= LONGEST_WAIT_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(breaker: &mut Breaker, succeeded: bool, at: u64) -> Option<bool> {
        let pass = breaker.begin(Millis(at))?;
        Some(breaker.end(pass, succeeded, Millis(at)))
    }

    fn opened(at: u64) -> Breaker {
        let mut breaker = Breaker::default();
        let opened: Vec<_> = (0..10).map(|_| call(&mut breaker, false, at)).collect();
        assert_eq!(opened.iter().filter(|one| **one == Some(true)).count(), 1);
        assert_eq!(opened[9], Some(true));
        breaker
    }

    #[test]
    fn ten_failures_in_a_row_open_it_and_a_success_between_them_does_not() {
        let mut breaker = Breaker::default();
        for n in 0..100 {
            assert_eq!(call(&mut breaker, n % 10 == 9, 1_000), Some(false));
        }
        assert!(!breaker.is_out() && opened(1_000).is_out());
    }

    #[test]
    fn one_probe_at_a_time_closes_it_or_doubles_the_wait() {
        let mut breaker = opened(1_000);
        assert_eq!(breaker.begin(Millis(30_999)), None);
        let probe = breaker.begin(Millis(31_000)).unwrap();
        assert_eq!(breaker.begin(Millis(31_000)), None);
        breaker.end(probe, false, Millis(31_000));
        assert_eq!((breaker.begin(Millis(90_999)), call(&mut breaker, true, 91_000)), (None, Some(false)));
        assert!(!breaker.is_out() && breaker.begin(Millis(91_000)).is_some());
    }

    #[test]
    fn a_probe_that_is_dropped_is_followed_by_another() {
        let mut breaker = opened(1_000);
        breaker.begin(Millis(31_000)).unwrap();
        assert_eq!((breaker.begin(Millis(60_999)), call(&mut breaker, true, 61_000)), (None, Some(false)));
    }

    #[test]
    fn calls_that_began_before_it_opened_change_no_wait() {
        let mut breaker = Breaker::default();
        let passes: Vec<_> = (0..16).map(|_| breaker.begin(Millis(1_000)).unwrap()).collect();
        for pass in passes {
            breaker.end(pass, false, Millis(1_000));
        }
        assert!(breaker.begin(Millis(31_000)).is_some());
    }

    #[test]
    fn the_wait_is_bounded_whatever_the_clock_does() {
        let (mut breaker, mut now) = (opened(1_000), 1_000);
        for _ in 0..20 {
            now += LONGEST_WAIT_MS;
            assert_eq!(call(&mut breaker, false, now), Some(false));
        }
        assert_eq!(breaker.begin(Millis(now + LONGEST_WAIT_MS - 1)), None);
        // The clock was ahead, and is right now.
        assert!(breaker.begin(Millis(1_000)).is_some());
    }

    #[test]
    fn a_target_with_too_many_requests_is_left_alone_for_as_long_as_it_asks() {
        let mut breaker = Breaker::default();
        let pass = breaker.begin(Millis(0)).unwrap();
        breaker.end(pass, false, Millis(0));
        breaker.hold(120, Millis(0));
        assert_eq!((breaker.begin(Millis(119_999)), breaker.begin(Millis(120_000)).is_some()), (None, true));
        breaker.hold(u64::MAX, Millis(0));
        assert!(breaker.begin(Millis(LONGEST_WAIT_MS)).is_some());
    }
}
