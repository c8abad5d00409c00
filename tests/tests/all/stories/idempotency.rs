use serde_json::{Value, json};
use umoja_schema::Part;
use umoja_store::apply::apply_replicated;
use umoja_store::ports::{Begun, Clock as _, Outcome, Requests as _};
use umoja_tests::world::killed_after;

use super::story;

#[test]
fn a_repeated_registration_returns_the_same_user() {
    story(90, async |d| {
        let body = json!({ "email": "ada@example.com", "password": "correct horse" });
        let first = d.call_idk(0, "register", "k1", body.clone()).await;
        let again = d.call_idk(0, "register", "k1", body).await;
        assert_eq!((first.ok(201).body.clone(), first.status), (again.body.clone(), again.status));
        let other = json!({ "email": "bob@example.com", "password": "correct horse" });
        d.call_idk(0, "register", "k1", other).await.rejected(422, "idempotency_key_reused");
    });
}

#[test]
fn a_registration_retried_elsewhere_creates_the_same_user() {
    story(91, async |d| {
        let body = json!({ "email": "ada@example.com", "password": "correct horse" });
        let first = d.call_idk(0, "register", "k1", body.clone()).await;
        d.world.clock.advance(1000);
        let again = d.call_idk(1, "register", "k1", body).await;
        assert_eq!(first.id(), again.ok(201).id());
        d.world.settle().await;
        d.world.check_invariants().await;
        assert!(d.accepts(0, "ada@example.com", "correct horse").await);
    });
}

#[test]
fn idempotency_keys_are_separate_for_each_company() {
    story(92, async |d| {
        let shop = d.call_idk(0, "register", "k1", json!({ "username": "a" })).await;
        let food = d.food.call_idk(&d.endpoints[0], "register", d.now(), Some("k1"), json!({ "username": "b" })).await;
        assert_ne!(shop.id(), food.ok(201).id());
    });
}

#[test]
fn one_idempotency_key_changes_a_password_once() {
    story(93, async |d| {
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        let change = json!({ "id": id, "current_password": "correct horse", "new_password": "battery staple" });
        let first = d.call_idk(0, "password/change", "k1", change.clone()).await;
        let again = d.call_idk(0, "password/change", "k1", change).await;
        assert_eq!(first.ok(200).body, again.ok(200).body);
        assert_eq!(again.body["changed"], true);
    });
}

#[test]
fn a_repeated_erasure_returns_its_receipt() {
    story(94, async |d| {
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        let first = d.call_idk(0, "erase", "k1", json!({ "id": id })).await;
        let again = d.call_idk(0, "erase", "k1", json!({ "id": id })).await;
        assert_eq!(first.ok(202).body, again.ok(202).body);
    });
}

#[test]
fn the_order_of_members_does_not_change_the_body() {
    story(95, async |d| {
        let one = r#"{"email":"ada@example.com","username":"ada","profile":{"given_name":"A","family_name":"L"}}"#;
        let two = r#"{"profile":{"family_name":"L","given_name":"A"},"username":"ada","email":"ada@example.com"}"#;
        let first = d.call_idk(0, "register", "k", serde_json::from_str(one).unwrap()).await;
        let again = d.call_idk(0, "register", "k", serde_json::from_str(two).unwrap()).await;
        assert_eq!(first.ok(201).id(), again.ok(201).id());
    });
}

#[test]
fn a_used_key_rejects_other_registrations_everywhere() {
    story(96, async |d| {
        d.call_idk(0, "register", "k", json!({ "email": "ada@example.com" })).await.ok(201);
        d.world.settle().await;
        let bob = json!({ "email": "bob@example.com" });
        d.call_idk(1, "register", "k", bob.clone()).await.rejected(422, "idempotency_key_reused");
        d.world.clock.advance(48 * 3600 * 1000);
        d.call_idk(0, "register", "k", bob).await.rejected(422, "idempotency_key_reused");
        d.call_idk(1, "register", "k", json!({ "email": "ada@example.com" })).await.ok(201);
    });
}

#[test]
fn a_registration_retried_after_erasure_is_reported_everywhere() {
    story(97, async |d| {
        let body = json!({ "email": "ada@example.com" });
        let id = d.call_idk(0, "register", "k", body.clone()).await.id();
        d.call(0, "erase", json!({ "id": id })).await.ok(202);
        d.world.settle().await;
        for at in 0..2 {
            d.call_idk(at, "register", "k", body.clone()).await.rejected(409, "user_erased");
        }
    });
}

#[test]
fn a_retry_before_both_parts_arrive_is_behind() {
    story(98, async |d| {
        let body = json!({ "email": "ada@example.com" });
        let id = d.call_idk(0, "register", "k", body.clone()).await.id().parse().unwrap();
        let profile = d.world.regions[0].tables.users.part(id, Part::Profile).await.unwrap().unwrap();
        apply_replicated(&*d.world.regions[1].tables.users, &profile, d.world.name(1)).await.unwrap();
        d.world.reset_calls();
        d.call_idk(1, "register", "k", body).await.rejected(503, "behind");
        assert_eq!(d.world.kms_calls(), 0);
    });
}

#[test]
fn a_killed_and_retried_password_change_succeeds() {
    for polls in 1..80 {
        let mut ended = false;
        story(99, async |d| {
            let id = d.register(0, "ada@example.com", "correct horse").await.id();
            let body = json!({ "id": id, "current_password": "correct horse", "new_password": "battery staple" });
            d.world.set_pausing(true);
            ended = killed_after(polls, d.call_idk(0, "password/change", "k", body.clone())).await.is_some();
            d.world.set_pausing(false);
            assert_eq!(d.call_idk(0, "password/change", "k", body).await.ok(200).body["changed"], true);
            assert!(d.accepts(0, "ada@example.com", "battery staple").await);
        });
        if ended {
            return;
        }
    }
    panic!("it never ended");
}

#[test]
fn a_killed_and_retried_conditional_update_succeeds() {
    for polls in 1..80 {
        let mut ended = false;
        story(99, async |d| {
            let user = d.register(0, "ada@example.com", "correct horse").await;
            let body =
                json!({ "id": user.id(), "set": { "profile": { "nickname": "A" } }, "if_version": user.version() });
            d.world.set_pausing(true);
            ended = killed_after(polls, d.call_idk(0, "update", "k", body.clone())).await.is_some();
            d.world.set_pausing(false);
            let reply = d.call_idk(0, "update", "k", body).await;
            assert_eq!(reply.ok(200).body["user"]["profile"]["nickname"], "A");
        });
        if ended {
            return;
        }
    }
    panic!("it never ended");
}

#[test]
fn remembered_requests_cannot_be_guessed_without_the_secret() {
    use base64::Engine as _;
    use sha2::{Digest as _, Sha256};
    story(99, async |d| {
        let body = json!({ "email": "ada@example.com", "password": "correct horse" });
        d.call_idk(0, "register", "k", body.clone()).await.ok(201);
        let key = d.world.regions[0].secrets().request_hash(&["idk", "shop", "k"]);
        let now = d.world.clock.now();
        let begun = d.world.regions[0].store.begin(&key, Outcome::default(), now, now.plus(1)).await.unwrap();
        let Begun::Earlier(row) = begun else { panic!("no row") };
        for guess in [format!("/v1/users/register {body}"), format!("/v1/users/register{body}"), body.to_string()] {
            let plain = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(Sha256::digest(guess));
            assert_ne!(row.request, plain);
        }
    });
}

#[test]
fn a_wrong_password_is_one_guess_however_often_it_is_repeated() {
    story(1400, async |d| {
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        d.hasher.take();
        // The right password is guessed as the new one.
        let body = |n| json!({ "id": id, "current_password": format!("guess {n}"), "new_password": "correct horse" });
        for n in [0, 0, 0, 1, 1] {
            let reply = d.call_idk(0, "password/change", &format!("k{n}"), body(n)).await;
            assert_eq!(reply.ok(200).body["changed"], false);
        }
        assert_eq!(d.hasher.take(), (0, 5), "each request compared one password");
        for n in [0, 1, 2] {
            let reply = d.call_idk(0, "password/change", &format!("k{n}"), body(n)).await;
            reply.rejected(429, "too_many_attempts");
        }
        assert_eq!(d.hasher.take(), (0, 0));
    });
}

#[test]
fn a_killed_request_never_gives_a_second_guess() {
    for polls in 1..80 {
        let mut ended = false;
        story(1401, async |d| {
            let id = d.register(0, "ada@example.com", "correct horse").await.id();
            let body = json!({ "id": id, "current_password": "a guess", "new_password": "correct horse" });
            d.hasher.take();
            d.world.set_pausing(true);
            ended = killed_after(polls, d.call_idk(0, "password/change", "k", body.clone())).await.is_some();
            d.world.set_pausing(false);
            for _ in 0..4 {
                assert_eq!(d.call_idk(0, "password/change", "k", body.clone()).await.ok(200).body["changed"], false);
            }
            let (_, compared) = d.hasher.take();
            let last = d.call_idk(0, "password/change", "k", body).await;
            assert!(compared <= 5 && (last.status == 429 || compared == 4), "{compared} {last:?}");
        });
        if ended {
            return;
        }
    }
    panic!("it never ended");
}

#[test]
fn a_rejected_conditional_update_stays_rejected() {
    story(1402, async |d| {
        let survivor = d.register(0, "ada@example.com", "correct horse").await.id();
        let duplicate = d.call(0, "register", json!({ "username": "ada" })).await.id();
        let merged = d.call(0, "merge", json!({ "survivor": survivor, "duplicate": duplicate })).await.version();
        // The user name belongs to the linked account, so the primary account keeps its version.
        d.call(0, "update", json!({ "id": survivor, "set": { "username": "lovelace" } })).await.ok(200);
        let update = |set: Value| json!({ "id": survivor, "set": set, "if_version": merged });
        for (key, set) in [("k1", json!({ "profile": { "nickname": "A" } })), ("k2", json!({ "username": "lovelace" }))]
        {
            for _ in 0..3 {
                let reply = d.call_idk(0, "update", key, update(set.clone())).await;
                reply.rejected(409, "version_conflict");
            }
        }
        let stored = d.call(0, "lookup", json!({ "id": survivor })).await;
        assert!(stored.body["user"]["profile"].get("nickname").is_none());
    });
}

#[test]
fn a_rejected_request_leaves_its_key_unused() {
    story(1403, async |d| {
        let ada = d.register(0, "ada@example.com", "correct horse").await.id();
        let bob = d.register(0, "bob@example.com", "correct horse").await.id();
        let absent = "01890000-0000-7000-8000-000000000000";
        let token = d.call(0, "password/reset/start", json!({ "id": bob })).await.ok(200).body["token"].clone();
        let change = |current: &str, new: &str| json!({ "id": ada, "current_password": current, "new_password": new });
        let finish = |new: &str| json!({ "token": token, "new_password": new });
        let merge = |preview: bool| json!({ "survivor": ada, "duplicate": bob, "preview": preview });
        // An operation, a body that does nothing, and one that does something.
        let all = [
            ("register", json!({ "username": "eve", "password": "password" }), json!({ "username": "eve" }), 201),
            (
                "update",
                json!({ "id": ada, "set": { "email": "bob@example.com" } }),
                json!({ "id": ada, "set": { "username": "ada" } }),
                200,
            ),
            ("password/change", change("a guess", "third password"), change("correct horse", "battery staple"), 200),
            ("password/reset/finish", finish("password"), finish("battery staple"), 200),
            ("status", json!({ "id": absent, "status": "disabled" }), json!({ "id": bob, "status": "active" }), 200),
            ("merge", merge(true), merge(false), 200),
            ("unmerge", json!({ "id": absent }), json!({ "id": bob }), 200),
            ("erase", json!({ "id": absent }), json!({ "id": bob }), 202),
        ];
        for (operation, nothing, something, status) in all {
            for _ in 0..2 {
                let reply = d.call_idk(0, operation, operation, nothing.clone()).await;
                assert_ne!(reply.body["code"], "idempotency_key_reused", "{operation}");
                assert!((400..500).contains(&reply.status) || reply.status == 200, "{operation}: {reply:?}");
            }
            d.call_idk(0, operation, operation, something.clone()).await.ok(status);
            // What was done keeps its key.
            d.call_idk(0, operation, operation, something).await.ok(status);
            d.call_idk(0, operation, operation, nothing).await.rejected(422, "idempotency_key_reused");
        }
    });
}
