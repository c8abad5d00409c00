//! Deliveries that are killed, and deliveries that race.

use serde_json::json;
use umoja_tests::world::killed_after;

use super::with_target;

/// Failure: delivery to a target killed at any await
#[test]
fn a_delivery_that_is_killed_anywhere_heals_and_makes_no_second_account() {
    with_target(920, async |fed| {
        let id = fed.user("ada@example.com").await;
        fed.d.world.settle().await;
        fed.d.world.set_pausing(true);
        let mut is_done = false;
        for polls in 0..200 {
            if is_done {
                break;
            }
            let provisioner = fed.provisioner(0);
            provisioner.ring(&fed.target.id, super::user(&id), true).await.unwrap();
            is_done = killed_after(polls, provisioner.run(&fed.known())).await.is_some();
            // The lease of a process that was killed ends.
            fed.d.world.clock.advance(120_000);
            assert!(fed.remote.users().len() <= 1);
        }
        fed.d.world.set_pausing(false);
        assert!(is_done, "a delivery takes fewer awaits");
        fed.settle().await;
        assert_eq!((fed.remote.users().len(), fed.code(&id).await), (1, None));
    });
}

/// Failure: delivery to a target races an erasure
#[test]
fn an_erasure_during_a_delivery_leaves_no_account() {
    for polls in 0..40 {
        with_target(930 + polls as u64, async |fed| {
            let id = fed.user("ada@example.com").await;
            fed.d.world.settle().await;
            fed.d.world.set_pausing(true);
            let provisioner = fed.provisioner(0);
            provisioner.ring(&fed.target.id, super::user(&id), false).await.unwrap();
            let known = fed.known();
            // The delivery stops somewhere, the user is erased, and the delivery continues, or was killed there.
            let mut delivery = Box::pin(provisioner.run(&known));
            let ended = umoja_tests::world::polled(polls, delivery.as_mut()).await;
            fed.d.call(0, "erase", json!({ "id": id })).await.ok(202);
            if ended.is_none() && polls % 2 == 0 {
                delivery.await.unwrap();
            } else {
                drop(delivery);
            }
            fed.d.world.set_pausing(false);
            fed.d.world.clock.advance(120_000);
            fed.settle().await;
            assert_eq!(fed.remote.users(), [json!(null); 0], "after {polls} polls");
        });
    }
}

#[test]
fn two_processes_share_the_deliveries_and_make_each_account_once() {
    with_target(921, async |fed| {
        for n in 0..20 {
            fed.user(&format!("ada{n}@example.com")).await;
        }
        fed.d.world.settle().await;
        let (one, other) = (fed.provisioner(0), fed.provisioner(0));
        fed.ring(&one).await;
        fed.d.world.set_pausing(true);
        let known = fed.known();
        let (one, other) = tokio::join!(one.run(&known), other.run(&known));
        fed.d.world.set_pausing(false);
        assert_eq!(one.unwrap().delivered + other.unwrap().delivered, 20);
        let made = fed.remote.take_calls().iter().filter(|call| *call == "POST /Users").count();
        assert_eq!((made, fed.remote.users().len()), (20, 20));
    });
}

#[test]
fn a_change_during_a_delivery_is_delivered_too() {
    with_target(922, async |fed| {
        let id = fed.user("ada@example.com").await;
        fed.d.world.settle().await;
        let provisioner = fed.provisioner(0);
        fed.ring(&provisioner).await;
        fed.d.world.set_pausing(true);
        let known = fed.known();
        let mut delivery = Box::pin(provisioner.run(&known));
        umoja_tests::world::polled(12, delivery.as_mut()).await;
        let change = json!({ "id": id, "set": { "profile": { "given_name": "Augusta" } } });
        fed.d.call(0, "update", change).await.ok(200);
        provisioner.ring(&fed.target.id, super::user(&id), false).await.unwrap();
        delivery.await.unwrap();
        fed.d.world.set_pausing(false);
        fed.deliver(&provisioner).await;
        assert_eq!(fed.account(&id).unwrap()["name"]["givenName"], "Augusta");
    });
}
