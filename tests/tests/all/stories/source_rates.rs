//! Rate limits of sources where no gateway stands in front: the limit is that of the company, counted apart.

use std::num::NonZeroU32;
use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, HeaderValue};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use umoja_accounts::rates::Rates;
use umoja_ingest::{Acceptor, router};
use umoja_schema::names::metric;
use umoja_schema::{Scope, SourceKind};
use umoja_store::inbox;
use umoja_store::ports::Clock as _;
use umoja_tests::deployment::Deployment;
use umoja_tests::provider::Provider;
use umoja_tests::recorder::Recorded;

use super::story;

/// The routes of sources in a region that one process serves.
fn counting(d: &Deployment, at: usize) -> Router {
    router(Arc::new(Acceptor::new(d.world.regions[at].home.clone()).with_rates(Arc::new(Rates::in_memory()))))
}

/// One request in a second for the shop, at the start of a window: ten in the window.
async fn limited(d: &Deployment) {
    let mut shop = d.shop.company(&Scope::ALL, true);
    shop.rate_limit = NonZeroU32::new(1);
    d.put_company(&shop).await;
    d.world.clock.advance(10_000 - d.world.clock.now().0 % 10_000);
}

fn event(number: u64) -> Value {
    json!({
        "specversion": "1.0", "type": "user.created", "source": "urn:auth0:shop", "id": format!("evt_{number}"),
        "time": "2026-02-01T00:00:00.000Z",
        "data": { "object": { "user_id": format!("auth0|{number}"), "updated_at": "2026-02-01T00:00:00.000Z" } },
    })
}

async fn post(d: &Deployment, to: &Router, source: &Provider, number: u64) -> (u16, HeaderMap, Value) {
    let response = to.clone().oneshot(source.request(d, 0, &event(number))).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status.as_u16(), parts.headers, serde_json::from_slice(&body).unwrap())
}

/// The number of events that are accepted until one is rejected.
async fn until_rejected(d: &Deployment, to: &Router, source: &Provider) -> u64 {
    let mut number = 0;
    while post(d, to, source, number).await.0 == 202 {
        number += 1;
    }
    number
}

#[test]
fn a_source_may_make_as_many_requests_as_its_company() {
    story(1_010, async |d| {
        let auth0 = Provider::new(&d, SourceKind::Auth0, "shop", 0).await;
        limited(&d).await;
        let (here, recorded) = (counting(&d, 0), Recorded::start());
        assert_eq!(until_rejected(&d, &here, &auth0).await, 10);
        d.world.clock.advance(6_999);
        let (status, headers, problem) = post(&d, &here, &auth0, 10).await;
        assert_eq!((status, &headers["retry-after"]), (429, &HeaderValue::from_static("4")));
        assert_eq!(headers["content-type"], "application/problem+json");
        assert_eq!((&problem["code"], &problem["status"]), (&json!("rate_limited"), &json!(429)));
        assert_eq!(recorded.take(metric::RATE_LIMITED_REQUESTS), 2);
        let page =
            inbox::page(&*d.world.regions[0].tables.inbox, None, 100, d.world.regions[0].clock.now()).await.unwrap();
        assert_eq!(page.events.len(), 10, "a rejected event is not stored");
        d.world.clock.advance(3_001);
        assert_eq!(post(&d, &here, &auth0, 10).await.0, 202, "the same event is accepted in the next window");
    });
}

#[test]
fn a_source_its_company_and_another_source_are_counted_apart() {
    story(1_011, async |d| {
        let auth0 = Provider::new(&d, SourceKind::Auth0, "shop", 0).await;
        let crm = Provider::new(&d, SourceKind::Okta, "shop", 0).await;
        limited(&d).await;
        let here = counting(&d, 0);
        assert_eq!(until_rejected(&d, &here, &auth0).await, 10);
        d.call(0, "lookup", json!({ "username": "absent" })).await.rejected(404, "user_not_found");
        for _ in 0..10 {
            assert_ne!(post(&d, &here, &crm, 0).await.0, 429, "a body that it does not post counts too");
        }
        assert_eq!(post(&d, &here, &crm, 0).await.0, 429);
        assert_eq!(until_rejected(&d, &counting(&d, 1), &auth0).await, 10, "another region has its own count");
    });
}

/// Threat: flood of events
#[test]
fn strangers_use_up_no_limit_of_a_source() {
    story(1_012, async |d| {
        let auth0 = Provider::new(&d, SourceKind::Auth0, "shop", 0).await;
        limited(&d).await;
        let here = counting(&d, 0);
        for _ in 0..20 {
            let mut request = auth0.request(&d, 0, &event(0));
            request.headers_mut().insert("x-api-key", HeaderValue::from_static("umoja_test_none_00_00"));
            assert_eq!(here.clone().oneshot(request).await.unwrap().status(), 401);
        }
        assert_eq!(until_rejected(&d, &here, &auth0).await, 10);
    });
}

#[test]
fn a_changed_limit_of_the_company_applies_within_five_seconds() {
    story(1_013, async |d| {
        let auth0 = Provider::new(&d, SourceKind::Auth0, "shop", 0).await;
        limited(&d).await;
        let here = counting(&d, 0);
        assert_eq!(until_rejected(&d, &here, &auth0).await, 10);
        let mut shop = d.shop.company(&Scope::ALL, true);
        shop.rate_limit = NonZeroU32::new(2);
        d.put_company(&shop).await;
        d.world.clock.advance(5_001);
        assert_eq!(until_rejected(&d, &here, &auth0).await, 10);
    });
}
