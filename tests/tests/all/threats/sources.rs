//! Strangers and other sources at the door of the inbox.

use axum::http::HeaderValue;
use serde_json::{Value, json};
use umoja_schema::SourceKind;
use umoja_store::ports::Clock as _;
use umoja_tests::deployment::Deployment;
use umoja_tests::provider::{Answer, Provider};
use umoja_tests::world::run;

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
