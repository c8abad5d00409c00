//! The list of a pool in a file, compared with the store by an operator.

use std::sync::Arc;

use serde_json::json;
use umoja_ingest::cognito::{Compared, PoolList, Reconciled, Sample, compare};
use umoja_schema::Millis;
use umoja_schema::ingest::PoolDirection;
use umoja_store::ports::{Clock as _, UserPool as _};
use umoja_tests::deployment::Deployment;
use umoja_tests::pool::{POOL, Pool};

use super::reconcile::users;
use super::{HOUR, feeding, finish, stored, story};

/// The list as the command line of Amazon Cognito prints it.
async fn list(pool: &Pool) -> PoolList {
    let (mut users, mut after) = (Vec::new(), None);
    loop {
        let page = pool.users(POOL, after.as_deref()).await.unwrap();
        users.extend(page.users);
        after = page.next;
        if after.is_none() {
            return PoolList::read(json!({ "Users": users }).to_string().as_bytes()).unwrap();
        }
    }
}

/// Compares a list that was made at this moment.
async fn compared(d: &Deployment, pool: &Pool, list: &PoolList, began: Millis, most: usize) -> Compared {
    let importer = crate::import::importer(d, 0, &d.shop).await;
    compare(importer, Arc::new(pool.provider.source.clone()), list, began, most).await.unwrap()
}

async fn now(d: &Deployment, pool: &Pool) -> Compared {
    compared(d, pool, &list(pool).await, d.world.regions[0].clock.now(), 20).await
}

fn one<T>(id: T) -> Sample<T> {
    Sample { count: 1, ids: vec![id] }
}

#[test]
fn a_comparison_names_every_difference_by_ids_and_changes_nothing() {
    feeding(1570, async |d, pool| {
        users(&d, &pool, 4).await;
        let equal = now(&d, &pool).await;
        assert_eq!(equal, Compared { listed: 4, ..Compared::default() });
        assert!(equal.is_equal());
        let sub = |name: &str| pool.user(name).unwrap().sub;
        let erased = sub("user-00");
        d.call(0, "erase", json!({ "external_id": erased })).await.ok(202);
        pool.enable("user-01", false);
        let disabled = pool.token("user-01").await.unwrap();
        let gone = pool.token("user-02").await.unwrap();
        pool.delete("user-02");
        pool.sign_up(&d, "ann", "ann@example.com", false).await.unwrap();
        d.world.regions[0].faults.tables.set_down(true);
        pool.confirm("ann").await.unwrap_err();
        d.world.regions[0].faults.tables.set_down(false);
        d.world.clock.advance(25 * HOUR);
        let before = stored(&d).await;
        let found = now(&d, &pool).await;
        let expected = Compared {
            listed: 4,
            only_in_pool: one(sub("ann")),
            only_in_store: one(gone.parse().unwrap()),
            erased: one(erased.clone()),
            other_standing: one(disabled.parse().unwrap()),
            ..Compared::default()
        };
        assert_eq!(found, expected);
        assert!(!found.is_equal());
        let text = serde_json::to_string(&found).unwrap();
        assert!(!text.contains("example.com") && !text.contains("user-0"), "{text}");
        assert_eq!(stored(&d).await, before);
        // The function finds the same, and repairs what it may.
        let counts = Reconciled {
            listed: 4,
            only_in_pool: 1,
            only_in_store: 1,
            erased: 1,
            other_standing: 1,
            repaired: 3,
            ..Reconciled::default()
        };
        assert_eq!(pool.reconcile().await, Ok(counts));
        finish(&d).await;
        assert_eq!(now(&d, &pool).await, Compared { listed: 4, erased: one(erased), ..Compared::default() });
    });
}

#[test]
fn a_list_is_compared_as_of_the_time_at_which_it_was_made() {
    feeding(1571, async |d, pool| {
        users(&d, &pool, 2).await;
        let (old, made) = (list(&pool).await, d.world.regions[0].clock.now());
        d.world.clock.advance(24 * HOUR);
        pool.sign_up(&d, "new", "new@example.com", false).await.unwrap();
        pool.confirm("new").await.unwrap();
        let id = pool.token("new").await.unwrap();
        d.world.clock.advance(24 * HOUR);
        assert_eq!(compared(&d, &pool, &old, made, 20).await, Compared { listed: 2, ..Compared::default() });
        let stale = compared(&d, &pool, &old, d.world.regions[0].clock.now(), 20).await;
        assert_eq!(stale.only_in_store, one(id.parse().unwrap()));
    });
}

#[test]
fn the_named_users_are_bounded_and_all_are_counted() {
    feeding(1572, async |d, pool| {
        users(&d, &pool, 22).await;
        for n in 0..21 {
            pool.delete(&format!("user-{n:02}"));
        }
        let began = d.world.regions[0].clock.now();
        let found = compared(&d, &pool, &list(&pool).await, began, 5).await;
        assert_eq!((found.only_in_store.count, found.only_in_store.ids.len(), found.is_held), (21, 5, true));
    });
}

#[test]
fn a_pool_whose_users_come_from_umoja_may_lack_users() {
    story(1573, PoolDirection::ToPool, async |d, pool| {
        for name in ["ann@example.com", "bob@example.com"] {
            d.register(0, name, "correct horse").await.ok(201);
            pool.migrate(&d, name, Some("correct horse")).await.unwrap();
        }
        d.register(0, "never@example.com", "correct horse").await.ok(201);
        d.call(0, "erase", json!({ "email": "bob@example.com" })).await.ok(202);
        let erased = pool.user("bob@example.com").unwrap().sub;
        assert_eq!(now(&d, &pool).await, Compared { listed: 2, erased: one(erased), ..Compared::default() });
    });
}
