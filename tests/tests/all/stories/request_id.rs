//! Every answer names its request by an id that the region chooses.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;
use umoja_crypto::jws::sign_request;
use umoja_tests::caller::{RawReply, send};
use umoja_tests::deployment::Deployment;

use super::story;

fn id(reply: &RawReply) -> String {
    let id = reply.headers["request-id"].to_str().unwrap();
    assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
    id.to_owned()
}

async fn look_up(d: &Deployment, username: &str) -> RawReply {
    let claims = d.shop.claims(&d.endpoints[0], "lookup", d.now(), None, json!({ "username": username }));
    let token = sign_request(&d.shop.key, &claims);
    d.shop.send(&d.endpoints[0], &claims.path, &token).await
}

#[test]
fn each_signed_answer_has_its_own_id() {
    story(440, async |d| {
        d.call(0, "register", json!({ "username": "ada" })).await.ok(201);
        let (found, again, unknown) = (look_up(&d, "ada").await, look_up(&d, "ada").await, look_up(&d, "bob").await);
        assert_eq!([found.status, again.status, unknown.status], [200, 200, 404]);
        assert!(id(&found) != id(&again) && id(&again) != id(&unknown));
    });
}

#[test]
fn unsigned_answers_have_a_request_id() {
    story(441, async |d| {
        let large = "x".repeat(256 * 1024 + 1);
        for (status, method, path, body) in [
            (401, "POST", "/v1/users/lookup", "eyJhbGciOiJFZERTQSJ9.e30.AAAA"),
            (404, "POST", "/v1/users/fly", ""),
            (405, "GET", "/v1/users/lookup", ""),
            (413, "POST", "/v1/users/lookup", &large),
            (200, "GET", "/healthz", ""),
        ] {
            let request = Request::builder().method(method).uri(path).header("content-type", "application/jwt");
            let reply = send(&d.endpoints[0], request.body(Body::from(body.to_owned())).unwrap()).await;
            assert_eq!(reply.status, status, "{path}");
            id(&reply);
        }
    });
}

#[test]
fn a_request_id_from_the_caller_is_ignored() {
    story(442, async |d| {
        let theirs = "0123456789abcdef0123456789abcdef";
        let request = Request::get("/healthz").header("request-id", theirs).body(Body::empty()).unwrap();
        assert_ne!(id(&send(&d.endpoints[0], request).await), theirs);
    });
}
