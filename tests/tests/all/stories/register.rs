use serde_json::json;
use umoja_schema::{Log, RestrictionLevel};

use super::story;

#[test]
fn a_new_user_is_created_with_every_sent_value() {
    story(1, async |d| {
        let body = json!({
            "email": "Ada@Example.com", "email_verified": true, "phone_number": "0712 123 456",
            "username": "ada", "external_id": "4711", "password": "correct horse",
            "profile": { "given_name": "Ada", "custom": { "shoe_size": 38 } },
        });
        let reply = d.call(0, "register", body).await;
        reply.ok(201);
        assert_eq!(reply.body["outcome"], "created");
        let user = &reply.body["user"];
        assert_eq!(user["email"], "Ada@Example.com");
        assert_eq!(user["email_verified"], true);
        assert_eq!(user["phone_number"], "+254712123456");
        assert_eq!(user["phone_number_verified"], false);
        assert_eq!(user["status"], "active");
        assert_eq!(user["profile"], json!({ "given_name": "Ada", "custom": { "shoe_size": 38 } }));
        assert_eq!(user["accounts"]["shop"]["external_id"], "4711");
        assert_eq!(user["created_at"], d.now());
    });
}

#[test]
fn a_registered_user_logs_in_from_another_region() {
    story(2, async |d| {
        let created = d.register(0, "ada@example.com", "correct horse").await;
        d.world.settle().await;
        let reply = d.call(1, "authenticate", json!({ "email": "ada@example.com", "password": "correct horse" })).await;
        assert_eq!(reply.body["authenticated"], true);
        assert_eq!(reply.id(), created.id());
        d.world.check_invariants().await;
    });
}

#[test]
fn a_registration_without_an_identifier_is_rejected() {
    story(3, async |d| {
        let reply = d.call(0, "register", json!({ "password": "correct horse" })).await;
        reply.rejected(422, "invalid_body");
        assert_eq!(reply.body["field"], "body");
    });
}

#[test]
fn a_taken_identifier_is_rejected_by_name() {
    story(4, async |d| {
        d.call(0, "register", json!({ "username": "ada" })).await.ok(201);
        let reply = d.call_as(&d.food, 0, "register", json!({ "username": "ADA", "email": "new@example.com" })).await;
        assert_eq!(reply.rejected(409, "identifier_taken").body["field"], "username");
        // The rejected request leaves no data behind.
        d.call(0, "lookup", json!({ "email": "new@example.com" })).await.rejected(404, "user_not_found");
    });
}

#[test]
fn one_person_verified_by_two_trusted_companies_is_one_account() {
    story(5, async |d| {
        let first = d.register(0, "ada@example.com", "correct horse").await;
        let body = json!({
            "email": "ada@example.com", "email_verified": true, "password": "another password", "external_id": "f-1",
            "phone_number": "+254712123456", "profile": { "given_name": "Eve", "family_name": "Lovelace" },
        });
        let second = d.call_as(&d.food, 0, "register", body).await;
        second.ok(200);
        assert_eq!(second.body["outcome"], "matched");
        assert_eq!(second.id(), first.id());
        let user = &second.body["user"];
        assert_eq!(user["profile"]["family_name"], "Lovelace", "blank fields are filled");
        assert_eq!(user["phone_number"], "+254712123456", "blank identifiers are filled");
        assert_eq!(user["accounts"]["food"]["external_id"], "f-1");
        assert!(user["accounts"]["shop"].is_object());
        assert!(d.accepts(0, "ada@example.com", "correct horse").await);
        assert!(!d.accepts(0, "ada@example.com", "another password").await, "the second password is ignored");
    });
}

#[test]
fn matching_keeps_the_existing_values() {
    story(6, async |d| {
        let body = json!({ "email": "ada@example.com", "email_verified": true, "profile": { "given_name": "Ada" } });
        d.call(0, "register", body).await.ok(201);
        let body = json!({ "email": "ada@example.com", "email_verified": true, "profile": { "given_name": "Eve" } });
        let reply = d.call_as(&d.food, 0, "register", body).await;
        assert_eq!(reply.ok(200).body["user"]["profile"]["given_name"], "Ada");
    });
}

#[test]
fn an_untrusted_company_cannot_match_or_verify() {
    story(7, async |d| {
        d.register(0, "ada@example.com", "correct horse").await.ok(201);
        let body = json!({ "email": "ada@example.com", "email_verified": true });
        d.call_as(&d.blog, 0, "register", body).await.rejected(409, "identifier_taken");
        let body = json!({ "email": "bob@example.com", "email_verified": true });
        let reply = d.call_as(&d.blog, 0, "register", body).await;
        assert_eq!(reply.ok(201).body["user"]["email_verified"], false);
    });
}

#[test]
fn a_verified_owner_takes_over_an_unverified_address() {
    story(8, async |d| {
        let squatter = d
            .call_as(&d.blog, 0, "register", json!({ "email": "ada@example.com", "password": "waiting for her" }))
            .await;
        let owner = d.register(0, "ada@example.com", "correct horse").await;
        owner.ok(201);
        assert_ne!(owner.id(), squatter.id(), "a take-over is never a merge");
        assert_eq!(d.call(0, "lookup", json!({ "email": "ada@example.com" })).await.id(), owner.id());
        assert!(!d.accepts(0, "ada@example.com", "waiting for her").await);
        // The first registrant stays readable by id, and both journals show the conflict.
        d.call(0, "lookup", json!({ "id": squatter.id() })).await.ok(200);
        for reply in [&squatter, &owner] {
            let rows = d.world.regions[0].tables.logs.rows(Log::Journal, reply.id().parse().unwrap()).await.unwrap();
            assert_eq!(rows.len(), 1);
        }
        d.world.settle().await;
        assert_eq!(d.call(1, "lookup", json!({ "email": "ada@example.com" })).await.id(), owner.id());
        d.world.check_invariants().await;
    });
}

#[test]
fn a_planted_unverified_account_gets_no_link_or_password() {
    story(9, async |d| {
        d.call_as(&d.blog, 0, "register", json!({ "email": "ada@example.com", "password": "attackers own" }))
            .await
            .ok(201);
        // The victim registers at a trusted company, still unverified: the registration is rejected, not matched.
        let reply = d.call(0, "register", json!({ "email": "ada@example.com", "password": "correct horse" })).await;
        reply.rejected(409, "identifier_taken");
        let reply = d.register(0, "ada@example.com", "correct horse").await;
        assert_eq!(reply.ok(201).body["outcome"], "created");
        assert!(!d.accepts(0, "ada@example.com", "attackers own").await);
    });
}

#[test]
fn verified_identifiers_of_two_people_are_not_matched() {
    story(10, async |d| {
        d.register(0, "ada@example.com", "correct horse").await.ok(201);
        let body = json!({ "phone_number": "+254712123456", "phone_number_verified": true });
        d.call(0, "register", body).await.ok(201);
        let both = json!({
            "email": "ada@example.com", "email_verified": true,
            "phone_number": "+254712123456", "phone_number_verified": true,
        });
        d.call_as(&d.food, 0, "register", both).await.rejected(409, "identifier_taken");
    });
}

#[test]
fn a_rejected_password_is_named_but_not_quoted() {
    story(11, async |d| {
        let reply = d.call(0, "register", json!({ "email": "ada@example.com", "password": "short7!" })).await;
        assert_eq!(reply.rejected(422, "password_too_short").body["field"], "password");
        assert!(!reply.body.to_string().contains("short7!"));
        d.call(0, "lookup", json!({ "email": "ada@example.com" })).await.rejected(404, "user_not_found");
    });
}

#[test]
fn an_external_id_belongs_to_its_company() {
    story(12, async |d| {
        let shop = d.call(0, "register", json!({ "external_id": "1" })).await;
        let food = d.call_as(&d.food, 0, "register", json!({ "external_id": "1" })).await;
        assert_ne!(shop.id(), food.id());
        assert_eq!(d.call(0, "lookup", json!({ "external_id": "1" })).await.id(), shop.id());
        assert_eq!(d.call_as(&d.food, 0, "lookup", json!({ "external_id": "1" })).await.id(), food.id());
    });
}

/// Failure: two creates of one e-mail in two regions
#[test]
fn concurrent_registrations_of_one_address_have_one_winner() {
    story(13, async |d| {
        let a = d.call(0, "register", json!({ "email": "ada@example.com" })).await;
        d.world.clock.advance(1);
        let b = d.call_as(&d.food, 1, "register", json!({ "email": "ada@example.com" })).await;
        a.ok(201);
        b.ok(201);
        d.world.settle().await;
        for at in 0..2 {
            assert_eq!(
                d.call(at, "lookup", json!({ "email": "ada@example.com" })).await.id(),
                a.id(),
                "the earlier one"
            );
            d.call(at, "lookup", json!({ "id": b.id() })).await.ok(200);
        }
        d.world.check_invariants().await;
    });
}

#[test]
fn a_company_can_keep_out_user_names_that_imitate_others() {
    story(58, async |d| {
        let registry = &d.world.regions[0].home.registry;
        let mut company = registry.company(&d.shop.id.parse().unwrap()).await.unwrap().unwrap();
        company.username_restriction = Some(RestrictionLevel::SingleScript);
        registry.put_company(&company).await.unwrap();
        d.world.clock.advance(6_000);
        // The first letter is Cyrillic.
        let imitated = json!({ "username": "\u{430}mina" });
        assert_eq!(
            d.call(0, "register", imitated.clone()).await.rejected(422, "invalid_body").body["field"],
            "username"
        );
        let id = d.call(0, "register", json!({ "username": "amina" })).await.ok(201).id();
        let update = json!({ "id": id, "set": imitated });
        d.call(0, "update", update).await.rejected(422, "invalid_body");
        // Other companies have settings of their own, and users with such a name are found.
        d.call_as(&d.food, 0, "register", imitated.clone()).await.ok(201);
        d.call(0, "lookup", imitated).await.ok(200);
    });
}
