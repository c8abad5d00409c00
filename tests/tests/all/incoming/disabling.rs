//! Sources that may disable accounts for all companies.

use serde_json::json;
use umoja_accounts::incoming::{Applied, Change};
use umoja_migrate::Row;
use umoja_schema::AccountStatus;
use umoja_schema::ingest::Allowed;

use super::{ADA, accepts, ada, apply, feeder, finish, make_ada, seen, state, story, trail};

const DISABLE: Allowed = Allowed { disable: true, erase: false };

#[test]
fn a_suspension_disables_the_account_and_an_activation_ends_it() {
    story(970, async |d| {
        let shop = feeder(&d, &d.shop, DISABLE).await;
        let id = make_ada(&d, &shop).await;
        assert_eq!(apply(&shop, 20, Change::Suspended).await, Applied::Changed(id));
        assert!(!accepts(&d, &d.food, "correct horse").await);
        let user = seen(&d, &d.food, json!({ "id": id })).await;
        assert_eq!((&user["status"], &user["accounts"]["shop"]["status"]), (&json!("disabled"), &json!("suspended")));
        let events = trail(&d, id).await.0;
        assert_eq!(events[events.len() - 2..], ["suspended", "status_changed"]);
        assert_eq!(apply(&shop, 30, Change::Activated).await, Applied::Changed(id));
        assert!(accepts(&d, &d.food, "correct horse").await);
        finish(&d).await;
    });
}

#[test]
fn an_activation_leaves_an_account_disabled_that_another_company_disabled() {
    story(971, async |d| {
        let shop = feeder(&d, &d.shop, DISABLE).await;
        let id = make_ada(&d, &shop).await;
        apply(&shop, 20, Change::Suspended).await;
        for status in ["active", "disabled"] {
            d.call_as(&d.food, 0, "status", json!({ "id": id, "status": status })).await.ok(200);
        }
        assert_eq!(apply(&shop, 30, Change::Activated).await, Applied::Changed(id));
        let user = seen(&d, &d.food, json!({ "id": id })).await;
        assert_eq!((&user["status"], &user["accounts"]["shop"]["status"]), (&json!("disabled"), &json!("active")));
    });
}

#[test]
fn a_state_that_repeats_the_standing_leaves_what_the_company_has_set_since() {
    story(972, async |d| {
        let shop = feeder(&d, &d.shop, DISABLE).await;
        let id = make_ada(&d, &shop).await;
        let status = async || seen(&d, &d.shop, json!({ "id": id })).await["status"].clone();
        let with = |at, status| state(at, Row { status: Some(status), ..ada() });
        d.call(0, "status", json!({ "id": id, "status": "disabled" })).await.ok(200);
        shop.apply(&with(20, AccountStatus::Active)).await.unwrap();
        assert_eq!(status().await, "disabled");
        d.call(0, "status", json!({ "id": id, "status": "active" })).await.ok(200);
        shop.apply(&with(30, AccountStatus::Disabled)).await.unwrap();
        assert_eq!(status().await, "disabled");
        d.call(0, "status", json!({ "id": id, "status": "active" })).await.ok(200);
        shop.apply(&with(40, AccountStatus::Disabled)).await.unwrap();
        assert_eq!(status().await, "active");
    });
}

#[test]
fn a_blocked_user_is_made_and_disabled() {
    story(973, async |d| {
        let shop = feeder(&d, &d.shop, DISABLE).await;
        let blocked = Row { status: Some(AccountStatus::Disabled), ..ada() };
        assert!(matches!(shop.apply(&state(10, blocked)).await, Ok(Applied::Created(_))));
        let user = seen(&d, &d.shop, json!({ "email": ADA })).await;
        assert_eq!((&user["status"], &user["accounts"]["shop"]["status"]), (&json!("disabled"), &json!("suspended")));
        finish(&d).await;
    });
}

#[test]
fn a_source_without_the_permission_disables_no_account() {
    story(974, async |d| {
        let shop = super::shop(&d).await;
        let id = make_ada(&d, &shop).await;
        apply(&shop, 20, Change::Suspended).await;
        assert_eq!(seen(&d, &d.shop, json!({ "id": id })).await["status"], "active");
    });
}
