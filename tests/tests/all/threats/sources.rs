//! Strangers and other sources at the door of the inbox.

use axum::http::HeaderValue;
use serde_json::{Value, json};
use umoja_schema::ingest::{PoolDirection, UserPool};
use umoja_schema::{InboxState, Scope, SourceKind};
use umoja_store::inbox;
use umoja_store::ports::Clock as _;
use umoja_tests::caller::Caller;
use umoja_tests::deployment::Deployment;
use umoja_tests::provider::{Answer, Provider};
use umoja_tests::world::run;

use crate::import::{BCRYPT, BCRYPT_PASSWORD, credentials, found, importer, row, sha256, with_hash};

fn body() -> Value {
    json!({
        "specversion": "1.0", "type": "user.created", "source": "urn:auth0:shop", "id": "evt_1",
        "time": "2026-02-01T00:00:00.000Z",
        "data": { "object": {
            "user_id": "auth0|ada", "email": "ada@example.com", "email_verified": true,
            "updated_at": "2026-02-01T00:00:00.000Z",
        } },
    })
}

fn story(seed: u64, story: impl AsyncFnOnce(Deployment)) {
    run(async { story(Deployment::new(seed).await).await });
}

/// The answer to every caller that is not the source: it does not reveal whether the source exists.
fn is_unauthorized(answer: &Answer) {
    assert_eq!((answer.status, &answer.body["code"]), (401, &json!("unauthorized")), "{answer:?}");
}

/// Threat: forged event
#[test]
fn an_event_without_the_key_of_its_source_is_rejected() {
    story(920, async |d| {
        let auth0 = Provider::new(&d, SourceKind::Auth0, "shop", 0).await;
        for change in [None, Some(""), Some("umoja_test_shop-auth0_00_00"), Some("Bearer x")] {
            let mut request = auth0.request(&d, 0, &body());
            let headers = request.headers_mut();
            headers.remove("x-api-key");
            if let Some(change) = change {
                headers.insert("x-api-key", HeaderValue::from_static(change));
            }
            is_unauthorized(&auth0.send(&d, 0, request).await);
        }
        let mut request = auth0.request(&d, 0, &body());
        *request.uri_mut() = "/v1/sources/no-such-source/events".parse().unwrap();
        is_unauthorized(&auth0.send(&d, 0, request).await);
    });
}

/// Threat: forged event of a source that signs
#[test]
fn a_signed_source_takes_only_what_its_key_signed_now() {
    story(921, async |d| {
        let auth0 = Provider::new(&d, SourceKind::Auth0, "shop", 0).await.signing(&d).await;
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            let mut request = auth0.request(&d, 0, &body());
            request.headers_mut().remove(name);
            is_unauthorized(&auth0.send(&d, 0, request).await);
            let mut request = auth0.request(&d, 0, &body());
            request.headers_mut().insert(name, HeaderValue::from_static("1"));
            is_unauthorized(&auth0.send(&d, 0, request).await);
        }
        let mut request = auth0.request(&d, 0, &body());
        *request.body_mut() = body().to_string().replace("ada@", "eve@").into();
        is_unauthorized(&auth0.send(&d, 0, request).await);
        let old = auth0.request(&d, 0, &body());
        d.world.clock.advance(6 * 60 * 1000);
        is_unauthorized(&auth0.send(&d, 0, old).await);
        assert_eq!(auth0.post(&d, 0, &body()).await.status, 202);
    });
}

/// Threat: other company's source
#[test]
fn the_key_of_one_source_opens_no_other() {
    story(922, async |d| {
        let auth0 = Provider::new(&d, SourceKind::Auth0, "shop", 0).await;
        let other = Provider::new(&d, SourceKind::Auth0, "food", 0).await;
        let mut request = auth0.request(&d, 0, &body());
        request.headers_mut().insert("x-api-key", other.api_key.parse().unwrap());
        is_unauthorized(&auth0.send(&d, 0, request).await);
    });
}

/// Threat: oversized event
#[test]
fn a_body_of_more_than_a_mebibyte_is_rejected() {
    story(923, async |d| {
        let auth0 = Provider::new(&d, SourceKind::Auth0, "shop", 0).await;
        let mut large = body();
        large["data"]["object"]["nickname"] = "x".repeat(1024 * 1024).into();
        let answer = auth0.post(&d, 0, &large).await;
        assert_eq!((answer.status, &answer.body["code"]), (413, &json!("too_large")));
    });
}

/// Threat: reader of the inbox
#[test]
fn the_inbox_has_no_personal_data() {
    story(924, async |d| {
        let auth0 = Provider::new(&d, SourceKind::Auth0, "shop", 0).await;
        auth0.post(&d, 0, &body()).await;
        let page = d.world.regions[0].home.own.inbox.scan_inbox(None, 10, d.world.clock.now()).await.unwrap();
        assert_eq!(page.documents.len(), 1);
        let text = serde_json::to_string(&page.documents[0].1.members).unwrap();
        for secret in ["ada", "evt_1", "example"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    });
}

const ADA: &str = "ada@example.com";

async fn accepts(d: &Deployment, company: &Caller, password: &str) -> bool {
    let body = json!({ "email": ADA, "password": password });
    d.call_as(company, 0, "authenticate", body).await.ok(200).body["authenticated"] == json!(true)
}

/// The shop's source states the address of a person with the hash of a password that the attacker knows, which sets no
/// password at any company. The person is fed otherwise.
async fn attack(d: &Deployment) {
    let auth0 = Provider::new(d, SourceKind::Auth0, "shop", 0).await;
    let hashes = [("password_hash", json!(BCRYPT)), ("passwordHash", json!(BCRYPT)), custom()];
    for (n, (member, hash)) in hashes.into_iter().enumerate() {
        let mut event = body();
        event["id"] = format!("evt_{n}").into();
        event["data"]["object"][member] = hash;
        event["data"]["object"]["updated_at"] = format!("2026-02-01T00:00:0{n}.000Z").into();
        assert_eq!(auth0.post(d, 0, &event).await.status, 202);
        d.world.settle().await;
    }
    let id = found(d, 0, &d.shop, "auth0|ada").await;
    let opened = credentials(d, 0, id).await;
    assert!(opened.legacy_hashes.iter().all(|legacy| legacy.company.as_str() != "shop"));
    for company in [&d.shop, &d.food] {
        assert!(!accepts(d, company, BCRYPT_PASSWORD).await, "{}", company.id);
    }
}

fn custom() -> (&'static str, Value) {
    ("custom_password_hash", json!({ "algorithm": "bcrypt", "hash": { "value": BCRYPT } }))
}

/// Threat: password by an event
#[test]
fn an_event_sets_no_password_of_a_person_without_one() {
    story(925, async |d| {
        let body = json!({ "email": ADA, "email_verified": true });
        let registered = d.call_as(&d.food, 0, "register", body).await.id().clone();
        attack(&d).await;
        assert_eq!(found(&d, 0, &d.shop, "auth0|ada").await.to_string(), registered, "the person is matched");
    });
}

/// Threat: password by an event
#[test]
fn an_event_adds_no_hash_beside_that_of_an_import() {
    story(926, async |d| {
        let food = importer(&d, 0, &d.food).await;
        food.row(&with_hash(row("f1", ADA), sha256("correct horse"))).await.unwrap();
        attack(&d).await;
        assert_eq!(found(&d, 0, &d.shop, "auth0|ada").await, found(&d, 0, &d.food, "f1").await);
        assert!(accepts(&d, &d.food, "correct horse").await);
    });
}

/// Threat: password by an event
#[test]
fn a_registration_after_an_event_meets_no_password() {
    story(927, async |d| {
        attack(&d).await;
        let body = json!({ "email": ADA, "email_verified": true });
        d.call_as(&d.food, 0, "register", body).await;
        for company in [&d.shop, &d.food] {
            assert!(!accepts(&d, company, BCRYPT_PASSWORD).await, "{}", company.id);
        }
    });
}

/// The states of the events in the first region's inbox, with their reasons.
async fn inbox_of(d: &Deployment) -> Vec<(InboxState, Option<String>)> {
    let page = inbox::page(&*d.world.regions[0].tables.inbox, None, 10, d.world.clock.now()).await.unwrap();
    page.events.into_iter().map(|stored| (stored.event.state, stored.event.reason)).collect()
}

/// Threat: source without a scope
#[test]
fn a_source_of_a_company_that_may_not_register_makes_and_matches_no_user() {
    for is_known in [false, true] {
        story(928, async |d| {
            if is_known {
                let body = json!({ "email": ADA, "email_verified": true });
                d.call_as(&d.food, 0, "register", body).await.ok(201);
            }
            d.put_company(&d.shop.company(&[Scope::Authenticate, Scope::Lookup], true)).await;
            let auth0 = Provider::new(&d, SourceKind::Auth0, "shop", 0).await;
            assert_eq!(auth0.post(&d, 0, &body()).await.status, 202);
            d.world.settle().await;
            assert_eq!(inbox_of(&d).await, [(InboxState::Parked, Some("scope_missing".to_owned()))]);
            d.call(0, "lookup", json!({ "external_id": "auth0|ada" })).await.ok(404);
        });
    }
}

/// Threat: events of a pool that is fed
#[test]
fn a_pool_that_takes_users_from_umoja_posts_no_events() {
    story(929, async |d| {
        let mut pool = Provider::new(&d, SourceKind::Cognito, "shop", 0).await;
        let confirmed = |n: u8| {
            json!({
                "triggerSource": "PostConfirmation_ConfirmSignUp", "userName": format!("ada-{n}"),
                "request": { "userAttributes": { "sub": format!("ada-{n}"), "email": ADA, "email_verified": "true" } },
            })
        };
        pool.source.enabled = false;
        pool.source.pool = UserPool::new("eu-west-1_AbCdEf123", PoolDirection::FromPool);
        pool.store(&d).await;
        let before = pool.post(&d, 0, &confirmed(1)).await;
        assert_eq!(before.status, 202, "{before:?}");
        pool.source.enabled = true;
        pool.source.pool = UserPool::new("eu-west-1_AbCdEf123", PoolDirection::ToPool);
        pool.store(&d).await;
        let after = pool.post(&d, 0, &confirmed(2)).await;
        assert_eq!((after.status, &after.body["code"]), (403, &json!("wrong_direction")));
        d.world.clock.advance(120_000);
        d.world.regions[0].pump.ring_again().await.unwrap();
        d.world.settle().await;
        assert_eq!(inbox_of(&d).await, [(InboxState::Parked, Some("wrong_direction".to_owned()))]);
        d.call(0, "lookup", json!({ "email": ADA })).await.ok(404);
    });
}
