//! What two persons both claim once a merge is undone.

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
fn an_identifier_that_both_claim_stays_with_the_winner_in_every_region() {
    story(780, async |d| {
        let root = ada(&d, 0, "root@example.com", "root", true).await;
        let member = ada(&d, 0, "member@example.com", "member", true).await;
        merge(&d, 0, &root, &member).await.ok(200);
        // The root takes the member's address: they are one person. The member's claim is the older one.
        let update = json!({ "id": root, "set": { "email": "member@example.com", "email_verified": true } });
        d.call(0, "update", update).await.ok(200);
        d.world.settle().await;
        unmerge(&d, 1, &member).await.ok(200);
        d.world.settle().await;
        d.world.check_invariants().await;
        for at in 0..2 {
            assert_eq!(lookup(&d, at, json!({ "email": "member@example.com" })).await.id(), member);
            let user = lookup(&d, at, json!({ "id": root })).await.ok(200).body["user"].clone();
            assert_eq!(
                (user.get("email"), user.get("email_verified"), &user["username"]),
                (None, None, &json!("root"))
            );
        }
        // Nobody holds it against a change of it any more.
        d.call(0, "update", json!({ "id": member, "set": { "email": "new@example.com" } })).await.ok(200);
        lookup(&d, 0, json!({ "email": "member@example.com" })).await.refused(404, "user_not_found");
        d.call(0, "update", json!({ "id": root, "set": { "email": "member@example.com" } })).await.ok(200);
    });
}

#[test]
fn whoever_would_be_left_without_any_keeps_it_instead_of_the_winner() {
    story(781, async |d| {
        let root = ada(&d, 0, "root@example.com", "root", true).await;
        let member = d.call(0, "register", json!({ "username": "member" })).await.id();
        merge(&d, 0, &root, &member).await.ok(200);
        let set = json!({ "username": "member", "email": null });
        d.call(0, "update", json!({ "id": root, "set": set })).await.ok(200);
        // Now both have that user name only.
        unmerge(&d, 0, &member).await.refused(409, "no_identifier_left");
        assert_eq!(name_of(&d, json!({ "id": root })).await, "member", "nothing was changed");
        d.call(0, "update", json!({ "id": root, "set": { "phone_number": "+254712123456" } })).await.ok(200);
        unmerge(&d, 0, &member).await.ok(200);
        assert_eq!(lookup(&d, 0, json!({ "username": "member" })).await.id(), member);
        assert_eq!(lookup(&d, 0, json!({ "phone_number": "+254712123456" })).await.id(), root);
        d.world.settle().await;
        d.world.check_invariants().await;
    });
}

#[test]
fn who_has_no_identifier_left_is_not_unmerged() {
    story(782, async |d| {
        let root = ada(&d, 0, "root@example.com", "root", true).await;
        let member = d.call(0, "register", json!({ "phone_number": "+254712123456" })).await.id();
        merge(&d, 0, &root, &member).await.ok(200);
        d.call(0, "update", json!({ "id": root, "set": { "phone_number": null } })).await.ok(200);
        unmerge(&d, 0, &member).await.refused(409, "no_identifier_left");
        assert_eq!(lookup(&d, 0, json!({ "id": member })).await.id(), root);
    });
}

#[test]
fn who_stays_connected_by_another_way_round_keeps_everything() {
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
        assert_eq!((&user["email"], user["members"].as_array().unwrap().len()), (&json!("two@example.com"), 1));
        d.world.settle().await;
        d.world.check_invariants().await;
    });
}

#[test]
fn what_one_takes_from_the_other_while_they_are_taken_apart_is_nobodys_twice() {
    for polls in (1..120).step_by(2) {
        let mut ended = false;
        story(784, async |d| {
            let root = ada(&d, 0, "root@example.com", "root", true).await;
            let member = ada(&d, 0, "member@example.com", "member", true).await;
            merge(&d, 0, &root, &member).await.ok(200);
            d.world.set_pausing(true);
            let update = json!({ "id": root, "set": { "email": "member@example.com" } });
            let mut call = std::pin::pin!(d.call(0, "update", update));
            ended = umoja_tests::world::polled(polls, call.as_mut()).await.is_some();
            d.world.set_pausing(false);
            unmerge(&d, 0, &member).await.ok(200);
            if !ended {
                let reply = call.await;
                assert!(reply.status == 200 || reply.refused(409, "identifier_taken").status == 409);
            }
            let email = async |id: &str| lookup(&d, 0, json!({ "id": id })).await.body["user"]["email"].clone();
            assert_ne!(email(&root).await, email(&member).await);
            assert_eq!(email(&member).await, "member@example.com");
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
fn what_is_unmerged_while_the_other_takes_from_it_is_nobodys_twice() {
    for polls in (1..120).step_by(2) {
        let mut ended = false;
        story(785, async |d| {
            let root = ada(&d, 0, "root@example.com", "root", true).await;
            let member = ada(&d, 0, "member@example.com", "member", true).await;
            merge(&d, 0, &root, &member).await.ok(200);
            d.world.set_pausing(true);
            let mut call = std::pin::pin!(unmerge(&d, 0, &member));
            ended = umoja_tests::world::polled(polls, call.as_mut()).await.is_some();
            d.world.set_pausing(false);
            let update = json!({ "id": root, "set": { "email": "member@example.com" } });
            let reply = d.call(0, "update", update).await;
            assert!(reply.status == 200 || reply.refused(409, "identifier_taken").status == 409);
            if !ended {
                call.await.ok(200);
            }
            let email = async |id: &str| lookup(&d, 0, json!({ "id": id })).await.body["user"]["email"].clone();
            assert_ne!(email(&root).await, email(&member).await);
        });
        if ended {
            assert!(polls > 6, "it was overtaken at {polls} places");
            return;
        }
    }
    panic!("it never ended");
}

#[test]
fn a_retry_after_the_merge_was_undone_is_about_the_user_that_was_named() {
    story(786, async |d| {
        let root = ada(&d, 0, "root@example.com", "root", true).await;
        let member = ada(&d, 0, "member@example.com", "member", true).await;
        merge(&d, 0, &root, &member).await.ok(200);
        let update = json!({ "id": member, "set": { "profile": { "nickname": "A" } } });
        assert_eq!(d.call_idk(0, "update", "k", update.clone()).await.ok(200).id(), root);
        unmerge(&d, 0, &member).await.ok(200);
        assert_eq!(d.call_idk(0, "update", "k", update).await.ok(200).id(), member);
    });
}
