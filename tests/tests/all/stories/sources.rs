//! Sources: what a provider posts becomes a change of a user, once, in the order of the provider's own times.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use umoja_ingest::{Acceptor, Waiting, router};
use umoja_schema::{InboxState, SourceKind};
use umoja_store::faulty::Fault;
use umoja_store::inbox;
use umoja_store::ports::QueueDepth;
use umoja_tests::deployment::Deployment;
use umoja_tests::provider::{Answer, Provider};

use super::story;

/// An event of Auth0's Event Streams.
fn event(id: &str, kind: &str, updated_at: &str, user: Value) -> Value {
    let mut object = json!({
        "user_id": "auth0|ada", "email": "ada@example.com", "email_verified": true, "updated_at": updated_at,
        "created_at": "2026-01-01T00:00:00.000Z", "given_name": "Ada",
    });
    if let (Some(object), Value::Object(user)) = (object.as_object_mut(), user) {
        object.extend(user);
    }
    json!({
        "specversion": "1.0", "type": kind, "source": "urn:auth0:shop", "id": id, "time": updated_at,
        "data": { "object": object },
    })
}

fn created() -> Value {
    event("evt_1", "user.created", "2026-02-01T00:00:00.000Z", json!({}))
}

fn accepted(answer: &Answer) -> (u64, u64) {
    assert_eq!(answer.status, 202, "{answer:?}");
    (answer.body["accepted"].as_u64().unwrap(), answer.body["known"].as_u64().unwrap())
}

#[test]
fn a_user_of_the_provider_is_a_user_in_every_region() {
    story(900, async |d| {
        let auth0 = Provider::new(&d, SourceKind::Auth0, "shop", 0).await;
        assert_eq!(accepted(&auth0.post(&d, 0, &created()).await), (1, 0));
        d.world.settle().await;
        for at in 0..2 {
            let user = d.call(at, "lookup", json!({ "external_id": "auth0|ada" })).await.ok(200).body["user"].clone();
            assert_eq!(user["email"], "ada@example.com");
            assert_eq!(user["email_verified"], true);
            assert_eq!(user["profile"]["given_name"], "Ada");
        }
        d.world.check_invariants().await;
    });
}

#[test]
fn a_delivery_of_an_event_that_came_before_changes_nothing() {
    story(901, async |d| {
        let auth0 = Provider::new(&d, SourceKind::Auth0, "shop", 0).await;
        auth0.post(&d, 0, &created()).await;
        d.world.settle().await;
        let before = d.call(0, "lookup", json!({ "external_id": "auth0|ada" })).await.ok(200).body["user"].clone();
        assert_eq!(accepted(&auth0.post(&d, 0, &created()).await), (0, 1));
        d.world.settle().await;
        let after = d.call(0, "lookup", json!({ "external_id": "auth0|ada" })).await.ok(200).body["user"].clone();
        assert_eq!(after, before);
    });
}

#[test]
fn an_event_id_with_another_content_is_rejected() {
    story(902, async |d| {
        let auth0 = Provider::new(&d, SourceKind::Auth0, "shop", 0).await;
        auth0.post(&d, 0, &created()).await;
        let other = event("evt_1", "user.created", "2026-02-01T00:00:00.000Z", json!({ "given_name": "Eve" }));
        let answer = auth0.post(&d, 0, &other).await;
        assert_eq!((answer.status, &answer.body["code"]), (409, &json!("event_id_reused")));
        d.world.settle().await;
        let user = d.call(0, "lookup", json!({ "external_id": "auth0|ada" })).await.ok(200).body["user"].clone();
        assert_eq!(user["profile"]["given_name"], "Ada");
    });
}

#[test]
fn the_providers_own_time_decides_between_two_events() {
    story(903, async |d| {
        let auth0 = Provider::new(&d, SourceKind::Auth0, "shop", 0).await;
        let newer = event("evt_3", "user.updated", "2026-03-03T00:00:00.000Z", json!({ "given_name": "Augusta" }));
        let older = event("evt_2", "user.updated", "2026-03-02T00:00:00.000Z", json!({ "given_name": "Adah" }));
        for body in [&newer, &older, &created()] {
            auth0.post(&d, 0, body).await;
            d.world.settle().await;
        }
        let user = d.call(1, "lookup", json!({ "external_id": "auth0|ada" })).await.ok(200).body["user"].clone();
        assert_eq!(user["profile"]["given_name"], "Augusta");
    });
}

#[test]
fn a_user_whose_deletion_came_first_is_not_made() {
    story(904, async |d| {
        let auth0 = Provider::new(&d, SourceKind::Auth0, "shop", 0).await;
        auth0.post(&d, 0, &event("evt_9", "user.deleted", "2026-04-01T00:00:00.000Z", json!({}))).await;
        d.world.settle().await;
        auth0.post(&d, 0, &created()).await;
        d.world.settle().await;
        d.call(0, "lookup", json!({ "external_id": "auth0|ada" })).await.rejected(404, "user_not_found");
    });
}

#[test]
fn a_deletion_at_the_provider_leaves_the_login_at_another_company() {
    story(905, async |d| {
        d.call_as(
            &d.food,
            0,
            "register",
            json!({
                "email": "ada@example.com", "email_verified": true, "password": "correct horse",
            }),
        )
        .await
        .ok(201);
        d.world.settle().await;
        let auth0 = Provider::new(&d, SourceKind::Auth0, "shop", 0).await;
        auth0.post(&d, 0, &created()).await;
        d.world.settle().await;
        let login = json!({ "email": "ada@example.com", "password": "correct horse" });
        let authenticated = async |caller, at| {
            d.call_as(caller, at, "authenticate", login.clone()).await.ok(200).body["authenticated"].clone()
        };
        assert_eq!(authenticated(&d.shop, 1).await, true);
        auth0.post(&d, 0, &event("evt_9", "user.deleted", "2026-04-01T00:00:00.000Z", json!({}))).await;
        d.world.settle().await;
        for at in 0..2 {
            assert_eq!(authenticated(&d.shop, at).await, false);
            assert_eq!(authenticated(&d.food, at).await, true);
        }
    });
}

#[test]
fn an_event_that_another_region_accepted_waits_for_the_home_of_its_source() {
    story(906, async |d| {
        let auth0 = Provider::new(&d, SourceKind::Auth0, "shop", 0).await;
        d.world.set_down(0, true);
        assert_eq!(accepted(&auth0.post(&d, 1, &created()).await), (1, 0));
        d.world.rounds(10).await;
        d.call(1, "lookup", json!({ "external_id": "auth0|ada" })).await.rejected(404, "user_not_found");
        d.world.set_down(0, false);
        d.world.settle().await;
        for at in 0..2 {
            d.call(at, "lookup", json!({ "external_id": "auth0|ada" })).await.ok(200);
        }
    });
}

#[test]
fn a_paused_source_takes_events_that_wait() {
    story(907, async |d| {
        let mut auth0 = Provider::new(&d, SourceKind::Auth0, "shop", 0).await;
        auth0.source.enabled = false;
        auth0.store(&d).await;
        assert_eq!(accepted(&auth0.post(&d, 0, &created()).await), (1, 0));
        d.world.rounds(3).await;
        d.call(0, "lookup", json!({ "external_id": "auth0|ada" })).await.rejected(404, "user_not_found");
        // The event waits in the inbox alone: a paused source costs no messages, however long it is paused.
        d.world.clock.advance(120_000);
        let home = &d.world.regions[0];
        assert_eq!(home.pump.ring_again().await, Ok(Waiting::default()));
        assert_eq!(home.home.own.ingest.depth().await, Ok(QueueDepth::default()));
        auth0.source.enabled = true;
        auth0.store(&d).await;
        d.world.clock.advance(10_000);
        assert_eq!(home.pump.ring_again().await.unwrap().rung, 1);
        d.world.settle().await;
        d.call(0, "lookup", json!({ "external_id": "auth0|ada" })).await.ok(200);
    });
}

#[test]
fn the_events_of_a_removed_source_are_parked() {
    story(910, async |d| {
        let mut auth0 = Provider::new(&d, SourceKind::Auth0, "shop", 0).await;
        auth0.source.enabled = false;
        auth0.store(&d).await;
        assert_eq!(accepted(&auth0.post(&d, 0, &created()).await), (1, 0));
        d.world.rounds(3).await;
        auth0.source.end();
        auth0.store(&d).await;
        assert_eq!(auth0.post(&d, 0, &created()).await.status, 401);
        d.world.clock.advance(120_000);
        assert_eq!(d.world.regions[0].pump.ring_again().await.unwrap().rung, 1);
        d.world.settle().await;
        let home = &d.world.regions[0].home;
        let page = inbox::page(&*home.own.inbox, None, 10, home.clock.now()).await.unwrap();
        let [parked] = &page.events[..] else { panic!("one event was accepted") };
        assert_eq!(parked.event.state, InboxState::Parked);
        assert_eq!(parked.event.reason.as_deref(), Some("source_unknown"));
    });
}

#[test]
fn a_signature_by_a_shared_secret_is_no_credential() {
    story(911, async |d| {
        let signing = Provider::new(&d, SourceKind::Keycloak, "shop", 0).await.signing(&d).await;
        let plain = Provider::new(&d, SourceKind::Auth0, "shop", 0).await;
        // As the providers name the headers: Keycloak's listener, GitHub's convention, Standard Webhooks, Okta, Auth0.
        let digest = "0".repeat(64);
        let headers = [
            ("x-keycloak-signature", digest.clone()),
            ("x-hub-signature-256", format!("sha256={digest}")),
            ("webhook-signature", format!("v1,{}", STANDARD.encode([0; 32]))),
            ("authorization", format!("HMAC {digest}")),
            ("authorization", format!("Bearer {digest}")),
        ];
        for (name, value) in &headers {
            // Alone, it is no API key.
            let (mut parts, body) = plain.request(&d, 0, &created()).into_parts();
            parts.headers.remove("x-api-key");
            parts.headers.insert(*name, value.parse().unwrap());
            assert_eq!(plain.send(&d, 0, Request::from_parts(parts, body)).await.status, 401, "{name}");
            // Beside an API key, it does not replace the Ed25519 signature of a source that signs.
            let (mut parts, body) = signing.request(&d, 0, &created()).into_parts();
            parts.headers.remove("webhook-signature");
            parts.headers.insert(*name, value.parse().unwrap());
            assert_eq!(signing.send(&d, 0, Request::from_parts(parts, body)).await.status, 401, "{name}");
        }
        assert_eq!(accepted(&plain.post(&d, 0, &created()).await), (1, 0));
    });
}

#[test]
fn a_key_of_a_source_verifies_and_cannot_sign() {
    story(912, async |d| {
        let mut provider = Provider::new(&d, SourceKind::Auth0, "shop", 0).await.signing(&d).await;
        // A shared secret where the public key belongs makes the whole source unusable, instead of unsigned.
        provider.source.signing_keys[0].alg = "HS256".to_owned();
        provider.store(&d).await;
        assert_eq!(provider.post(&d, 0, &created()).await.status, 401);
    });
}

#[test]
fn an_event_is_found_again_when_its_message_was_lost() {
    story(908, async |d| {
        let auth0 = Provider::new(&d, SourceKind::Auth0, "shop", 0).await;
        // The inbox stores the event, and the queue does not get the message.
        d.world.regions[0].faults.tables.then([Fault::None, Fault::RequestLost]);
        assert_eq!(auth0.post(&d, 0, &created()).await.status, 503);
        d.world.settle().await;
        d.call(0, "lookup", json!({ "external_id": "auth0|ada" })).await.rejected(404, "user_not_found");
        d.world.clock.advance(120_000);
        assert_eq!(d.world.regions[0].pump.ring_again().await.unwrap().rung, 1);
        d.world.settle().await;
        d.call(0, "lookup", json!({ "external_id": "auth0|ada" })).await.ok(200);
        assert_eq!(d.world.regions[0].pump.ring_again().await, Ok(Waiting::default()));
    });
}

#[test]
fn an_event_that_cannot_be_applied_is_parked_once() {
    story(909, async |d| {
        let auth0 = Provider::new(&d, SourceKind::Auth0, "shop", 0).await;
        let nameless = event("evt_1", "user.created", "2026-02-01T00:00:00.000Z", json!({ "user_id": null }));
        assert_eq!(accepted(&auth0.post(&d, 0, &nameless).await), (1, 0));
        d.world.settle().await;
        let depths = d.world.regions[0].home.own.ingest.depth().await.unwrap();
        assert_eq!((depths.waiting, depths.in_flight, depths.dead), (0, 0, 0));
        assert_eq!(accepted(&auth0.post(&d, 0, &nameless).await), (0, 1));
    });
}

/// A GET as the old Action of a tenant sends it.
async fn get(d: &Deployment, auth0: &Provider, at: usize, key: &str, query: &str) -> (u16, Value, Option<String>) {
    let request = Request::get(format!("/v1/sources/{}/events?{query}", auth0.source.id)).header("x-api-key", key);
    let router = router(Arc::new(Acceptor::new(d.world.regions[at].home.clone())));
    let response = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let deprecation = response.headers().get("deprecation").map(|value| value.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or_default(), deprecation)
}

/// The query of an event of the user `auth0|eve`.
const EVE: &str = "topic=users&subject=eve%40example.com&message=%7B%22user_id%22%3A%22auth0%7Ceve%22%2C%22email%22%3A%22eve%40example.com%22%7D";

#[test]
fn an_event_in_a_query_string_names_a_user_and_nothing_more() {
    story(911, async |d| {
        let mut auth0 = Provider::new(&d, SourceKind::Auth0, "shop", 0).await;
        let key = auth0.api_key.clone();
        assert_eq!(get(&d, &auth0, 1, &key, EVE).await.0, 405, "the form is off unless an operator turns it on");
        auth0.source.legacy_get = Some("users".to_owned());
        auth0.store(&d).await;
        let (status, body, deprecation) = get(&d, &auth0, 1, &key, EVE).await;
        assert_eq!((status, body), (200, json!({ "status": "OK" })));
        assert!(deprecation.is_some_and(|since| since.starts_with('@')));
        assert_eq!(get(&d, &auth0, 1, &key, EVE).await.0, 200, "a repeated event changes nothing");
        d.world.settle().await;
        let eve = d.call(0, "lookup", json!({ "external_id": "auth0|eve" })).await;
        assert_eq!(eve.ok(200).body["user"].get("email"), None);
        // What the provider says itself wins, whenever it comes.
        let said = event(
            "evt_2",
            "user.updated",
            "2020-01-01T00:00:00.000Z",
            json!({ "user_id": "auth0|eve", "email": "eve@example.com" }),
        );
        assert_eq!(accepted(&auth0.post(&d, 0, &said).await), (1, 0));
        d.world.settle().await;
        let eve = d.call(1, "lookup", json!({ "email": "eve@example.com" })).await;
        assert_eq!(eve.ok(200).body["user"]["profile"]["given_name"], "Ada");
        get(&d, &auth0, 0, &key, EVE).await;
        d.world.settle().await;
        d.call(1, "lookup", json!({ "email": "eve@example.com" })).await.ok(200);
    });
}

#[test]
fn a_query_string_with_another_topic_or_key_is_rejected() {
    story(912, async |d| {
        let mut auth0 = Provider::new(&d, SourceKind::Auth0, "shop", 0).await;
        auth0.source.legacy_get = Some("users".to_owned());
        auth0.store(&d).await;
        let key = auth0.api_key.clone();
        assert_eq!(get(&d, &auth0, 0, &key, &EVE.replace("topic=users", "topic=arn%3Aaws")).await.0, 401);
        assert_eq!(get(&d, &auth0, 0, "another", EVE).await.0, 401);
        assert_eq!(get(&d, &auth0, 0, &key, "topic=users&message=%7B%7D").await.0, 422);
        assert_eq!(get(&d, &auth0, 0, &key, "topic=users").await.0, 405);
        assert_eq!(d.world.regions[0].home.own.ingest.depth().await, Ok(QueueDepth::default()));
        // A GET has no body that could be signed.
        let signing = auth0.signing(&d).await;
        assert_eq!(get(&d, &signing, 0, &key, EVE).await.0, 401);
    });
}

#[test]
fn a_gateways_key_beside_the_sources_own_is_no_matter() {
    story(913, async |d| {
        let auth0 = Provider::new(&d, SourceKind::Auth0, "shop", 0).await;
        let request = |gateway: &str, token: &str| {
            let request = Request::post(format!("/v1/sources/{}/events", auth0.source.id));
            let request = request.header("x-api-key", gateway).header("authorization", format!("Bearer {token}"));
            request.body(Body::from(created().to_string())).unwrap()
        };
        assert_eq!(accepted(&auth0.send(&d, 0, request("the-gateways-key", &auth0.api_key)).await), (1, 0));
        assert_eq!(auth0.send(&d, 0, request("the-gateways-key", "another")).await.status, 401);
    });
}
