use serde_json::json;

use super::story;

#[test]
fn a_disabled_user_logs_in_nowhere_until_activated() {
    story(60, async |d| {
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        let reply = d.call(0, "status", json!({ "id": id, "status": "disabled", "reason": "chargeback" })).await;
        assert_eq!(reply.ok(200).body["user"]["status"], "disabled");
        d.world.settle().await;
        assert!(!d.accepts(1, "ada@example.com", "correct horse").await);
        d.call(1, "lookup", json!({ "email": "ada@example.com" })).await.ok(200);
        d.call(1, "status", json!({ "id": id, "status": "active" })).await.ok(200);
        d.world.settle().await;
        assert!(d.accepts(0, "ada@example.com", "correct horse").await);
        d.world.check_invariants().await;
    });
}

#[test]
fn an_unknown_status_is_rejected() {
    story(61, async |d| {
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        let reply = d.call(0, "status", json!({ "id": id, "status": "erased" })).await;
        assert_eq!(reply.rejected(422, "invalid_body").body["field"], "status");
        let reply = d.call(0, "status", json!({ "id": id, "status": "disabled", "reason": "x".repeat(257) })).await;
        assert_eq!(reply.rejected(422, "invalid_body").body["field"], "reason");
    });
}
