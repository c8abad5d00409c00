//! The users of one company.

use serde_json::{Value, json};

use super::{Server, story, user};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

#[test]
fn a_user_comes_back_as_it_was_written() {
    story(8_601, async |d| {
        let scim = Server::of(&d, &d.shop).await;
        let mut written = json!({
            "userName": "Ada@Example.com", "externalId": "00u1", "active": true, "title": "Countess",
            "name": { "givenName": "Ada", "familyName": "Lovelace", "honorificPrefix": "Lady" },
            "emails": [{ "value": "ada@example.com", "type": "work", "primary": true }, { "value": "a@home.example" }],
            "phoneNumbers": [{ "value": "555", "type": "fax" }],
            ENTERPRISE: { "department": "R&D", "manager": { "value": "7" } },
        });
        let made = scim.post(written.clone()).await.ok(201);
        let mut shown = made.body.clone();
        for own in ["schemas", "id", "meta"] {
            shown.as_object_mut().unwrap().remove(own);
        }
        written.as_object_mut().unwrap().remove("schemas");
        assert_eq!(shown, written);
        assert_eq!(scim.get(&made.id()).await.ok(200).body, made.body);
        // The company finds the same person by its signed requests.
        let found = d.call(0, "lookup", json!({ "external_id": "ada@example.com" })).await;
        found.ok(200);
        assert_eq!((found.id(), &found.body["user"]["profile"]["given_name"]), (made.id(), &json!("Ada")));
        assert_eq!(found.body["user"]["email"], "ada@example.com");
        assert_eq!(found.body["user"].get("username"), None);
    });
}

#[test]
fn a_user_is_found_by_its_names_and_addresses() {
    story(8_602, async |d| {
        let scim = Server::of(&d, &d.shop).await;
        let mut ada = user("Ada", "ada@example.com");
        ada["externalId"] = "00u1".into();
        ada["phoneNumbers"] = json!([{ "value": "+254712123456", "type": "mobile" }]);
        let ada = scim.post(ada).await.ok(201).id();
        let bob = scim.post(user("bob", "bob@example.com")).await.ok(201).id();
        for filter in [
            "userName eq \"ADA\"",
            "emails.value eq \"ADA@example.com\"",
            "emails[type eq \"work\" and value eq \"ada@example.com\"]",
            "phoneNumbers.value eq \"+254712123456\"",
            "externalId eq \"00u1\"",
            &format!("id eq \"{ada}\""),
            "userName eq \"ada\" and active eq true",
        ] {
            assert_eq!(scim.filter(filter).await, [ada.as_str()], "{filter}");
        }
        assert_eq!(scim.filter(&format!("id eq \"{ada}\" or userName eq \"bob\"")).await, [ada, bob]);
        for filter in ["userName eq \"eve\"", "externalId eq \"00U1\"", "userName eq \"a\\u0007b\"", "id eq \"1\""] {
            assert_eq!(scim.filter(filter).await, [""; 0], "{filter:?}");
        }
    });
}

#[test]
fn a_user_name_is_unique_in_its_company() {
    story(8_603, async |d| {
        let (shop, food) = (Server::of(&d, &d.shop).await, Server::of(&d, &d.food).await);
        let ada = shop.post(user("ada", "ada@example.com")).await.ok(201);
        let again = shop.post(user("ADA", "other@example.com")).await.ok(409);
        assert_eq!(again.body["scimType"], "uniqueness");
        let bob = shop.post(user("bob", "bob@example.com")).await.ok(201);
        shop.put(&bob.id(), user("Ada", "bob@example.com")).await.ok(409);
        let rename = json!([{ "op": "replace", "path": "userName", "value": "ADA" }]);
        shop.patch(&bob.id(), rename.clone()).await.ok(409);
        let spelled = shop.patch(&ada.id(), rename).await.ok(200);
        assert_eq!(spelled.body["userName"], "ADA");
        assert_eq!(food.post(user("ada", "f@example.com")).await.ok(201).body["userName"], "ada");
    });
}

#[test]
fn a_user_that_was_renamed_leaves_its_name_to_another_one() {
    story(8_604, async |d| {
        let scim = Server::of(&d, &d.shop).await;
        let first = scim.post(user("ada", "ada@example.com")).await.ok(201).id();
        scim.put(&first, user("augusta", "ada@example.com")).await.ok(200);
        assert_eq!(scim.filter("userName eq \"ada\"").await, [""; 0]);
        let second = scim.post(user("ada", "other@example.com")).await.ok(201).id();
        assert_ne!(first, second);
        assert_eq!(scim.filter("userName eq \"ada\"").await, [second]);
        assert_eq!(scim.filter("userName eq \"augusta\"").await, [first]);
    });
}

#[test]
fn a_replacement_removes_what_the_client_owns_and_leaves_out() {
    story(8_605, async |d| {
        let scim = Server::of(&d, &d.shop).await;
        let mut ada = user("ada", "ada@example.com");
        ada["name"] = json!({ "givenName": "Ada", "familyName": "L" });
        ada["phoneNumbers"] = json!([{ "value": "+254712123456" }]);
        ada["active"] = false.into();
        let id = scim.post(ada).await.ok(201).id();
        let other = json!({ "id": id, "set": { "profile": { "nickname": "A" } } });
        d.call(0, "update", other).await.ok(200);
        let replaced = scim.put(&id, json!({ "userName": "ada", "name": { "familyName": "L" } })).await.ok(200);
        assert_eq!((replaced.body.get("emails"), &replaced.body["name"]), (None, &json!({ "familyName": "L" })));
        assert_eq!(replaced.body["active"], false, "a client that leaves it out admits no suspended user");
        let stored = d.call(0, "lookup", json!({ "id": id })).await.ok(200).body["user"].clone();
        assert_eq!((stored.get("email"), stored.get("phone_number")), (None, None));
        assert_eq!(stored["profile"]["family_name"], "L");
        assert_eq!(stored["profile"].get("given_name"), None);
        assert_eq!(stored["profile"]["nickname"], "A", "a value that the client never had stays");
    });
}

#[test]
fn a_suspended_user_stays_readable() {
    story(8_606, async |d| {
        let scim = Server::of(&d, &d.shop).await;
        let id = scim.post(user("ada", "ada@example.com")).await.ok(201).id();
        for (value, active) in
            [(json!("False"), false), (json!("True"), true), (json!(false), false), (json!(true), true)]
        {
            let patched = scim.patch(&id, json!([{ "op": "Replace", "path": "active", "value": value }])).await.ok(200);
            assert_eq!(patched.body["active"], active);
            assert_eq!(scim.get(&id).await.ok(200).body["active"], active);
            assert_eq!(scim.filter("userName eq \"ada\"").await, [id.as_str()]);
            let status = if active { "active" } else { "suspended" };
            let stored = d.call(0, "lookup", json!({ "id": id })).await.ok(200).body["user"].clone();
            assert_eq!((&stored["status"], &stored["accounts"]["shop"]["status"]), (&json!("active"), &json!(status)));
        }
    });
}

#[test]
fn a_deleted_user_is_gone_and_can_come_back() {
    story(8_607, async |d| {
        let scim = Server::of(&d, &d.shop).await;
        let id = scim.post(user("ada", "ada@example.com")).await.ok(201).id();
        scim.delete(&id).await.ok(204);
        scim.get(&id).await.ok(404);
        scim.delete(&id).await.ok(404);
        scim.patch(&id, json!([{ "op": "add", "path": "title", "value": "x" }])).await.ok(404);
        assert_eq!(scim.filter("userName eq \"ada\"").await, [""; 0]);
        assert_eq!(scim.call("GET", "/Users", None, None).await.ok(200).body["totalResults"], 0);
        let mut again = user("Ada", "ada@example.com");
        again["title"] = "Countess".into();
        let back = scim.post(again).await.ok(201);
        assert_eq!((back.id(), &back.body["active"], &back.body["title"]), (id, &json!(true), &json!("Countess")));
    });
}

#[test]
fn a_user_name_of_an_erased_person_makes_another_user() {
    story(8_608, async |d| {
        let scim = Server::of(&d, &d.shop).await;
        let erased = scim.post(user("ada", "ada@example.com")).await.ok(201).id();
        d.call(0, "erase", json!({ "id": erased })).await.ok(202);
        scim.get(&erased).await.ok(404);
        let made = scim.post(user("ada", "ada@example.com")).await.ok(201).id();
        assert_ne!(erased, made);
        assert_eq!(scim.filter("userName eq \"ada\"").await, [made]);
    });
}

#[test]
fn a_condition_protects_a_change_of_another_client() {
    story(8_609, async |d| {
        let scim = Server::of(&d, &d.shop).await;
        let made = scim.post(user("ada", "ada@example.com")).await.ok(201);
        let path = format!("/Users/{}", made.id());
        d.call(0, "update", json!({ "id": made.id(), "set": { "profile": { "nickname": "A" } } })).await.ok(200);
        let body = json!({ "Operations": [{ "op": "add", "path": "title", "value": "x" }] });
        scim.call("PATCH", &path, Some(&made.etag), Some(body.clone())).await.ok(412);
        let current = scim.get(&made.id()).await.etag;
        let patched = scim.call("PATCH", &path, Some(&current), Some(body)).await.ok(200);
        assert_ne!(patched.etag, current);
        scim.call("DELETE", &path, Some(&current), None).await.ok(412);
        scim.call("DELETE", &path, Some(&patched.etag), None).await.ok(204);
    });
}

#[test]
fn users_are_listed_in_pages() {
    story(8_610, async |d| {
        let (scim, other) = (Server::of(&d, &d.shop).await, Server::of(&d, &d.food).await);
        let mut made = Vec::new();
        for n in 0..5 {
            made.push(scim.post(user(&format!("u{n}"), &format!("u{n}@example.com"))).await.ok(201).id());
            other.post(user(&format!("u{n}"), &format!("f{n}@example.com"))).await.ok(201);
        }
        scim.patch(&made[1], json!([{ "op": "replace", "value": { "active": false } }])).await.ok(200);
        scim.delete(&made.remove(0)).await.ok(204);
        made.sort();
        let page = async |query: String| scim.call("GET", &format!("/Users?{query}"), None, None).await.ok(200).body;
        let ids = |page: &Value| -> Vec<String> {
            page["Resources"].as_array().unwrap().iter().map(|user| user["id"].as_str().unwrap().to_owned()).collect()
        };
        let mut listed = Vec::new();
        for start in [1, 3] {
            let page = page(format!("startIndex={start}&count=2")).await;
            assert_eq!((&page["totalResults"], &page["itemsPerPage"]), (&json!(4), &json!(2)));
            listed.extend(ids(&page));
        }
        listed.sort();
        assert_eq!(listed, made);
        let forged = scim.call("GET", "/Users?cursor=eA", None, None).await.ok(400).body;
        assert_eq!(forged["scimType"], "invalidCursor");
        let (mut listed, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = page(format!("cursor={cursor}&count=3")).await;
            listed.extend(ids(&page));
            match page["nextCursor"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => break,
            }
        }
        listed.sort();
        assert_eq!(listed, made);
    });
}

#[test]
fn a_password_is_ignored_and_not_shown() {
    story(8_611, async |d| {
        let scim = Server::of(&d, &d.shop).await;
        let mut ada = user("ada", "ada@example.com");
        ada["password"] = "correct horse battery staple".into();
        let made = scim.post(ada).await.ok(201);
        assert!(!made.body.to_string().contains("battery"));
        assert!(!d.accepts(0, "ada@example.com", "correct horse battery staple").await);
        let stored = d.call(0, "export", json!({ "id": made.id() })).await.ok(200).body.clone();
        assert!(!stored.to_string().contains("battery"));
    });
}

#[test]
fn unusable_values_are_kept_and_are_no_identifiers() {
    story(8_612, async |d| {
        let scim = Server::of(&d, &d.shop).await;
        let mut odd = user("ada", "not an address");
        odd["phoneNumbers"] = json!([{ "value": "12" }]);
        let made = scim.post(odd).await.ok(201);
        assert_eq!(
            (&made.body["emails"][0]["value"], &made.body["phoneNumbers"][0]["value"]),
            (&json!("not an address"), &json!("12"))
        );
        let stored = d.call(0, "lookup", json!({ "id": made.id() })).await.ok(200).body["user"].clone();
        assert_eq!((stored.get("email"), stored.get("phone_number")), (None, None));
        assert_eq!(stored["profile"]["custom"].as_object().unwrap().keys().collect::<Vec<_>>(), ["scim"]);
        let large = json!([{ "op": "add", "path": "title", "value": "x".repeat(200_000) }]);
        assert_eq!(scim.patch(&made.id(), large).await.ok(400).body["scimType"], "invalidValue");
    });
}
