//! The token gate: the id of the user that holds the pool's id, or no token.

use serde_json::{Value, json};
use umoja_ingest::cognito::TriggerError;
use umoja_tests::deployment::Deployment;
use umoja_tests::pool::Pool;

use super::{HOUR, MINUTE, feeding, finish, seen, stored};

const ANN: &str = "ann@example.com";

/// Ann, who has signed up: her id.
async fn ann(d: &Deployment, pool: &Pool) -> String {
    pool.sign_up(d, "ann", ANN, false).await.unwrap();
    pool.confirm("ann").await.unwrap();
    pool.token("ann").await.unwrap()
}

#[test]
fn a_merge_does_not_change_the_id_in_the_token() {
    feeding(1520, async |d, pool| {
        let other = json!({ "username": "other", "email": "other@example.com", "email_verified": true });
        let primary = d.call_as(&d.food, 0, "register", other).await.id();
        d.world.clock.advance(1000);
        let id = ann(&d, &pool).await;
        let merged = d.call(0, "merge", json!({ "survivor": primary, "duplicate": id })).await;
        assert!(merged.status < 300, "{merged:?}");
        assert_eq!(pool.token("ann").await, Ok(id));
        finish(&d).await;
    });
}

#[test]
fn an_erased_user_gets_no_token_and_does_not_come_back() {
    feeding(1521, async |d, pool| {
        let id = ann(&d, &pool).await;
        d.call(0, "erase", json!({ "id": id })).await.ok(202);
        for _ in 0..2 {
            assert_eq!(pool.token("ann").await, Err(TriggerError::NoUser));
            login(&pool, "ann").await;
            finish(&d).await;
        }
        assert_eq!(seen(&d, 0, &pool, "ann").await, Value::Null);
    });
}

#[test]
fn an_erased_user_that_was_only_matched_gets_no_token_and_does_not_come_back() {
    feeding(1522, async |d, pool| {
        let known = d.call_as(&d.food, 0, "register", json!({ "email": ANN, "email_verified": true })).await.id();
        assert_eq!(ann(&d, &pool).await, known);
        d.call(0, "erase", json!({ "id": known })).await.ok(202);
        for wait in [0, MINUTE, 25 * HOUR, 8 * 24 * HOUR] {
            d.world.clock.advance(wait);
            assert_eq!(pool.token("ann").await, Err(TriggerError::NoUser), "after {wait} ms");
            login(&pool, "ann").await;
            finish(&d).await;
            assert_eq!(seen(&d, 0, &pool, "ann").await, Value::Null, "after {wait} ms");
        }
    });
}

/// What Cognito calls when a person has logged in.
async fn login(pool: &Pool, name: &str) -> Value {
    let user = pool.user(name).unwrap();
    let attributes = json!({ "sub": user.sub, "email": user.email, "email_verified": "true" });
    let event = pool.event("PostAuthentication_Authentication", name, attributes);
    let answer = pool.call(event.clone()).await.unwrap();
    assert_eq!(answer, event);
    answer
}

#[test]
fn a_user_who_may_not_log_in_gets_no_token() {
    feeding(1523, async |d, pool| {
        let id = ann(&d, &pool).await;
        d.call(0, "status", json!({ "id": id, "status": "disabled" })).await.ok(200);
        assert_eq!(pool.token("ann").await, Err(TriggerError::NoUser));
        d.call(0, "status", json!({ "id": id, "status": "active" })).await.ok(200);
        assert_eq!(pool.token("ann").await, Ok(id));
    });
}

#[test]
fn a_user_whom_an_administrator_made_is_activated_at_the_first_token() {
    feeding(1524, async |d, pool| {
        pool.create(&d, "ann", ANN).await.unwrap();
        assert_eq!(stored(&d).await, (0, 1));
        d.world.clock.advance(6 * 24 * HOUR);
        let id = pool.token("ann").await.unwrap();
        finish(&d).await;
        let user = seen(&d, 1, &pool, "ann").await;
        assert_eq!((&user["id"], &user["email_verified"]), (&json!(id), &json!(true)));
    });
}

#[test]
fn a_user_of_the_pool_who_never_signed_up_gets_no_token_and_leaves_nothing() {
    feeding(1525, async |d, pool| {
        pool.create(&d, "ann", ANN).await.unwrap();
        d.world.clock.advance(8 * 24 * HOUR);
        assert_eq!(pool.token("ann").await, Err(TriggerError::NoUser));
        finish(&d).await;
        assert_eq!(stored(&d).await, (0, 0));
    });
}

#[test]
fn who_has_not_confirmed_gets_no_token_and_leaves_nothing() {
    feeding(1529, async |d, pool| {
        pool.sign_up(&d, "ann", ANN, false).await.unwrap();
        assert_eq!(pool.token("ann").await, Err(TriggerError::NoUser));
        assert_eq!(stored(&d).await, (0, 1));
    });
}

#[test]
fn a_login_sets_its_day_on_the_link_a_moment_later() {
    feeding(1526, async |d, pool| {
        let id = ann(&d, &pool).await;
        d.world.clock.advance(48 * HOUR);
        let today = u32::try_from(d.now() / 86_400).unwrap();
        login(&pool, "ann").await;
        finish(&d).await;
        for region in &d.world.regions {
            let parts = region.tables.users.parts(id.parse().unwrap()).await.unwrap();
            let profile = parts.profile.unwrap();
            let links = &profile.profile_facts().unwrap().links;
            assert_eq!(links[&pool.provider.source.company].last_login_day, Some(today));
        }
    });
}

#[test]
fn a_login_waits_for_nothing_that_fails() {
    feeding(1527, async |d, mut pool| {
        ann(&d, &pool).await;
        d.world.regions[0].faults.tables.set_down(true);
        login(&pool, "ann").await;
        d.world.regions[0].faults.tables.set_down(false);
        pool.provider.source.enabled = false;
        pool.provider.store(&d).await;
        pool.restart(&d, 0);
        login(&pool, "ann").await;
        let mut broken = pool.event("PostAuthentication_Authentication", "ann", json!({}));
        broken["request"] = json!(null);
        assert_eq!(pool.call(broken.clone()).await, Ok(broken));
    });
}

#[test]
fn a_password_that_was_reset_in_the_pool_ends_what_the_company_stated() {
    feeding(1528, async |d, pool| {
        ann(&d, &pool).await;
        let started = d.call(0, "password/reset/start", json!({ "email": ANN })).await;
        let token = started.ok(200).body["token"].clone();
        d.call(0, "password/reset/finish", json!({ "token": token, "new_password": "correct horse" })).await.ok(200);
        assert!(d.accepts(0, ANN, "correct horse").await);
        d.world.clock.advance(MINUTE);
        let attributes = json!({ "sub": pool.user("ann").unwrap().sub, "email": ANN });
        let event = pool.event("PostConfirmation_ConfirmForgotPassword", "ann", attributes);
        pool.call(event.clone()).await.unwrap();
        finish(&d).await;
        assert!(!d.accepts(0, ANN, "correct horse").await);
    });
}
