use serde_json::json;
use umoja_schema::Scope;
use umoja_tests::caller::Caller;

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

#[test]
fn an_identifier_names_the_person_of_an_export() {
    story(81, async |d| {
        let body = json!({ "email": "ada@example.com", "phone_number": "+254712123456", "username": "ada", "external_id": "1" });
        let ada = d.call(0, "register", body).await.id();
        let countess = d.call(0, "register", json!({ "username": "countess" })).await.id();
        d.call(0, "merge", json!({ "survivor": ada, "duplicate": countess })).await.ok(200);
        for by in [
            json!({ "email": " ADA@example.com" }),
            json!({ "phone_number": "0712-123-456" }),
            json!({ "username": "countess" }),
            json!({ "external_id": "1" }),
        ] {
            let exported = d.call(0, "export", by).await;
            assert_eq!(exported.ok(200).body["user"]["id"], json!(ada));
            assert_eq!(exported.body["linked_accounts"][0]["user"]["id"], json!(countess));
        }
        // An external id is the company's own.
        d.call_as(&d.food, 0, "export", json!({ "external_id": "1" })).await.rejected(404, "user_not_found");
        d.call(0, "export", json!({})).await.rejected(422, "invalid_body");
        d.call(0, "export", json!({ "id": ada, "username": "ada" })).await.rejected(422, "invalid_body");
        // Another person has the identifier when the next page is asked for.
        d.call(0, "update", json!({ "id": countess, "set": { "username": null } })).await.ok(200);
        d.call(0, "register", json!({ "username": "countess" })).await.ok(201);
        let next = json!({ "username": "countess", "after": ada });
        assert_eq!(d.call(0, "export", next).await.rejected(422, "invalid_body").body["field"], "after");
    });
}

#[test]
fn a_company_that_may_not_look_up_names_users_by_id_only() {
    story(82, async |d| {
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        let desk = Caller::new("desk", 9);
        d.put_company(&desk.company(&[Scope::Export, Scope::Erase], false)).await;
        for operation in ["export", "erase"] {
            for email in ["ada@example.com", "unknown@example.com"] {
                let reply = d.call_as(&desk, 0, operation, json!({ "email": email })).await;
                reply.rejected(403, "scope_missing");
            }
        }
        d.call_as(&desk, 0, "export", json!({ "id": id })).await.ok(200);
        d.call_as(&desk, 0, "erase", json!({ "id": id })).await.ok(202);
    });
}
