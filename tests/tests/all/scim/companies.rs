//! A client speaks for its company only.

use serde_json::json;

use super::{Server, story, user};
use crate::import::{found, importer, row};

const PASSWORD: &str = "correct horse battery staple";

#[test]
fn a_person_that_a_trusted_company_knows_is_linked_and_keeps_its_password_and_values() {
    story(8_621, async |d| {
        let body = json!({
            "email": "ada@example.com", "email_verified": true, "password": PASSWORD, "profile": { "given_name": "Ada" },
        });
        let known = d.call(0, "register", body).await.ok(201).id();
        let scim = Server::of(&d, &d.food).await;
        let mut ada = user("ada@food.example", "ada@example.com");
        ada["name"] = json!({ "givenName": "Augusta", "familyName": "Lovelace" });
        ada["password"] = "another password that is long".into();
        let linked = scim.post(ada).await.ok(201);
        assert_eq!((linked.id(), &linked.body["name"]["givenName"]), (known.clone(), &json!("Augusta")));
        let stored = d.call(0, "lookup", json!({ "id": known })).await.ok(200).body["user"].clone();
        assert_eq!(stored["profile"]["given_name"], "Ada", "a match replaces no value");
        assert_eq!(stored["profile"]["family_name"], "Lovelace");
        assert!(d.accepts(0, "ada@example.com", PASSWORD).await);
        assert!(!d.accepts(0, "ada@example.com", "another password that is long").await);
    });
}

#[test]
fn an_untrusted_company_does_not_get_the_person_of_another_one() {
    story(8_622, async |d| {
        let known = d.register(0, "ada@example.com", PASSWORD).await.ok(201).id();
        let scim = Server::of(&d, &d.blog).await;
        let made = scim.post(user("ada", "ada@example.com")).await.ok(201).id();
        assert_ne!(made, known);
        // Both own the address, as after an import, and the earlier owner is found.
        assert_eq!(d.call(0, "lookup", json!({ "email": "ada@example.com" })).await.ok(200).id(), known);
        assert_eq!(scim.filter("userName eq \"ada\"").await, [made.as_str()]);
        scim.get(&known).await.ok(404);
        for (method, body) in [("PUT", Some(user("x", "x@example.com"))), ("DELETE", None)] {
            scim.call(method, &format!("/Users/{known}"), None, body).await.ok(if method == "PUT" { 400 } else { 404 });
        }
        scim.put(&known, user("x", "x@example.com")).await.ok(404);
        scim.patch(&made, json!([{ "op": "replace", "path": "active", "value": false }])).await.ok(200);
        assert!(d.accepts(0, "ada@example.com", PASSWORD).await);
    });
}

#[test]
fn a_user_in_conflict_is_found_by_its_address_and_number() {
    story(8_629, async |d| {
        let both = json!({
            "email": "ada@example.com", "email_verified": true, "phone_number": "+254722000001", "password": PASSWORD,
        });
        let known = d.call(0, "register", both).await.ok(201).id();
        let scim = Server::of(&d, &d.blog).await;
        let with_number = |name: &str| {
            let mut user = user(name, "ada@example.com");
            user["phoneNumbers"] = json!([{ "value": "+254722000001", "type": "mobile" }]);
            user
        };
        let ada = scim.post(with_number("ada")).await.ok(201).id();
        let eve = scim.post(with_number("eve")).await.ok(201).id();
        let mut made = [ada.clone(), eve.clone()];
        made.sort();
        for filter in [
            "emails.value eq \"Ada@example.com\"",
            "emails eq \"ada@example.com\"",
            "emails[type eq \"work\" and value eq \"ada@example.com\"]",
            "phoneNumbers.value eq \"+254722000001\"",
        ] {
            let mut found = scim.filter(filter).await;
            found.sort();
            assert_eq!(found, made, "{filter}");
        }
        assert_eq!(scim.filter("emails.value eq \"ada@example.com\" and userName eq \"eve\"").await, [eve.as_str()]);
        scim.delete(&ada).await.ok(204);
        assert_eq!(scim.filter("emails.value eq \"ada@example.com\"").await, [eve.as_str()]);
        // Each company sees its own users, and a look-up finds the earlier owner.
        assert_eq!(Server::of(&d, &d.food).await.filter("emails.value eq \"ada@example.com\"").await, [""; 0]);
        assert_eq!(Server::of(&d, &d.shop).await.filter("emails.value eq \"ada@example.com\"").await, [known.as_str()]);
        assert_eq!(d.call(0, "lookup", json!({ "email": "ada@example.com" })).await.ok(200).id(), known);
    });
}

#[test]
fn a_user_in_conflict_whom_the_company_had_before_is_found_by_its_user_name() {
    story(8_630, async |d| {
        let known = d.register(0, "ada@example.com", PASSWORD).await.ok(201).id();
        importer(&d, 0, &d.blog).await.row(&row("b-1", "ada@example.com")).await.unwrap();
        let own = found(&d, 0, &d.blog, "b-1").await.to_string();
        assert_ne!(own, known);
        let scim = Server::of(&d, &d.blog).await;
        assert_eq!(scim.filter("userName eq \"ada@example.com\"").await, [own.as_str()]);
        scim.post(user("ada@example.com", "ada@example.com")).await.ok(409);
    });
}

#[test]
fn a_deletion_by_one_company_leaves_the_login_at_another() {
    story(8_623, async |d| {
        let known = d.register(0, "ada@example.com", PASSWORD).await.ok(201).id();
        let scim = Server::of(&d, &d.food).await;
        assert_eq!(scim.post(user("ada", "ada@example.com")).await.ok(201).id(), known);
        let login = json!({ "email": "ada@example.com", "password": PASSWORD });
        let accepts = async |caller| {
            d.call_as(caller, 0, "authenticate", login.clone()).await.ok(200).body["authenticated"].clone()
        };
        assert_eq!((accepts(&d.shop).await, accepts(&d.food).await), (json!(true), json!(true)));
        scim.patch(&known, json!([{ "op": "replace", "path": "active", "value": "False" }])).await.ok(200);
        assert_eq!((accepts(&d.shop).await, accepts(&d.food).await), (json!(true), json!(false)));
        scim.delete(&known).await.ok(204);
        scim.get(&known).await.ok(404);
        assert_eq!((accepts(&d.shop).await, accepts(&d.food).await), (json!(true), json!(false)));
        assert_eq!(scim.post(user("ada", "ada@example.com")).await.ok(201).id(), known);
        assert_eq!((accepts(&d.shop).await, accepts(&d.food).await), (json!(true), json!(true)));
    });
}

#[test]
fn a_linked_company_writes_no_attribute_that_the_directory_reads() {
    story(8_626, async |d| {
        let scim = Server::of(&d, &d.food).await;
        let other = scim.post(user("ceo", "ceo@example.com")).await.ok(201).id();
        let known = d.register(0, "ada@example.com", PASSWORD).await.ok(201).id();
        assert_eq!(scim.post(user("ada", "ada@example.com")).await.ok(201).id(), known);
        let forged = json!({ "custom": { "scim": { "food": { "id": other, "groups": [{ "value": "admins" }] } } } });
        for profile in [forged, json!({ "custom": { "scim": ["x"] } }), json!({ "custom": null })] {
            d.call(0, "update", json!({ "id": known, "set": { "profile": profile } })).await.ok(200);
            let shown = scim.get(&known).await.ok(200).body;
            assert_eq!((&shown["id"], &shown["userName"]), (&json!(known), &json!("ada")));
            assert!(shown.get("groups").is_none(), "{shown}");
        }
    });
}

#[test]
fn a_directory_moves_no_address_that_another_company_relies_on() {
    story(8_627, async |d| {
        let known = d.register(0, "ada@example.com", PASSWORD).await.ok(201).id();
        let scim = Server::of(&d, &d.food).await;
        assert_eq!(scim.post(user("ada", "ada@example.com")).await.ok(201).id(), known);
        let moved = scim.put(&known, user("ada", "mallory@example.com")).await.ok(200).body;
        assert_eq!(moved["emails"][0]["value"], "mallory@example.com");
        assert!(d.accepts(0, "ada@example.com", PASSWORD).await);
        d.call(0, "lookup", json!({ "email": "mallory@example.com" })).await.rejected(404, "user_not_found");
    });
}

#[test]
fn a_user_that_cannot_be_written_is_suspended_all_the_same() {
    story(8_628, async |d| {
        let scim = Server::of(&d, &d.food).await;
        d.register(0, "ada@example.com", PASSWORD).await.ok(201);
        let known = scim.post(user("ada", "ada@example.com")).await.ok(201).id();
        let full = json!({ "custom": { "notes": "x".repeat(162_000) } });
        d.call(0, "update", json!({ "id": known, "set": { "profile": full } })).await.ok(200);
        let mut leaver = user("ada", "ada@example.com");
        leaver["active"] = false.into();
        leaver["title"] = "x".repeat(3_000).into();
        assert_eq!(scim.put(&known, leaver).await.status, 400);
        let login = json!({ "email": "ada@example.com", "password": PASSWORD });
        let accepted = d.call_as(&d.food, 0, "authenticate", login).await.ok(200).body["authenticated"].clone();
        assert_eq!(accepted, json!(false));
    });
}

#[test]
fn users_that_the_company_had_before_are_found_and_changed() {
    story(8_624, async |d| {
        let body = json!({ "email": "ada@example.com", "external_id": "kc-1", "profile": { "given_name": "Ada" } });
        let known = d.call(0, "register", body).await.ok(201).id();
        let bare = d.call(0, "register", json!({ "username": "bob" })).await.ok(201).id();
        let scim = Server::of(&d, &d.shop).await;
        assert_eq!(scim.filter("userName eq \"Ada@example.com\"").await, [known.as_str()]);
        assert_eq!(scim.filter("userName eq \"bob\"").await, [bare.as_str()]);
        scim.post(user("ada@example.com", "ada@example.com")).await.ok(409);
        let shown = scim.get(&known).await.ok(200).body;
        assert_eq!((&shown["userName"], &shown["externalId"]), (&json!("ada@example.com"), &json!("kc-1")));
        let patched =
            scim.patch(&known, json!([{ "op": "add", "value": { "title": "x", "active": false } }])).await.ok(200);
        assert_eq!((&patched.body["title"], &patched.body["active"]), (&json!("x"), &json!(false)));
        // The company keeps its own id until the client gives the user another name.
        assert_eq!(d.call(0, "lookup", json!({ "external_id": "kc-1" })).await.ok(200).id(), known);
        scim.delete(&known).await.ok(204);
        scim.get(&known).await.ok(404);
        assert_eq!(scim.post(user("ada@example.com", "ada@example.com")).await.ok(201).id(), known);
        assert_eq!(d.call(0, "lookup", json!({ "external_id": "ada@example.com" })).await.ok(200).id(), known);
        let renamed =
            scim.patch(&known, json!([{ "op": "replace", "path": "userName", "value": "Augusta" }])).await.ok(200);
        assert_eq!(renamed.body["userName"], "Augusta");
        assert_eq!(scim.filter("userName eq \"augusta\"").await, [known.as_str()]);
        scim.delete(&bare).await.ok(204);
        scim.get(&bare).await.ok(404);
    });
}

#[test]
fn a_globally_disabled_user_is_not_active_for_the_client_either() {
    story(8_625, async |d| {
        let scim = Server::of(&d, &d.shop).await;
        let id = scim.post(user("ada", "ada@example.com")).await.ok(201).id();
        d.call(0, "status", json!({ "id": id, "status": "disabled" })).await.ok(200);
        assert_eq!(scim.get(&id).await.ok(200).body["active"], false);
        let admitted = scim.patch(&id, json!([{ "op": "replace", "path": "active", "value": true }])).await.ok(200);
        assert_eq!(admitted.body["active"], false, "a company cannot enable what is disabled for all");
    });
}

#[test]
fn another_company_that_rewrites_the_profile_gives_the_user_no_other_name() {
    story(8_626, async |d| {
        let scim = Server::of(&d, &d.shop).await;
        let id = scim.post(user("ada", "ada@example.com")).await.ok(201).id();
        let food = Server::of(&d, &d.food).await;
        assert_eq!(food.post(user("f-ada", "ada@example.com")).await.ok(201).id(), id);
        let forge = async |forged| {
            let set = json!({ "profile": { "custom": { "scim": { "shop": forged } } } });
            d.call_as(&d.food, 0, "update", json!({ "id": id, "set": set })).await.ok(200);
        };
        forge(json!({ "userName": "eve" })).await;
        assert_eq!(scim.filter("userName eq \"ada\"").await, [id.as_str()]);
        assert_eq!(scim.filter("userName eq \"eve\"").await, [""; 0]);
        for forged in [json!({ "userName": 7, "emails": "x", "name": [null] }), json!("x")] {
            forge(forged).await;
            scim.get(&id).await.ok(200);
            scim.post(user("ada", "other@example.com")).await.ok(409);
        }
        let put = scim.put(&id, user("ada", "ada@example.com")).await.ok(200);
        assert_eq!(
            (&put.body["userName"], &put.body["emails"][0]["value"]),
            (&json!("ada"), &json!("ada@example.com"))
        );
    });
}
