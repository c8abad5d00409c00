//! Changes of users that the company does not know, and creations and deletions at the same moment.

use std::pin::pin;

use serde_json::json;
use umoja_accounts::incoming::{Applied, Change, IncomingChange};
use umoja_migrate::Row;
use umoja_schema::AccountStatus;
use umoja_tests::world::polled;

use super::{ada, apply, change, finish, seen, shop, state, story};

#[test]
fn an_unknown_user_stays_unknown() {
    story(950, async |d| {
        let shop = shop(&d).await;
        let all = [Change::Suspended, Change::Activated, Change::Deleted, Change::PasswordChanged];
        for (n, what) in all.into_iter().enumerate() {
            assert_eq!(apply(&shop, 10 + n as u64, what).await, Applied::Absent);
        }
        assert!(seen(&d, &d.shop, json!({ "external_id": "s7" })).await.is_null());
    });
}

#[test]
fn a_state_that_is_older_than_a_deletion_makes_no_user() {
    story(951, async |d| {
        let shop = shop(&d).await;
        apply(&shop, 20, Change::Deleted).await;
        assert_eq!(shop.apply(&state(10, ada())).await, Ok(Applied::Absent));
        assert_eq!(shop.apply(&state(20, ada())).await, Ok(Applied::Absent));
        let back = Row { status: Some(AccountStatus::Active), ..ada() };
        assert!(matches!(shop.apply(&state(30, back)).await, Ok(Applied::Created(_))));
        assert_eq!(seen(&d, &d.shop, json!({ "external_id": "s7" })).await["accounts"]["shop"]["status"], "active");
    });
}

/// Otherwise, the older of two states from before the deletion could be the one that makes the user.
#[test]
fn an_activation_brings_no_state_back_from_before_a_deletion() {
    story(957, async |d| {
        let shop = shop(&d).await;
        apply(&shop, 20, Change::Deleted).await;
        assert_eq!(shop.apply(&state(20, ada())).await, Ok(Applied::Absent));
        apply(&shop, 60, Change::Activated).await;
        assert_eq!(shop.apply(&state(10, ada())).await, Ok(Applied::Absent));
        assert!(matches!(shop.apply(&state(30, ada())).await, Ok(Applied::Created(_))));
        assert_eq!(seen(&d, &d.shop, json!({ "external_id": "s7" })).await["accounts"]["shop"]["status"], "active");
    });
}

#[test]
fn a_suspension_that_overtakes_the_creation_counts() {
    story(952, async |d| {
        let shop = shop(&d).await;
        apply(&shop, 20, Change::Suspended).await;
        let created = Row { status: Some(AccountStatus::Active), ..ada() };
        let made = shop.apply(&state(10, created)).await;
        assert!(matches!(made, Ok(Applied::Created(_))), "{made:?}");
        let status =
            async || seen(&d, &d.shop, json!({ "external_id": "s7" })).await["accounts"]["shop"]["status"].clone();
        assert_eq!(status().await, "suspended");
        apply(&shop, 30, Change::Activated).await;
        assert_eq!(status().await, "active");
    });
}

#[test]
fn a_user_whom_the_company_gave_another_external_id_is_not_made_again() {
    story(953, async |d| {
        let shop = shop(&d).await;
        let Applied::Created(id) = shop.apply(&state(10, ada())).await.unwrap() else { panic!("a new user") };
        d.call(0, "update", json!({ "id": id, "set": { "external_id": "s9" } })).await.ok(200);
        assert_eq!(shop.apply(&state(20, ada())).await, Ok(Applied::Absent));
        assert_eq!(seen(&d, &d.shop, json!({ "email": "ada@example.com" })).await["id"], json!(id));
    });
}

/// Runs `first` up to each of its awaits, then all of `between`, then the rest of `first`.
fn in_between(seed: u64, first: &IncomingChange, between: &IncomingChange) {
    let mut places = 0;
    for polls in 1..200 {
        let mut ended = false;
        story(seed, async |d| {
            let shop = shop(&d).await;
            d.world.set_pausing(true);
            let mut applying = pin!(shop.apply(first));
            ended = polled(polls, applying.as_mut()).await.is_some();
            d.world.set_pausing(false);
            if ended {
                return;
            }
            shop.apply(between).await.unwrap();
            applying.await.unwrap();
            let user = seen(&d, &d.shop, json!({ "external_id": "s7" })).await;
            let is_gone = user.is_null() || user["accounts"]["shop"]["status"] == "suspended";
            assert!(is_gone, "after {polls} polls: {user}");
            finish(&d).await;
        });
        if ended {
            break;
        }
        places = polls;
    }
    assert!((5..199).contains(&places), "{places} places to interleave");
}

/// Failure: a source deletes a user at the moment of its creation
#[test]
fn a_deletion_during_a_creation_is_not_lost() {
    in_between(954, &state(10, ada()), &change("s7", 20, Change::Deleted));
}

/// Failure: a source deletes a user at the moment of its creation
#[test]
fn a_creation_during_a_deletion_does_not_outlive_it() {
    in_between(955, &change("s7", 20, Change::Deleted), &state(10, ada()));
}

/// Failure: a source deletes a user at the moment of its creation
#[test]
fn a_creation_that_was_killed_before_it_saw_the_deletion_sees_it_when_repeated() {
    for polls in 1..200 {
        let mut ended = false;
        story(956, async |d| {
            let shop = shop(&d).await;
            d.world.set_pausing(true);
            {
                let (created, deleted) = (state(10, ada()), change("s7", 20, Change::Deleted));
                // The deletion looks for the user before it is made, and the creation stops after it is made.
                let mut deleting = pin!(shop.apply(&deleted));
                let mut creating = pin!(shop.apply(&created));
                ended = polled(polls, creating.as_mut()).await.is_some();
                if !ended {
                    polled(usize::MAX, deleting.as_mut()).await.unwrap().unwrap();
                }
            }
            d.world.set_pausing(false);
            d.world.clock.advance(1000);
            if !ended {
                shop.apply(&state(10, ada())).await.unwrap();
                let user = seen(&d, &d.shop, json!({ "external_id": "s7" })).await;
                assert!(user.is_null() || user["accounts"]["shop"]["status"] == "suspended", "after {polls} polls");
            }
        });
        if ended {
            return;
        }
    }
    panic!("it never ended");
}
