//! Sources that may erase people.

use std::pin::pin;
use std::sync::Arc;

use serde_json::json;
use umoja_accounts::incoming::{Applied, Change, Feeder};
use umoja_schema::audit::field;
use umoja_schema::ingest::Allowed;
use umoja_schema::{Company, Scope, UserId};
use umoja_tests::deployment::Deployment;
use umoja_tests::world::polled;

use super::{ADA, accepts, ada, apply, feeder, finish, make_ada, named, seen, shop, state, story, trail};
use crate::import::{importer, row};

const ERASE: Allowed = Allowed { disable: false, erase: true };

#[test]
fn a_person_of_no_other_company_is_erased() {
    story(960, async |d| {
        let shop = feeder(&d, &d.shop, ERASE).await;
        let id = make_ada(&d, &shop).await;
        assert_eq!(apply(&shop, 20, Change::Deleted).await, Applied::Erased(id));
        d.world.settle().await;
        let receipt = d.call(0, "erasure", json!({ "id": id })).await;
        assert_eq!(receipt.ok(200).body["receipt"]["requested_by"], "shop");
        let (events, last) = trail(&d, id).await;
        assert_eq!(events.last().map(String::as_str), Some("erased"));
        assert_eq!(last.field(field::SOURCE), Some("shop-auth0"));
        finish(&d).await;
    });
}

#[test]
fn a_source_does_no_more_than_its_company_may_now() {
    story(967, async |d| {
        let mut shop = feeder(&d, &d.shop, Allowed { disable: true, erase: true }).await;
        let mut company = Company::clone(&shop.importer.company);
        company.scopes.retain(|scope| ![Scope::Status, Scope::Erase].contains(scope));
        make_ada(&d, &shop).await;
        shop.importer.company = Arc::new(company);
        for (at, change) in [(20, Change::Suspended), (30, Change::Deleted)] {
            assert!(!matches!(apply(&shop, at, change).await, Applied::Erased(_)));
            assert!(!accepts(&d, &d.shop, "correct horse").await);
            assert!(accepts(&d, &d.food, "correct horse").await);
        }
        finish(&d).await;
    });
}

#[test]
fn a_person_of_another_company_is_suspended_instead() {
    story(961, async |d| {
        let shop = feeder(&d, &d.shop, ERASE).await;
        let id = make_ada(&d, &shop).await;
        // A user that is merged into the person counts.
        let other = d.call_as(&d.food, 0, "register", json!({ "email": "a@example.org" })).await.ok(201).id();
        d.call(0, "merge", json!({ "survivor": id, "duplicate": other })).await.ok(200);
        assert_eq!(apply(&shop, 20, Change::Deleted).await, Applied::Changed(id));
        assert!(!accepts(&d, &d.shop, "correct horse").await);
        assert!(accepts(&d, &d.food, "correct horse").await);
        finish(&d).await;
    });
}

#[test]
fn a_source_that_may_not_erase_suspends() {
    story(962, async |d| {
        let shop = shop(&d).await;
        let id = make_ada(&d, &shop).await;
        assert_eq!(apply(&shop, 20, Change::Deleted).await, Applied::Changed(id));
        assert_eq!(seen(&d, &d.shop, json!({ "id": id })).await["accounts"]["shop"]["status"], "suspended");
    });
}

#[test]
fn a_deletion_that_is_older_than_the_newest_state_erases_no_person() {
    story(963, async |d| {
        let shop = feeder(&d, &d.shop, ERASE).await;
        let id = make_ada(&d, &shop).await;
        shop.apply(&state(30, named(ada(), "Ada"))).await.unwrap();
        assert_eq!(apply(&shop, 20, Change::Deleted).await, Applied::Changed(id));
        assert!(!seen(&d, &d.shop, json!({ "id": id })).await.is_null());
    });
}

/// Failure: update races erase, older and newer
#[test]
fn no_event_brings_an_erased_user_back() {
    story(964, async |d| {
        let shop = shop(&d).await;
        let id = make_ada(&d, &shop).await;
        d.call(0, "erase", json!({ "id": id })).await.ok(202);
        for at in [5, 10, 99] {
            assert_eq!(shop.apply(&state(at, ada())).await, Ok(Applied::Absent));
        }
        for what in [Change::Activated, Change::Suspended, Change::Deleted, Change::PasswordChanged] {
            assert_eq!(apply(&shop, 99, what).await, Applied::Absent);
        }
        assert!(seen(&d, &d.shop, json!({ "email": ADA })).await.is_null());
        finish(&d).await;
    });
}

#[test]
fn an_older_state_does_not_make_a_matched_person_again_that_the_source_erased() {
    story(965, async |d| {
        d.call(0, "register", json!({ "email": ADA, "email_verified": true })).await.ok(201);
        let shop = feeder(&d, &d.shop, ERASE).await;
        assert!(matches!(shop.apply(&state(10, ada())).await, Ok(Applied::Matched(_))));
        assert!(matches!(apply(&shop, 20, Change::Deleted).await, Applied::Erased(_)));
        assert_eq!(shop.apply(&state(15, ada())).await, Ok(Applied::Absent));
        // The person has signed up again since.
        assert!(matches!(shop.apply(&state(30, ada())).await, Ok(Applied::Created(_))));
    });
}

/// Erases Ada at each moment of a change.
fn erasure_wins(seed: u64, make: impl AsyncFn(&Deployment, &Feeder) -> UserId) {
    for polls in 1..200 {
        let mut ended = false;
        story(seed, async |d| {
            let shop = shop(&d).await;
            let id = make(&d, &shop).await;
            let second = state(20, named(ada(), "Ada"));
            d.world.set_pausing(true);
            let mut applying = pin!(shop.apply(&second));
            ended = polled(polls, applying.as_mut()).await.is_some();
            d.world.set_pausing(false);
            // Before that, nothing says that the user was there.
            if !ended && polls > FIRST_POLLS {
                d.call(0, "erase", json!({ "id": id })).await.ok(202);
                // The change was written before the erasure, or not at all.
                let done = applying.await.unwrap();
                assert!([Applied::Absent, Applied::Changed(id)].contains(&done), "{done:?} after {polls} polls");
                assert!(seen(&d, &d.shop, json!({ "email": ADA })).await.is_null());
                finish(&d).await;
            }
        });
        if ended {
            assert!(polls > FIRST_POLLS + 3);
            return;
        }
    }
    panic!("it never ended");
}

/// The polls after which a change has read which user has the subject.
const FIRST_POLLS: usize = 2;

/// Failure: update races erase, older and newer
#[test]
fn an_erasure_at_any_moment_of_a_change_wins() {
    erasure_wins(966, make_ada);
}

/// Failure: update races erase, older and newer
#[test]
fn an_erasure_at_any_moment_of_a_change_of_a_matched_user_wins() {
    erasure_wins(968, async |d, shop| {
        let body = json!({ "email": ADA, "email_verified": true });
        let id = d.call_as(&d.food, 0, "register", body).await.ok(201).id().parse().unwrap();
        assert_eq!(shop.apply(&state(10, ada())).await, Ok(Applied::Matched(id)));
        id
    });
}

#[test]
fn a_company_that_is_linked_at_any_moment_of_a_deletion_keeps_its_user() {
    for polls in 1..200 {
        let mut ended = false;
        story(967, async |d| {
            let shop = feeder(&d, &d.shop, ERASE).await;
            let id = make_ada(&d, &shop).await;
            let food = importer(&d, 0, &d.food).await;
            let deleted = super::change("s7", 20, Change::Deleted);
            d.world.set_pausing(true);
            let mut applying = pin!(shop.apply(&deleted));
            ended = polled(polls, applying.as_mut()).await.is_some();
            d.world.set_pausing(false);
            if !ended {
                food.row(&row("f1", ADA)).await.unwrap();
                let user = seen(&d, &d.food, json!({ "external_id": "f1" })).await;
                let done = applying.await.unwrap();
                // Either the other company came first, or it made another user after the erasure.
                let kept = if done == Applied::Erased(id) { user["id"] != json!(id) } else { user["id"] == json!(id) };
                assert!(kept, "{done:?} after {polls} polls: {user}");
                assert!(!seen(&d, &d.food, json!({ "external_id": "f1" })).await.is_null(), "after {polls} polls");
                finish(&d).await;
            }
        });
        if ended {
            return;
        }
    }
    panic!("it never ended");
}
