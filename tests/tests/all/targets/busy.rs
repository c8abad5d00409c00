//! Targets that are slow or have too many requests, and more accounts than one run delivers.

use std::sync::Arc;

use umoja_tests::scim_target::Mishap::Status;

use super::{Fed, user, with_target};

async fn users(fed: &Fed, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for n in 0..count {
        ids.push(fed.user(&format!("ada{n}@example.com")).await);
    }
    ids
}

/// Failure: slow target
#[test]
fn a_target_that_does_not_answer_holds_up_no_other() {
    with_target(980, async |fed| {
        let ids = users(&fed, 10).await;
        fed.d.world.settle().await;
        let slow = umoja_tests::hook::Hook::default();
        slow.hang(&format!("{}/Users", umoja_tests::scim_target::URL));
        let people = fed.d.world.regions[0].people();
        let hanging = umoja_provisioner::Provisioner::new(people, Arc::new(slow));
        let mut other = super::target(&fed.d, "crm");
        other.id = "erp".parse().unwrap();
        other.token = None;
        let other = umoja_provisioner::targets::KnownTarget::open(other, fed.d.world.regions[0].secrets()).unwrap();
        for id in &ids {
            hanging.ring(&other.target.id, user(id), false).await.unwrap();
        }
        let provisioner = fed.provisioner(0);
        fed.ring(&provisioner).await;
        tokio::select! {
            biased;
            _ = hanging.run(&other) => panic!("it waits for answers"),
            _ = fed.deliver(&provisioner) => {}
        }
        assert!(ids.iter().all(|id| fed.account(id).is_some()));
    });
}

/// Failure: target with too many requests
#[test]
fn a_target_with_too_many_requests_is_left_alone_and_gets_everything() {
    with_target(981, async |fed| {
        let ids = users(&fed, 40).await;
        fed.d.world.settle().await;
        let provisioner = fed.provisioner(0);
        fed.ring(&provisioner).await;
        fed.remote.then(std::iter::repeat_n(Some(Status(429)), 12));
        fed.deliver(&provisioner).await;
        let asked = fed.remote.take_calls().len();
        assert!(asked < ids.len(), "{asked} calls after it was throttled");
        for _ in 0..3 * 60 {
            fed.d.world.clock.advance(60_000);
            fed.deliver(&provisioner).await;
        }
        assert!(ids.iter().all(|id| fed.account(id).is_some()));
        assert_eq!(fed.remote.users().len(), ids.len());
        for id in &ids {
            assert_eq!(fed.code(id).await, None);
        }
    });
}

/// Failure: more accounts due than one run delivers
#[test]
fn what_one_run_does_not_reach_the_next_ones_do() {
    with_target(982, async |fed| {
        let ids = users(&fed, 150).await;
        fed.d.world.settle().await;
        let provisioner = fed.provisioner(0);
        fed.ring(&provisioner).await;
        let first = provisioner.run(&fed.known()).await.unwrap();
        assert!((1..150).contains(&first.delivered), "{first:?}");
        // Another process continues.
        fed.d.world.clock.advance(1_000);
        fed.deliver(&fed.provisioner(0)).await;
        assert!(ids.iter().all(|id| fed.account(id).is_some()));
        let made = fed.remote.take_calls().iter().filter(|call| *call == "POST /Users").count();
        assert_eq!((made, fed.remote.users().len()), (150, 150));
    });
}
