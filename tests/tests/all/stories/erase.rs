use serde_json::json;
use umoja_schema::Part;
use umoja_store::apply::apply_replicated;
use umoja_tests::world::killed_after;

use super::story;

#[test]
fn every_region_confirms_an_erasure() {
    story(70, async |d| {
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        d.world.settle().await;
        let reply = d.call(0, "erase", json!({ "id": id, "reason": "asked by Ada Lovelace" })).await;
        let receipt = &reply.ok(202).body["receipt"];
        assert_eq!(receipt["requested_by"], "shop");
        assert_eq!(receipt["complete"], false);
        assert_eq!(receipt["regions"]["af-south-1"]["confirmed"], true);
        assert_eq!(receipt["regions"]["eu-west-1"]["confirmed"], false);
        d.world.settle().await;
        for at in 0..2 {
            let reply = d.call(at, "erasure", json!({ "id": id })).await;
            let receipt = &reply.ok(200).body["receipt"];
            assert_eq!(receipt["complete"], true, "{receipt}");
            assert_eq!(receipt["reason"], "asked by Ada Lovelace");
            d.call(at, "lookup", json!({ "id": id })).await.rejected(404, "user_not_found");
            d.call(at, "lookup", json!({ "email": "ada@example.com" })).await.rejected(404, "user_not_found");
            d.call(at, "export", json!({ "id": id })).await.rejected(404, "user_not_found");
            d.call(at, "update", json!({ "id": id, "set": {} })).await.rejected(404, "user_not_found");
            d.call(at, "status", json!({ "id": id, "status": "active" })).await.rejected(404, "user_not_found");
            assert!(!d.accepts(at, "ada@example.com", "correct horse").await);
        }
        d.world.check_invariants().await;
    });
}

/// Failure: update races erase, older and newer
#[test]
fn an_erasure_beats_a_later_update_in_another_region() {
    story(71, async |d| {
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        d.world.settle().await;
        d.call(0, "erase", json!({ "id": id })).await.ok(202);
        d.world.clock.advance(60_000);
        d.call(1, "update", json!({ "id": id, "set": { "profile": { "nickname": "A" } } })).await.ok(200);
        d.world.settle().await;
        for at in 0..2 {
            d.call(at, "lookup", json!({ "id": id })).await.rejected(404, "user_not_found");
        }
        d.world.check_invariants().await;
    });
}

#[test]
fn an_erased_address_can_be_registered_again() {
    story(72, async |d| {
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        let first = d.call(0, "erase", json!({ "id": id })).await;
        d.world.clock.advance(60_000);
        let second = d.call(0, "erase", json!({ "id": id })).await;
        assert_eq!(first.ok(202).body["receipt"]["requested_at"], second.ok(202).body["receipt"]["requested_at"]);
        let again = d.register(0, "ada@example.com", "battery staple").await;
        assert_eq!(again.ok(201).body["outcome"], "created");
        assert_ne!(again.id(), id);
    });
}

#[test]
fn an_unknown_user_has_no_receipt() {
    story(73, async |d| {
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        d.call(0, "erasure", json!({ "id": id })).await.rejected(404, "user_not_found");
        let unknown = "00000000-0000-7000-8000-000000000000";
        d.call(0, "erase", json!({ "id": unknown })).await.rejected(404, "user_not_found");
    });
}

#[test]
fn a_region_without_the_receipt_answers_behind() {
    story(74, async |d| {
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        d.world.settle().await;
        d.call(0, "erase", json!({ "id": id })).await.ok(202);
        for part in Part::ALL {
            let tombstone = d.world.regions[0].tables.users.part(id.parse().unwrap(), part).await.unwrap().unwrap();
            apply_replicated(&*d.world.regions[1].tables.users, &tombstone, d.world.name(1)).await.unwrap();
        }
        for operation in ["erase", "erasure"] {
            d.call(1, operation, json!({ "id": id })).await.rejected(503, "behind");
        }
        d.world.settle().await;
        d.call(1, "erase", json!({ "id": id })).await.ok(202);
    });
}

#[test]
fn an_identifier_erases_the_person_who_has_it() {
    for by in [
        json!({ "email": " ADA@example.com" }),
        json!({ "phone_number": "0712-123-456" }),
        json!({ "username": "countess" }),
        json!({ "external_id": "1" }),
    ] {
        story(75, async |d| {
            let body = json!({ "email": "ada@example.com", "phone_number": "+254712123456", "username": "ada", "external_id": "1" });
            let ada = d.call(0, "register", body).await.id();
            let countess = d.call(0, "register", json!({ "username": "countess" })).await.id();
            d.call(0, "merge", json!({ "survivor": ada, "duplicate": countess })).await.ok(200);
            let bystander = d.register(0, "bob@example.com", "correct horse").await.id();
            d.world.settle().await;
            let reply = d.call(1, "erase", by.clone()).await;
            let receipt = &reply.ok(202).body["receipt"];
            assert_eq!((&receipt["id"], &receipt["erased_with"]), (&json!(ada), &json!([countess])));
            d.world.settle().await;
            for id in [&ada, &countess] {
                d.call(0, "lookup", json!({ "id": id })).await.rejected(404, "user_not_found");
            }
            d.call(0, "lookup", json!({ "id": bystander })).await.ok(200);
            d.call(0, "erase", by.clone()).await.rejected(404, "user_not_found");
            d.world.check_invariants().await;
        });
    }
}

#[test]
fn an_erasure_names_exactly_one_user() {
    story(76, async |d| {
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        for body in [json!({}), json!({ "id": id, "email": "ada@example.com" })] {
            d.call(0, "erase", body).await.rejected(422, "invalid_body");
        }
        let reply = d.call(0, "erase", json!({ "email": "not an address" })).await;
        assert_eq!(reply.rejected(422, "invalid_body").body["field"], "email");
        d.call_as(&d.food, 0, "erase", json!({ "external_id": "1" })).await.rejected(404, "user_not_found");
        d.call(0, "lookup", json!({ "id": id })).await.ok(200);
    });
}

/// Failure: answer lost after the write
#[test]
fn a_repeated_erasure_is_about_the_person_who_had_the_identifier() {
    story(77, async |d| {
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        d.world.settle().await;
        let body = json!({ "email": "ada@example.com", "reason": "asked" });
        let first = d.call_idk(0, "erase", "k1", body.clone()).await;
        let again = d.call_idk(0, "erase", "k1", body.clone()).await;
        assert_eq!(first.ok(202).body, again.ok(202).body);
        assert_eq!(first.body["receipt"]["id"], json!(id));
        // Another person registers with the address. Only a request with another key is about this one.
        d.world.clock.advance(60_000);
        let next = d.register(0, "ada@example.com", "battery staple").await.id();
        d.world.settle().await;
        for days in [0, 2] {
            d.world.clock.advance(days * 24 * 60 * 60 * 1000);
            for at in 0..2 {
                let reply = d.call_idk(at, "erase", "k1", body.clone()).await;
                assert_eq!(reply.ok(202).body["receipt"]["id"], json!(id));
                d.call(at, "lookup", json!({ "id": next })).await.ok(200);
            }
        }
        let other = json!({ "email": "ada@example.com", "reason": "another reason" });
        d.call_idk(0, "erase", "k1", other.clone()).await.rejected(422, "idempotency_key_reused");
        // The keys of another company are its own.
        let reply = d.food.call_idk(&d.endpoints[0], "erase", d.now(), Some("k1"), body.clone()).await;
        assert_eq!(reply.ok(202).body["receipt"]["id"], json!(next));
        d.call_idk(1, "erase", "k2", other).await.ok(202);
        d.world.settle().await;
        d.world.check_invariants().await;
    });
}

#[test]
fn an_address_that_no_user_has_leaves_the_key_unused() {
    story(78, async |d| {
        let body = json!({ "email": "ada@example.com" });
        d.call_idk(0, "erase", "k1", body.clone()).await.rejected(404, "user_not_found");
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        assert_eq!(d.call_idk(0, "erase", "k1", body).await.ok(202).body["receipt"]["id"], json!(id));
    });
}

/// Failure: any function killed at any await
#[test]
fn a_killed_erasure_by_an_identifier_is_completed_by_its_retry() {
    let mut finished = false;
    for polls in 0..200 {
        story(79, async |d| {
            let ada = d.register(0, "ada@example.com", "correct horse").await.id();
            let countess = d.call(0, "register", json!({ "username": "countess" })).await.id();
            d.call(0, "merge", json!({ "survivor": ada, "duplicate": countess })).await.ok(200);
            d.world.settle().await;
            d.world.set_pausing(true);
            let body = json!({ "username": "countess" });
            finished = killed_after(polls, d.call_idk(0, "erase", "k1", body.clone())).await.is_some();
            d.world.set_pausing(false);
            for _ in 0..2 {
                let reply = d.call_idk(0, "erase", "k1", body.clone()).await;
                let receipt = &reply.ok(202).body["receipt"];
                assert_eq!((&receipt["id"], &receipt["erased_with"]), (&json!(ada), &json!([countess])), "{polls}");
            }
            d.world.settle().await;
            d.world.check_invariants().await;
        });
        if finished {
            assert!(polls > 10, "it was killed until {polls}");
            return;
        }
    }
    panic!("it never finished");
}

#[test]
fn each_of_two_erasures_at_once_can_be_repeated() {
    story(751, async |d| {
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        d.world.set_pausing(true);
        let body = json!({ "email": "ada@example.com" });
        let erase = |idk| d.call_idk(0, "erase", idk, body.clone());
        let both = tokio::join!(erase("k1"), erase("k2"));
        d.world.set_pausing(false);
        assert_eq!((both.0.status, both.1.status), (202, 202), "both found the user before it was erased");
        d.register(0, "ada@example.com", "battery staple").await.ok(201);
        for idk in ["k1", "k2"] {
            assert_eq!(erase(idk).await.ok(202).body["receipt"]["id"], json!(id), "{idk}");
        }
        d.world.settle().await;
        d.world.check_invariants().await;
    });
}
