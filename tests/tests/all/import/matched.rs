//! Rows of people that other companies already have.

use serde_json::json;
use umoja_migrate::Row;
use umoja_migrate::import::Outcome;
use umoja_schema::{Part, Profile};

use super::{
    BCRYPT_PASSWORD, bcrypt, credentials, everything, found, importer, outcome, part, row, sha256, story, with_hash,
};

#[test]
fn a_matched_user_is_linked_and_keeps_both_passwords() {
    story(20, async |d| {
        let shop = importer(&d, 0, &d.shop).await;
        let profile = |name: &str| Profile { given_name: Some(name.into()), ..Profile::default() };
        let ada = Row { profile: profile("Ada"), ..row("s7", "ada@example.com") };
        shop.row(&with_hash(ada, bcrypt())).await.unwrap();
        d.world.settle().await;
        let food = importer(&d, 1, &d.food).await;
        let theirs = Profile { nickname: Some("A".into()), ..profile("Augusta") };
        let theirs =
            Row { phone_number: Some("+254712123456".into()), profile: theirs, ..row("f9", "ADA@example.com") };
        let theirs = with_hash(theirs, sha256("old secret"));
        assert_eq!(outcome(food.row(&theirs).await), Outcome::Matched);
        assert_eq!(outcome(food.row(&theirs).await), Outcome::AlreadyThere);
        d.world.settle().await;
        let id = found(&d, 0, &d.shop, "s7").await;
        assert_eq!(found(&d, 0, &d.food, "f9").await, id);
        let user = d.call(0, "lookup", json!({ "email": "ada@example.com" })).await.ok(200).body["user"].clone();
        assert_eq!((&user["profile"]["given_name"], &user["profile"]["nickname"]), (&json!("Ada"), &json!("A")));
        assert_eq!(user["phone_number"], json!("+254712123456"));
        let companies: Vec<_> =
            credentials(&d, 0, id).await.legacy_hashes.into_iter().map(|old| old.company.to_string()).collect();
        assert_eq!(companies, ["shop", "food"]);
        // Either password is valid until the first login.
        assert!(d.accepts(0, "ada@example.com", "old secret").await);
        assert!(!d.accepts(0, "ada@example.com", BCRYPT_PASSWORD).await);
        d.world.settle().await;
        d.world.check_invariants().await;
    });
}

#[test]
fn an_existing_password_is_kept_over_a_legacy_hash() {
    story(21, async |d| {
        let id = d.register(0, "ada@example.com", "correct horse").await.ok(201).id().parse().unwrap();
        let before = part(&d, 0, id, Part::Credentials).await;
        let food = importer(&d, 0, &d.food).await;
        let done = food.row(&with_hash(row("f9", "ada@example.com"), bcrypt())).await;
        assert_eq!(outcome(done), Outcome::Matched);
        assert_eq!(part(&d, 0, id, Part::Credentials).await, before);
        assert!(d.accepts(0, "ada@example.com", "correct horse").await);
        assert!(!d.accepts(0, "ada@example.com", BCRYPT_PASSWORD).await);
        assert_eq!(found(&d, 0, &d.food, "f9").await, id);
    });
}

#[test]
fn an_imported_hash_goes_to_the_account_that_decides() {
    story(22, async |d| {
        let primary = d.call(0, "register", json!({ "email": "ada@example.com", "email_verified": true })).await.id();
        let linked = Row { email: None, username: Some("ada".into()), ..with_hash(row("s8", ""), bcrypt()) };
        importer(&d, 0, &d.shop).await.row(&linked).await.unwrap();
        let linked = found(&d, 0, &d.shop, "s8").await;
        d.call(0, "merge", json!({ "survivor": primary, "duplicate": linked })).await.ok(200);
        let food = importer(&d, 0, &d.food).await;
        let theirs = with_hash(row("f9", "ada@example.com"), sha256("old secret"));
        assert_eq!(outcome(food.row(&theirs).await), Outcome::Matched);
        assert!(credentials(&d, 0, primary.parse().unwrap()).await.legacy_hashes.is_empty());
        assert_eq!(credentials(&d, 0, linked).await.legacy_hashes.len(), 2);
        assert!(d.accepts(0, "ada@example.com", BCRYPT_PASSWORD).await);
        d.world.settle().await;
        d.world.check_invariants().await;
    });
}

#[test]
fn an_identifier_verified_by_one_side_does_not_match() {
    story(23, async |d| {
        d.call_as(&d.blog, 0, "register", json!({ "email": "eve@example.com", "email_verified": true })).await.ok(201);
        d.register(0, "ada@example.com", "correct horse").await.ok(201);
        let shop = importer(&d, 0, &d.shop).await;
        // An unverified owner does not keep an address: the verified ownership takes it over, as in a registration.
        assert_eq!(outcome(shop.row(&row("s1", "eve@example.com")).await), Outcome::InConflict);
        let owner = d.call(0, "lookup", json!({ "email": "eve@example.com" })).await.ok(200).id();
        assert_eq!(owner, found(&d, 0, &d.shop, "s1").await.to_string());
        let before = everything(&d, 0).await.len();
        let blog = importer(&d, 0, &d.blog).await;
        assert_eq!(outcome(blog.row(&row("b1", "ada@example.com")).await), Outcome::InConflict);
        assert_eq!(everything(&d, 0).await.len(), before + 2);
    });
}
