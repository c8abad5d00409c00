//! The list of a pool, compared with the store.

use async_trait::async_trait;
use serde_json::{Value, json};
use umoja_ingest::cognito::{Reconciled, TriggerError};
use umoja_schema::ingest::PoolDirection;
use umoja_store::ports::{PoolPage, StoreError, UserPool};
use umoja_tests::deployment::Deployment;
use umoja_tests::pool::{Pool, triggers};

use super::{HOUR, feeding, finish, seen, stored, story};

/// People who have signed up, confirmed and logged in, a day ago.
pub(super) async fn users(d: &Deployment, pool: &Pool, count: usize) {
    for n in 0..count {
        let name = format!("user-{n:02}");
        pool.sign_up(d, &name, &format!("{name}@example.com"), false).await.unwrap();
        pool.confirm(&name).await.unwrap();
    }
    d.world.clock.advance(24 * HOUR);
}

async fn status(d: &Deployment, pool: &Pool, name: &str) -> Value {
    seen(d, 1, pool, name).await["accounts"]["shop"]["status"].clone()
}

#[test]
fn a_pool_that_agrees_with_the_store_changes_nothing() {
    feeding(1560, async |d, pool| {
        users(&d, &pool, 7).await;
        pool.sign_up(&d, "waits", "waits@example.com", false).await.unwrap();
        pool.create(&d, "by-admin", "by-admin@example.com").await.unwrap();
        let before = stored(&d).await;
        assert_eq!(pool.reconcile().await, Ok(Reconciled { listed: 9, ..Reconciled::default() }));
        assert_eq!(stored(&d).await, before);
    });
}

/// Failure: PostConfirmation fails
#[test]
fn a_confirmed_user_of_whom_nothing_was_stored_is_made_from_the_list() {
    feeding(1561, async |d, pool| {
        pool.sign_up(&d, "ann", "ann@example.com", false).await.unwrap();
        d.world.regions[0].faults.tables.set_down(true);
        assert_eq!(pool.confirm("ann").await, Err(TriggerError::Unavailable));
        assert_eq!(pool.reconcile().await, Err(TriggerError::Unavailable));
        d.world.regions[0].faults.tables.set_down(false);
        d.world.clock.advance(25 * HOUR);
        assert_eq!(pool.token("ann").await, Err(TriggerError::NoUser));
        let done = pool.reconcile().await.unwrap();
        assert_eq!(done, Reconciled { listed: 1, only_in_pool: 1, repaired: 1, ..Reconciled::default() });
        let id = pool.token("ann").await.unwrap();
        finish(&d).await;
        assert_eq!(seen(&d, 1, &pool, "ann").await["id"], json!(id));
        assert_eq!(pool.reconcile().await, Ok(Reconciled { listed: 1, ..Reconciled::default() }));
    });
}

#[test]
fn a_user_whom_the_pool_has_lost_is_suspended_at_the_company_only() {
    feeding(1562, async |d, pool| {
        users(&d, &pool, 2).await;
        let ann = json!({ "email": "user-00@example.com", "email_verified": true });
        d.call_as(&d.food, 0, "register", ann).await.ok(200);
        let subject = pool.user("user-00").unwrap().sub;
        pool.delete("user-00");
        let done = pool.reconcile().await.unwrap();
        assert_eq!(done, Reconciled { listed: 1, only_in_store: 1, repaired: 1, ..Reconciled::default() });
        finish(&d).await;
        let user = d.call(1, "lookup", json!({ "external_id": subject })).await.ok(200).body["user"].clone();
        assert_eq!(user["accounts"]["shop"]["status"], "suspended");
        assert_eq!(user["accounts"]["food"]["status"], "active");
        assert_eq!(pool.reconcile().await, Ok(Reconciled { listed: 1, ..Reconciled::default() }));
    });
}

#[test]
fn a_list_that_has_lost_many_users_suspends_none() {
    feeding(1563, async |d, pool| {
        users(&d, &pool, 22).await;
        for n in 0..21 {
            pool.delete(&format!("user-{n:02}"));
        }
        let done = pool.reconcile().await.unwrap();
        assert_eq!(done, Reconciled { listed: 1, only_in_store: 21, is_held: true, ..Reconciled::default() });
        finish(&d).await;
    });
}

#[test]
fn a_user_who_is_newer_than_the_list_may_be_is_left_alone() {
    feeding(1564, async |d, pool| {
        users(&d, &pool, 1).await;
        pool.sign_up(&d, "new", "new@example.com", false).await.unwrap();
        pool.confirm("new").await.unwrap();
        let user = pool.user("new").unwrap();
        pool.delete("new");
        assert_eq!(pool.reconcile().await, Ok(Reconciled { listed: 1, ..Reconciled::default() }));
        let found = d.call(0, "lookup", json!({ "external_id": user.sub })).await.ok(200).body["user"].clone();
        assert_eq!(found["accounts"]["shop"]["status"], "active");
    });
}

/// A pool in which a person signs up while it is listed, too late for the page that has been read.
struct Overtaken<'a>(&'a Deployment, &'a Pool);

#[async_trait]
impl UserPool for Overtaken<'_> {
    async fn users(&self, pool: &str, after: Option<&str>) -> Result<PoolPage, StoreError> {
        let Self(d, own) = self;
        let page = own.users(pool, after).await?;
        d.world.clock.advance(1_000);
        own.sign_up(d, "a-new", "new@example.com", false).await.unwrap();
        own.confirm("a-new").await.unwrap();
        Ok(page)
    }
}

#[test]
fn a_user_who_signs_up_during_the_comparison_is_left_alone() {
    feeding(1568, async |d, pool| {
        users(&d, &pool, 2).await;
        let done = triggers(&d, 0, &pool.provider).reconcile(&Overtaken(&d, &pool)).await;
        assert_eq!(done, Ok(Reconciled { listed: 2, ..Reconciled::default() }));
        finish(&d).await;
        assert_eq!(status(&d, &pool, "a-new").await, "active");
    });
}

#[test]
fn a_user_who_is_disabled_in_the_pool_may_not_log_in_until_enabled_again() {
    feeding(1565, async |d, pool| {
        users(&d, &pool, 1).await;
        for (is_enabled, expected) in [(false, "suspended"), (true, "active")] {
            pool.enable("user-00", is_enabled);
            let done = pool.reconcile().await.unwrap();
            assert_eq!(done, Reconciled { listed: 1, other_standing: 1, repaired: 1, ..Reconciled::default() });
            finish(&d).await;
            assert_eq!(status(&d, &pool, "user-00").await, expected);
            assert_eq!(pool.token("user-00").await.is_ok(), is_enabled);
            d.world.clock.advance(HOUR);
        }
    });
}

#[test]
fn an_erased_user_is_counted_and_does_not_come_back() {
    feeding(1566, async |d, pool| {
        users(&d, &pool, 2).await;
        let id = pool.token("user-00").await.unwrap();
        d.call(0, "erase", json!({ "id": id })).await.ok(202);
        for _ in 0..2 {
            let done = pool.reconcile().await.unwrap();
            assert_eq!((done.listed, done.erased, done.repaired, done.failed), (2, 1, 0, 0));
            finish(&d).await;
        }
        assert_eq!(pool.token("user-00").await, Err(TriggerError::NoUser));
    });
}

#[test]
fn a_pool_whose_users_come_from_umoja_is_only_counted() {
    story(1567, PoolDirection::ToPool, async |d, pool| {
        for name in ["ann@example.com", "bob@example.com"] {
            d.register(0, name, "correct horse").await.ok(201);
            pool.migrate(&d, name, Some("correct horse")).await.unwrap();
        }
        d.call(0, "erase", json!({ "email": "bob@example.com" })).await.ok(202);
        let before = stored(&d).await;
        assert_eq!(pool.reconcile().await, Ok(Reconciled { listed: 2, erased: 1, ..Reconciled::default() }));
        assert_eq!(stored(&d).await, before);
    });
}
