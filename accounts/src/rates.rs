//! How many requests a company may make in a region: a number in each window of ten seconds. A source of the company may
//! make as many, and is counted apart, so that a flood of events keeps no login waiting. Only requests whose caller is
//! known count, so no stranger can use up a limit.
//!
//! A single process that serves a region counts in memory. Instances that share a region reserve a few requests at a
//! time: each reservation adds to one number in the table `attempts` for the caller and the window, and costs one
//! write. All reservations together never exceed the limit. Requests that an instance has reserved and does not use are
//! lost to the caller until the window ends, so a reservation is at most a hundredth of the limit.
//!
//! If the table does not answer, each instance counts for itself, and a metric counts these requests. A failing count
//! is no reason to reject a request that the region could serve.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics::counter;
use umoja_schema::names::metric;
use umoja_schema::{CompanyId, Millis, SourceId};
use umoja_store::ports::{Attempts, Clock, StoreError};
use umoja_store::secrets::Secrets;

/// The length of a window in seconds.
pub const WINDOW_SECS: u64 = 10;

/// How long a sum is kept after its window, in milliseconds, because the clocks of instances differ.
const KEPT_MS: u64 = 60_000;

/// A reservation is at most the limit divided by this number.
const LEASES: u64 = 100;

/// Whose requests are counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Requester {
    /// The backend of a company.
    Company(CompanyId),
    /// A source of a company.
    Source(SourceId),
}

/// The requests of all callers in the current window.
#[derive(Default)]
pub struct Rates {
    shared: Option<Shared>,
    window: Mutex<Window>,
}

/// What instances that share a region count with.
struct Shared {
    lease: NonZeroU32,
    attempts: Arc<dyn Attempts>,
    secrets: Arc<Secrets>,
}

/// One window. Earlier windows are dropped, so it has only those who called within seconds.
#[derive(Default)]
struct Window {
    number: u64,
    callers: BTreeMap<Requester, Used>,
}

/// A caller's use of a window, as far as this instance knows it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Used {
    /// The number of requests that were made or reserved.
    counted: u64,
    /// The number of requests among them that this instance has reserved and not used.
    held: u64,
}

/// The decision about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    Let,
    Rejected,
    /// The instance has no reservation left and has to make one.
    Unreserved,
}

impl Window {
    /// The number of the window at this time. Any other window than the last one starts from zero, even an earlier one,
    /// because a clock that was set back must not keep a caller waiting.
    fn turn(&mut self, now: Millis) -> u64 {
        let number = now.secs() / WINDOW_SECS;
        if number != self.number {
            self.number = number;
            self.callers.clear();
        }
        number
    }

    fn of(&mut self, caller: &Requester) -> &mut Used {
        self.callers.entry(caller.clone()).or_default()
    }
}

impl Used {
    fn take(&mut self, quota: u64) -> Taken {
        if let Some(held) = self.held.checked_sub(1) {
            self.held = held;
            return Taken::Let;
        }
        if self.counted < quota { Taken::Unreserved } else { Taken::Rejected }
    }

    /// Reserves the share of `amount` that is within the quota, where `sum` is the count after `amount` was added.
    /// Requests that the table has not counted count here too.
    fn reserve(&mut self, amount: u64, sum: u64, quota: u64) {
        let before = sum.saturating_sub(amount).max(self.counted);
        self.held += quota.saturating_sub(before).min(amount);
        self.counted = before + amount;
    }

    fn left(&self, quota: u64) -> u64 {
        quota.saturating_sub(self.counted) + self.held
    }
}

impl Rates {
    /// Counts in memory: a single process serves the region.
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// Reserves at most `lease` requests at a time of those that all instances of a region share.
    pub fn reserving(lease: NonZeroU32, attempts: Arc<dyn Attempts>, secrets: Arc<Secrets>) -> Self {
        Self { shared: Some(Shared { lease, attempts, secrets }), window: Mutex::default() }
    }

    /// Counts a request if the limit, a number of requests in a second, allows one more.
    pub async fn take(&self, clock: &dyn Clock, caller: &Requester, limit: NonZeroU32) -> Standing {
        let quota = u64::from(limit.get()) * WINDOW_SECS;
        loop {
            let number = {
                let mut window = self.window();
                // The clock is read under the lock. Otherwise a request could return to a window that another one
                // ended.
                let now = clock.now();
                let number = window.turn(now);
                let used = window.of(caller);
                let mut taken = used.take(quota);
                if taken == Taken::Unreserved && self.shared.is_none() {
                    used.reserve(1, used.counted + 1, quota);
                    taken = used.take(quota);
                }
                if taken != Taken::Unreserved {
                    let is_rejected = taken == Taken::Rejected;
                    let standing = Standing { quota, left: used.left(quota), ends: end_of(number), now, is_rejected };
                    drop(window);
                    standing.record(caller);
                    return standing;
                }
                number
            };
            // Without others that share the region, the request was counted above.
            let Some(shared) = &self.shared else { continue };
            let (amount, sum) = shared.reserve(caller, number, quota).await;
            let mut window = self.window();
            if window.turn(clock.now()) == number {
                let used = window.of(caller);
                used.reserve(amount, sum.unwrap_or(used.counted + amount), quota);
            }
        }
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// The number of requests that were reserved, and the sum of all reservations of the window. No sum if the table did
    /// not answer.
    async fn reserve(&self, caller: &Requester, window: u64, quota: u64) -> (u64, Option<u64>) {
        let amount = amount(self.lease, quota);
        let (what, id) = match caller {
            Requester::Company(id) => ("requests of a company", id.as_str()),
            Requester::Source(id) => ("requests of a source", id.as_str()),
        };
        let key = self.secrets.request_hash(&[what, id, &window.to_string()]);
        let sum = self.attempts.add(&key, amount, end_of(window).plus(KEPT_MS)).await;
        (u64::from(amount), logged(sum))
    }
}

/// The number of requests of one reservation.
fn amount(lease: NonZeroU32, quota: u64) -> u32 {
    let share = u32::try_from(quota / LEASES).unwrap_or(u32::MAX).max(1);
    lease.get().min(share)
}

fn end_of(number: u64) -> Millis {
    Millis((number + 1) * WINDOW_SECS * 1000)
}

fn logged(sum: Result<u64, StoreError>) -> Option<u64> {
    sum.inspect_err(|error| {
        counter!(metric::UNCOUNTED_REQUESTS).increment(1);
        tracing::warn!(%error, event = metric::UNCOUNTED_REQUESTS, "requests are counted by this instance alone");
    })
    .ok()
}

/// The state of a caller's limit after a request was counted or rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The most requests of a window.
    pub quota: u64,
    /// The requests that are left.
    pub left: u64,
    /// When the window ends.
    pub ends: Millis,
    /// When the request was counted.
    pub now: Millis,
    /// True if the request is one too many.
    pub is_rejected: bool,
}

impl Standing {
    fn record(&self, caller: &Requester) {
        if !self.is_rejected {
            return;
        }
        counter!(metric::RATE_LIMITED_REQUESTS).increment(1);
        match caller {
            Requester::Company(company) => {
                tracing::info!(event = metric::RATE_LIMITED_REQUESTS, %company, "a company has made too many requests");
            }
            Requester::Source(source) => {
                tracing::info!(event = metric::RATE_LIMITED_REQUESTS, %source, "a source has made too many requests");
            }
        }
    }

    /// After how many seconds a rejected request may be sent again. `None` if it was not rejected.
    pub fn retry_after_secs(&self) -> Option<u32> {
        self.is_rejected.then(|| u32::try_from(self.secs(self.now)).unwrap_or(u32::MAX))
    }

    /// The time until the window ends, in whole seconds, rounded up.
    pub fn secs(&self, now: Millis) -> u64 {
        self.ends.since(now).div_ceil(1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acme() -> Requester {
        Requester::Company("acme".parse().unwrap())
    }

    /// Takes requests with reservations of `amount` until the quota is used up. Returns the number of accepted
    /// requests.
    fn all(used: &mut Used, amount: u64, quota: u64) -> u64 {
        let mut made = 0;
        loop {
            match used.take(quota) {
                Taken::Let => made += 1,
                Taken::Rejected => return made,
                Taken::Unreserved => used.reserve(amount, used.counted + amount, quota),
            }
        }
    }

    #[test]
    fn exactly_the_quota_is_accepted_for_every_reservation_size() {
        for (amount, quota) in [(1, 1), (1, 7), (10, 10), (10, 1_000), (10, 1_003), (7, 50)] {
            assert_eq!(all(&mut Used::default(), amount, quota), quota, "{amount} of {quota}");
        }
    }

    #[test]
    fn reservations_of_other_instances_are_not_used() {
        let mut used = Used::default();
        used.reserve(10, 98, 100);
        assert_eq!((used.held, used.left(100)), (10, 12));
        used.reserve(10, 108, 100);
        assert_eq!((used.held, used.left(100)), (12, 12), "two of the last ten");
        let mut late = Used::default();
        late.reserve(10, 110, 100);
        assert_eq!((late, late.take(100)), (Used { counted: 110, held: 0 }, Taken::Rejected));
        // The operator raises the limit of the company.
        assert_eq!(late.take(200), Taken::Unreserved);
    }

    #[test]
    fn every_other_window_starts_from_zero() {
        let mut window = Window::default();
        for (ms, number, counted) in [(1_000_000, 100, 0), (1_009_999, 100, 1), (1_010_000, 101, 0), (5_000, 0, 0)] {
            assert_eq!((window.turn(Millis(ms)), window.of(&acme()).counted), (number, counted), "at {ms}");
            window.of(&acme()).reserve(1, 1, 10);
            assert!(Millis(ms) < end_of(number) && end_of(number).since(Millis(ms)) <= 10_000);
        }
        assert_eq!(window.callers.len(), 1);
    }

    #[test]
    fn a_reservation_is_at_most_a_hundredth_of_the_quota() {
        let lease = NonZeroU32::new(10).unwrap();
        assert_eq!([10, 99, 500, 1_000, u64::MAX].map(|quota| amount(lease, quota)), [1, 1, 5, 10, 10]);
    }

    #[test]
    fn a_rejected_request_waits_until_the_window_ends() {
        let standing = Standing { quota: 50, left: 7, ends: Millis(20_000), now: Millis(12_500), is_rejected: false };
        assert_eq!(standing.retry_after_secs(), None);
        assert_eq!(Standing { is_rejected: true, ..standing }.retry_after_secs(), Some(8));
    }
}
