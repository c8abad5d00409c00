//! Identifiers that both users own after an unmerge.

use super::*;

async fn name_of(d: &Deployment, by: Value) -> Value {
    lookup(d, 0, by).await.ok(200).body["user"]["username"].clone()
}

/// Registers a user with an address and a user name.
async fn ada(d: &Deployment, at: usize, email: &str, username: &str, verified: bool) -> String {
    let body = json!({ "email": email, "email_verified": verified, "username": username });
    let id = d.call(at, "register", body).await.ok(201).id();
    d.world.clock.advance(1000);
    id
}

#[test]
fn an_unmerge_leaves_a_shared_identifier_with_the_winner() {
    story(780, async |d| {
        let primary = ada(&d, 0, "primary@example.com", "primary", true).await;
        let linked = ada(&d, 0, "linked@example.com", "linked", true).await;
        merge(&d, 0, &primary, &linked).await.ok(200);
        // The primary account may take its linked account's address. The linked account's ownership is older.
        let update = json!({ "id": primary, "set": { "email": "linked@example.com", "email_verified": true } });
        d.call(0, "update", update).await.ok(200);
        d.world.settle().await;
        unmerge(&d, 1, &linked).await.ok(200);
        d.world.settle().await;
        d.world.check_invariants().await;
        for at in 0..2 {
            assert_eq!(lookup(&d, at, json!({ "email": "linked@example.com" })).await.id(), linked);
            let user = lookup(&d, at, json!({ "id": primary })).await.ok(200).body["user"].clone();
            assert_eq!(
                (user.get("email"), user.get("email_verified"), &user["username"]),
                (None, None, &json!("primary"))
            );
        }
        // The owner can change the identifier without a conflict.
        d.call(0, "update", json!({ "id": linked, "set": { "email": "new@example.com" } })).await.ok(200);
        lookup(&d, 0, json!({ "email": "linked@example.com" })).await.rejected(404, "user_not_found");
        d.call(0, "update", json!({ "id": primary, "set": { "email": "linked@example.com" } })).await.ok(200);
    });
}

#[test]
fn an_unmerge_leaves_each_user_an_identifier() {
    story(781, async |d| {
        let primary = ada(&d, 0, "primary@example.com", "primary", true).await;
        let linked = d.call(0, "register", json!({ "username": "linked" })).await.id();
        merge(&d, 0, &primary, &linked).await.ok(200);
        let set = json!({ "username": "linked", "email": null });
        d.call(0, "update", json!({ "id": primary, "set": set })).await.ok(200);
        // Both users now have only that user name.
        unmerge(&d, 0, &linked).await.rejected(409, "no_identifier_left");
        assert_eq!(name_of(&d, json!({ "id": primary })).await, "linked", "no value was changed");
        d.call(0, "update", json!({ "id": primary, "set": { "phone_number": "+254712123456" } })).await.ok(200);
        unmerge(&d, 0, &linked).await.ok(200);
        assert_eq!(lookup(&d, 0, json!({ "username": "linked" })).await.id(), linked);
        assert_eq!(lookup(&d, 0, json!({ "phone_number": "+254712123456" })).await.id(), primary);
        d.world.settle().await;
        d.world.check_invariants().await;
    });
}

#[test]
fn a_user_without_an_identifier_is_not_unmerged() {
    story(782, async |d| {
        let primary = ada(&d, 0, "primary@example.com", "primary", true).await;
        let linked = d.call(0, "register", json!({ "phone_number": "+254712123456" })).await.id();
        merge(&d, 0, &primary, &linked).await.ok(200);
        d.call(0, "update", json!({ "id": primary, "set": { "phone_number": null } })).await.ok(200);
        unmerge(&d, 0, &linked).await.rejected(409, "no_identifier_left");
        assert_eq!(lookup(&d, 0, json!({ "id": linked })).await.id(), primary);
    });
}

#[test]
fn a_user_still_linked_another_way_keeps_every_identifier() {
    story(783, async |d| {
        let one = ada(&d, 0, "one@example.com", "one", true).await;
        let two = ada(&d, 0, "two@example.com", "two", true).await;
        d.world.settle().await;
        merge(&d, 0, &one, &two).await.ok(200);
        merge(&d, 1, &two, &one).await.ok(200);
        d.world.settle().await;
        let update = json!({ "id": one, "set": { "email": "two@example.com" } });
        d.call(0, "update", update).await.ok(200);
        let user = unmerge(&d, 0, &two).await.ok(200).body["user"].clone();
        assert_eq!((&user["email"], user["linked_accounts"].as_array().unwrap().len()), (&json!("two@example.com"), 1));
        d.world.settle().await;
        d.world.check_invariants().await;
    });
}

#[test]
fn an_identifier_moved_during_an_unmerge_has_one_owner() {
    for polls in (1..120).step_by(2) {
        let mut ended = false;
        story(784, async |d| {
            let primary = ada(&d, 0, "primary@example.com", "primary", true).await;
            let linked = ada(&d, 0, "linked@example.com", "linked", true).await;
            merge(&d, 0, &primary, &linked).await.ok(200);
            d.world.set_pausing(true);
            let update = json!({ "id": primary, "set": { "email": "linked@example.com" } });
            let mut call = std::pin::pin!(d.call(0, "update", update));
            ended = umoja_tests::world::polled(polls, call.as_mut()).await.is_some();
            d.world.set_pausing(false);
            unmerge(&d, 0, &linked).await.ok(200);
            if !ended {
                let reply = call.await;
                assert!(reply.status == 200 || reply.rejected(409, "identifier_taken").status == 409);
            }
            let email = async |id: &str| lookup(&d, 0, json!({ "id": id })).await.body["user"]["email"].clone();
            assert_ne!(email(&primary).await, email(&linked).await);
            assert_eq!(email(&linked).await, "linked@example.com");
            d.world.settle().await;
            d.world.check_invariants().await;
        });
        if ended {
            assert!(polls > 6, "it was overtaken at {polls} places");
            return;
        }
    }
    panic!("it never ended");
}

#[test]
fn an_unmerge_during_a_move_leaves_one_owner() {
    for polls in (1..120).step_by(2) {
        let mut ended = false;
        story(785, async |d| {
            let primary = ada(&d, 0, "primary@example.com", "primary", true).await;
            let linked = ada(&d, 0, "linked@example.com", "linked", true).await;
            merge(&d, 0, &primary, &linked).await.ok(200);
            d.world.set_pausing(true);
            let mut call = std::pin::pin!(unmerge(&d, 0, &linked));
            ended = umoja_tests::world::polled(polls, call.as_mut()).await.is_some();
            d.world.set_pausing(false);
            let update = json!({ "id": primary, "set": { "email": "linked@example.com" } });
            let reply = d.call(0, "update", update).await;
            assert!(reply.status == 200 || reply.rejected(409, "identifier_taken").status == 409);
            if !ended {
                call.await.ok(200);
            }
            let email = async |id: &str| lookup(&d, 0, json!({ "id": id })).await.body["user"]["email"].clone();
            assert_ne!(email(&primary).await, email(&linked).await);
        });
        if ended {
            assert!(polls > 6, "it was overtaken at {polls} places");
            return;
        }
    }
    panic!("it never ended");
}

#[test]
fn a_retry_after_an_unmerge_applies_to_the_named_user() {
    story(786, async |d| {
        let primary = ada(&d, 0, "primary@example.com", "primary", true).await;
        let linked = ada(&d, 0, "linked@example.com", "linked", true).await;
        merge(&d, 0, &primary, &linked).await.ok(200);
        let update = json!({ "id": linked, "set": { "profile": { "nickname": "A" } } });
        assert_eq!(d.call_idk(0, "update", "k", update.clone()).await.ok(200).id(), primary);
        unmerge(&d, 0, &linked).await.ok(200);
        assert_eq!(d.call_idk(0, "update", "k", update).await.ok(200).id(), linked);
    });
}
