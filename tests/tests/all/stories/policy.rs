//! What a new password must not be, wherever one is set; and that nothing of it is asked where one is only checked.

use serde_json::{Value, json};
use umoja_crypto::Password;
use umoja_crypto::legacy::ForeignHash;
use umoja_migrate::Row;
use umoja_migrate::import::Outcome;
use umoja_tests::caller::Reply;
use umoja_tests::deployment::Deployment;

use super::story;
use crate::import::{importer, outcome, row};

const ADA: &str = "ada.lovelace@example.com";

/// A password for each rule, and what it is refused with.
const REFUSED: [(&str, &str); 5] = [
    ("sh0rt!", "password_too_short"),
    ("password", "password_common"),
    ("AdaLovelace", "password_personal"),
    ("shop2026", "password_personal"),
    ("abcabcabc1", "password_guessable"),
];

async fn token(d: &Deployment, id: &str) -> Value {
    d.call(0, "password/reset/start", json!({ "id": id })).await.ok(200).body["token"].clone()
}

fn says_what_to_do(reply: &Reply, field: &str, code: &str, password: &str) {
    let problem = &reply.refused(422, code).body;
    assert_eq!(problem["field"], field);
    assert!(problem["detail"].as_str().unwrap().contains("hoose") || code == "password_guessable");
    let said = problem.to_string();
    assert!(password == "password" || !said.contains(password), "{said}");
}

#[test]
fn every_way_to_set_a_password_has_the_same_policy() {
    story(1100, async |d| {
        let profile = json!({ "given_name": "Ada", "family_name": "Lovelace" });
        let register =
            |password: &str| json!({ "email": ADA, "email_verified": true, "password": password, "profile": profile });
        let too_long = "an even longer one ".repeat(20);
        let all = REFUSED.into_iter().chain([(too_long.as_str(), "password_too_long")]);
        d.hasher.take();
        for (password, code) in all.clone() {
            let reply = d.call(0, "register", register(password)).await;
            says_what_to_do(&reply, "password", code, password);
        }
        d.call(0, "lookup", json!({ "email": ADA })).await.refused(404, "user_not_found");
        let id = d.call(0, "register", register("correct horse")).await.ok(201).id();
        for (password, code) in all.clone() {
            let body = json!({ "id": id, "current_password": "correct horse", "new_password": password });
            says_what_to_do(&d.call(0, "password/change", body).await, "new_password", code, password);
        }
        let token = token(&d, &id).await;
        for (password, code) in all {
            let body = json!({ "token": token, "new_password": password });
            says_what_to_do(&d.call(0, "password/reset/finish", body).await, "new_password", code, password);
        }
        assert_eq!(d.hasher.take().0, 1, "only a password that is set is hashed");
        assert!(d.accepts(0, ADA, "correct horse").await);
        // A refused password has not used the token up.
        d.call(0, "password/reset/finish", json!({ "token": token, "new_password": "battery staple" })).await.ok(200);
    });
}

#[test]
fn who_does_not_know_the_password_learns_nothing_of_the_user_by_trying_new_ones() {
    story(1101, async |d| {
        let id = d.register(0, ADA, "correct horse").await.id();
        let body = json!({ "id": id, "current_password": "wrong horse", "new_password": "ada.lovelace" });
        assert_eq!(d.call(0, "password/change", body).await.ok(200).body, json!({ "changed": false }));
    });
}

#[test]
fn a_password_that_is_only_checked_or_ignored_has_no_policy() {
    story(1102, async |d| {
        // Somebody else's hash of a password that nobody could set here.
        let hash = d.hasher.passwords().hash(&Password::attempt("password"), [7; 16]);
        let row = Row { hash: Some(ForeignHash::parse(&hash).unwrap()), ..row("1", ADA) };
        assert_eq!(outcome(importer(&d, 0, &d.shop).await.row(&row).await), Outcome::Created);
        assert!(d.accepts(0, ADA, "password").await);
        assert!(d.accepts(0, ADA, "password").await, "also once it is ours");
        // A trusted company that registers a known user sets no password.
        let body = json!({ "email": ADA, "email_verified": true, "password": "12345678" });
        assert_eq!(d.call_as(&d.food, 0, "register", body).await.ok(200).body["outcome"], "matched");
    });
}

#[test]
fn of_merged_users_what_is_known_about_each_counts() {
    story(1103, async |d| {
        let root = d.register(0, "ada@example.com", "correct horse").await.id();
        d.world.clock.advance(1000);
        let body = json!({ "username": "augusta", "profile": { "family_name": "Lovelace" } });
        let member = d.call(0, "register", body).await.ok(201).id();
        let change = |new: &str| json!({ "id": root, "current_password": "correct horse", "new_password": new });
        d.call(0, "merge", json!({ "survivor": root, "duplicate": member })).await.ok(200);
        d.call(0, "password/change", change("augusta-lovelace")).await.refused(422, "password_personal");
        d.call(0, "unmerge", json!({ "id": member })).await.ok(200);
        d.call(0, "password/change", change("waters of mars 77")).await.ok(200);
    });
}
