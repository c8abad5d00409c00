use serde_json::json;

use super::story;

#[test]
fn a_merge_patch_sets_merges_and_removes() {
    story(40, async |d| {
        let body = json!({ "email": "ada@example.com", "username": "ada", "profile": { "given_name": "Ada", "nickname": "A", "address": { "country": "KE" } } });
        let id = d.call(0, "register", body).await.id();
        let set = json!({ "username": null, "profile": { "nickname": null, "family_name": "Lovelace", "address": { "locality": "Nairobi" } } });
        let reply = d.call(0, "update", json!({ "id": id, "set": set })).await;
        let user = &reply.ok(200).body["user"];
        assert_eq!(
            user["profile"],
            json!({ "given_name": "Ada", "family_name": "Lovelace", "address": { "country": "KE", "locality": "Nairobi" } })
        );
        assert!(user.get("username").is_none());
        d.call(0, "lookup", json!({ "username": "ada" })).await.rejected(404, "user_not_found");
        d.world.settle().await;
        assert_eq!(&d.call(1, "lookup", json!({ "id": id })).await.body["user"], user);
    });
}

#[test]
fn a_renamed_user_is_found_only_by_the_new_name() {
    story(41, async |d| {
        let id = d.register(0, "old@example.com", "correct horse").await.id();
        d.call(0, "update", json!({ "id": id, "set": { "email": "new@example.com", "email_verified": true } }))
            .await
            .ok(200);
        d.world.settle().await;
        for at in 0..2 {
            assert_eq!(d.call(at, "lookup", json!({ "email": "new@example.com" })).await.id(), id);
            d.call(at, "lookup", json!({ "email": "old@example.com" })).await.rejected(404, "user_not_found");
        }
        d.register(1, "old@example.com", "correct horse").await.ok(201);
        d.world.settle().await;
        d.world.check_invariants().await;
    });
}

#[test]
fn a_new_address_is_unverified_until_a_trusted_company_verifies_it() {
    story(42, async |d| {
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        let reply = d.call(0, "update", json!({ "id": id, "set": { "email": "new@example.com" } })).await;
        assert_eq!(reply.body["user"]["email_verified"], false);
        let reply = d.call(0, "update", json!({ "id": id, "set": { "email_verified": true } })).await;
        assert_eq!(reply.ok(200).body["user"]["email_verified"], true);
    });
}

#[test]
fn if_version_rejects_a_stale_change() {
    story(43, async |d| {
        let created = d.register(0, "ada@example.com", "correct horse").await;
        let id = created.id();
        let set = |name: &str, version: &str| json!({ "id": id, "set": { "profile": { "nickname": name } }, "if_version": version });
        let first = d.call(0, "update", set("A", &created.version())).await;
        first.ok(200);
        let rejected = d.call(0, "update", set("B", &created.version())).await;
        assert_eq!(rejected.rejected(409, "version_conflict").body["version"], json!(first.version()));
        d.call(0, "update", set("B", &first.version())).await.ok(200);
    });
}

#[test]
fn a_taken_identifier_or_removing_the_last_is_rejected() {
    story(44, async |d| {
        d.call(0, "register", json!({ "username": "ada" })).await.ok(201);
        let id = d.call(0, "register", json!({ "username": "bob" })).await.id();
        let reply = d.call(0, "update", json!({ "id": id, "set": { "username": "Ada" } })).await;
        assert_eq!(reply.rejected(409, "identifier_taken").body["field"], "set.username");
        let reply = d.call(0, "update", json!({ "id": id, "set": { "username": null } })).await;
        assert_eq!(reply.rejected(422, "invalid_body").body["field"], "set");
    });
}

#[test]
fn an_update_without_effect_writes_nothing() {
    story(45, async |d| {
        let created = d.register(0, "ada@example.com", "correct horse").await;
        let set = json!({ "email": "ada@example.com", "profile": {} });
        let reply = d.call(0, "update", json!({ "id": created.id(), "set": set })).await;
        assert_eq!(reply.ok(200).version(), created.version());
    });
}

#[test]
fn members_that_cannot_be_set_are_named() {
    story(46, async |d| {
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        for (set, field) in [
            (json!({ "password": "x" }), "set.password"),
            (json!({ "profile": { "shoe_size": 1 } }), "set.profile"),
            (json!({ "email": 7 }), "set.email"),
            (json!({ "phone_number": "12" }), "set.phone_number"),
            (json!(["ada@example.com"]), "set"),
        ] {
            let reply = d.call(0, "update", json!({ "id": id, "set": set })).await;
            assert_eq!(reply.rejected(422, "invalid_body").body["field"], field);
        }
    });
}

#[test]
fn unknown_users_are_404() {
    story(47, async |d| {
        let id = "00000000-0000-7000-8000-000000000000";
        d.call(0, "update", json!({ "id": id, "set": {} })).await.rejected(404, "user_not_found");
    });
}

#[test]
fn a_verified_owner_does_not_lose_the_address_to_a_later_verification() {
    story(48, async |d| {
        let first = d.call(0, "register", json!({ "email": "ada@example.com", "password": "first person" })).await;
        d.world.clock.advance(1000);
        let owner =
            d.call_as(&d.food, 0, "register", json!({ "email": "ada@example.com", "email_verified": true })).await;
        let verify = json!({ "id": first.id(), "set": { "email_verified": true } });
        let reply = d.call(0, "update", verify).await;
        assert_eq!(reply.rejected(409, "identifier_taken").body["field"], "set.email");
        assert_eq!(d.call(0, "lookup", json!({ "email": "ada@example.com" })).await.id(), owner.id());
    });
}

#[test]
fn an_untrusted_company_cannot_verify_or_unverify() {
    story(49, async |d| {
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        let login = json!({ "email": "ada@example.com", "password": "correct horse" });
        d.call_as(&d.blog, 0, "authenticate", login).await.ok(200);
        for set in [json!({ "email_verified": false }), json!({ "email": "ada@example.com", "email_verified": true })] {
            let reply = d.call_as(&d.blog, 0, "update", json!({ "id": id, "set": set })).await;
            assert_eq!(reply.ok(200).body["user"]["email_verified"], true);
        }
    });
}

#[test]
fn a_region_behind_if_version_offers_no_older_version() {
    story(140, async |d| {
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        d.world.settle().await;
        let newer = d.call(0, "update", json!({ "id": id, "set": { "username": "ada" } })).await;
        let update = json!({ "id": id, "set": { "username": "lovelace" }, "if_version": newer.version() });
        d.call(1, "update", update.clone()).await.rejected(503, "behind");
        d.world.settle().await;
        d.call(1, "update", update).await.ok(200);
    });
}
