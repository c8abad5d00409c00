//! A circuit breaker for a system of others, in one process: a dead system must not hold requests, and one caller must not keep all others
//! out.

use std::collections::BTreeMap;

use umoja_schema::Millis;

/// At how many callers a system has to fail before it counts as out. A question of one caller may fail for a reason of that caller's.
const CALLERS: usize = 3;

/// How long a failure counts, in milliseconds.
const WINDOW_MS: u64 = 60_000;

/// How long a caller asks nothing after a failure, in milliseconds.
const CALLER_WAIT_MS: u64 = 5_000;

/// How long a system that is out is not asked, in milliseconds. Each failed probe doubles it.
const FIRST_WAIT_MS: u64 = 5_000;

/// The longest wait, in milliseconds.
const LONGEST_WAIT_MS: u64 = 300_000;

/// The most questions at a time. A system that is slow must not hold more requests.
const AT_ONCE: u32 = 32;

/// The state of one system, which callers of this kind ask: users, browsers.
#[derive(Debug)]
pub struct Breaker<C> {
    /// The callers at whom it failed since its last answer, each with the last time.
    failures: BTreeMap<C, Millis>,
    /// Set while it counts as out.
    out: Option<Out>,
    /// Questions that have no answer yet.
    asking: u32,
}

#[derive(Debug, Clone, Copy)]
struct Out {
    /// When it is asked again.
    until: Millis,
    wait_ms: u64,
    /// True while one question tries whether it is back.
    is_probed: bool,
}

impl Out {
    /// How long it is not asked. A time that is further away was set by a clock that was ahead.
    fn waits(&self, now: Millis) -> Option<Waits> {
        let wait_ms = self.until.since(now);
        (now < self.until && wait_ms <= LONGEST_WAIT_MS).then_some(Waits(wait_ms))
    }
}

/// A question is not asked. It may be asked after this number of milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waits(pub u64);

/// The permission to ask. It has to be given back by [`Breaker::end`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    is_probe: bool,
}

/// How a question ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The system answered, whatever its answer was.
    Answered,
    /// It gave no answer.
    Failed,
    /// The caller has gone.
    Dropped,
}

impl<C: Ord> Default for Breaker<C> {
    fn default() -> Self {
        Self { failures: BTreeMap::new(), out: None, asking: 0 }
    }
}

impl<C: Ord> Breaker<C> {
    /// Whether the system counts as out, and is not to be tried now.
    pub fn is_out(&self, now: Millis) -> bool {
        self.out.is_some_and(|out| out.is_probed || out.waits(now).is_some())
    }

    /// Whether a caller may ask a question now.
    ///
    /// # Errors
    /// [`Waits`].
    pub fn begin(&mut self, caller: &C, now: Millis) -> Result<Pass, Waits> {
        self.failures.retain(|_, at| at.is_within(WINDOW_MS, now));
        if let Some(at) = self.failures.get(caller).filter(|at| at.is_within(CALLER_WAIT_MS, now)) {
            return Err(Waits(CALLER_WAIT_MS.saturating_sub(now.since(*at))));
        }
        if self.asking >= AT_ONCE {
            return Err(Waits(1_000));
        }
        let is_probe = match &mut self.out {
            None => false,
            Some(out) => match out.waits(now) {
                Some(waits) => return Err(waits),
                None if out.is_probed => return Err(Waits(1_000)),
                None => {
                    out.is_probed = true;
                    true
                }
            },
        };
        self.asking += 1;
        Ok(Pass { is_probe })
    }

    /// Ends a question. True if the system counts as out from now on, and did not before.
    pub fn end(&mut self, pass: Pass, caller: C, ended: Ended, now: Millis) -> bool {
        self.asking = self.asking.saturating_sub(1);
        match ended {
            Ended::Answered => {
                self.failures.clear();
                self.out = None;
                false
            }
            Ended::Dropped => {
                if let Some(out) = self.out.as_mut().filter(|_| pass.is_probe) {
                    out.is_probed = false;
                }
                false
            }
            Ended::Failed => self.failed(pass, caller, now),
        }
    }

    fn failed(&mut self, pass: Pass, caller: C, now: Millis) -> bool {
        self.failures.insert(caller, now);
        match self.out {
            Some(out) if pass.is_probe => {
                let wait_ms = out.wait_ms.saturating_mul(2).min(LONGEST_WAIT_MS);
                self.out = Some(Out { until: now.plus(wait_ms), wait_ms, is_probed: false });
                false
            }
            None if self.failures.len() >= CALLERS => {
                self.out = Some(Out { until: now.plus(FIRST_WAIT_MS), wait_ms: FIRST_WAIT_MS, is_probed: false });
                true
            }
            // It was asked before it counted as out, or it has failed at too few.
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks as a caller.
    fn ask(breaker: &mut Breaker<u8>, n: u8, ended: Ended, at: u64) -> Result<bool, Waits> {
        let pass = breaker.begin(&n, Millis(at))?;
        Ok(breaker.end(pass, n, ended, Millis(at)))
    }

    #[test]
    fn one_caller_never_opens_it_for_others() {
        let mut breaker = Breaker::default();
        for round in 0..50 {
            assert_eq!(ask(&mut breaker, 1, Ended::Failed, 1_000_000 + round * 5_001), Ok(false));
            assert_eq!(ask(&mut breaker, 2, Ended::Failed, 1_000_001 + round * 5_001), Ok(false));
        }
        assert_eq!(ask(&mut breaker, 3, Ended::Answered, 1_500_000), Ok(false));
    }

    #[test]
    fn a_caller_at_whom_it_failed_does_not_ask_at_once() {
        let mut breaker = Breaker::default();
        assert_eq!(ask(&mut breaker, 1, Ended::Failed, 10_000), Ok(false));
        assert_eq!(ask(&mut breaker, 1, Ended::Answered, 12_000), Err(Waits(3_000)));
        assert_eq!(ask(&mut breaker, 2, Ended::Answered, 12_000), Ok(false));
        assert_eq!(ask(&mut breaker, 1, Ended::Answered, 12_001), Ok(false), "an answer forgives all");
    }

    #[test]
    fn three_callers_open_it_and_one_probe_closes_it() {
        let mut breaker = Breaker::default();
        let opened = [1, 2, 3].map(|n| ask(&mut breaker, n, Ended::Failed, 10_000).unwrap());
        assert_eq!(opened, [false, false, true]);
        assert_eq!(ask(&mut breaker, 4, Ended::Answered, 10_000), Err(Waits(5_000)));
        let probe = breaker.begin(&4, Millis(15_000)).unwrap();
        assert!(breaker.begin(&5, Millis(15_000)).is_err(), "one probe at a time");
        breaker.end(probe, 4, Ended::Failed, Millis(15_000));
        assert_eq!(ask(&mut breaker, 5, Ended::Answered, 15_000), Err(Waits(10_000)));
        // A probe whose caller has gone decides nothing.
        let probe = breaker.begin(&5, Millis(25_000)).unwrap();
        breaker.end(probe, 5, Ended::Dropped, Millis(25_000));
        assert_eq!(ask(&mut breaker, 5, Ended::Answered, 25_000), Ok(false));
        assert_eq!(ask(&mut breaker, 6, Ended::Answered, 25_000), Ok(false));
    }

    #[test]
    fn the_wait_is_bounded_whatever_the_clock_does() {
        let mut breaker = Breaker::default();
        for n in 1..=3 {
            ask(&mut breaker, n, Ended::Failed, 10_000).unwrap();
        }
        let mut now = 10_000;
        for n in 4..40 {
            now += ask(&mut breaker, n, Ended::Answered, now).unwrap_err().0;
            let probe = breaker.begin(&n, Millis(now)).unwrap();
            breaker.end(probe, n, Ended::Failed, Millis(now));
        }
        assert_eq!(ask(&mut breaker, 100, Ended::Answered, now), Err(Waits(LONGEST_WAIT_MS)));
        // The clock was ahead, and is right now.
        assert_eq!(ask(&mut breaker, 100, Ended::Answered, 10_000), Ok(false));
    }

    #[test]
    fn a_slow_system_holds_a_bounded_number_of_requests() {
        let mut breaker = Breaker::default();
        let passes: Vec<_> = (0..32).map(|n| breaker.begin(&n, Millis(1)).unwrap()).collect();
        assert_eq!(breaker.begin(&100, Millis(1)), Err(Waits(1_000)));
        breaker.end(passes[0], 0, Ended::Dropped, Millis(1));
        assert!(breaker.begin(&100, Millis(1)).is_ok());
    }

    #[test]
    fn failures_of_long_ago_do_not_count() {
        let mut breaker = Breaker::default();
        assert_eq!(ask(&mut breaker, 1, Ended::Failed, 10_000), Ok(false));
        assert_eq!(ask(&mut breaker, 2, Ended::Failed, 10_000), Ok(false));
        assert_eq!(ask(&mut breaker, 3, Ended::Failed, 100_000), Ok(false));
    }
}
