//! A password that was forgotten: a token from one region, good in every other one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use umoja_crypto::Password;
use umoja_crypto::legacy::ForeignHash;
use umoja_migrate::Row;
use umoja_migrate::import::Outcome;
use umoja_schema::{Part, Scope};
use umoja_tests::caller::Reply;
use umoja_tests::deployment::Deployment;
use umoja_tests::world::killed_after;

use super::story;
use crate::import::{importer, outcome, row};

const ADA: &str = "ada@example.com";

async fn start(d: &Deployment, at: usize, body: Value) -> Reply {
    d.call(at, "password/reset/start", body).await
}

/// The token of a reset that is started for Ada.
async fn token(d: &Deployment, at: usize) -> String {
    token_of(start(d, at, json!({ "email": ADA })).await.ok(200))
}

fn token_of(reply: &Reply) -> String {
    reply.body["token"].as_str().unwrap().to_owned()
}

async fn finish(d: &Deployment, at: usize, token: &str, password: &str) -> Reply {
    d.call(at, "password/reset/finish", json!({ "token": token, "new_password": password })).await
}

#[test]
fn a_reset_that_is_started_in_one_region_is_finished_in_another() {
    story(1000, async |d| {
        let id = d.register(0, ADA, "correct horse").await.id();
        d.world.settle().await;
        let started = start(&d, 0, json!({ "email": " ADA@Example.com" })).await;
        let body = &started.ok(200).body;
        assert_eq!((&body["id"], &body["email"], &body["email_verified"]), (&json!(id), &json!(ADA), &json!(true)));
        assert_eq!(body["expires_at"], d.now() + 15 * 60);
        let token = token_of(&started);
        assert!(token.len() <= 512 && token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)));
        let reset = finish(&d, 1, &token, "battery staple").await;
        assert_eq!(reset.ok(200).body["id"], json!(id));
        d.world.settle().await;
        for at in 0..2 {
            assert!(d.accepts(at, ADA, "battery staple").await);
            assert!(!d.accepts(at, ADA, "correct horse").await);
            let seen = d.call(at, "lookup", json!({ "id": id, "min_version": reset.body["version"] })).await;
            assert_eq!(json!(seen.version()), reset.body["version"]);
        }
        d.world.check_invariants().await;
    });
}

#[test]
fn a_token_is_good_for_one_password_here_and_in_every_region_that_has_heard_of_it() {
    story(1001, async |d| {
        d.register(0, ADA, "correct horse").await.ok(201);
        d.world.settle().await;
        let (token, other) = (token(&d, 0).await, token(&d, 1).await);
        finish(&d, 0, &token, "battery staple").await.ok(200);
        let again = finish(&d, 0, &token, "third password").await;
        let detail = again.refused(409, "reset_token_invalid").body["detail"].clone();
        assert!(detail.as_str().unwrap().contains("request a new mail"));
        d.world.settle().await;
        for token in [token, other] {
            finish(&d, 1, &token, "third password").await.refused(409, "reset_token_invalid");
        }
        assert!(d.accepts(1, ADA, "battery staple").await);
    });
}

#[test]
fn a_token_ends_when_it_says_and_a_caller_may_say_when() {
    story(1002, async |d| {
        d.register(0, ADA, "correct horse").await.ok(201);
        for lifetime in [0, 59, 86_401] {
            let refused = start(&d, 0, json!({ "email": ADA, "lifetime_secs": lifetime })).await;
            assert_eq!(refused.refused(422, "invalid_body").body["field"], "lifetime_secs");
        }
        for (lifetime, body) in
            [(900, json!({ "email": ADA })), (86_400, json!({ "email": ADA, "lifetime_secs": 86_400 }))]
        {
            let token = token_of(start(&d, 0, body).await.ok(200));
            d.world.clock.advance(lifetime * 1000);
            finish(&d, 0, &token, "battery staple").await.refused(409, "reset_token_invalid");
            assert!(d.accepts(0, ADA, "correct horse").await);
        }
        let token = token(&d, 0).await;
        d.world.clock.advance(899 * 1000);
        finish(&d, 0, &token, "battery staple").await.ok(200);
    });
}

#[test]
fn whatever_changes_the_credentials_ends_a_token_and_what_changes_the_profile_does_not() {
    story(1003, async |d| {
        let id = d.register(0, ADA, "correct horse").await.id();
        let first = token(&d, 0).await;
        d.call(0, "update", json!({ "id": id, "set": { "email": "countess@example.com" } })).await.ok(200);
        let second = token_of(start(&d, 0, json!({ "id": id })).await.ok(200));
        finish(&d, 0, &first, "third password").await.ok(200);
        finish(&d, 0, &second, "battery staple").await.refused(409, "reset_token_invalid");
        let third = token_of(start(&d, 0, json!({ "id": id })).await.ok(200));
        let change = json!({ "id": id, "current_password": "third password", "new_password": "battery staple" });
        d.call(0, "password/change", change).await.ok(200);
        finish(&d, 0, &third, "correct horse").await.refused(409, "reset_token_invalid");
        assert!(d.accepts(0, "countess@example.com", "battery staple").await);
    });
}

#[test]
fn a_region_that_has_not_heard_of_what_a_token_is_for_says_when_to_come_back() {
    story(1004, async |d| {
        d.register(0, ADA, "correct horse").await.ok(201);
        let unheard = token(&d, 0).await;
        let reply = finish(&d, 1, &unheard, "battery staple").await;
        assert!(reply.refused(503, "behind").retry_after.is_some());
        d.world.settle().await;
        finish(&d, 0, &unheard, "battery staple").await.ok(200);
        let older_there = token(&d, 0).await;
        let reply = finish(&d, 1, &older_there, "third password").await;
        assert!(reply.refused(503, "behind").retry_after.is_some());
        d.world.settle().await;
        finish(&d, 1, &older_there, "third password").await.ok(200);
        d.world.settle().await;
        assert!(d.accepts(0, ADA, "third password").await);
    });
}

#[test]
fn who_is_not_there_gets_no_token_and_a_region_that_may_be_behind_says_so() {
    story(1005, async |d| {
        start(&d, 0, json!({ "email": "nobody@example.com" })).await.refused(404, "user_not_found");
        let version = d.register(0, ADA, "correct horse").await.version();
        start(&d, 1, json!({ "email": ADA })).await.refused(404, "user_not_found");
        start(&d, 1, json!({ "email": ADA, "min_version": version })).await.refused(503, "behind");
        start(&d, 0, json!({ "email": ADA, "username": "ada" })).await.refused(422, "invalid_body");
    });
}

#[test]
fn a_forged_token_sets_nothing() {
    story(1006, async |d| {
        let eve = d.register(0, "eve@example.com", "correct horse").await.id();
        let ada = d.register(0, ADA, "correct horse").await;
        let genuine = token(&d, 0).await;
        let of_eve = token_of(start(&d, 0, json!({ "id": eve })).await.ok(200));
        let [version, expiry, tag] = genuine.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
        let [version_of_eve, ..] = of_eve.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
        let bytes = URL_SAFE_NO_PAD.decode(tag).unwrap();
        let mut forged: Vec<String> = vec![
            String::new(),
            "..".into(),
            version.into(),
            format!("{version}.{expiry}"),
            format!("{version_of_eve}.{expiry}.{tag}"),
            format!("{version}.{}.{tag}", d.now() + 86_400),
            format!("{version}.0{expiry}.{tag}"),
            format!("{version}.{version}.{expiry}.{tag}"),
            format!("{genuine}="),
            format!("{genuine}.{tag}"),
            "a".repeat(100_000),
            ada.version(),
        ];
        forged.extend((0..32).map(|length| format!("{version}.{expiry}.{}", URL_SAFE_NO_PAD.encode(&bytes[..length]))));
        forged.push(format!("{version}.{expiry}.{}", URL_SAFE_NO_PAD.encode([&bytes[..], &[0]].concat())));
        forged.extend((0..32).map(|at| {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            format!("{version}.{expiry}.{}", URL_SAFE_NO_PAD.encode(bytes))
        }));
        d.hasher.take();
        for token in &forged {
            finish(&d, 0, token, "battery staple").await.refused(409, "reset_token_invalid");
        }
        // A company's token is of no use to another company.
        let body = json!({ "token": genuine, "new_password": "battery staple" });
        d.call_as(&d.food, 0, "password/reset/finish", body).await.refused(409, "reset_token_invalid");
        assert_eq!(d.hasher.take(), (0, 0), "and costs no hash");
        assert!(d.accepts(0, ADA, "correct horse").await && d.accepts(0, "eve@example.com", "correct horse").await);
        finish(&d, 0, &genuine, "battery staple").await.ok(200);
    });
}

#[test]
fn who_is_disabled_or_erased_gets_no_password() {
    story(1007, async |d| {
        let id = d.register(0, ADA, "correct horse").await.id();
        let before = token(&d, 0).await;
        d.call(0, "status", json!({ "id": id, "status": "disabled" })).await.ok(200);
        start(&d, 0, json!({ "email": ADA })).await.refused(409, "user_disabled");
        finish(&d, 0, &before, "battery staple").await.refused(409, "user_disabled");
        d.call(0, "status", json!({ "id": id, "status": "active" })).await.ok(200);
        finish(&d, 0, &before, "battery staple").await.refused(409, "reset_token_invalid");
        let token = token(&d, 0).await;
        d.call(0, "erase", json!({ "id": id })).await.ok(202);
        start(&d, 0, json!({ "id": id })).await.refused(404, "user_not_found");
        finish(&d, 0, &token, "battery staple").await.refused(409, "reset_token_invalid");
    });
}

#[test]
fn of_merged_users_the_password_that_decides_is_reset_where_it_is() {
    story(1008, async |d| {
        let root = d.call(0, "register", json!({ "username": "root" })).await.id();
        d.world.clock.advance(1000);
        let member = d.register(0, ADA, "correct horse").await.id();
        let rootless = token_of(start(&d, 0, json!({ "username": "root" })).await.ok(200));
        d.call(0, "merge", json!({ "survivor": root, "duplicate": member })).await.ok(200);
        d.world.settle().await;
        // The root has no password: the member's counts, whoever is asked for, and no token is for another.
        finish(&d, 1, &rootless, "battery staple").await.refused(409, "reset_token_invalid");
        let started = start(&d, 0, json!({ "username": "root" })).await;
        assert_eq!((&started.ok(200).body["id"], &started.body["email"]), (&json!(root), &json!(ADA)));
        finish(&d, 1, &token_of(&started), "battery staple").await.ok(200);
        d.world.settle().await;
        assert!(d.accepts(0, ADA, "battery staple").await);
        d.call(0, "unmerge", json!({ "id": member })).await.ok(200);
        assert!(d.accepts(0, ADA, "battery staple").await, "it was set where it is");
        let login = json!({ "username": "root", "password": "battery staple" });
        assert_eq!(d.call(0, "authenticate", login).await.ok(200).body["authenticated"], false);
        // Who was taken off is reset by itself: also where that has not been heard of, once it has.
        let of_root = token_of(start(&d, 0, json!({ "username": "root" })).await.ok(200));
        let of_member = token(&d, 0).await;
        d.world.settle().await;
        finish(&d, 1, &of_root, "third password").await.ok(200);
        finish(&d, 1, &of_member, "correct horse").await.ok(200);
        d.world.settle().await;
        assert!(d.accepts(0, ADA, "correct horse").await);
        d.world.check_invariants().await;
    });
}

#[test]
fn a_region_that_has_not_heard_of_an_unmerge_does_not_take_a_token_for_used() {
    story(1009, async |d| {
        let survivor = d.register(0, "eve@example.com", "correct horse").await.id();
        d.world.clock.advance(1000);
        let duplicate = d.register(0, ADA, "correct horse").await.id();
        d.call(0, "merge", json!({ "survivor": survivor, "duplicate": duplicate })).await.ok(200);
        d.world.settle().await;
        d.call(0, "unmerge", json!({ "id": duplicate })).await.ok(200);
        let token = token(&d, 0).await;
        finish(&d, 1, &token, "battery staple").await.refused(503, "behind");
        d.world.settle().await;
        finish(&d, 1, &token, "battery staple").await.ok(200);
        d.world.settle().await;
        assert!(d.accepts(0, "eve@example.com", "correct horse").await);
        assert!(d.accepts(0, ADA, "battery staple").await);
    });
}

#[test]
fn a_reset_removes_old_hashes_and_gives_a_password_to_who_had_none() {
    story(1010, async |d| {
        d.call(0, "register", json!({ "email": "eve@example.com" })).await.ok(201);
        let token_of_eve = token_of(start(&d, 0, json!({ "email": "eve@example.com" })).await.ok(200));
        finish(&d, 0, &token_of_eve, "battery staple").await.ok(200);
        assert!(d.accepts(0, "eve@example.com", "battery staple").await);
        let old = d.hasher.passwords().hash(&Password::attempt("correct horse"), [7; 16]);
        let row = Row { hash: Some(ForeignHash::parse(&old).unwrap()), ..row("1", ADA) };
        assert_eq!(outcome(importer(&d, 0, &d.food).await.row(&row).await), Outcome::Created);
        let token = token(&d, 0).await;
        let id = finish(&d, 0, &token, "third password").await.ok(200).body["id"].clone();
        assert!(d.accepts(0, ADA, "third password").await && !d.accepts(0, ADA, "correct horse").await);
        let exported = d.call_as(&d.food, 0, "export", json!({ "id": id })).await;
        let held = &exported.ok(200).body["credentials"];
        assert_eq!((&held["password"], &held["password_source"]["company"]), (&json!(true), &json!("shop")));
        assert!(held.get("old_hashes_of").is_none());
    });
}

#[test]
fn a_reset_killed_at_any_await_and_sent_again_is_done() {
    for polls in 1..80 {
        let mut ended = false;
        story(1011, async |d| {
            d.register(0, ADA, "correct horse").await.ok(201);
            let token = token(&d, 0).await;
            let body = json!({ "token": token, "new_password": "battery staple" });
            d.world.set_pausing(true);
            ended = killed_after(polls, d.call_idk(0, "password/reset/finish", "k", body.clone())).await.is_some();
            d.world.set_pausing(false);
            let reply = d.call_idk(0, "password/reset/finish", "k", body.clone()).await;
            let version = reply.ok(200).body["version"].clone();
            let again = d.call_idk(0, "password/reset/finish", "k", body.clone()).await;
            assert_eq!(again.ok(200).body["version"], version);
            assert!(d.accepts(0, ADA, "battery staple").await);
            d.call(0, "password/reset/finish", body).await.refused(409, "reset_token_invalid");
        });
        if ended {
            return;
        }
    }
    panic!("it never ended");
}

#[test]
fn rotating_the_index_key_leaves_tokens_as_they_are() {
    story(1012, async |d| {
        let id = d.register(0, ADA, "correct horse").await.id();
        d.world.settle().await;
        let token = token(&d, 0).await;
        let Deployment { mut world, .. } = d;
        let id = id.parse().unwrap();
        let before = world.stored(0, id, Part::Profile).await.unwrap().version;
        world.rotate_index().await.unwrap();
        world.finish_index_rotation().await;
        assert!(world.stored(0, id, Part::Profile).await.unwrap().version > before, "the profile was written");
        // Longer than a request is remembered: the callers count theirs from the start.
        world.clock.advance(120_000);
        let d = Deployment::of(world).await;
        finish(&d, 1, &token, "battery staple").await.ok(200);
    });
}

#[test]
fn a_company_without_the_scope_resets_nothing() {
    story(1013, async |d| {
        d.register(0, ADA, "correct horse").await.ok(201);
        let scopes: Vec<Scope> = Scope::ALL.into_iter().filter(|scope| *scope != Scope::Reset).collect();
        d.put_company(&d.food.company(&scopes, true)).await;
        let body = json!({ "email": ADA });
        d.call_as(&d.food, 0, "password/reset/start", body).await.refused(403, "scope_missing");
        let body = json!({ "token": "x", "new_password": "battery staple" });
        d.call_as(&d.food, 0, "password/reset/finish", body).await.refused(403, "scope_missing");
    });
}
