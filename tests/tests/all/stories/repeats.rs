//! Repeats of requests that set a password: another password under the same idempotency key is a counted guess.

use serde_json::{Value, json};
use umoja_schema::{Identity, Part};
use umoja_store::ports::{Begun, Clock as _, Outcome, Requests as _};
use umoja_tests::deployment::Deployment;
use umoja_tests::world::killed_after;

use super::story;

const ADA: &str = "ada@example.com";
const SET: &str = "battery staple";

/// A request that sets the password, as a function of the password, for each operation that does.
async fn setters(d: &Deployment) -> [(&'static str, Value, u16); 3] {
    let id = d.register(0, "bob@example.com", "correct horse").await.id();
    let reset = d.register(0, "eve@example.com", "correct horse").await.id();
    let token = d.call(0, "password/reset/start", json!({ "id": reset })).await.ok(200).body["token"].clone();
    [
        ("password/reset/finish", json!({ "token": token, "new_password": SET }), 200),
        ("password/change", json!({ "id": id, "current_password": "correct horse", "new_password": SET }), 200),
        ("register", json!({ "email": ADA, "password": SET }), 201),
    ]
}

/// The request with another password.
fn with(body: &Value, password: &str) -> Value {
    let mut body = body.clone();
    let name = if body.get("new_password").is_some() { "new_password" } else { "password" };
    body[name] = password.into();
    body
}

#[test]
fn guesses_through_a_used_key_are_counted() {
    story(1510, async |d| {
        for (operation, body, status) in setters(&d).await {
            let first = d.call_idk(0, operation, operation, body.clone()).await.ok(status).body.clone();
            d.hasher.take();
            for n in 0..5 {
                let guess = d.call_idk(0, operation, operation, with(&body, &format!("a guess {n}"))).await;
                guess.rejected(422, "idempotency_key_reused");
            }
            assert_eq!(d.hasher.take(), (0, 5), "{operation}");
            for repeated in [with(&body, "another guess"), body.clone()] {
                let reply = d.call_idk(0, operation, operation, repeated).await;
                reply.rejected(429, "too_many_attempts");
            }
            assert_eq!(d.hasher.take(), (0, 0), "{operation}");
            d.world.clock.advance(3_600_000);
            assert_eq!(d.call_idk(0, operation, operation, body).await.ok(status).body, first);
        }
    });
}

#[test]
fn guesses_through_a_registration_are_counted_everywhere_and_later() {
    story(1511, async |d| {
        let body = json!({ "email": ADA, "password": SET });
        let id = d.call_idk(0, "register", "k", body.clone()).await.ok(201).id();
        d.world.settle().await;
        d.world.clock.advance(48 * 3_600_000);
        for at in 0..2 {
            for n in 0..5 {
                let guess = d.call_idk(at, "register", "k", with(&body, &format!("a guess {n}"))).await;
                guess.rejected(422, "idempotency_key_reused");
            }
            d.call_idk(at, "register", "k", body.clone()).await.rejected(429, "too_many_attempts");
        }
        d.world.clock.advance(3_600_000);
        for at in 0..2 {
            assert_eq!(d.call_idk(at, "register", "k", body.clone()).await.ok(201).id(), id);
        }
    });
}

#[test]
fn a_repeat_does_not_say_that_a_replaced_password_is_set() {
    story(1512, async |d| {
        let id = d.register(0, ADA, "correct horse").await.id();
        let change = |current: &str, new: &str| json!({ "id": id, "current_password": current, "new_password": new });
        let first = change("correct horse", SET);
        d.call_idk(0, "password/change", "k", first.clone()).await.ok(200);
        let token = d.call(0, "password/reset/start", json!({ "id": id })).await.ok(200).body["token"].clone();
        let reset = json!({ "token": token, "new_password": "third password" });
        d.call_idk(0, "password/reset/finish", "r", reset.clone()).await.ok(200);
        // The first password again, so both requests could be done once more.
        d.call(0, "password/change", change("third password", "correct horse")).await.ok(200);
        d.hasher.take();
        d.call_idk(0, "password/change", "k", first).await.rejected(422, "idempotency_key_reused");
        d.call_idk(0, "password/reset/finish", "r", reset).await.rejected(422, "idempotency_key_reused");
        assert_eq!(d.hasher.take(), (0, 0), "no password is compared");
        assert!(d.accepts(0, ADA, "correct horse").await);
    });
}

#[test]
fn a_matched_registration_is_repeated_without_a_comparison() {
    story(1513, async |d| {
        d.register(0, ADA, SET).await.ok(201);
        let body = json!({ "email": ADA, "email_verified": true, "password": "correct horse" });
        d.food.call_idk(&d.endpoints[0], "register", d.now(), Some("k"), body.clone()).await.ok(200);
        d.hasher.take();
        d.food.call_idk(&d.endpoints[0], "register", d.now(), Some("k"), body.clone()).await.ok(200);
        d.food.call_idk(&d.endpoints[0], "register", d.now(), Some("k"), with(&body, SET)).await.ok(200);
        assert_eq!(d.hasher.take(), (0, 0));
    });
}

#[test]
fn a_killed_request_repeated_with_another_password_never_says_that_both_were_set() {
    for polls in 1..80 {
        let mut ended = false;
        story(1514, async |d| {
            let id = d.register(0, ADA, "correct horse").await.id();
            let change = |new: &str| json!({ "id": id, "current_password": "correct horse", "new_password": new });
            d.world.set_pausing(true);
            ended = killed_after(polls, d.call_idk(0, "password/change", "k", change(SET))).await.is_some();
            d.world.set_pausing(false);
            let other = d.call_idk(0, "password/change", "k", change("third password")).await;
            let is_set = d.accepts(0, ADA, "third password").await;
            assert_eq!(other.body["changed"] == true, is_set, "{polls}: {other:?}");
            if !is_set {
                other.rejected(422, "idempotency_key_reused");
                assert!(d.accepts(0, ADA, SET).await);
            }
        });
        if ended {
            return;
        }
    }
    panic!("it never ended");
}

#[test]
fn what_is_stored_of_a_request_does_not_depend_on_its_passwords() {
    let stored = |password: &'static str| {
        let mut all = Vec::new();
        story(1515, async |d| {
            for (operation, body, status) in setters(&d).await {
                d.call_idk(0, operation, operation, with(&body, password)).await.ok(status);
                let region = &d.world.regions[0];
                let key = region.secrets().request_hash(&["idk", "shop", operation]);
                let now = d.world.clock.now();
                let begun = region.store.begin(&key, Outcome::default(), now, now.plus(1)).await.unwrap();
                let Begun::Earlier(row) = begun else { panic!("no row") };
                all.push(row.request);
            }
            let id = d.call(0, "lookup", json!({ "email": ADA })).await.id().parse().unwrap();
            let profile = d.world.stored(0, id, Part::Profile).await.unwrap();
            let identity: Identity = d.world.regions[0].sealer.open(&profile).await.unwrap();
            all.extend(identity.registered_by);
        });
        all
    };
    let (one, other) = (stored("third password"), stored("fourth password"));
    assert_eq!((one.len(), &one), (4, &other));
    assert_eq!(one[2], one[3], "the part of a registered user has the same hash");
}
