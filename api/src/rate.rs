//! How many requests a company may make in this region: so many in each window of ten seconds, told in the headers of
//! draft-ietf-httpapi-ratelimit-headers-11. Only what is signed is counted, so nobody can use up what is another's.
//!
//! One process that serves a region counts in its memory. Instances that share a region reserve requests, a few at a
//! time, by adding to one number in the table `attempts` for the company and the window, which costs one write for as
//! many. All reservations together are never more than the limit; what an instance has reserved and does not use is lost
//! to the company until the window ends. So a reservation is a hundredth of the limit, or less.
//!
//! If the table does not answer, each instance counts for itself, and a metric says so: a limit is no reason to refuse
//! whom the region could serve.

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

use crate::problem::{POLICY, RATE_LIMITED, Refusal};

/// How long a window is, in seconds.
const WINDOW_SECS: u64 = 10;

/// How long after its window a sum is kept, in milliseconds: clocks of instances differ.
const KEPT_MS: u64 = 60_000;

/// A reservation is at most one of so many parts of the limit.
const LEASES: u64 = 100;

static RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
static RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What the companies have used of the window.
pub(crate) struct Rates {
    lease: Option<NonZeroU32>,
    window: Mutex<Window>,
}

/// One window. Nothing is known of those before it, so this is as large as the companies that call within seconds.
#[derive(Default)]
struct Window {
    number: u64,
    companies: BTreeMap<CompanyId, Used>,
}

/// What is known of a company's use of a window.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Used {
    /// How many requests are made or reserved, as far as is known here.
    counted: u64,
    /// How many of those are reserved for this instance and not made.
    held: u64,
}

/// What may become of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    Let,
    Refused,
    /// Nothing is reserved.
    Nothing,
}

impl Window {
    /// The number of the window at a time. Any other window than the last one begins anew, also one before it: a clock that
    /// was set back must not keep anybody waiting.
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
        if self.counted < quota { Taken::Nothing } else { Taken::Refused }
    }

    /// An amount was added, and this is the sum: what of it is within the quota is reserved. What the table has not counted
    /// is counted here all the same.
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
    /// Counts for itself, or reserves at most so many at a time of what all instances share.
    pub(crate) fn new(lease: Option<NonZeroU32>) -> Self {
        Self { lease, window: Mutex::default() }
    }

    /// Counts a request of a company, if it may make one more.
    pub(crate) async fn take(&self, home: &Home, secrets: &Secrets, company: &Company) -> Standing {
        let quota = u64::from(company.requests_per_second().get()) * WINDOW_SECS;
        loop {
            let number = {
                let mut window = self.window();
                // Read here, so that no request comes back to a window that has ended for another.
                let now = home.clock.now();
                let number = window.turn(now);
                let used = window.of(&company.id);
                let mut taken = used.take(quota);
                if taken == Taken::Nothing && self.lease.is_none() {
                    used.reserve(1, used.counted + 1, quota);
                    taken = used.take(quota);
                }
                if taken != Taken::Nothing {
                    let is_refused = taken == Taken::Refused;
                    let standing = Standing { quota, left: used.left(quota), ends: end_of(number), now, is_refused };
                    drop(window);
                    standing.record(&company.id);
                    return standing;
                }
                number
            };
            let amount = self.amount(quota);
            let key = secrets.request_hash(&["requests of a company", company.id.as_str(), &number.to_string()]);
            let sum = told(home.attempts.add(&key, amount, end_of(number).plus(KEPT_MS)).await);
            let mut window = self.window();
            if window.turn(home.clock.now()) == number {
                let used = window.of(&company.id);
                let amount = u64::from(amount);
                used.reserve(amount, sum.unwrap_or(used.counted + amount), quota);
            }
        }
    }

    /// How many requests are reserved at a time.
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

fn told(sum: Result<u64, StoreError>) -> Option<u64> {
    sum.inspect_err(|error| {
        counter!(metric::UNCOUNTED_REQUESTS).increment(1);
        tracing::warn!(%error, event = metric::UNCOUNTED_REQUESTS, "requests are counted by this instance alone");
    })
    .ok()
}

/// How a company stands once a request is counted or refused.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    quota: u64,
    left: u64,
    ends: Millis,
    now: Millis,
    is_refused: bool,
}

impl Standing {
    fn record(&self, company: &CompanyId) {
        if self.is_refused {
            counter!(metric::RATE_LIMITED_REQUESTS).increment(1);
            tracing::info!(event = metric::RATE_LIMITED_REQUESTS, %company, "a company has made too many requests");
        }
    }

    /// 429, if it may make no more.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        self.is_refused.then(|| Refusal::later(&RATE_LIMITED, u32::try_from(self.secs(self.now)).unwrap_or(u32::MAX)))
    }

    /// Says it in the headers of an answer that is given now.
    pub(crate) fn tell(&self, response: &mut Response, now: Millis, retry_after: Option<u32>) {
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

    /// `RateLimit`. No `t` if `Retry-After` allows to come back before it, for another reason: the one has to be no earlier
    /// than the other (section 6).
    fn limit(&self, now: Millis, retry_after: Option<u32>) -> String {
        let secs = self.secs(now);
        let left = self.left;
        if retry_after.is_some_and(|retry_after| u64::from(retry_after) < secs) {
            format!("\"{POLICY}\";r={left}")
        } else {
            format!("\"{POLICY}\";r={left};t={secs}")
        }
    }

    /// How long the window lasts from now on, in whole seconds, rounded up.
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

    /// Reserves so many at a time until the quota is used up: how many were let through.
    fn all(used: &mut Used, amount: u64, quota: u64) -> u64 {
        let mut made = 0;
        loop {
            match used.take(quota) {
                Taken::Let => made += 1,
                Taken::Refused => return made,
                Taken::Nothing => used.reserve(amount, used.counted + amount, quota),
            }
        }
    }

    #[test]
    fn as_many_are_let_through_as_the_quota_whatever_is_reserved_at_a_time() {
        for (amount, quota) in [(1, 1), (1, 7), (10, 10), (10, 1_000), (10, 1_003), (7, 50)] {
            assert_eq!(all(&mut Used::default(), amount, quota), quota, "{amount} of {quota}");
        }
    }

    #[test]
    fn what_others_have_reserved_is_not_let_through_again() {
        let mut used = Used::default();
        used.reserve(10, 98, 100);
        assert_eq!((used.held, used.left(100)), (10, 12));
        used.reserve(10, 108, 100);
        assert_eq!((used.held, used.left(100)), (12, 12), "two of the last ten");
        let mut late = Used::default();
        late.reserve(10, 110, 100);
        assert_eq!((late, late.take(100)), (Used { counted: 110, held: 0 }, Taken::Refused));
        // The operator gives the company more.
        assert_eq!(late.take(200), Taken::Nothing);
    }

    #[test]
    fn a_window_of_another_time_begins_anew_and_knows_no_other() {
        let mut window = Window::default();
        for (ms, number, counted) in [(1_000_000, 100, 0), (1_009_999, 100, 1), (1_010_000, 101, 0), (5_000, 0, 0)] {
            assert_eq!((window.turn(Millis(ms)), window.of(&acme()).counted), (number, counted), "at {ms}");
            window.of(&acme()).reserve(1, 1, 10);
            assert!(Millis(ms) < end_of(number) && end_of(number).since(Millis(ms)) <= 10_000);
        }
        assert_eq!(window.companies.len(), 1);
    }

    #[test]
    fn a_reservation_is_a_hundredth_of_the_quota_at_most() {
        let rates = Rates::new(NonZeroU32::new(10));
        assert_eq!([10, 99, 500, 1_000, u64::MAX].map(|quota| rates.amount(quota)), [1, 1, 5, 10, 10]);
    }

    #[test]
    fn the_headers_are_structured_fields_and_nobody_is_told_to_come_back_before_the_window_ends() {
        let standing = Standing { quota: 50, left: 7, ends: Millis(20_000), now: Millis(12_500), is_refused: false };
        assert_eq!(standing.policy(), "\"company\";q=50;w=10");
        assert_eq!(standing.limit(Millis(12_500), None), "\"company\";r=7;t=8");
        assert_eq!(standing.limit(Millis(12_500), Some(8)), "\"company\";r=7;t=8");
        assert_eq!(standing.limit(Millis(12_500), Some(7)), "\"company\";r=7");
        assert_eq!(standing.limit(Millis(21_000), None), "\"company\";r=7;t=0");
        assert_eq!(standing.refusal(), None);
        let refused = Standing { is_refused: true, ..standing };
        assert_eq!(refused.refusal().unwrap().retry_after_secs, Some(8));
    }
}
