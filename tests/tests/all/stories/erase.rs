use serde_json::json;
use umoja_schema::Part;
use umoja_store::apply::apply_replicated;

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
