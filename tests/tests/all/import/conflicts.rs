//! Rows with identifiers that another user owns.

use serde_json::json;
use umoja_accounts::conflicts::OpenConflicts;
use umoja_migrate::Row;
use umoja_migrate::import::{Failed, Outcome, Reason};
use umoja_schema::IdentifierKind;
use umoja_tests::deployment::Deployment;

use super::{bcrypt, found, importer, outcome, row, story, with_hash};

fn unverified(external_id: &str, email: &str) -> Row {
    Row { email_verified: false, ..row(external_id, email) }
}

async fn open_conflicts(d: &Deployment, at: usize) -> usize {
    let mut conflicts = OpenConflicts::new(&d.world.regions[at].home.own);
    let mut count = 0;
    while let Some(page) = conflicts.page().await.unwrap() {
        count += page.len();
    }
    count
}

#[test]
fn an_import_does_not_take_an_owned_identifier() {
    story(40, async |d| {
        let first = d.call(0, "register", json!({ "email": "ada@example.com" })).await.ok(201).id();
        d.world.settle().await;
        let food = importer(&d, 1, &d.food).await;
        let done = food.row(&with_hash(unverified("f9", "ada@example.com"), bcrypt())).await;
        assert_eq!(outcome(done), Outcome::InConflict);
        d.world.settle().await;
        d.world.check_invariants().await;
        for at in 0..2 {
            let found_by_email = d.call(at, "lookup", json!({ "email": "ada@example.com" })).await.ok(200).id();
            assert_eq!(found_by_email, first);
            assert_ne!(found(&d, at, &d.food, "f9").await.to_string(), first);
            assert_eq!(open_conflicts(&d, at).await, 1);
        }
        // Repeated imports record one ownership.
        assert_eq!(outcome(food.row(&unverified("f9", "ada@example.com")).await), Outcome::AlreadyThere);
        assert_eq!(open_conflicts(&d, 1).await, 1);
    });
}

/// While rows make users, the next one is written without looking.
#[test]
fn a_row_that_ends_a_streak_has_the_outcome_that_it_would_have_alone() {
    use Outcome::{AlreadyThere, Created, InConflict};

    story(48, async |d| {
        let first = d.call(0, "register", json!({ "email": "ada@example.com" })).await.ok(201).id();
        d.call_as(&d.food, 0, "register", json!({ "external_id": "known" })).await.ok(201);
        let food = importer(&d, 0, &d.food).await;
        let mut outcomes = Vec::new();
        let rows = [
            unverified("f1", "f1@example.com"),
            unverified("f2", "f2@example.com"),
            unverified("f1", "f1@example.com"),
            unverified("f3", "f3@example.com"),
            unverified("f4", "ada@example.com"),
            unverified("f5", "f5@example.com"),
            unverified("known", "other@example.com"),
            unverified("f6", "f6@example.com"),
            unverified("f7", "f7@example.com"),
        ];
        for row in &rows {
            outcomes.push(outcome(food.row(row).await));
        }
        assert_eq!(
            outcomes,
            [Created, Created, AlreadyThere, Created, InConflict, Created, AlreadyThere, Created, Created]
        );
        d.world.settle().await;
        d.world.check_invariants().await;
        let found_by_email = d.call(0, "lookup", json!({ "email": "ada@example.com" })).await.ok(200).id();
        assert_eq!(found_by_email, first, "the earlier owner keeps the address");
        for external_id in ["f1", "f2", "f3", "f4", "f5", "f6", "f7"] {
            found(&d, 0, &d.food, external_id).await;
        }
    });
}

#[test]
fn an_import_with_a_slow_clock_wins_no_identifier() {
    story(41, async |d| {
        d.world.regions[0].clock.set_skew(4 * 60 * 1000);
        let first = d.world.register(0, "ada@example.com", "phc").await.unwrap().to_string();
        d.world.regions[0].clock.set_skew(0);
        d.world.settle().await;
        let food = importer(&d, 1, &d.food).await;
        let old = Row { created_at: Some(umoja_schema::Millis(1)), ..unverified("f9", "ada@example.com") };
        assert_eq!(outcome(food.row(&old).await), Outcome::InConflict);
        d.world.settle().await;
        for at in 0..2 {
            assert_eq!(d.call(at, "lookup", json!({ "email": "ada@example.com" })).await.ok(200).id(), first);
        }
    });
}

#[test]
fn a_row_verified_for_two_people_is_merged_with_one() {
    story(42, async |d| {
        d.register(0, "ada@example.com", "correct horse").await.ok(201);
        let body = json!({ "phone_number": "+254712123456", "phone_number_verified": true });
        d.call(0, "register", body).await.ok(201);
        let both = Row {
            phone_number: Some("+254712123456".into()),
            phone_number_verified: true,
            ..row("f9", "ada@example.com")
        };
        assert_eq!(outcome(importer(&d, 0, &d.food).await.row(&both).await), Outcome::InConflict);
        d.world.settle().await;
        d.world.check_invariants().await;
        let id = found(&d, 0, &d.food, "f9").await;
        let user = d.call_as(&d.food, 0, "lookup", json!({ "external_id": "f9" })).await.ok(200).body["user"].clone();
        assert!(user["linked_accounts"].as_array().is_some_and(|linked_accounts| linked_accounts.len() == 1), "{user}");
        assert_eq!(id.to_string(), user["id"].as_str().unwrap());
    });
}

#[test]
fn a_row_without_a_free_identifier_is_rejected() {
    story(43, async |d| {
        d.register(0, "ada@example.com", "correct horse").await.ok(201);
        let blog = importer(&d, 0, &d.blog).await;
        let nameless = Row { external_id: None, ..row("", "ada@example.com") };
        assert_eq!(blog.row(&nameless).await, Err(Failed::Rejected(Reason::Unreachable)));
        let named = Row { username: Some("ada".into()), ..nameless };
        assert_eq!(outcome(blog.row(&named).await), Outcome::InConflict);
    });
}

#[test]
fn a_shared_placeholder_address_is_rejected_early() {
    story(44, async |d| {
        let blog = importer(&d, 0, &d.blog).await;
        let mut outcomes = Vec::new();
        for n in 0..12 {
            outcomes.push(blog.row(&unverified(&n.to_string(), "none@example.com")).await.map(|done| done.outcome));
        }
        assert_eq!(outcomes[0], Ok(Outcome::Created));
        assert!(outcomes[1..9].iter().all(|outcome| *outcome == Ok(Outcome::InConflict)), "{outcomes:?}");
        let rejected = Err(Failed::Rejected(Reason::Shared(IdentifierKind::Email)));
        assert!(outcomes[9..].iter().all(|outcome| *outcome == rejected), "{outcomes:?}");
        d.world.settle().await;
        d.world.check_invariants().await;
    });
}
