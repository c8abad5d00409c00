//! What happens to the accounts of users who change.

use serde_json::json;
use umoja_schema::Deprovisioning;

use super::{Fed, with_target};

async fn merge(fed: &Fed, survivor: &str, duplicate: &str) {
    let body = json!({ "survivor": survivor, "duplicate": duplicate });
    fed.d.call(0, "merge", body).await.ok(200);
    fed.d.world.clock.advance(1_000);
}

#[test]
fn a_user_gets_an_account_that_follows_the_user() {
    with_target(900, async |fed| {
        let id = fed.user("ada@example.com").await;
        assert_eq!(fed.settle().await.changes, 1);
        let account = fed.account(&id).unwrap();
        assert_eq!(account["userName"], "ada@example.com");
        assert_eq!((&account["name"]["givenName"], &account["active"]), (&json!("Ada"), &json!(true)));

        let set = json!({ "email": "countess@example.com", "profile": { "given_name": "Augusta" } });
        fed.d.call(1, "update", json!({ "id": id, "set": set })).await.ok(200);
        fed.settle().await;
        let account = fed.account(&id).unwrap();
        assert_eq!(account["userName"], "countess@example.com");
        assert_eq!(account["name"]["givenName"], "Augusta");
    });
}

#[test]
fn a_user_that_did_not_change_costs_no_call() {
    with_target(901, async |fed| {
        let id = fed.user("ada@example.com").await;
        fed.settle().await;
        fed.remote.take_calls();
        for _ in 0..3 {
            fed.settle().await;
        }
        let password = json!({ "id": id, "status": "active" });
        fed.d.call(0, "status", password).await;
        fed.settle().await;
        assert_eq!(fed.remote.take_calls(), [""; 0]);
    });
}

#[test]
fn who_is_disabled_is_disabled_at_the_target_and_comes_back() {
    with_target(902, async |fed| {
        let id = fed.user("ada@example.com").await;
        let other = fed.user("eve@example.com").await;
        fed.d.call(0, "status", json!({ "id": other, "status": "disabled" })).await.ok(200);
        fed.settle().await;
        assert_eq!(fed.account(&other), None, "who may not log in gets no new account");
        for (status, is_active) in [("disabled", false), ("active", true)] {
            fed.d.call(0, "status", json!({ "id": id, "status": status })).await.ok(200);
            fed.settle().await;
            assert_eq!(fed.account(&id).unwrap()["active"], json!(is_active));
        }
    });
}

#[test]
fn only_users_of_the_company_within_the_scope_have_accounts() {
    with_target(903, async |mut fed| {
        fed.target.scope = Some(json!({ "from": "/profile/address/country", "is": ["KE"] }));
        fed.store().await;
        let kenyan = fed.user("ada@example.com").await;
        let body = json!({ "email": "eve@example.com", "profile": { "address": { "country": "UG" } } });
        let ugandan = fed.d.call(0, "register", body).await.ok(201).id();
        let of_food =
            fed.d.call_as(&fed.d.food, 0, "register", json!({ "email": "joe@example.com" })).await.ok(201).id();
        fed.settle().await;
        assert!(fed.account(&kenyan).is_some());
        assert_eq!((fed.account(&ugandan), fed.account(&of_food)), (None, None));

        let moved = json!({ "id": kenyan, "set": { "profile": { "address": { "country": "UG" } } } });
        fed.d.call(0, "update", moved).await.ok(200);
        fed.settle().await;
        assert_eq!(fed.account(&kenyan).unwrap()["active"], json!(false));
        let back = json!({ "id": kenyan, "set": { "profile": { "address": { "country": "KE" } } } });
        fed.d.call(0, "update", back).await.ok(200);
        fed.settle().await;
        assert_eq!(fed.account(&kenyan).unwrap()["active"], json!(true));
    });
}

#[test]
fn who_leaves_the_scope_is_deleted_or_left_if_the_rule_says_so() {
    for (seed, rule) in [(904, Deprovisioning::Delete), (905, Deprovisioning::Leave)] {
        with_target(seed, async |mut fed| {
            fed.target.deprovisioning = rule;
            fed.target.scope = Some(json!({ "from": "/profile/address/country", "is": ["KE"] }));
            fed.store().await;
            let id = fed.user("ada@example.com").await;
            fed.settle().await;
            let moved = json!({ "id": id, "set": { "profile": { "address": { "country": "UG" } } } });
            fed.d.call(0, "update", moved).await.ok(200);
            fed.settle().await;
            match rule {
                Deprovisioning::Delete => assert_eq!(fed.account(&id), None),
                _ => assert_eq!(fed.account(&id).unwrap()["active"], json!(true)),
            }
        });
    }
}

/// Failure: merge and unmerge of users with accounts at a target
#[test]
fn a_merge_keeps_the_account_of_the_primary_account_and_an_unmerge_brings_the_other_back() {
    with_target(906, async |fed| {
        let primary = fed.user("ada@example.com").await;
        let body = json!({ "email": "countess@example.com", "profile": { "family_name": "King" } });
        let linked = fed.d.call(0, "register", body).await.ok(201).id();
        fed.settle().await;
        assert_eq!(fed.remote.users().len(), 2);

        merge(&fed, &primary, &linked).await;
        fed.settle().await;
        let account = fed.account(&primary).unwrap();
        assert_eq!((&account["active"], &account["name"]["familyName"]), (&json!(true), &json!("King")));
        assert_eq!(fed.account(&linked).unwrap()["active"], json!(false));

        fed.d.call(0, "unmerge", json!({ "id": linked })).await.ok(200);
        fed.settle().await;
        assert_eq!(fed.account(&linked).unwrap()["active"], json!(true));
        assert_eq!(fed.account(&primary).unwrap()["name"].get("familyName"), None);
        assert_eq!(fed.remote.users().len(), 2);
    });
}

/// Failure: target moved to another home
#[test]
fn a_moved_target_is_fed_by_its_new_home_and_nothing_is_made_twice() {
    with_target(907, async |mut fed| {
        let id = fed.user("ada@example.com").await;
        fed.settle().await;
        fed.d.world.settle().await;
        fed.target.home = fed.d.world.name(1).clone();
        fed.target.epoch = 1;
        fed.store().await;
        fed.remote.take_calls();
        let provisioner = fed.provisioner(1);
        provisioner.ring_all(&fed.known()).await.unwrap();
        fed.deliver(&provisioner).await;
        assert_eq!(fed.remote.take_calls().len(), 1, "the account is sent once more");
        assert!(fed.account(&id).is_some());
        let old = fed.provisioner(0);
        fed.ring(&old).await;
        assert!(old.targets().await.unwrap().is_empty(), "the old home delivers no more");
        assert_eq!(fed.remote.users().len(), 1);
    });
}
