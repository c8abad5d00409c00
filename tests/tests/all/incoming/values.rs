//! The values that a state sets.

use serde_json::json;
use umoja_accounts::incoming::{Applied, Change};
use umoja_migrate::Row;
use umoja_migrate::import::{Done, Outcome};
use umoja_schema::audit::field;
use umoja_schema::{Part, Profile};

use super::{ADA, ada, apply, feeder, finish, named, seen, shop, state, story, trail};
use crate::import::{importer, part, row};

#[test]
fn a_user_gets_the_id_that_an_import_gives() {
    story(920, async |d| {
        let shop = shop(&d).await;
        let Applied::Created(id) = shop.apply(&state(10, ada())).await.unwrap() else { panic!("a new user") };
        let Done { outcome, .. } = shop.importer.row(&ada()).await.unwrap();
        assert_eq!(outcome, Outcome::AlreadyThere);
        let read = shop.importer.read(&shop.importer.context(), &ada()).unwrap();
        assert_eq!(read.id, id);
    });
}

#[test]
fn a_state_sets_what_it_has_and_leaves_the_rest() {
    story(921, async |d| {
        let shop = shop(&d).await;
        let first = Row { phone_number: Some("+254712123456".into()), ..named(ada(), "Ada") };
        let Applied::Created(id) = shop.apply(&state(10, first)).await.unwrap() else { panic!("a new user") };
        let mut second = Row { email: Some("new@example.com".into()), ..named(ada(), "Augusta") };
        second.profile.custom.insert("plan".into(), json!("gold"));
        assert_eq!(shop.apply(&state(20, second.clone())).await, Ok(Applied::Changed(id)));
        let user = seen(&d, &d.shop, json!({ "email": "new@example.com" })).await;
        assert_eq!((&user["email"], &user["email_verified"]), (&json!("new@example.com"), &json!(true)));
        assert_eq!(user["phone_number"], "+254712123456");
        assert_eq!(user["profile"], json!({ "given_name": "Augusta", "custom": { "plan": "gold" } }));
        assert!(seen(&d, &d.shop, json!({ "email": ADA })).await.is_null());
        let (events, last) = trail(&d, id).await;
        assert_eq!(events, ["imported", "identifiers_changed"]);
        assert_eq!(last.field(field::BY), Some("source"));
        let before = part(&d, 0, id, Part::Profile).await;
        assert_eq!(shop.apply(&state(20, second)).await, Ok(Applied::Unchanged(id)));
        assert_eq!(part(&d, 0, id, Part::Profile).await, before);
        finish(&d).await;
    });
}

#[test]
fn the_flags_of_a_company_that_is_not_trusted_do_not_count() {
    story(922, async |d| {
        let blog = feeder(&d, &d.blog, umoja_schema::ingest::Allowed::default()).await;
        blog.apply(&state(10, row("b1", "new@example.com"))).await.unwrap();
        blog.apply(&state(20, row("b1", ADA))).await.unwrap();
        let user = seen(&d, &d.blog, json!({ "external_id": "b1" })).await;
        assert_eq!((&user["email"], &user["email_verified"]), (&json!(ADA), &json!(false)));
    });
}

#[test]
fn an_identifier_of_another_person_is_left_out() {
    story(923, async |d| {
        d.call(0, "register", json!({ "email": "bob@example.com", "email_verified": true })).await.ok(201);
        let shop = shop(&d).await;
        let Applied::Created(id) = shop.apply(&state(10, ada())).await.unwrap() else { panic!("a new user") };
        let second = Row { email: Some("bob@example.com".into()), username: Some("ada".into()), ..named(ada(), "Ada") };
        assert_eq!(shop.apply(&state(20, second)).await, Ok(Applied::Changed(id)));
        let user = seen(&d, &d.shop, json!({ "username": "ada" })).await;
        assert_eq!((&user["email"], &user["profile"]["given_name"]), (&json!(ADA), &json!("Ada")));
        finish(&d).await;
    });
}

#[test]
fn a_profile_that_does_not_fit_is_left_out() {
    story(924, async |d| {
        let shop = shop(&d).await;
        let large = |name: &str| {
            let custom = serde_json::Map::from_iter([(name.to_owned(), json!("x".repeat(100_000)))]);
            Row { profile: Profile { custom, ..Profile::default() }, ..ada() }
        };
        let Applied::Created(id) = shop.apply(&state(10, large("a"))).await.unwrap() else { panic!("a new user") };
        let second = Row { username: Some("ada".into()), ..large("b") };
        assert_eq!(shop.apply(&state(20, second)).await, Ok(Applied::Changed(id)));
        let user = seen(&d, &d.shop, json!({ "username": "ada" })).await;
        let custom = user["profile"]["custom"].as_object().unwrap();
        assert!(custom.contains_key("a") && !custom.contains_key("b"));
    });
}

/// Failure: events of a source out of order, or repeated
#[test]
fn a_repeated_state_does_not_undo_a_later_change_of_the_company() {
    story(925, async |d| {
        let shop = shop(&d).await;
        let Applied::Created(id) = shop.apply(&state(10, named(ada(), "Ada"))).await.unwrap() else { panic!("new") };
        let set = json!({ "id": id, "set": { "profile": { "given_name": "Augusta" } } });
        d.call(0, "update", set).await.ok(200);
        let name = async || seen(&d, &d.shop, json!({ "id": id })).await["profile"]["given_name"].clone();
        // The same event, and a login at which nothing has changed at the provider.
        assert_eq!(shop.apply(&state(10, named(ada(), "Ada"))).await, Ok(Applied::Unchanged(id)));
        assert_eq!(shop.apply(&state(20, named(ada(), "Ada"))).await, Ok(Applied::Unchanged(id)));
        assert_eq!(name().await, "Augusta");
        // A change at the provider is the last one.
        assert_eq!(shop.apply(&state(30, named(ada(), "Lovelace"))).await, Ok(Applied::Changed(id)));
        assert_eq!(name().await, "Lovelace");
    });
}

#[test]
fn a_linked_account_is_fed_without_changes_of_the_primary_account() {
    story(926, async |d| {
        let shop = shop(&d).await;
        let Applied::Created(id) = shop.apply(&state(10, ada())).await.unwrap() else { panic!("a new user") };
        let other = d.call_as(&d.food, 0, "register", json!({ "email": "a@example.org" })).await.ok(201).id();
        d.call(0, "merge", json!({ "survivor": other, "duplicate": id })).await.ok(200);
        let second = Row { email: Some("new@example.com".into()), ..ada() };
        assert_eq!(shop.apply(&state(20, second)).await, Ok(Applied::Changed(id)));
        let user = seen(&d, &d.food, json!({ "email": "new@example.com" })).await;
        assert_eq!((&user["id"], &user["email"]), (&json!(other), &json!("a@example.org")));
        assert_eq!(apply(&shop, 30, Change::Suspended).await, Applied::Changed(id));
        finish(&d).await;
    });
}

#[test]
fn an_imported_user_is_fed_too() {
    story(927, async |d| {
        importer(&d, 0, &d.shop).await.row(&ada()).await.unwrap();
        let shop = shop(&d).await;
        let Applied::Changed(id) = shop.apply(&state(10, named(ada(), "Ada"))).await.unwrap() else { panic!("known") };
        assert_eq!(seen(&d, &d.shop, json!({ "id": id })).await["profile"]["given_name"], "Ada");
    });
}
