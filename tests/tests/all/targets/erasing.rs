//! Erasures reach targets, and their receipts say so.

use serde_json::{Value, json};
use umoja_schema::Deprovisioning;

use super::{Fed, with_target};

async fn receipt(fed: &Fed, at: usize, id: &str) -> Value {
    fed.d.call(at, "erasure", json!({ "id": id })).await.ok(200).body["receipt"].clone()
}

/// Failure: person with accounts at targets erased
#[test]
fn an_erasure_deletes_the_account_whatever_the_rule_says_and_the_receipt_waits_for_it() {
    for (seed, rule) in [(940, Deprovisioning::Disable), (941, Deprovisioning::Leave)] {
        with_target(seed, async |mut fed| {
            fed.target.deprovisioning = rule;
            fed.store().await;
            let id = fed.user("ada@example.com").await;
            let never_provisioned =
                fed.d.call_as(&fed.d.food, 0, "register", json!({ "email": "joe@example.com" })).await;
            fed.settle().await;
            fed.remote.set_down(true);
            fed.d.call(1, "erase", json!({ "id": id })).await.ok(202);
            let other = never_provisioned.ok(201).id();
            fed.d.call_as(&fed.d.food, 0, "erase", json!({ "id": other })).await.ok(202);
            fed.settle().await;
            for at in 0..2 {
                let receipt = receipt(&fed, at, &id).await;
                assert_eq!(receipt["targets"]["crm"]["confirmed"], json!(false), "{receipt}");
                assert_eq!(receipt["complete"], json!(false));
            }
            fed.remote.set_down(false);
            fed.d.world.clock.advance(60_000);
            fed.settle().await;
            fed.settle().await;
            assert_eq!(fed.remote.users(), [json!(null); 0]);
            for at in 0..2 {
                let receipt = receipt(&fed, at, &id).await;
                assert_eq!(receipt["targets"]["crm"]["confirmed"], json!(true), "{receipt}");
                assert_eq!(receipt["complete"], json!(true));
            }
            let without = fed.d.call_as(&fed.d.food, 0, "erasure", json!({ "id": other })).await;
            let without = without.ok(200).body["receipt"].clone();
            assert_eq!((without.get("targets"), &without["complete"]), (None, &json!(true)));
        });
    }
}

#[test]
fn every_account_of_a_merged_person_is_deleted() {
    with_target(942, async |fed| {
        let primary = fed.user("ada@example.com").await;
        let linked = fed.user("countess@example.com").await;
        fed.settle().await;
        fed.d.call(0, "merge", json!({ "survivor": primary, "duplicate": linked })).await.ok(200);
        fed.settle().await;
        assert_eq!(fed.remote.users().len(), 2);
        fed.d.call(0, "erase", json!({ "id": linked })).await.ok(202);
        fed.settle().await;
        fed.settle().await;
        assert_eq!(fed.remote.users(), [json!(null); 0]);
        assert_eq!(receipt(&fed, 1, &primary).await["complete"], json!(true));
    });
}

#[test]
fn the_id_at_the_target_is_sealed_and_is_dropped_with_the_account() {
    with_target(943, async |fed| {
        let id = fed.user("ada@example.com").await;
        fed.settle().await;
        let provisioner = fed.provisioner(0);
        let remote_id = provisioner.remote_id(&fed.target.id, super::user(&id)).await.unwrap();
        assert_eq!(remote_id.as_deref(), fed.account(&id).unwrap()["id"].as_str());
        let row = provisioner.rows_of(&fed.known()).await.unwrap().remove(0);
        let sealed = row.remote_id.unwrap();
        assert!(!sealed.windows(2).any(|bytes| bytes == remote_id.as_ref().unwrap().as_bytes()));
        fed.d.call(0, "erase", json!({ "id": id })).await.ok(202);
        fed.settle().await;
        let row = provisioner.rows_of(&fed.known()).await.unwrap().remove(0);
        assert_eq!((row.remote_id, row.digest, row.etag), (None, None, None));
    });
}
