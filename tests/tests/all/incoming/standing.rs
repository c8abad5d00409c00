//! A user that a source suspends, activates or deletes at its company.

use serde_json::json;
use umoja_accounts::incoming::{Applied, Change};
use umoja_migrate::Row;
use umoja_schema::AccountStatus;
use umoja_schema::audit::field;

use super::{ADA, accepts, ada, apply, change, finish, make_ada, seen, set_password, shop, state, story, trail};
use crate::import::{importer, row};

/// Failure: a source deletes or suspends a user whom other companies know
#[test]
fn a_deletion_at_one_company_leaves_the_login_at_another() {
    story(900, async |d| {
        let shop = shop(&d).await;
        let id = make_ada(&d, &shop).await;
        assert!(accepts(&d, &d.food, "correct horse").await);
        for (at, what) in [(20, Change::Suspended), (30, Change::Deleted)] {
            assert_eq!(apply(&shop, at, what).await, Applied::Changed(id).or_unchanged(at == 30));
            assert!(!accepts(&d, &d.shop, "correct horse").await);
            assert!(accepts(&d, &d.food, "correct horse").await);
        }
        let accounts = seen(&d, &d.food, json!({ "id": id })).await["accounts"].clone();
        assert_eq!((&accounts["shop"]["status"], &accounts["food"]["status"]), (&json!("suspended"), &json!("active")));
        // Another company resets the password, and the one that has suspended the user does not.
        d.call(0, "password/reset/start", json!({ "email": ADA })).await.rejected(409, "user_disabled");
        set_password(&d, &d.food, "battery staple").await;
        assert!(accepts(&d, &d.food, "battery staple").await);
        assert_eq!(apply(&shop, 40, Change::Activated).await, Applied::Changed(id));
        assert!(accepts(&d, &d.shop, "battery staple").await);
        finish(&d).await;
    });
}

trait OrUnchanged {
    fn or_unchanged(self, is_unchanged: bool) -> Applied;
}

impl OrUnchanged for Applied {
    /// A deletion of a suspended user changes only what is kept about the source.
    fn or_unchanged(self, is_unchanged: bool) -> Applied {
        match self {
            Applied::Changed(id) if is_unchanged => Applied::Unchanged(id),
            other => other,
        }
    }
}

#[test]
fn a_reset_that_was_started_before_a_suspension_is_not_finished() {
    story(901, async |d| {
        let shop = shop(&d).await;
        make_ada(&d, &shop).await;
        let started = d.call(0, "password/reset/start", json!({ "email": ADA })).await;
        let body = json!({ "token": started.ok(200).body["token"], "new_password": "battery staple" });
        apply(&shop, 20, Change::Suspended).await;
        d.call(0, "password/reset/finish", body.clone()).await.rejected(409, "user_disabled");
        apply(&shop, 30, Change::Activated).await;
        d.call(0, "password/reset/finish", body).await.ok(200);
    });
}

#[test]
fn a_suspended_user_changes_no_password_at_the_company() {
    story(902, async |d| {
        let shop = shop(&d).await;
        let id = make_ada(&d, &shop).await;
        apply(&shop, 20, Change::Suspended).await;
        let body = json!({ "id": id, "current_password": "correct horse", "new_password": "battery staple" });
        assert_eq!(d.call(0, "password/change", body).await.ok(200).body["changed"], false);
        assert!(accepts(&d, &d.food, "correct horse").await);
    });
}

#[test]
fn a_suspended_user_and_a_wrong_password_take_the_same_work() {
    story(903, async |d| {
        let shop = shop(&d).await;
        make_ada(&d, &shop).await;
        apply(&shop, 20, Change::Suspended).await;
        d.hasher.take();
        let mut answers = Vec::new();
        for password in ["correct horse", "wrong horse"] {
            let reply = d.call(0, "authenticate", json!({ "email": ADA, "password": password })).await;
            answers.push((reply.status, reply.body.clone(), d.hasher.take()));
        }
        assert_eq!(answers[0], answers[1]);
        assert_eq!(answers[0].2, (0, 1));
    });
}

#[test]
fn a_blocked_user_is_made_with_a_suspended_link_and_an_active_account() {
    story(904, async |d| {
        let shop = shop(&d).await;
        let blocked = Row { status: Some(AccountStatus::Disabled), ..ada() };
        let Applied::Created(id) = shop.apply(&state(10, blocked)).await.unwrap() else { panic!("a new user") };
        let user = seen(&d, &d.shop, json!({ "id": id })).await;
        assert_eq!((&user["status"], &user["accounts"]["shop"]["status"]), (&json!("active"), &json!("suspended")));
        let (events, last) = trail(&d, id).await;
        assert_eq!(events, ["imported", "suspended"]);
        assert_eq!(last.field(field::LINKED), Some("shop"));
        let active = Row { status: Some(AccountStatus::Active), ..ada() };
        assert_eq!(shop.apply(&state(20, active)).await, Ok(Applied::Changed(id)));
        assert_eq!(seen(&d, &d.shop, json!({ "id": id })).await["accounts"]["shop"]["status"], "active");
        finish(&d).await;
    });
}

#[test]
fn a_blocked_user_whom_another_company_knows_is_linked_and_suspended() {
    story(905, async |d| {
        importer(&d, 0, &d.food).await.row(&row("f1", ADA)).await.unwrap();
        let shop = shop(&d).await;
        let blocked = Row { status: Some(AccountStatus::Disabled), ..ada() };
        let Applied::Matched(user) = shop.apply(&state(10, blocked)).await.unwrap() else { panic!("a match") };
        let accounts = seen(&d, &d.food, json!({ "external_id": "f1" })).await["accounts"].clone();
        assert_eq!((&accounts["shop"]["status"], &accounts["food"]["status"]), (&json!("suspended"), &json!("active")));
        assert_eq!(accounts["shop"]["external_id"], "s7");
        assert_eq!(trail(&d, user).await.0, ["imported", "imported", "linked", "suspended"]);
        finish(&d).await;
    });
}

#[test]
fn every_change_of_the_standing_is_recorded_with_the_source() {
    story(906, async |d| {
        let shop = shop(&d).await;
        let Applied::Created(id) = shop.apply(&state(10, ada())).await.unwrap() else { panic!("a new user") };
        for (at, what) in [(20, Change::Suspended), (30, Change::Activated), (40, Change::Deleted)] {
            apply(&shop, at, what).await;
        }
        let (events, last) = trail(&d, id).await;
        assert_eq!(events, ["imported", "suspended", "activated", "suspended"]);
        let by = [field::BY, field::SOURCE, field::COMPANY, field::LINKED].map(|name| last.field(name).unwrap());
        assert_eq!(by, ["source", "shop-auth0", "shop", "shop"]);
        finish(&d).await;
    });
}

#[test]
fn a_registration_does_not_end_a_suspension() {
    story(907, async |d| {
        let shop = shop(&d).await;
        let id = make_ada(&d, &shop).await;
        apply(&shop, 20, Change::Suspended).await;
        let body = json!({ "email": ADA, "email_verified": true, "external_id": "s7" });
        let again = d.call(0, "register", body).await;
        assert_eq!(again.ok(200).body["user"]["accounts"]["shop"]["status"], "suspended");
        assert_eq!(again.id(), id.to_string());
        assert!(!accepts(&d, &d.shop, "correct horse").await);
    });
}

#[test]
fn one_active_link_of_merged_users_is_enough() {
    story(908, async |d| {
        let shop = shop(&d).await;
        let id = make_ada(&d, &shop).await;
        let other = row("s8", "ada.l@example.com");
        let Applied::Created(second) = shop.apply(&state(10, other)).await.unwrap() else { panic!("a new user") };
        d.call(0, "merge", json!({ "survivor": id, "duplicate": second })).await.ok(200);
        let status = async || seen(&d, &d.shop, json!({ "id": id })).await["accounts"]["shop"]["status"].clone();
        apply(&shop, 20, Change::Suspended).await;
        assert_eq!(status().await, "active");
        assert!(accepts(&d, &d.shop, "correct horse").await);
        shop.apply(&change("s8", 20, Change::Deleted)).await.unwrap();
        assert_eq!(status().await, "suspended");
        assert!(!accepts(&d, &d.shop, "correct horse").await);
        finish(&d).await;
    });
}

#[test]
fn a_login_sets_the_day_of_the_last_login() {
    const DAY: u64 = 24 * 60 * 60 * 1000;
    story(909, async |d| {
        let shop = shop(&d).await;
        let id = make_ada(&d, &shop).await;
        let login = |at| change("s7", at, Change::State { row: Box::new(ada()), logged_in: true });
        let day = async || {
            let parts = d.world.regions[0].tables.users.parts(id).await.unwrap();
            parts.profile.unwrap().profile_facts().unwrap().links[&shop.source.company].last_login_day
        };
        assert_eq!(day().await, None);
        assert_eq!(shop.apply(&login(5 * DAY)).await, Ok(Applied::Changed(id)));
        assert_eq!(day().await, Some(5));
        assert_eq!(shop.apply(&login(5 * DAY + 1)).await, Ok(Applied::Unchanged(id)));
        // The login is older than the newest state, and later than the last login.
        shop.apply(&state(9 * DAY, ada())).await.unwrap();
        assert_eq!(shop.apply(&login(7 * DAY)).await, Ok(Applied::Changed(id)));
        assert_eq!(shop.apply(&login(6 * DAY)).await, Ok(Applied::Older(id)));
        assert_eq!(day().await, Some(7));
    });
}
