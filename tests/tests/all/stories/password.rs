use serde_json::json;

use super::story;

#[test]
fn the_current_password_allows_a_change_everywhere() {
    story(50, async |d| {
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        let change = |current: &str, new: &str| json!({ "id": id, "current_password": current, "new_password": new });
        let reply = d.call(0, "password/change", change("wrong horse", "battery staple")).await;
        assert_eq!(reply.ok(200).body, json!({ "changed": false }));
        let reply = d.call(0, "password/change", change("correct horse", "battery staple")).await;
        assert_eq!(reply.ok(200).body["changed"], true);
        d.world.settle().await;
        for at in 0..2 {
            assert!(d.accepts(at, "ada@example.com", "battery staple").await);
            assert!(!d.accepts(at, "ada@example.com", "correct horse").await);
        }
    });
}

#[test]
fn the_policy_applies_to_the_new_password() {
    story(51, async |d| {
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        let reply = d
            .call(
                0,
                "password/change",
                json!({ "id": id, "current_password": "correct horse", "new_password": "short" }),
            )
            .await;
        assert_eq!(reply.rejected(422, "password_too_short").body["field"], "new_password");
    });
}

#[test]
fn a_disabled_user_cannot_change_the_password() {
    story(52, async |d| {
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        d.call(0, "status", json!({ "id": id, "status": "disabled" })).await.ok(200);
        let change = json!({ "id": id, "current_password": "correct horse", "new_password": "battery staple" });
        assert_eq!(d.call(0, "password/change", change).await.ok(200).body["changed"], false);
    });
}

/// Failure: profile edit races password change or disable
#[test]
fn concurrent_profile_edit_and_password_change_both_survive() {
    story(53, async |d| {
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        d.world.settle().await;
        d.call(0, "update", json!({ "id": id, "set": { "profile": { "nickname": "A" } } })).await.ok(200);
        d.call(
            1,
            "password/change",
            json!({ "id": id, "current_password": "correct horse", "new_password": "battery staple" }),
        )
        .await
        .ok(200);
        d.world.settle().await;
        for at in 0..2 {
            assert_eq!(d.call(at, "lookup", json!({ "id": id })).await.body["user"]["profile"]["nickname"], "A");
            assert!(d.accepts(at, "ada@example.com", "battery staple").await);
        }
        d.world.check_invariants().await;
    });
}
