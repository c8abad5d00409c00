//! Password resets: a token of one region is valid in every other one.

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

/// Starts a reset for Ada and returns its token.
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
fn a_reset_started_in_one_region_finishes_in_another() {
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
fn a_reset_token_works_once() {
    story(1001, async |d| {
        d.register(0, ADA, "correct horse").await.ok(201);
        d.world.settle().await;
        let (token, other) = (token(&d, 0).await, token(&d, 1).await);
        finish(&d, 0, &token, "battery staple").await.ok(200);
        let again = finish(&d, 0, &token, "third password").await;
        let detail = again.rejected(409, "reset_token_invalid").body["detail"].clone();
        assert!(detail.as_str().unwrap().contains("request a new message"));
        d.world.settle().await;
        for token in [token, other] {
            finish(&d, 1, &token, "third password").await.rejected(409, "reset_token_invalid");
        }
        assert!(d.accepts(1, ADA, "battery staple").await);
    });
}

#[test]
fn a_reset_token_expires_when_the_caller_chose() {
    story(1002, async |d| {
        d.register(0, ADA, "correct horse").await.ok(201);
        for lifetime in [0, 59, 86_401] {
            let rejected = start(&d, 0, json!({ "email": ADA, "lifetime_secs": lifetime })).await;
            assert_eq!(rejected.rejected(422, "invalid_body").body["field"], "lifetime_secs");
        }
        for (lifetime, body) in
            [(900, json!({ "email": ADA })), (86_400, json!({ "email": ADA, "lifetime_secs": 86_400 }))]
        {
            let token = token_of(start(&d, 0, body).await.ok(200));
            d.world.clock.advance(lifetime * 1000);
            finish(&d, 0, &token, "battery staple").await.rejected(409, "reset_token_invalid");
            assert!(d.accepts(0, ADA, "correct horse").await);
        }
        let token = token(&d, 0).await;
        d.world.clock.advance(899 * 1000);
        finish(&d, 0, &token, "battery staple").await.ok(200);
    });
}

#[test]
fn only_a_credentials_change_invalidates_a_reset_token() {
    story(1003, async |d| {
        let id = d.register(0, ADA, "correct horse").await.id();
        let first = token(&d, 0).await;
        d.call(0, "update", json!({ "id": id, "set": { "email": "countess@example.com" } })).await.ok(200);
        let second = token_of(start(&d, 0, json!({ "id": id })).await.ok(200));
        finish(&d, 0, &first, "third password").await.ok(200);
        finish(&d, 0, &second, "battery staple").await.rejected(409, "reset_token_invalid");
        let third = token_of(start(&d, 0, json!({ "id": id })).await.ok(200));
        let change = json!({ "id": id, "current_password": "third password", "new_password": "battery staple" });
        d.call(0, "password/change", change).await.ok(200);
        finish(&d, 0, &third, "correct horse").await.rejected(409, "reset_token_invalid");
        assert!(d.accepts(0, "countess@example.com", "battery staple").await);
    });
}

#[test]
fn a_lagging_region_asks_to_retry_a_reset_later() {
    story(1004, async |d| {
        d.register(0, ADA, "correct horse").await.ok(201);
        let unheard = token(&d, 0).await;
        let reply = finish(&d, 1, &unheard, "battery staple").await;
        assert!(reply.rejected(503, "behind").retry_after.is_some());
        d.world.settle().await;
        finish(&d, 0, &unheard, "battery staple").await.ok(200);
        let older_there = token(&d, 0).await;
        let reply = finish(&d, 1, &older_there, "third password").await;
        assert!(reply.rejected(503, "behind").retry_after.is_some());
        d.world.settle().await;
        finish(&d, 1, &older_there, "third password").await.ok(200);
        d.world.settle().await;
        assert!(d.accepts(0, ADA, "third password").await);
    });
}

#[test]
fn an_unknown_user_gets_no_token() {
    story(1005, async |d| {
        start(&d, 0, json!({ "email": "absent@example.com" })).await.rejected(404, "user_not_found");
        let version = d.register(0, ADA, "correct horse").await.version();
        start(&d, 1, json!({ "email": ADA })).await.rejected(404, "user_not_found");
        start(&d, 1, json!({ "email": ADA, "min_version": version })).await.rejected(503, "behind");
        start(&d, 0, json!({ "email": ADA, "username": "ada" })).await.rejected(422, "invalid_body");
    });
}

#[test]
fn a_forged_token_is_rejected() {
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
            finish(&d, 0, token, "battery staple").await.rejected(409, "reset_token_invalid");
        }
        // Another company cannot use a company's token.
        let body = json!({ "token": genuine, "new_password": "battery staple" });
        d.call_as(&d.food, 0, "password/reset/finish", body).await.rejected(409, "reset_token_invalid");
        assert_eq!(d.hasher.take(), (0, 0), "it costs no hash");
        assert!(d.accepts(0, ADA, "correct horse").await && d.accepts(0, "eve@example.com", "correct horse").await);
        finish(&d, 0, &genuine, "battery staple").await.ok(200);
    });
}

#[test]
fn a_disabled_or_erased_user_cannot_reset_the_password() {
    story(1007, async |d| {
        let id = d.register(0, ADA, "correct horse").await.id();
        let before = token(&d, 0).await;
        d.call(0, "status", json!({ "id": id, "status": "disabled" })).await.ok(200);
        start(&d, 0, json!({ "email": ADA })).await.rejected(409, "user_disabled");
        finish(&d, 0, &before, "battery staple").await.rejected(409, "user_disabled");
        d.call(0, "status", json!({ "id": id, "status": "active" })).await.ok(200);
        finish(&d, 0, &before, "battery staple").await.rejected(409, "reset_token_invalid");
        let token = token(&d, 0).await;
        d.call(0, "erase", json!({ "id": id })).await.ok(202);
        start(&d, 0, json!({ "id": id })).await.rejected(404, "user_not_found");
        finish(&d, 0, &token, "battery staple").await.rejected(409, "reset_token_invalid");
    });
}

#[test]
fn a_merged_persons_effective_password_is_reset_in_place() {
    story(1008, async |d| {
        let primary = d.call(0, "register", json!({ "username": "primary" })).await.id();
        d.world.clock.advance(1000);
        let linked = d.register(0, ADA, "correct horse").await.id();
        let unmerged = token_of(start(&d, 0, json!({ "username": "primary" })).await.ok(200));
        d.call(0, "merge", json!({ "survivor": primary, "duplicate": linked })).await.ok(200);
        d.world.settle().await;
        // The primary account has no password, so the linked account's counts for both, and no token is for the other.
        finish(&d, 1, &unmerged, "battery staple").await.rejected(409, "reset_token_invalid");
        let started = start(&d, 0, json!({ "username": "primary" })).await;
        assert_eq!((&started.ok(200).body["id"], &started.body["email"]), (&json!(primary), &json!(ADA)));
        finish(&d, 1, &token_of(&started), "battery staple").await.ok(200);
        d.world.settle().await;
        assert!(d.accepts(0, ADA, "battery staple").await);
        d.call(0, "unmerge", json!({ "id": linked })).await.ok(200);
        assert!(d.accepts(0, ADA, "battery staple").await, "it was set in place");
        let login = json!({ "username": "primary", "password": "battery staple" });
        assert_eq!(d.call(0, "authenticate", login).await.ok(200).body["authenticated"], false);
        // An unmerged user is reset separately, also in a region that learns of the unmerge later.
        let of_primary = token_of(start(&d, 0, json!({ "username": "primary" })).await.ok(200));
        let of_linked = token(&d, 0).await;
        d.world.settle().await;
        finish(&d, 1, &of_primary, "third password").await.ok(200);
        finish(&d, 1, &of_linked, "correct horse").await.ok(200);
        d.world.settle().await;
        assert!(d.accepts(0, ADA, "correct horse").await);
        d.world.check_invariants().await;
    });
}

#[test]
fn a_region_unaware_of_an_unmerge_does_not_reject_a_token_as_used() {
    story(1009, async |d| {
        let survivor = d.register(0, "eve@example.com", "correct horse").await.id();
        d.world.clock.advance(1000);
        let duplicate = d.register(0, ADA, "correct horse").await.id();
        d.call(0, "merge", json!({ "survivor": survivor, "duplicate": duplicate })).await.ok(200);
        d.world.settle().await;
        d.call(0, "unmerge", json!({ "id": duplicate })).await.ok(200);
        let token = token(&d, 0).await;
        finish(&d, 1, &token, "battery staple").await.rejected(503, "behind");
        d.world.settle().await;
        finish(&d, 1, &token, "battery staple").await.ok(200);
        d.world.settle().await;
        assert!(d.accepts(0, "eve@example.com", "correct horse").await);
        assert!(d.accepts(0, ADA, "battery staple").await);
    });
}

#[test]
fn a_reset_removes_legacy_hashes_and_sets_a_first_password() {
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
        assert_eq!(held["legacy_hashes_of"], json!([]));
    });
}

#[test]
fn a_killed_and_retried_reset_succeeds() {
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
            d.call(0, "password/reset/finish", body).await.rejected(409, "reset_token_invalid");
        });
        if ended {
            return;
        }
    }
    panic!("it never ended");
}

#[test]
fn rotating_the_index_key_keeps_reset_tokens_valid() {
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
        // Longer than request ids are remembered, because the callers count theirs from the start.
        world.clock.advance(120_000);
        let d = Deployment::of(world).await;
        finish(&d, 1, &token, "battery staple").await.ok(200);
    });
}

#[test]
fn a_reset_needs_the_scope() {
    story(1013, async |d| {
        d.register(0, ADA, "correct horse").await.ok(201);
        let scopes: Vec<Scope> = Scope::ALL.into_iter().filter(|scope| *scope != Scope::Reset).collect();
        d.put_company(&d.food.company(&scopes, true)).await;
        let body = json!({ "email": ADA });
        d.call_as(&d.food, 0, "password/reset/start", body).await.rejected(403, "scope_missing");
        let body = json!({ "token": "x", "new_password": "battery staple" });
        d.call_as(&d.food, 0, "password/reset/finish", body).await.rejected(403, "scope_missing");
    });
}

#[test]
fn a_used_or_expired_token_is_no_password_oracle() {
    story(1014, async |d| {
        d.register(0, ADA, "correct horse").await.ok(201);
        let expired = token_of(start(&d, 0, json!({ "email": ADA, "lifetime_secs": 60 })).await.ok(200));
        d.world.clock.advance(60_000);
        let used = token(&d, 0).await;
        let login =
            async |password: &str| d.call(0, "authenticate", json!({ "email": ADA, "password": password })).await;
        for (which, token, current) in [("expired", expired, "correct horse"), ("used", used, "battery staple")] {
            if which == "used" {
                finish(&d, 0, &token, current).await.ok(200);
            }
            for _ in 0..5 {
                assert_eq!(login("wrong horse").await.ok(200).body["authenticated"], false);
            }
            d.hasher.take();
            // The first answer to each guess, and the answers to its retries.
            for guess in ["another good horse 71", current] {
                for _ in 0..3 {
                    let body = json!({ "token": token, "new_password": guess });
                    let reply = d.call_idk(0, "password/reset/finish", &format!("{which} {guess}"), body).await;
                    reply.rejected(409, "reset_token_invalid");
                }
            }
            assert_eq!(d.hasher.take(), (0, 0), "no password was compared");
            login(current).await.rejected(429, "too_many_attempts");
        }
    });
}

#[test]
fn a_repeated_reset_is_done_although_the_user_was_disabled_since() {
    for polls in 1..80 {
        let (mut ended, mut was_done) = (false, false);
        story(1015, async |d| {
            let id = d.register(0, ADA, "correct horse").await.id();
            let body = json!({ "token": token(&d, 0).await, "new_password": "battery staple" });
            d.world.set_pausing(true);
            ended = killed_after(polls, d.call_idk(0, "password/reset/finish", "k", body.clone())).await.is_some();
            d.world.set_pausing(false);
            was_done = d.accepts(0, ADA, "battery staple").await;
            d.call(0, "status", json!({ "id": id, "status": "disabled" })).await.ok(200);
            let reply = d.call_idk(0, "password/reset/finish", "k", body).await;
            if was_done {
                reply.ok(200)
            } else {
                reply.rejected(409, "user_disabled")
            };
        });
        if ended {
            return assert!(was_done);
        }
    }
    panic!("it never ended");
}
