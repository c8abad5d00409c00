//! The home of a target: out, or moved while both regions deliver.

use serde_json::json;
use umoja_tests::world::polled;

use super::{user, with_target};

/// Failure: home of a target out
#[test]
fn what_changed_while_the_home_was_out_is_delivered_once_it_is_back() {
    with_target(985, async |fed| {
        let before = fed.user("ada@example.com").await;
        fed.settle().await;
        fed.d.world.set_down(0, true);
        let body = json!({ "email": "eve@example.com", "profile": { "given_name": "Eve" } });
        let new = fed.d.call(1, "register", body).await.ok(201).id();
        let change = json!({ "id": before, "set": { "profile": { "given_name": "Augusta" } } });
        fed.d.call(1, "update", change).await.ok(200);
        fed.d.world.rounds(3).await;
        assert!(fed.account(&new).is_none());
        fed.d.world.set_down(0, false);
        for _ in 0..4 {
            fed.settle().await;
            fed.d.world.clock.advance(60_000);
        }
        assert_eq!(fed.account(&before).unwrap()["name"]["givenName"], "Augusta");
        assert_eq!((fed.account(&new).is_some(), fed.remote.users().len()), (true, 2));
    });
}

/// Failure: two homes of a target during a move
#[test]
fn two_homes_that_deliver_at_once_end_with_one_account_and_the_newest_values() {
    for polls in 0..40 {
        with_target(1_000 + polls as u64, async |mut fed| {
            let id = fed.user("ada@example.com").await;
            fed.d.world.settle().await;
            let (old, before) = (fed.provisioner(0), fed.known());
            old.ring(&fed.target.id, user(&id), false).await.unwrap();
            fed.d.world.set_pausing(true);
            // The old home stops somewhere in its delivery, and the target is moved meanwhile.
            let mut delivery = Box::pin(old.run(&before));
            let ended = polled(polls, delivery.as_mut()).await;
            fed.target.home = fed.d.world.name(1).clone();
            fed.target.epoch = 1;
            fed.store().await;
            let change = json!({ "id": id, "set": { "profile": { "given_name": "Augusta" } } });
            fed.d.call(1, "update", change).await.ok(200);
            let new = fed.provisioner(1);
            new.ring_all(&fed.known()).await.unwrap();
            fed.deliver(&new).await;
            if ended.is_none() {
                delivery.await.unwrap();
            } else {
                drop(delivery);
            }
            fed.d.world.set_pausing(false);
            // The row of the old home arrives, and rings.
            fed.d.world.settle().await;
            for changes in fed.d.world.changes(1).chunks(50) {
                new.feed(changes).await.unwrap();
            }
            fed.d.world.clock.advance(120_000);
            fed.deliver(&new).await;
            assert_eq!(fed.remote.users().len(), 1, "after {polls} polls");
            assert_eq!(fed.account(&id).unwrap()["name"]["givenName"], "Augusta", "after {polls} polls");
        });
    }
}
