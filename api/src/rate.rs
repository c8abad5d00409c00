//! The rate limit of a company in this region: a number of requests in each window of ten seconds, reported in the
//! headers of draft-ietf-httpapi-ratelimit-headers-11. Only requests with a valid signature count, so no client can use
//! up the limit of another company.
//!
//! A single process that serves a region counts in memory. Instances that share a region reserve a few requests at a
//! time: each reservation adds to one number in the table `attempts` for the company and the window, and costs one
//! write. All reservations together never exceed the limit. Requests that an instance has reserved and does not use are
//! lost to the company until the window ends, so a reservation is at most a hundredth of the limit.
//!
//! If the table does not answer, each instance counts for itself, and a metric counts these requests. A failing count
//! is no reason to reject a request that the region could serve.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use metrics::counter;
use umoja_schema::names::metric;
use umoja_schema::{Company, CompanyId, Millis};
use umoja_store::Home;
use umoja_store::ports::StoreError;
use umoja_store::secrets::Secrets;

use crate::problem::{POLICY, Problem, RATE_LIMITED};

/// The length of a window in seconds.
const WINDOW_SECS: u64 = 10;

/// How long a sum is kept after its window, in milliseconds, because the clocks of instances differ.
const KEPT_MS: u64 = 60_000;

/// A reservation is at most the limit divided by this number.
const LEASES: u64 = 100;

static RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
static RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The requests of all companies in the current window.
pub(crate) struct Rates {
    lease: Option<NonZeroU32>,
    window: Mutex<Window>,
}

/// One window. Earlier windows are dropped, so it has only the companies that called within seconds.
#[derive(Default)]
struct Window {
    number: u64,
    companies: BTreeMap<CompanyId, Used>,
}

/// A company's use of a window, as far as this instance knows it.
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
    /// because a clock that was set back must not keep a company waiting.
    fn turn(&mut self, now: Millis) -> u64 {
        let number = now.secs() / WINDOW_SECS;
        if number != self.number {
            self.number = number;
            self.companies.clear();
        }
        number
    }

    fn of(&mut self, company: &CompanyId) -> &mut Used {
        self.companies.entry(company.clone()).or_default()
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
    /// Reserves at most `lease` requests at a time of those that all instances share. Without a lease it counts in
    /// memory.
    pub(crate) fn new(lease: Option<NonZeroU32>) -> Self {
        Self { lease, window: Mutex::default() }
    }

    /// Counts a request of a company if the limit allows one more.
    pub(crate) async fn take(&self, home: &Home, secrets: &Secrets, company: &Company) -> Standing {
        let quota = u64::from(company.requests_per_second().get()) * WINDOW_SECS;
        loop {
            let number = {
                let mut window = self.window();
                // The clock is read under the lock. Otherwise a request could return to a window that another one
                // ended.
                let now = home.clock.now();
                let number = window.turn(now);
                let used = window.of(&company.id);
                let mut taken = used.take(quota);
                if taken == Taken::Unreserved && self.lease.is_none() {
                    used.reserve(1, used.counted + 1, quota);
                    taken = used.take(quota);
                }
                if taken != Taken::Unreserved {
                    let is_rejected = taken == Taken::Rejected;
                    let standing = Standing { quota, left: used.left(quota), ends: end_of(number), now, is_rejected };
                    drop(window);
                    standing.record(&company.id);
                    return standing;
                }
                number
            };
            let amount = self.amount(quota);
            let key = secrets.request_hash(&["requests of a company", company.id.as_str(), &number.to_string()]);
            let sum = logged(home.attempts.add(&key, amount, end_of(number).plus(KEPT_MS)).await);
            let mut window = self.window();
            if window.turn(home.clock.now()) == number {
                let used = window.of(&company.id);
                let amount = u64::from(amount);
                used.reserve(amount, sum.unwrap_or(used.counted + amount), quota);
            }
        }
    }

    /// The number of requests of one reservation.
    fn amount(&self, quota: u64) -> u32 {
        let share = u32::try_from(quota / LEASES).unwrap_or(u32::MAX).max(1);
        self.lease.map_or(1, |lease| lease.get().min(share))
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
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

/// The state of a company's limit after a request was counted or rejected.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    quota: u64,
    left: u64,
    ends: Millis,
    now: Millis,
    is_rejected: bool,
}

impl Standing {
    fn record(&self, company: &CompanyId) {
        if self.is_rejected {
            counter!(metric::RATE_LIMITED_REQUESTS).increment(1);
            tracing::info!(event = metric::RATE_LIMITED_REQUESTS, %company, "a company has made too many requests");
        }
    }

    /// The problem 429 if the request was rejected.
    pub(crate) fn problem(&self) -> Option<Problem> {
        self.is_rejected.then(|| Problem::later(&RATE_LIMITED, u32::try_from(self.secs(self.now)).unwrap_or(u32::MAX)))
    }

    /// Sets the headers of an answer that is given now.
    pub(crate) fn set_headers(&self, response: &mut Response, now: Millis, retry_after: Option<u32>) {
        let headers = response.headers_mut();
        let fields = [(&RATE_LIMIT_POLICY, self.policy()), (&RATE_LIMIT, self.limit(now, retry_after))];
        for (name, value) in fields {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
    }

    /// `RateLimit-Policy`.
    fn policy(&self) -> String {
        format!("\"{POLICY}\";q={};w={WINDOW_SECS}", self.quota)
    }

    /// `RateLimit`. It has no `t` if `Retry-After` has another reason and is earlier, because `Retry-After` must not be
    /// earlier than `t` (section 6).
    fn limit(&self, now: Millis, retry_after: Option<u32>) -> String {
        let secs = self.secs(now);
        let left = self.left;
        if retry_after.is_some_and(|retry_after| u64::from(retry_after) < secs) {
            format!("\"{POLICY}\";r={left}")
        } else {
            format!("\"{POLICY}\";r={left};t={secs}")
        }
    }

    /// The time until the window ends, in whole seconds, rounded up.
    fn secs(&self, now: Millis) -> u64 {
        self.ends.since(now).div_ceil(1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acme() -> CompanyId {
        "acme".parse().unwrap()
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
        assert_eq!(window.companies.len(), 1);
    }

    #[test]
    fn a_reservation_is_at_most_a_hundredth_of_the_quota() {
        let rates = Rates::new(NonZeroU32::new(10));
        assert_eq!([10, 99, 500, 1_000, u64::MAX].map(|quota| rates.amount(quota)), [1, 1, 5, 10, 10]);
    }

    #[test]
    fn the_headers_are_structured_fields_without_an_early_retry() {
        let standing = Standing { quota: 50, left: 7, ends: Millis(20_000), now: Millis(12_500), is_rejected: false };
        assert_eq!(standing.policy(), "\"company\";q=50;w=10");
        assert_eq!(standing.limit(Millis(12_500), None), "\"company\";r=7;t=8");
        assert_eq!(standing.limit(Millis(12_500), Some(8)), "\"company\";r=7;t=8");
        assert_eq!(standing.limit(Millis(12_500), Some(7)), "\"company\";r=7");
        assert_eq!(standing.limit(Millis(21_000), None), "\"company\";r=7;t=0");
        assert_eq!(standing.problem(), None);
        let rejected = Standing { is_rejected: true, ..standing };
        assert_eq!(rejected.problem().unwrap().retry_after_secs, Some(8));
    }
}
