//! Sources that may erase people.

use std::pin::pin;
use std::sync::Arc;

use serde_json::json;
use umoja_accounts::incoming::{Applied, Change, Feeder};
use umoja_schema::audit::field;
use umoja_schema::ingest::Allowed;
use umoja_schema::{Company, Scope, UserId};
use umoja_store::ports::Clock as _;
use umoja_tests::deployment::Deployment;
use umoja_tests::world::{killed_after, polled};

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
            assert_eq!(shop.apply(&state(at, ada())).await, Ok(Applied::KeptOut));
        }
        for what in [Change::Activated, Change::Suspended, Change::Deleted, Change::PasswordChanged] {
            assert_eq!(apply(&shop, 99, what).await, Applied::Absent);
        }
        assert!(seen(&d, &d.shop, json!({ "email": ADA })).await.is_null());
        finish(&d).await;
    });
}

#[test]
fn no_state_makes_a_matched_person_again_that_the_source_erased() {
    story(965, async |d| {
        d.call(0, "register", json!({ "email": ADA, "email_verified": true })).await.ok(201);
        let shop = feeder(&d, &d.shop, ERASE).await;
        assert!(matches!(shop.apply(&state(10, ada())).await, Ok(Applied::Matched(_))));
        assert!(matches!(apply(&shop, 20, Change::Deleted).await, Applied::Erased(_)));
        assert_eq!(shop.apply(&state(15, ada())).await, Ok(Applied::Absent));
        // A person who signs up again at a provider is another subject.
        assert_eq!(shop.apply(&state(30, ada())).await, Ok(Applied::KeptOut));
        assert!(matches!(shop.apply(&state(30, row("s8", ADA))).await, Ok(Applied::Created(_))));
    });
}

/// Failure: an erased user is described by a source again
#[test]
fn a_registered_user_that_was_erased_does_not_come_back() {
    story(970, async |d| {
        let body = json!({ "external_id": "s7", "email": ADA });
        let id = d.call(1, "register", body).await.ok(201).id();
        d.world.settle().await;
        d.call(1, "erase", json!({ "id": id })).await.ok(202);
        d.world.settle().await;
        let shop = shop(&d).await;
        for at in [10, 10_000_000_000_000] {
            assert_eq!(shop.apply(&state(at, named(ada(), "Ada"))).await, Ok(Applied::KeptOut));
        }
        // Another subject with another address is another person.
        assert!(matches!(shop.apply(&state(10, row("s8", "b@example.com"))).await, Ok(Applied::Created(_))));
        assert!(seen(&d, &d.shop, json!({ "email": ADA })).await.is_null());
        finish(&d).await;
    });
}

/// Failure: an erased user is described by a source again
#[test]
fn an_erased_person_is_known_by_an_address_at_an_older_account_only() {
    story(971, async |d| {
        let before = d.world.clock.now();
        let id = d.call(0, "register", json!({ "email": ADA })).await.ok(201).id();
        d.world.clock.advance(1_000);
        d.call(0, "erase", json!({ "id": id })).await.ok(202);
        d.world.settle().await;
        let shop = shop(&d).await;
        let since = |created_at| umoja_migrate::Row { created_at, ..ada() };
        assert_eq!(shop.apply(&state(10, since(Some(before)))).await, Ok(Applied::KeptOut));
        // Another company did not know the person.
        let food = feeder(&d, &d.food, Allowed::default()).await;
        let theirs = umoja_migrate::Row { created_at: Some(before), ..row("f1", ADA) };
        let Ok(Applied::Created(other)) = food.apply(&state(10, theirs)).await else { panic!("a new user") };
        d.call(0, "erase", json!({ "id": other })).await.ok(202);
        // The address belongs to another person now, who has an account since later.
        d.world.clock.advance(1_000);
        assert!(matches!(shop.apply(&state(10, since(None))).await, Ok(Applied::Created(_))));
        finish(&d).await;
    });
}

#[test]
fn an_erased_person_whom_a_company_registers_again_is_fed_again() {
    for body in [json!({ "external_id": "s7" }), json!({ "email": ADA, "email_verified": true })] {
        story(972, async |d| {
            let first = json!({ "external_id": "s7", "email": ADA, "email_verified": true });
            let first = d.call(0, "register", first).await.ok(201).id();
            d.call(0, "erase", json!({ "id": first })).await.ok(202);
            d.world.settle().await;
            let id: UserId = d.call(0, "register", body.clone()).await.ok(201).id().parse().unwrap();
            let shop = shop(&d).await;
            let applied = shop.apply(&state(10, named(ada(), "Ada"))).await.unwrap();
            assert!([Applied::Changed(id), Applied::Matched(id)].contains(&applied), "{applied:?} for {body}");
            assert_eq!(seen(&d, &d.shop, json!({ "id": id })).await["profile"]["given_name"], "Ada");
            finish(&d).await;
        });
    }
}

/// Failure: an erased user is described by a source again
#[test]
fn a_killed_and_retried_erasure_keeps_the_person_out() {
    for polls in 1..400 {
        let mut ended = false;
        story(973, async |d| {
            let body = json!({ "external_id": "s7", "email": ADA });
            let id = d.call(0, "register", body).await.ok(201).id();
            let by = json!({ "id": id });
            d.world.set_pausing(true);
            ended = killed_after(polls, d.call_idk(0, "erase", "k1", by.clone())).await.is_some();
            d.world.set_pausing(false);
            d.call_idk(0, "erase", "k1", by).await.ok(202);
            let shop = shop(&d).await;
            assert_eq!(shop.apply(&state(10, ada())).await, Ok(Applied::KeptOut), "{polls}");
        });
        if ended {
            return;
        }
    }
    panic!("it never ended");
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
