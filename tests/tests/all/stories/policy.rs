//! The password policy applies wherever a password is set, and not where one is only checked.

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

/// A password for each rule, and the reason of its rejection.
const REJECTED: [(&str, &str); 5] = [
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
    let problem = &reply.rejected(422, code).body;
    assert_eq!(problem["field"], field);
    assert!(problem["detail"].as_str().unwrap().contains("hoose") || code == "password_guessable");
    let said = problem.to_string();
    assert!(password == "password" || !said.contains(password), "{said}");
}

#[test]
fn the_policy_is_the_same_for_every_operation() {
    story(1100, async |d| {
        let profile = json!({ "given_name": "Ada", "family_name": "Lovelace" });
        let register =
            |password: &str| json!({ "email": ADA, "email_verified": true, "password": password, "profile": profile });
        let too_long = "an even longer one ".repeat(20);
        let all = REJECTED.into_iter().chain([(too_long.as_str(), "password_too_long")]);
        d.hasher.take();
        for (password, code) in all.clone() {
            let reply = d.call(0, "register", register(password)).await;
            says_what_to_do(&reply, "password", code, password);
        }
        d.call(0, "lookup", json!({ "email": ADA })).await.rejected(404, "user_not_found");
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
        // A rejected password does not use the token up.
        d.call(0, "password/reset/finish", json!({ "token": token, "new_password": "battery staple" })).await.ok(200);
    });
}

#[test]
fn the_policy_reveals_nothing_without_the_current_password() {
    story(1101, async |d| {
        let id = d.register(0, ADA, "correct horse").await.id();
        let body = json!({ "id": id, "current_password": "wrong horse", "new_password": "ada.lovelace" });
        assert_eq!(d.call(0, "password/change", body).await.ok(200).body, json!({ "changed": false }));
    });
}

#[test]
fn a_checked_or_ignored_password_has_no_policy() {
    story(1102, async |d| {
        // An imported hash of a password that the policy would reject.
        let hash = d.hasher.passwords().hash(&Password::attempt("password"), [7; 16]);
        let row = Row { hash: Some(ForeignHash::parse(&hash).unwrap()), ..row("1", ADA) };
        assert_eq!(outcome(importer(&d, 0, &d.shop).await.row(&row).await), Outcome::Created);
        assert!(d.accepts(0, ADA, "password").await);
        assert!(d.accepts(0, ADA, "password").await, "also after a login replaced the legacy hash");
        // A trusted company that registers a known user sets no password.
        let body = json!({ "email": ADA, "email_verified": true, "password": "12345678" });
        assert_eq!(d.call_as(&d.food, 0, "register", body).await.ok(200).body["outcome"], "matched");
    });
}

#[test]
fn the_policy_uses_the_values_of_every_linked_account() {
    story(1103, async |d| {
        let primary = d.register(0, "ada@example.com", "correct horse").await.id();
        d.world.clock.advance(1000);
        let body = json!({ "username": "augusta", "profile": { "family_name": "Lovelace" } });
        let linked = d.call(0, "register", body).await.ok(201).id();
        let change = |new: &str| json!({ "id": primary, "current_password": "correct horse", "new_password": new });
        d.call(0, "merge", json!({ "survivor": primary, "duplicate": linked })).await.ok(200);
        d.call(0, "password/change", change("augusta-lovelace")).await.rejected(422, "password_personal");
        d.call(0, "unmerge", json!({ "id": linked })).await.ok(200);
        d.call(0, "password/change", change("waters of mars 77")).await.ok(200);
    });
}
