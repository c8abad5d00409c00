use serde_json::json;

use super::story;

#[test]
fn an_export_includes_sources_but_no_hashes() {
    story(80, async |d| {
        let body = json!({ "email": "ada@example.com", "email_verified": true, "password": "correct horse", "external_id": "1", "profile": { "given_name": "Ada" } });
        let id = d.call(0, "register", body).await.id();
        let body =
            json!({ "email": "ada@example.com", "email_verified": true, "profile": { "family_name": "Lovelace" } });
        d.call_as(&d.food, 0, "register", body).await.ok(200);
        d.call(0, "status", json!({ "id": id, "status": "disabled", "reason": "chargeback" })).await.ok(200);
        let export = d.call(0, "export", json!({ "id": id })).await;
        let body = &export.ok(200).body;
        assert_eq!(body["user"]["email"], "ada@example.com");
        assert_eq!(body["sources"]["email"]["company"], "shop");
        assert_eq!(body["sources"]["external_id.shop"]["company"], "shop");
        assert_eq!(body["sources"]["profile.given_name"]["company"], "shop");
        assert_eq!(body["sources"]["profile.family_name"]["company"], "food");
        assert_eq!(body["credentials"]["password"], true);
        assert_eq!(body["credentials"]["password_source"]["company"], "shop");
        assert_eq!(body["credentials"]["status_reason"], "chargeback");
        assert!(!body.to_string().contains("argon2"));
    });
}
