//! The brake on mass removals.

use serde_json::json;
use umoja_store::ports::Clock as _;

use super::{Fed, with_target};

async fn users(fed: &Fed, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for n in 0..count {
        ids.push(fed.user(&format!("ada{n}@example.com")).await);
    }
    ids
}

fn active(fed: &Fed) -> usize {
    fed.remote.users().iter().filter(|user| user["active"] == json!(true)).count()
}

/// Failure: mass removal at a target by mistake
#[test]
fn a_wrong_scope_takes_twenty_accounts_and_no_more_before_an_operator_agrees() {
    with_target(950, async |mut fed| {
        users(&fed, 30).await;
        fed.settle().await;
        assert_eq!(active(&fed), 30);
        fed.target.scope = Some(json!({ "from": "/profile/address/country", "is": ["NONE"] }));
        fed.store().await;
        let provisioner = fed.provisioner(0);
        provisioner.ring_all(&fed.known()).await.unwrap();
        fed.deliver(&provisioner).await;
        assert_eq!(active(&fed), 10);
        let held = provisioner.rows_of(&fed.known()).await.unwrap();
        assert_eq!(held.iter().filter(|row| row.code.as_deref() == Some("held")).count(), 10);

        // Neither time nor another process lets the others go.
        fed.d.world.clock.advance(24 * 3_600_000);
        let provisioner = fed.provisioner(0);
        provisioner.redrive(&fed.known(), None).await.unwrap();
        fed.deliver(&provisioner).await;
        assert_eq!(active(&fed), 10);

        fed.target.removals_until = Some(fed.d.world.clock.now().plus(3_600_000));
        fed.store().await;
        let provisioner = fed.provisioner(0);
        provisioner.redrive(&fed.known(), None).await.unwrap();
        fed.deliver(&provisioner).await;
        assert_eq!(active(&fed), 0);
    });
}

#[test]
fn an_erasure_is_not_held_and_neither_is_a_new_account() {
    with_target(951, async |mut fed| {
        let ids = users(&fed, 25).await;
        fed.settle().await;
        fed.target.scope = Some(json!({ "from": "/profile/address/country", "is": ["NONE"] }));
        fed.store().await;
        let provisioner = fed.provisioner(0);
        provisioner.ring_all(&fed.known()).await.unwrap();
        fed.deliver(&provisioner).await;
        assert_eq!(active(&fed), 5);
        for id in &ids {
            fed.d.call(0, "erase", json!({ "id": id })).await.ok(202);
        }
        fed.target.scope = None;
        fed.store().await;
        let new = fed.user("new@example.com").await;
        fed.settle().await;
        assert_eq!(fed.remote.users().len(), 1);
        assert!(fed.account(&new).is_some());
    });
}
