use serde_json::{Value, json};
use umoja_tests::caller::Reply;
use umoja_tests::deployment::Deployment;

use super::story;

async fn call(d: &Deployment, at: usize, operation: &str, idk: &str, body: Value) -> Reply {
    d.shop.call_idk(&d.endpoints[at], operation, d.now(), Some(idk), body).await
}

#[test]
fn a_repeated_registration_gives_the_same_user_and_another_body_is_refused() {
    story(90, async |d| {
        let body = json!({ "email": "ada@example.com", "password": "correct horse" });
        let first = call(&d, 0, "register", "k1", body.clone()).await;
        let again = call(&d, 0, "register", "k1", body).await;
        assert_eq!((first.ok(201).body.clone(), first.status), (again.body.clone(), again.status));
        let other = json!({ "email": "bob@example.com", "password": "correct horse" });
        call(&d, 0, "register", "k1", other).await.refused(422, "idempotency_key_reused");
    });
}

#[test]
fn a_registration_retried_in_another_region_makes_the_same_user() {
    story(91, async |d| {
        let body = json!({ "email": "ada@example.com", "password": "correct horse" });
        let first = call(&d, 0, "register", "k1", body.clone()).await;
        d.world.clock.advance(1000);
        let again = call(&d, 1, "register", "k1", body).await;
        assert_eq!(first.id(), again.ok(201).id());
        d.world.settle().await;
        d.world.check_invariants().await;
        assert!(d.accepts(0, "ada@example.com", "correct horse").await);
    });
}

#[test]
fn keys_of_two_companies_are_two_keys() {
    story(92, async |d| {
        let shop = call(&d, 0, "register", "k1", json!({ "username": "a" })).await;
        let food = d.food.call_idk(&d.endpoints[0], "register", d.now(), Some("k1"), json!({ "username": "b" })).await;
        assert_ne!(shop.id(), food.ok(201).id());
    });
}

#[test]
fn a_password_is_changed_once_under_one_key() {
    story(93, async |d| {
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        let change = json!({ "id": id, "current_password": "correct horse", "new_password": "battery staple" });
        let first = call(&d, 0, "password/change", "k1", change.clone()).await;
        let again = call(&d, 0, "password/change", "k1", change).await;
        assert_eq!(first.ok(200).body, again.ok(200).body);
        assert_eq!(again.body["changed"], true);
    });
}

#[test]
fn an_erasure_is_repeated_with_its_receipt() {
    story(94, async |d| {
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        let first = call(&d, 0, "erase", "k1", json!({ "id": id })).await;
        let again = call(&d, 0, "erase", "k1", json!({ "id": id })).await;
        assert_eq!(first.ok(202).body, again.ok(202).body);
    });
}
