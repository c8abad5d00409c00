//! Sign-ups: who confirms becomes one user, and who does not leaves nothing.

use serde_json::json;
use umoja_ingest::cognito::TriggerError;
use umoja_schema::Scope;
use umoja_tests::pool::Pool;
use umoja_tests::world::killed_after;

use super::{HOUR, MINUTE, feeding, finish, seen, stored};

const ANN: &str = "ann@example.com";

#[test]
fn who_confirms_is_a_user_in_every_region_with_the_id_of_the_token() {
    feeding(1500, async |d, pool| {
        pool.sign_up(&d, "ann", ANN, false).await.unwrap();
        pool.confirm("ann").await.unwrap();
        let id = pool.token("ann").await.unwrap();
        finish(&d).await;
        for at in 0..2 {
            let user = seen(&d, at, &pool, "ann").await;
            assert_eq!((&user["id"], &user["email"], &user["email_verified"]), (&json!(id), &json!(ANN), &json!(true)));
        }
    });
}

#[test]
fn before_its_confirmation_a_sign_up_makes_no_user_and_claims_nothing() {
    feeding(1501, async |d, pool| {
        pool.sign_up(&d, "ann", ANN, false).await.unwrap();
        assert_eq!(stored(&d).await, (0, 1));
        let other = json!({ "email": ANN, "email_verified": true });
        d.call_as(&d.food, 0, "register", other).await.ok(201);
    });
}

#[test]
fn a_thousand_abandoned_sign_ups_leave_nothing() {
    feeding(1502, async |d, pool| {
        for n in 0..1000 {
            pool.sign_up(&d, &format!("user-{n}"), &format!("user-{n}@example.com"), n % 2 == 0).await.unwrap();
        }
        assert_eq!(stored(&d).await, (0, 1000));
        d.world.clock.advance(24 * HOUR);
        finish(&d).await;
        assert_eq!(stored(&d).await, (0, 0));
    });
}

/// Failure: Cognito fails after PreSignUp
#[test]
fn a_sign_up_that_cognito_lost_succeeds_after_a_minute_and_after_a_day() {
    feeding(1503, async |d, pool| {
        for (name, wait) in [("ann", MINUTE), ("bob", 25 * HOUR)] {
            let email = format!("{name}@example.com");
            pool.sign_up(&d, name, &email, true).await.unwrap();
            assert!(pool.user(name).is_none());
            d.world.clock.advance(wait);
            pool.sign_up(&d, name, &email, false).await.unwrap();
            pool.confirm(name).await.unwrap();
            let id = pool.token(name).await.unwrap();
            assert_eq!(seen(&d, 0, &pool, name).await["id"], json!(id));
        }
        finish(&d).await;
        assert_eq!(stored(&d).await.0, 4, "the parts of two users");
    });
}

#[test]
fn a_sign_up_of_the_same_name_with_another_address_replaces_the_open_one() {
    feeding(1504, async |d, pool| {
        pool.sign_up(&d, "ann", "typo@example.com", true).await.unwrap();
        pool.sign_up(&d, "ann", ANN, false).await.unwrap();
        assert_eq!(stored(&d).await, (0, 1));
        pool.confirm("ann").await.unwrap();
        assert_eq!(seen(&d, 0, &pool, "ann").await["email"], ANN);
    });
}

/// Failure: PostConfirmation fails
#[test]
fn a_confirmation_that_fails_is_completed_by_the_worker() {
    feeding(1505, async |d, pool| {
        pool.sign_up(&d, "ann", ANN, false).await.unwrap();
        // No key can be made or opened in any region.
        d.world.regions.iter().for_each(|region| region.faults.kms.set_down(true));
        assert_eq!(pool.confirm("ann").await, Err(TriggerError::Unavailable));
        assert_eq!(stored(&d).await, (0, 2));
        d.world.regions.iter().for_each(|region| region.faults.kms.set_down(false));
        d.world.clock.advance(MINUTE);
        finish(&d).await;
        let user = seen(&d, 1, &pool, "ann").await;
        assert_eq!(user["email"], ANN);
        assert_eq!(json!(pool.token("ann").await.unwrap()), user["id"]);
    });
}

/// Failure: PostConfirmation fails
#[test]
fn a_confirmation_of_which_nothing_was_stored_is_completed_at_the_token_gate() {
    feeding(1506, async |d, pool| {
        pool.sign_up(&d, "ann", ANN, false).await.unwrap();
        d.world.regions[0].faults.tables.set_down(true);
        assert_eq!(pool.confirm("ann").await, Err(TriggerError::Unavailable));
        assert_eq!(pool.token("ann").await, Err(TriggerError::Unavailable));
        d.world.regions[0].faults.tables.set_down(false);
        let id = pool.token("ann").await.unwrap();
        finish(&d).await;
        assert_eq!(seen(&d, 1, &pool, "ann").await["id"], json!(id));
    });
}

/// Failure: PostConfirmation fails
#[test]
fn a_confirmation_that_was_killed_at_any_await_makes_one_user() {
    for polls in 0..400 {
        let mut ended = false;
        feeding(1507, async |d, pool| {
            pool.sign_up(&d, "ann", ANN, false).await.unwrap();
            d.world.set_pausing(true);
            ended = killed_after(polls, pool.confirm("ann")).await.is_some();
            d.world.set_pausing(false);
            if !pool.user("ann").unwrap().is_confirmed {
                pool.confirm("ann").await.unwrap();
            }
            let id = pool.token("ann").await.unwrap();
            finish(&d).await;
            assert_eq!(stored(&d).await.0, 2, "killed after {polls} polls");
            assert_eq!(seen(&d, 1, &pool, "ann").await["id"], json!(id), "killed after {polls} polls");
        });
        if ended {
            assert!(polls > 2, "the work has several awaits");
            return;
        }
    }
    panic!("the confirmation never ends");
}

#[test]
fn a_confirmation_that_comes_again_changes_nothing() {
    feeding(1508, async |d, pool| {
        pool.sign_up(&d, "ann", ANN, false).await.unwrap();
        pool.confirm("ann").await.unwrap();
        let before = seen(&d, 0, &pool, "ann").await;
        pool.confirm("ann").await.unwrap();
        finish(&d).await;
        assert_eq!(seen(&d, 0, &pool, "ann").await, before);
    });
}

#[test]
fn a_person_of_another_company_is_matched_by_the_address_that_was_verified() {
    feeding(1509, async |d, pool| {
        let known = d.call_as(&d.food, 0, "register", json!({ "email": ANN, "email_verified": true })).await.id();
        pool.sign_up(&d, "ann", ANN, false).await.unwrap();
        assert_eq!(seen(&d, 0, &pool, "ann").await, json!(null), "an address alone links no user");
        pool.confirm("ann").await.unwrap();
        assert_eq!(pool.token("ann").await, Ok(known));
        finish(&d).await;
    });
}

#[test]
fn a_person_whom_the_company_knows_by_another_id_gets_a_user_in_conflict() {
    feeding(1510, async |d, pool| {
        let body = json!({ "email": ANN, "email_verified": true, "external_id": "crm-1" });
        let known = d.call(0, "register", body).await.id();
        pool.sign_up(&d, "ann", ANN, false).await.unwrap();
        pool.confirm("ann").await.unwrap();
        let id = pool.token("ann").await.unwrap();
        assert_ne!(id, known);
        finish(&d).await;
        assert_eq!(seen(&d, 1, &pool, "ann").await["id"], json!(id));
    });
}

#[test]
fn a_second_sign_up_with_the_verified_address_of_a_user_of_the_pool_is_rejected() {
    feeding(1511, async |d, pool| {
        pool.sign_up(&d, "ann", ANN, false).await.unwrap();
        pool.confirm("ann").await.unwrap();
        let before = stored(&d).await;
        assert_eq!(pool.sign_up(&d, "second", "ANN@example.com", false).await, Err(TriggerError::Taken));
        assert_eq!(stored(&d).await, before);
        // The answer does not say whom other companies know.
        d.call_as(&d.food, 0, "register", json!({ "email": "eve@example.com", "email_verified": true })).await.ok(201);
        pool.sign_up(&d, "eve", "eve@example.com", false).await.unwrap();
    });
}

#[test]
fn before_a_sign_up_no_other_region_is_asked() {
    feeding(1512, async |d, pool| {
        d.world.set_down(1, true);
        d.world.set_cut(0, 1, true);
        pool.sign_up(&d, "ann", ANN, false).await.unwrap();
        let down: u64 =
            d.world.regions.iter().flat_map(|region| region.faults.all()).map(|fault| fault.met().down).sum();
        assert_eq!(down, 0, "a call of a region that is out");
        pool.confirm("ann").await.unwrap();
        let id = pool.token("ann").await.unwrap();
        d.world.set_down(1, false);
        d.world.set_cut(0, 1, false);
        finish(&d).await;
        assert_eq!(seen(&d, 1, &pool, "ann").await["id"], json!(id));
    });
}

#[test]
fn a_pool_that_may_not_do_this_is_rejected() {
    feeding(1513, async |d, mut pool| {
        pool.sign_up(&d, "ann", ANN, false).await.unwrap();
        let rejected = async |pool: &Pool, cause: &'static str| {
            for answer in [
                pool.sign_up(&d, "eve", "eve@example.com", false).await,
                pool.confirm("ann").await,
                pool.token("ann").await.map(drop),
            ] {
                assert_eq!(answer, Err(TriggerError::NotAllowed(cause)));
            }
        };
        pool.provider.source.enabled = false;
        pool.provider.store(&d).await;
        pool.restart(&d, 0);
        rejected(&pool, "the source is paused").await;
        pool.provider.source.enabled = true;
        let own = pool.provider.source.pool.clone();
        if let Some(other) = &mut pool.provider.source.pool {
            other.id = "af-south-1_Other".to_owned();
        }
        pool.provider.store(&d).await;
        pool.restart(&d, 0);
        rejected(&pool, "the event is of another pool").await;
        pool.provider.source.pool = None;
        pool.provider.store(&d).await;
        pool.restart(&d, 0);
        rejected(&pool, "the source has no pool").await;
        pool.provider.source.pool = own;
        pool.provider.store(&d).await;
        pool.restart(&d, 0);
        let scopes: Vec<Scope> = Scope::ALL.into_iter().filter(|scope| *scope != Scope::Register).collect();
        d.put_company(&d.shop.company(&scopes, true)).await;
        d.world.clock.advance(MINUTE);
        rejected(&pool, "the company has not the scope that this needs").await;
        assert_eq!(stored(&d).await.0, 0);
    });
}
