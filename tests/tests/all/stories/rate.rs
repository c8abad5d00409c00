//! Rate limits: a company sees how many requests are left, and requests above the limit cost nothing.

use std::num::NonZeroU32;

use axum::http::HeaderMap;
use futures_util::future::join_all;
use serde_json::{Value, json};
use umoja_crypto::jws::sign_request;
use umoja_schema::Scope;
use umoja_schema::names::metric;
use umoja_store::faulty::Fault;
use umoja_store::ports::{Busy, Clock as _};
use umoja_tests::caller::{Caller, Endpoint, Reply};
use umoja_tests::deployment::Deployment;
use umoja_tests::recorder::Recorded;

use super::story;

/// A verified answer and its headers.
struct Answered(Reply, HeaderMap);

impl Answered {
    fn header(&self, name: &str) -> &str {
        self.1.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.1)).to_str().unwrap()
    }

    /// `r` and `t` of `RateLimit`.
    fn limit(&self) -> (u64, Option<u64>) {
        let rest = self.header("ratelimit").strip_prefix("\"company\";r=").expect("the policy's name is a String");
        let (left, secs) = rest.split_once(";t=").map_or((rest, None), |(left, secs)| (left, Some(secs)));
        (left.parse().unwrap(), secs.map(|secs| secs.parse().unwrap()))
    }

    fn is_rejected(&self) -> bool {
        if self.0.status == 429 {
            self.0.rejected(429, "rate_limited");
            assert_eq!(self.limit().0, 0);
            assert_eq!(self.0.retry_after.map(u64::from), self.limit().1);
        }
        self.0.status == 429
    }
}

async fn answered(d: &Deployment, to: &Endpoint, caller: &Caller, operation: &str, body: Value) -> Answered {
    let claims = caller.claims(to, operation, d.now(), None, body);
    let token = sign_request(&caller.key, &claims);
    let raw = caller.send(to, &claims.path, &token).await;
    Answered(caller.verify(to, &claims, &token, &raw, d.now()), raw.headers)
}

/// A look-up that finds no user.
async fn ask(d: &Deployment, to: &Endpoint) -> Answered {
    answered(d, to, &d.shop, "lookup", json!({ "username": "absent" })).await
}

/// The number of look-ups that are answered until one is rejected.
async fn until_rejected(d: &Deployment, to: &Endpoint) -> u64 {
    let mut answered = 0;
    while !ask(d, to).await.is_rejected() {
        answered += 1;
    }
    answered
}

/// Sets the shop's limit in requests per second, at the start of a window.
async fn limited(d: &Deployment, rate_limit: u32) {
    let mut shop = d.shop.company(&Scope::ALL, true);
    shop.rate_limit = NonZeroU32::new(rate_limit);
    d.put_company(&shop).await;
    d.world.clock.advance(10_000 - d.world.clock.now().0 % 10_000);
}

fn adds(d: &Deployment) -> Option<u64> {
    d.world.regions[0].faults.attempts.calls().get("add").copied()
}

#[test]
fn every_answer_reports_the_remaining_requests() {
    story(420, async |d| {
        limited(&d, 1).await;
        let here = &d.endpoints[0];
        for left in (0..10).rev() {
            let answer = ask(&d, here).await;
            answer.0.rejected(404, "user_not_found");
            assert_eq!(answer.header("ratelimit-policy"), "\"company\";q=10;w=10");
            assert_eq!(answer.limit(), (left, Some(10)));
        }
        for (pass, secs) in [(0, 10), (3_001, 7), (6_998, 1)] {
            d.world.clock.advance(pass);
            let rejected = ask(&d, here).await;
            assert!(rejected.is_rejected());
            assert_eq!((rejected.limit(), rejected.header("retry-after")), ((0, Some(secs)), &*secs.to_string()));
            let problem = &rejected.0.body;
            assert_eq!(problem["type"], "https://iana.org/assignments/http-problem-types#quota-exceeded");
            assert_eq!(problem["violated-policies"], json!(["company"]));
        }
        d.world.clock.advance(1);
        assert_eq!(ask(&d, here).await.limit(), (9, Some(10)));
    });
}

#[test]
fn companies_and_regions_have_separate_limits() {
    story(421, async |d| {
        limited(&d, 1).await;
        let here = &d.endpoints[0];
        assert_eq!(until_rejected(&d, here).await, 10);
        let unknown = json!({ "username": "absent" });
        let food = answered(&d, here, &d.food, "lookup", unknown).await;
        food.0.rejected(404, "user_not_found");
        assert_eq!(food.header("ratelimit-policy"), "\"company\";q=10000;w=10");
        assert_eq!(food.limit().0, 9_999);
        assert_eq!(ask(&d, &d.endpoints[1]).await.limit().0, 9);
    });
}

#[test]
fn a_rate_limited_request_does_no_work_and_may_be_retried() {
    story(422, async |d| {
        d.register(0, "ada@example.com", "correct horse").await.ok(201);
        limited(&d, 1).await;
        let here = &d.endpoints[0];
        assert_eq!(until_rejected(&d, here).await, 10);
        d.world.reset_calls();
        d.hasher.take();
        let body = json!({ "email": "ada@example.com", "password": "correct horse" });
        let claims = d.shop.claims(here, "authenticate", d.now(), None, body);
        let token = sign_request(&d.shop.key, &claims);
        for _ in 0..3 {
            let raw = d.shop.send(here, &claims.path, &token).await;
            d.shop.verify(here, &claims, &token, &raw, d.now()).rejected(429, "rate_limited");
        }
        let faults = &d.world.regions[0].faults;
        for table in [&faults.tables, &faults.requests, &faults.attempts] {
            assert!(table.calls().is_empty(), "{:?}", table.calls());
        }
        assert_eq!((d.hasher.take(), d.world.kms_calls()), ((0, 0), 0));
        // Its `jti` is still unused.
        d.world.clock.advance(10_000);
        let raw = d.shop.send(here, &claims.path, &token).await;
        assert_eq!(d.shop.verify(here, &claims, &token, &raw, d.now()).ok(200).body["authenticated"], json!(true));
    });
}

#[test]
fn unauthenticated_requests_use_no_quota() {
    story(423, async |d| {
        limited(&d, 1).await;
        let here = &d.endpoints[0];
        for _ in 0..20 {
            let claims = d.shop.claims(here, "lookup", d.now(), None, json!({ "username": "absent" }));
            let forged = sign_request(&d.food.key, &claims);
            let raw = d.shop.send(here, &claims.path, &forged).await;
            assert_eq!(raw.problem()["code"], "unauthorized");
            assert!(!raw.headers.contains_key("ratelimit") && !raw.headers.contains_key("ratelimit-policy"));
        }
        assert_eq!(ask(&d, here).await.limit().0, 9);
    });
}

#[test]
fn no_window_is_reported_if_a_retry_is_possible_sooner() {
    story(424, async |d| {
        limited(&d, 1).await;
        d.hasher.set_busy(Some(Busy { retry_after_secs: 3 }));
        let login = async || {
            let body = json!({ "email": "ada@example.com", "password": "correct horse" });
            answered(&d, &d.endpoints[0], &d.shop, "authenticate", body).await
        };
        let busy = login().await;
        assert_eq!(busy.0.rejected(503, "busy").retry_after, Some(3));
        assert_eq!(busy.limit(), (9, None));
        d.world.clock.advance(7_000);
        let busy = login().await;
        assert_eq!((busy.0.retry_after, busy.limit()), (Some(3), (8, Some(3))));
    });
}

#[test]
fn a_changed_limit_applies_within_five_seconds() {
    story(425, async |d| {
        limited(&d, 1).await;
        let here = &d.endpoints[0];
        assert_eq!(until_rejected(&d, here).await, 10);
        let mut shop = d.shop.company(&Scope::ALL, true);
        shop.rate_limit = NonZeroU32::new(2);
        d.put_company(&shop).await;
        d.world.clock.advance(5_000);
        assert_eq!(ask(&d, here).await.limit(), (9, Some(5)));
        assert_eq!(until_rejected(&d, here).await, 9);
    });
}

#[test]
fn instances_share_a_limit_by_reservations() {
    story(426, async |d| {
        // 200 in a window, reserved two at a time.
        limited(&d, 20).await;
        let (one, other) = (d.instance(0, 10), d.instance(0, 10));
        d.world.reset_calls();
        assert_eq!(ask(&d, &one).await.limit().0, 199);
        assert_eq!(
            ask(&d, &other).await.limit().0,
            197,
            "one of two requests reserved by another instance, and its own"
        );
        // One reserved request of the first instance stays unused: that is the loss.
        assert_eq!(until_rejected(&d, &other).await, 197);
        assert_eq!(adds(&d), Some(100), "the last of a hundred reservations reports an empty quota");
        assert_eq!(ask(&d, &one).await.limit().0, 198, "it made no further reservation");
        assert!(ask(&d, &one).await.is_rejected());
        assert!(ask(&d, &d.instance(0, 10)).await.is_rejected(), "a new instance rejects too");
        let calls = adds(&d);
        assert!(ask(&d, &one).await.is_rejected() && ask(&d, &other).await.is_rejected());
        assert_eq!(adds(&d), calls, "a rejected request makes no write");
        d.world.clock.advance(10_000);
        assert_eq!(ask(&d, &one).await.limit(), (199, Some(10)));
    });
}

#[test]
fn concurrent_requests_at_several_instances_respect_the_limit() {
    story(427, async |d| {
        limited(&d, 1).await;
        let instances = [d.instance(0, 10), d.instance(0, 10), d.instance(0, 10)];
        d.world.set_pausing(true);
        let answers = join_all((0..50).map(|number| ask(&d, &instances[number % 3]))).await;
        assert_eq!(answers.iter().filter(|answer| !answer.is_rejected()).count(), 10);
        let here = d.endpoints[1].clone();
        let answers = join_all((0..50).map(|_| ask(&d, &here))).await;
        assert_eq!(answers.iter().filter(|answer| !answer.is_rejected()).count(), 10);
    });
}

/// Failure: requests cannot be counted
#[test]
fn without_the_table_each_instance_counts_for_itself() {
    story(428, async |d| {
        limited(&d, 1).await;
        let recorded = Recorded::start();
        let attempts = &d.world.regions[0].faults.attempts;
        attempts.set_down(true);
        for _ in 0..2 {
            assert_eq!(until_rejected(&d, &d.instance(0, 10)).await, 10);
        }
        assert_eq!(recorded.take(metric::UNCOUNTED_REQUESTS), 20);
        assert_eq!(recorded.take(metric::RATE_LIMITED_REQUESTS), 2);
        attempts.heal();
        attempts.then([Fault::Throttled, Fault::AnswerLost]);
        let late = d.instance(0, 10);
        assert_eq!(until_rejected(&d, &late).await, 10);
        assert_eq!(recorded.take(metric::UNCOUNTED_REQUESTS), 2);
    });
}
