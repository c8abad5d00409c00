use serde_json::json;

use super::story;

#[test]
fn a_new_user_is_found_by_every_identifier() {
    story(20, async |d| {
        let body = json!({ "email": "ada@example.com", "phone_number": "+254712123456", "username": "ada", "external_id": "1" });
        let id = d.call(0, "register", body).await.id();
        for by in [
            json!({ "id": id }),
            json!({ "email": " ADA@example.com" }),
            json!({ "phone_number": "0712-123-456" }),
            json!({ "username": "Ada" }),
            json!({ "external_id": "1" }),
        ] {
            assert_eq!(d.call(0, "lookup", by).await.ok(200).id(), id);
        }
    });
}

#[test]
fn exactly_one_selector_is_required() {
    story(21, async |d| {
        d.call(0, "lookup", json!({})).await.rejected(422, "invalid_body");
        d.call(0, "lookup", json!({ "username": "a", "external_id": "b" })).await.rejected(422, "invalid_body");
    });
}

#[test]
fn a_lagging_region_answers_behind_not_404() {
    story(22, async |d| {
        let created = d.register(0, "ada@example.com", "correct horse").await;
        let behind = json!({ "email": "ada@example.com", "min_version": created.version() });
        let reply = d.call(1, "lookup", behind.clone()).await;
        assert_eq!(reply.rejected(503, "behind").retry_after, Some(1));
        d.world.settle().await;
        d.call(1, "lookup", behind).await.ok(200);

        let updated = d.call(0, "update", json!({ "id": created.id(), "set": { "username": "ada" } })).await;
        let behind = json!({ "id": created.id(), "min_version": updated.version() });
        d.call(1, "lookup", behind.clone()).await.rejected(503, "behind");
        d.world.settle().await;
        assert_eq!(d.call(1, "lookup", behind).await.version(), updated.version());
    });
}

#[test]
fn a_malformed_version_or_identifier_is_reported_by_name() {
    story(23, async |d| {
        let reply = d.call(0, "lookup", json!({ "username": "a", "min_version": "x" })).await;
        assert_eq!(reply.rejected(422, "invalid_body").body["field"], "min_version");
        let reply = d.call(0, "lookup", json!({ "email": "not an address" })).await;
        assert_eq!(reply.rejected(422, "invalid_body").body["field"], "email");
        let reply = d.call(0, "lookup", json!({ "id": "4711" })).await;
        assert_eq!(reply.rejected(422, "invalid_body").body["field"], "id");
        let reply = d.call(0, "lookup", json!({ "emial": "a@example.com" })).await;
        assert_eq!(reply.rejected(422, "invalid_body").body["field"], "emial");
    });
}

#[test]
fn an_erased_or_renamed_user_is_a_404_not_behind() {
    story(24, async |d| {
        let renamed = d.register(0, "old@example.com", "correct horse").await;
        d.call(0, "update", json!({ "id": renamed.id(), "set": { "email": "new@example.com" } })).await.ok(200);
        let old = json!({ "email": "old@example.com", "min_version": renamed.version() });
        d.call(0, "lookup", old).await.rejected(404, "user_not_found");

        let erased = d.register(0, "ada@example.com", "correct horse").await;
        d.call(0, "erase", json!({ "id": erased.id() })).await.ok(202);
        for by in [json!({ "id": erased.id() }), json!({ "email": "ada@example.com" })] {
            let mut body = by;
            body["min_version"] = json!(erased.version());
            d.call(0, "lookup", body).await.rejected(404, "user_not_found");
        }
    });
}
