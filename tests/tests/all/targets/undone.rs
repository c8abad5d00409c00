//! Changes that are undone before it is known whether the target has them, and leases that end too early.

use serde_json::json;
use umoja_tests::scim_target::Mishap::AnswerLost;
use umoja_tests::world::{killed_after, polled};

use super::{Fed, user, with_target};

async fn set_status(fed: &Fed, id: &str, status: &str) {
    fed.d.call(0, "status", json!({ "id": id, "status": status })).await.ok(200);
    fed.d.world.clock.advance(1_000);
}

fn is_active(fed: &Fed, id: &str) -> bool {
    fed.account(id).unwrap()["active"] == json!(true)
}

/// Failure: a change is undone while its answer from a target is lost
#[test]
fn a_change_whose_answer_was_lost_is_undone_at_the_target_too() {
    with_target(990, async |fed| {
        let id = fed.user("ada@example.com").await;
        fed.settle().await;
        set_status(&fed, &id, "disabled").await;
        fed.remote.then([Some(AnswerLost)]);
        fed.settle().await;
        assert!(!is_active(&fed, &id), "the call took effect");
        // What the target accepted last is again what it is to have.
        set_status(&fed, &id, "active").await;
        fed.d.world.clock.advance(60_000);
        fed.settle().await;
        assert!(is_active(&fed, &id));
    });
}

/// Failure: a change is undone after its delivery was killed
#[test]
fn a_change_whose_delivery_was_killed_anywhere_is_undone_at_the_target_too() {
    for polls in 0..60 {
        with_target(1_100 + polls as u64, async |fed| {
            let id = fed.user("ada@example.com").await;
            fed.settle().await;
            set_status(&fed, &id, "disabled").await;
            fed.d.world.settle().await;
            let provisioner = fed.provisioner(0);
            provisioner.ring(&fed.target.id, user(&id), false).await.unwrap();
            fed.d.world.set_pausing(true);
            drop(killed_after(polls, provisioner.run(&fed.known())).await);
            fed.d.world.set_pausing(false);
            set_status(&fed, &id, "active").await;
            fed.d.world.clock.advance(120_000);
            fed.settle().await;
            assert!(is_active(&fed, &id), "after {polls} polls");
        });
    }
}

/// Failure: lease of a delivery ends before the delivery
#[test]
fn a_process_whose_lease_has_ended_removes_no_ring_of_others() {
    for polls in 0..60 {
        with_target(1_200 + polls as u64, async |fed| {
            let id = fed.user("ada@example.com").await;
            fed.d.world.settle().await;
            let (one, other) = (fed.provisioner(0), fed.provisioner(0));
            one.ring(&fed.target.id, user(&id), false).await.unwrap();
            fed.d.world.set_pausing(true);
            let known = fed.known();
            let mut delivery = Box::pin(one.run(&known));
            let ended = polled(polls, delivery.as_mut()).await;
            // Its lease ends, another process delivers, and the user is changed and rung for.
            fed.d.world.clock.advance(120_000);
            fed.deliver(&other).await;
            let change = json!({ "id": id, "set": { "profile": { "given_name": "Augusta" } } });
            fed.d.call(0, "update", change).await.ok(200);
            other.ring(&fed.target.id, user(&id), false).await.unwrap();
            if ended.is_none() {
                delivery.await.unwrap();
            }
            fed.d.world.set_pausing(false);
            fed.deliver(&other).await;
            assert_eq!(fed.account(&id).unwrap()["name"]["givenName"], "Augusta", "after {polls} polls");
            assert_eq!(fed.remote.users().len(), 1, "after {polls} polls");
        });
    }
}
