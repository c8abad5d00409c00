//! Targets that operators remove, and erasures that they confirm in place of a target.

use serde_json::json;
use umoja_provisioner::targets::Outage;
use umoja_schema::{Deprovisioning, RemoteAccount};

use super::{Fed, user, with_target};

/// Removes the target with a rule for its accounts, as `umoja target remove` does.
async fn remove(fed: &mut Fed, accounts: Deprovisioning) {
    fed.target.end(accounts);
    fed.store().await;
    fed.d.world.clock.advance(2_000);
    let provisioner = fed.provisioner(0);
    provisioner.ring_accounts(&fed.known()).await.unwrap();
    fed.deliver(&provisioner).await;
}

async fn states(fed: &Fed) -> Vec<RemoteAccount> {
    let rows = fed.provisioner(0).rows_of(&fed.known()).await.unwrap();
    rows.into_iter().map(|row| row.account).collect()
}

#[test]
fn who_removes_a_target_says_what_becomes_of_its_accounts() {
    for (seed, rule, active, state) in [
        (980, Deprovisioning::Delete, None, RemoteAccount::None),
        (981, Deprovisioning::Disable, Some(false), RemoteAccount::Disabled),
        (982, Deprovisioning::Leave, Some(true), RemoteAccount::Left),
    ] {
        with_target(seed, async |mut fed| {
            let mut ids = Vec::new();
            // More than the brake lets through in an hour.
            for n in 0..25 {
                ids.push(fed.user(&format!("ada{n}@example.com")).await);
            }
            fed.settle().await;
            remove(&mut fed, rule).await;
            for id in &ids {
                assert_eq!(
                    fed.account(id).map(|account| account["active"].clone()),
                    active.map(|active| json!(active))
                );
            }
            assert_eq!(states(&fed).await, vec![state; 25]);
            // Neither a change nor a new user brings an account back.
            let change = json!({ "id": ids[0], "set": { "profile": { "given_name": "Augusta" } } });
            fed.d.call(0, "update", change).await.ok(200);
            let late = fed.user("late@example.com").await;
            fed.remote.take_calls();
            fed.settle().await;
            assert_eq!((fed.account(&late), fed.remote.take_calls()), (None, Vec::new()));
        });
    }
}

#[test]
fn an_erasure_reaches_the_account_that_a_removed_target_was_left_with() {
    with_target(983, async |mut fed| {
        let id = fed.user("ada@example.com").await;
        fed.settle().await;
        remove(&mut fed, Deprovisioning::Leave).await;
        assert!(fed.account(&id).is_some());
        fed.d.call(1, "erase", json!({ "id": id })).await.ok(202);
        fed.settle().await;
        fed.settle().await;
        assert!(fed.account(&id).is_none());
        let receipt = fed.d.call(1, "erasure", json!({ "id": id })).await.ok(200).body["receipt"].clone();
        assert_eq!((&receipt["targets"]["crm"]["confirmed"], &receipt["complete"]), (&json!(true), &json!(true)));
    });
}

/// Failure: target never confirms an erasure
#[test]
fn an_operator_confirms_an_erasure_in_place_of_a_target_and_says_why() {
    with_target(984, async |fed| {
        let id = fed.user("ada@example.com").await;
        let linked = fed.user("countess@example.com").await;
        let other = fed.user("joe@example.com").await;
        fed.settle().await;
        fed.d.call(0, "merge", json!({ "survivor": id, "duplicate": linked })).await.ok(200);
        fed.settle().await;
        fed.remote.set_down(true);
        fed.d.call(1, "erase", json!({ "id": id })).await.ok(202);
        fed.settle().await;
        let (provisioner, target) = (fed.provisioner(0), fed.target.id.clone());
        let confirm =
            async |id: &str, reason: &str| provisioner.confirm_erasure(&target, user(id), reason).await.unwrap();
        assert!(confirm(&other, "not erased").await.is_empty());
        assert_eq!(confirm(&id, "the system was switched off").await.len(), 2);
        assert!(confirm(&id, "another reason").await.is_empty());
        fed.d.world.settle().await;
        for at in 0..2 {
            let receipt = fed.d.call(at, "erasure", json!({ "id": id })).await.ok(200).body["receipt"].clone();
            let crm = &receipt["targets"]["crm"];
            assert_eq!((&crm["confirmed"], &receipt["complete"]), (&json!(true), &json!(true)), "{receipt}");
            assert_eq!(crm["operator_reason"], "the system was switched off");
        }
        // Nothing more is asked of the target, and it is not said to have confirmed.
        fed.remote.set_down(false);
        fed.d.world.clock.advance(24 * 3_600_000);
        fed.remote.take_calls();
        fed.settle().await;
        assert_eq!(fed.remote.take_calls(), [""; 0]);
        let receipt = fed.d.call(0, "erasure", json!({ "id": id })).await.ok(200).body["receipt"].clone();
        assert_eq!(receipt["targets"]["crm"]["operator_reason"], "the system was switched off");
    });
}

#[test]
fn the_reason_of_an_operator_is_sealed() {
    with_target(985, async |fed| {
        let id = fed.user("ada@example.com").await;
        fed.settle().await;
        fed.remote.set_down(true);
        fed.d.call(0, "erase", json!({ "id": id })).await.ok(202);
        fed.settle().await;
        fed.provisioner(0).confirm_erasure(&fed.target.id, user(&id), "canary-of-a-reason").await.unwrap();
        let rows = fed.d.world.regions[0].tables.logs.rows(umoja_schema::Log::Receipts, user(&id)).await.unwrap();
        assert!(rows.iter().any(|row| row.kind == "operator_confirms"));
        assert!(!format!("{:?}", rows.iter().map(|row| &row.fields).collect::<Vec<_>>()).contains("canary"));
    });
}

#[test]
fn the_home_of_a_target_remembers_that_it_is_out() {
    with_target(986, async |fed| {
        let (checkpoints, target) = (&*fed.d.world.regions[0].home.checkpoints, fed.target.id.clone());
        let outage = async || Outage::load(checkpoints, &target).await.unwrap();
        let provisioner = fed.provisioner(0);
        for n in 0..12 {
            fed.user(&format!("ada{n}@example.com")).await;
        }
        fed.remote.set_down(true);
        fed.d.world.settle().await;
        fed.ring(&provisioner).await;
        fed.deliver(&provisioner).await;
        assert_eq!(outage().await.map(|outage| outage.code), Some("unavailable".to_owned()));
        fed.remote.set_down(false);
        fed.d.world.clock.advance(3_600_000);
        fed.deliver(&provisioner).await;
        assert_eq!(outage().await, None);
    });
}
