//! Events in another order than that of the provider.

use serde_json::json;
use umoja_accounts::incoming::{Applied, Change};
use umoja_migrate::Row;
use umoja_schema::AccountStatus;

use super::{ada, apply, change, finish, make_ada, named, seen, shop, state, story};

/// Failure: events of a source out of order, or repeated
#[test]
fn an_older_state_changes_nothing() {
    story(940, async |d| {
        let shop = shop(&d).await;
        let id = make_ada(&d, &shop).await;
        assert_eq!(shop.apply(&state(30, named(ada(), "third"))).await, Ok(Applied::Changed(id)));
        assert_eq!(shop.apply(&state(20, named(ada(), "second"))).await, Ok(Applied::Older(id)));
        // The newest state says what the first one said. The time of it counts too.
        assert_eq!(shop.apply(&state(50, named(ada(), "third"))).await, Ok(Applied::Unchanged(id)));
        assert_eq!(shop.apply(&state(40, named(ada(), "fourth"))).await, Ok(Applied::Older(id)));
        assert_eq!(seen(&d, &d.shop, json!({ "id": id })).await["profile"]["given_name"], "third");
        finish(&d).await;
    });
}

/// Failure: events of a source out of order, or repeated
#[test]
fn a_replay_does_not_set_the_standing_back() {
    story(941, async |d| {
        let shop = shop(&d).await;
        let id = make_ada(&d, &shop).await;
        let status = async || seen(&d, &d.shop, json!({ "id": id })).await["accounts"]["shop"]["status"].clone();
        apply(&shop, 20, Change::Suspended).await;
        apply(&shop, 30, Change::Activated).await;
        assert_eq!(apply(&shop, 20, Change::Suspended).await, Applied::Older(id));
        assert_eq!(apply(&shop, 25, Change::Deleted).await, Applied::Older(id));
        assert_eq!(status().await, "active");
        apply(&shop, 40, Change::Deleted).await;
        assert_eq!(apply(&shop, 40, Change::Deleted).await, Applied::Unchanged(id));
        let active = |at| state(at, Row { status: Some(AccountStatus::Active), ..named(ada(), "Ada") });
        // The values of an older state are still the newest ones, and its standing is not.
        shop.apply(&active(35)).await.unwrap();
        assert_eq!(status().await, "suspended");
        assert_eq!(shop.apply(&state(45, ada())).await, Ok(Applied::Unchanged(id)), "it states no standing");
        assert_eq!(status().await, "suspended");
        assert_eq!(shop.apply(&active(50)).await, Ok(Applied::Changed(id)));
        assert_eq!(status().await, "active");
    });
}

#[test]
fn two_states_of_one_time_end_the_same_in_both_orders() {
    let mut ends = Vec::new();
    for order in [["one", "two"], ["two", "one"]] {
        story(942, async |d| {
            let shop = shop(&d).await;
            for name in order {
                shop.apply(&state(10, named(ada(), name))).await.unwrap();
            }
            let user = seen(&d, &d.shop, json!({ "external_id": "s7" })).await;
            ends.push(user["profile"]["given_name"].clone());
        });
    }
    assert_eq!(ends[0], ends[1]);
}

#[test]
fn a_subject_that_is_no_external_id_is_rejected() {
    story(943, async |d| {
        let shop = shop(&d).await;
        for what in [Change::Deleted, Change::State { row: Box::new(ada()), logged_in: false }] {
            let failed = shop.apply(&change("", 10, what)).await.unwrap_err();
            assert!(!failed.is_transient(), "{failed}");
        }
    });
}
