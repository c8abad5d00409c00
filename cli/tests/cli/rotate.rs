//! `umoja rotate`.

use serde_json::json;

use crate::support::{World, client, done, json as ask, run, text};

#[tokio::test]
async fn answers_are_signed_with_a_new_key_and_requests_are_served_as_before() {
    let world = World::new();
    let (company, dir) = (world.company("soko"), world.deployment());
    let rotate = ["rotate", "signing-key", "--dir", &dir];
    let served = world.serve();
    let refused = run(&rotate);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("served by another process"), "{}", text(&refused.stderr));
    drop(served);

    assert_eq!(ask(&rotate), json!({ "signing_key": "umoja-2" }));
    assert!(done(&rotate).contains("signed with umoja-3"));

    let served = world.serve();
    for url in &served.urls {
        let client = client(url, &company);
        let published = client.get("/.well-known/jwks.json").await.unwrap();
        let published: serde_json::Value = serde_json::from_slice(&published.body).unwrap();
        let kids: Vec<_> = published["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect();
        assert_eq!(kids, ["umoja-3"]);
        assert_eq!(client.call("lookup", json!({ "username": "nobody" })).await.unwrap().status, 404);
    }
}
