//! Writes to a person with several users: `update` and `register`.

use super::*;

#[test]
fn an_update_through_any_id_writes_the_right_account() {
    story(730, async |d| {
        let (ada, countess) = two(&d).await;
        merge(&d, 0, &ada, &countess).await.ok(200);
        let set = json!({ "profile": { "family_name": "Lovelace", "address": { "locality": "Mombasa" } }, "username": "ada" });
        let reply = d.call(0, "update", json!({ "id": countess, "set": set })).await;
        let user = &reply.ok(200).body["user"];
        assert_eq!(user["id"], json!(ada));
        assert_eq!(user["profile"]["family_name"], "Lovelace");
        assert_eq!(user["profile"]["address"], json!({ "country": "KE", "locality": "Mombasa" }));
        assert_eq!((&user["username"], &user["filled_from"]["username"]), (&json!("ada"), &json!(countess)));
        // The replaced value does not find a user.
        lookup(&d, 0, json!({ "username": "countess" })).await.rejected(404, "user_not_found");
        let reply = d.call(0, "update", json!({ "id": countess, "set": { "email": "lovelace@example.com" } })).await;
        assert!(reply.ok(200).body["user"]["filled_from"].get("email").is_none(), "the primary account's own");
        lookup(&d, 0, json!({ "email": "ada@example.com" })).await.rejected(404, "user_not_found");
        assert_eq!(
            lookup(&d, 0, json!({ "email": "countess@example.com" })).await.id(),
            ada,
            "a linked account's own address still does"
        );
        unmerge(&d, 0, &countess).await.ok(200);
        let user = lookup(&d, 0, json!({ "username": "ada" })).await.body["user"].clone();
        assert_eq!((&user["id"], &user["profile"]["family_name"]), (&json!(countess), &json!("King")));
    });
}

#[test]
fn an_external_id_follows_its_company_link() {
    story(770, async |d| {
        let primary = person(&d, 0, "primary").await;
        let linked = d.call_as(&d.food, 0, "register", json!({ "username": "linked" })).await.id();
        merge(&d, 0, &primary, &linked).await.ok(200);
        // The company is linked only to the linked account.
        let reply = d.call_as(&d.food, 0, "update", json!({ "id": primary, "set": { "external_id": "f1" } })).await;
        assert_eq!(reply.ok(200).body["user"]["accounts"]["food"]["external_id"], "f1");
        assert_eq!(d.call_as(&d.food, 0, "lookup", json!({ "external_id": "f1" })).await.ok(200).id(), primary);
        let reply = d.call_as(&d.food, 0, "update", json!({ "id": primary, "set": { "external_id": "f2" } })).await;
        assert_eq!(reply.ok(200).body["user"]["accounts"]["food"]["external_id"], "f2");
        d.call_as(&d.food, 0, "lookup", json!({ "external_id": "f1" })).await.rejected(404, "user_not_found");
        unmerge(&d, 0, &linked).await.ok(200);
        assert_eq!(d.call_as(&d.food, 0, "lookup", json!({ "external_id": "f2" })).await.ok(200).id(), linked);
    });
}

#[test]
fn a_matched_external_id_shows_through_a_linked_account() {
    story(771, async |d| {
        let primary = json!({ "email": "ada@example.com", "email_verified": true });
        let primary = d.call(0, "register", primary).await.id();
        let linked = d.call_as(&d.food, 0, "register", json!({ "username": "linked" })).await.id();
        merge(&d, 0, &primary, &linked).await.ok(200);
        let again = json!({ "email": "ada@example.com", "email_verified": true, "external_id": "f1" });
        let reply = d.call_as(&d.food, 0, "register", again).await;
        assert_eq!(
            (reply.ok(200).id(), &reply.body["user"]["accounts"]["food"]["external_id"]),
            (primary, &json!("f1"))
        );
    });
}

#[test]
fn a_removed_value_disappears_from_every_account() {
    story(731, async |d| {
        let (ada, countess) = two(&d).await;
        let merged = merge(&d, 0, &ada, &countess).await;
        let set = json!({
            "email": null, "username": null,
            "profile": { "given_name": null, "family_name": null, "address": { "locality": null } },
        });
        let update = json!({ "id": ada, "set": set, "if_version": merged.version() });
        let reply = d.call_idk(0, "update", "k1", update).await;
        let user = &reply.ok(200).body["user"];
        assert_eq!(user["profile"], json!({ "address": { "country": "KE" } }));
        assert!(user.get("email").is_none() && user.get("username").is_none());
        assert_ne!(reply.version(), merged.version());
        for by in [
            json!({ "email": "ada@example.com" }),
            json!({ "email": "countess@example.com" }),
            json!({ "username": "countess" }),
        ] {
            lookup(&d, 0, by).await.rejected(404, "user_not_found");
        }
        assert_eq!(lookup(&d, 0, json!({ "phone_number": "+254712123456" })).await.id(), ada);
        // The last identifier of the person stays, whichever account has it.
        let set = json!({ "phone_number": null, "external_id": null });
        d.call_as(&d.food, 0, "update", json!({ "id": ada, "set": { "external_id": null } })).await.ok(200);
        let reply = d.call(0, "update", json!({ "id": ada, "set": set })).await;
        assert_eq!(reply.rejected(422, "invalid_body").body["field"], "set");
        unmerge(&d, 0, &countess).await.ok(200);
        let user = lookup(&d, 0, json!({ "id": countess })).await.body["user"].clone();
        assert_eq!(user["profile"], json!({ "address": {} }), "it does not come back");
        d.world.settle().await;
        d.world.check_invariants().await;
    });
}

#[test]
fn a_removal_from_many_users_resumes_after_an_interruption() {
    let mut finished = false;
    for polls in (20..2_000).step_by(160) {
        story(739, async |d| {
            let primary = d.register(0, "ada@example.com", "correct horse").await.id();
            for n in 0..31 {
                let id = person(&d, 0, &format!("user{n}")).await.parse().unwrap();
                d.world.merge(0, id, Some(primary.parse().unwrap())).await.unwrap();
            }
            let version = lookup(&d, 0, json!({ "id": primary })).await.version();
            let set = json!({ "username": null, "profile": { "nickname": null } });
            let update = json!({ "id": primary, "set": set, "if_version": version });
            d.world.set_pausing(true);
            let call = d.call_idk(0, "update", "k", update.clone());
            finished = umoja_tests::world::killed_after(polls, call).await.is_some();
            d.world.set_pausing(false);
            let reply = d.call_idk(0, "update", "k", update).await;
            let user = &reply.ok(200).body["user"];
            assert_eq!((user.get("username"), &user["profile"]), (None, &json!({})));
            assert_ne!(reply.version(), version);
            d.world.settle().await;
            for n in [0, 17, 30] {
                lookup(&d, 1, json!({ "username": format!("user{n}") })).await.rejected(404, "user_not_found");
            }
            d.world.check_invariants().await;
        });
        if finished {
            assert!(polls > 300, "it was killed until {polls}");
            return;
        }
    }
    panic!("it never finished");
}

#[test]
fn removing_a_linked_accounts_value_changes_the_primary_version() {
    story(732, async |d| {
        let (ada, countess) = two(&d).await;
        let merged = merge(&d, 0, &ada, &countess).await;
        let update =
            json!({ "id": ada, "set": { "profile": { "family_name": null } }, "if_version": merged.version() });
        let reply = d.call(0, "update", update.clone()).await;
        assert!(reply.ok(200).body["user"]["profile"].get("family_name").is_none());
        d.call(0, "update", update).await.rejected(409, "version_conflict");
        d.world.settle().await;
        let user = lookup(&d, 1, json!({ "id": ada, "min_version": reply.version() })).await;
        assert_eq!(user.ok(200).body["user"], reply.body["user"]);
    });
}

#[test]
fn an_identifier_of_the_same_person_is_not_a_conflict() {
    story(733, async |d| {
        let (ada, countess) = two(&d).await;
        person(&d, 0, "bob").await;
        merge(&d, 0, &ada, &countess).await.ok(200);
        let set = |set: Value| json!({ "id": ada, "set": set });
        let reply = d.call(0, "update", set(json!({ "username": "Countess", "email": "countess@example.com" }))).await;
        let user = &reply.ok(200).body["user"];
        assert_eq!((&user["username"], &user["email"]), (&json!("Countess"), &json!("countess@example.com")));
        assert_eq!(lookup(&d, 0, json!({ "username": "countess" })).await.id(), ada);
        let reply = d.call(0, "update", set(json!({ "username": "bob" }))).await;
        assert_eq!(reply.rejected(409, "identifier_taken").body["field"], "set.username");
        d.world.settle().await;
        d.world.check_invariants().await;
        // Both accounts have it now, so a removal deletes both ownerships at once.
        d.call(1, "update", set(json!({ "username": null }))).await.ok(200);
        lookup(&d, 1, json!({ "username": "countess" })).await.rejected(404, "user_not_found");
        d.world.settle().await;
        d.world.check_invariants().await;
    });
}

#[test]
fn an_address_is_verified_on_the_account_that_has_it() {
    story(734, async |d| {
        let primary = person(&d, 0, "primary").await;
        let linked = d.call(0, "register", json!({ "email": "ada@example.com" })).await.id();
        let merged = merge(&d, 0, &primary, &linked).await;
        assert_eq!(merged.body["user"]["email_verified"], false);
        let reply = d.call(0, "update", json!({ "id": primary, "set": { "email_verified": true } })).await;
        assert_eq!(reply.ok(200).body["user"]["email_verified"], true);
        assert_eq!(reply.body["user"]["filled_from"]["email"], json!(linked));
        let reply = d.call(0, "update", json!({ "id": primary, "set": { "phone_number_verified": true } })).await;
        assert_eq!(reply.rejected(422, "invalid_body").body["field"], "set.phone_number_verified");
    });
}

#[test]
fn an_update_without_effect_writes_no_account() {
    story(735, async |d| {
        let (ada, countess) = two(&d).await;
        let merged = merge(&d, 0, &ada, &countess).await;
        let newest = d.world.changes(0).len();
        let set = json!({ "profile": { "given_name": "Ada", "nickname": null } });
        assert_eq!(
            d.call(0, "update", json!({ "id": countess, "set": set })).await.ok(200).version(),
            merged.version()
        );
        assert_eq!(d.world.changes(0).len(), newest);
    });
}

#[test]
fn a_registration_matching_a_linked_account_returns_the_primary() {
    story(736, async |d| {
        let (ada, countess) = two(&d).await;
        merge(&d, 0, &ada, &countess).await.ok(200);
        let library = Caller::new("library", 9);
        d.put_company(&library.company(&umoja_schema::Scope::ALL, true)).await;
        let body = json!({
            "phone_number": "+254712123456", "phone_number_verified": true, "external_id": "l1",
            "profile": { "given_name": "X", "family_name": "Y", "nickname": "Z" },
        });
        let reply = d.call_as(&library, 0, "register", body).await;
        assert_eq!((reply.ok(200).id(), &reply.body["outcome"]), (ada.clone(), &json!("matched")));
        let user = &reply.body["user"];
        assert_eq!(user["accounts"]["library"]["external_id"], "l1");
        assert_eq!((&user["profile"]["given_name"], &user["profile"]["nickname"]), (&json!("Ada"), &json!("Z")));
        assert_eq!(user["profile"]["family_name"], "King", "a value of a linked account is not blank");
        unmerge(&d, 0, &countess).await.ok(200);
        let ada = lookup(&d, 0, json!({ "id": ada })).await.body["user"].clone();
        assert!(ada["accounts"]["library"].is_object());
        assert!(ada.get("phone_number").is_none() && ada["profile"].get("family_name").is_none());
    });
}

#[test]
fn identifiers_of_two_users_match_after_a_merge() {
    story(737, async |d| {
        let (ada, countess) = two(&d).await;
        let body = json!({
            "email": "ada@example.com", "email_verified": true,
            "phone_number": "+254712123456", "phone_number_verified": true,
        });
        d.call_as(&d.food, 0, "register", body.clone()).await.rejected(409, "identifier_taken");
        merge(&d, 0, &countess, &ada).await.ok(200);
        let reply = d.call_as(&d.food, 0, "register", body).await;
        assert_eq!((reply.ok(200).id(), &reply.body["outcome"]), (countess, &json!("matched")));
    });
}

#[test]
fn a_registration_repeated_after_a_merge_finds_the_person() {
    story(738, async |d| {
        let body = json!({ "username": "second" });
        let first = person(&d, 0, "first").await;
        let second = d.call_idk(0, "register", "k1", body.clone()).await.id();
        merge(&d, 0, &first, &second).await.ok(200);
        d.world.settle().await;
        for at in 0..2 {
            let again = d.call_idk(at, "register", "k1", body.clone()).await;
            assert_eq!((again.ok(201).id(), &again.body["user"]["linked_accounts"]), (first.clone(), &json!([second])));
        }
        d.call_idk(1, "register", "k1", json!({ "username": "third" })).await.rejected(422, "idempotency_key_reused");
    });
}
