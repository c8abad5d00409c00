//! What operators see before and after deliveries.

use serde_json::json;

use super::{user, with_target};

#[test]
fn a_plan_says_what_would_be_done_and_does_nothing() {
    with_target(960, async |mut fed| {
        let known = fed.user("ada@example.com").await;
        fed.settle().await;
        let new = fed.user("eve@example.com").await;
        let changed = json!({ "id": known, "set": { "profile": { "given_name": "Augusta" } } });
        fed.d.call(0, "update", changed).await.ok(200);
        fed.d.call_as(&fed.d.food, 0, "register", json!({ "email": "joe@example.com" })).await.ok(201);
        fed.remote.take_calls();
        let provisioner = fed.provisioner(0);
        let survey = provisioner.survey(&fed.known()).await.unwrap();
        assert_eq!(serde_json::to_value(&survey.counts).unwrap(), json!({ "create": 1, "update": 1 }));
        assert_eq!(survey.samples["create"], [user(&new)]);
        fed.target.scope = Some(json!({ "from": "/profile/address/country", "is": ["NONE"] }));
        let survey = provisioner.survey(&fed.known()).await.unwrap();
        assert_eq!(serde_json::to_value(&survey.counts).unwrap(), json!({ "disable": 1 }));
        assert_eq!(fed.remote.take_calls(), [""; 0]);
        assert_eq!(fed.remote.users().len(), 1);
    });
}

#[test]
fn a_user_that_the_mapping_does_not_fit_is_named_by_a_code() {
    with_target(961, async |mut fed| {
        fed.target.mapping = json!({ "userName": "/profile/custom/login" });
        fed.store().await;
        let without = fed.user("ada@example.com").await;
        let body = json!({ "email": "eve@example.com", "profile": { "custom": { "login": "eve" } } });
        let with = fed.d.call(0, "register", body).await.ok(201).id();
        fed.settle().await;
        assert_eq!(fed.code(&without).await.as_deref(), Some("unmappable"));
        assert_eq!(fed.account(&with).unwrap()["userName"], "eve");
        let survey = fed.provisioner(0).survey(&fed.known()).await.unwrap();
        assert_eq!(survey.samples["unmappable"], [user(&without)]);
    });
}

#[test]
fn a_paused_target_is_not_asked_and_gets_everything_afterwards() {
    with_target(962, async |mut fed| {
        fed.target.enabled = false;
        fed.store().await;
        let id = fed.user("ada@example.com").await;
        fed.settle().await;
        assert_eq!(fed.remote.take_calls(), [""; 0]);
        fed.target.enabled = true;
        fed.store().await;
        fed.settle().await;
        assert!(fed.account(&id).is_some());
    });
}

#[test]
fn all_existing_users_are_provisioned_on_request() {
    with_target(963, async |fed| {
        let mut ids = Vec::new();
        for n in 0..5 {
            ids.push(fed.user(&format!("ada{n}@example.com")).await);
        }
        let provisioner = fed.provisioner(0);
        assert_eq!(provisioner.ring_all(&fed.known()).await.unwrap(), 5);
        fed.deliver(&provisioner).await;
        assert!(ids.iter().all(|id| fed.account(id).is_some()));
    });
}
