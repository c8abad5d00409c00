//! Targets that are out, slow to say so, or say no.

use serde_json::json;
use umoja_provisioner::targets::Code;
use umoja_schema::Millis;
use umoja_tests::scim_target::Mishap::{AnswerLost, RequestLost, Status};

use super::{user, with_target};

/// Failure: target out for a day
#[test]
fn a_target_that_was_out_for_a_day_gets_everything_and_is_asked_little_meanwhile() {
    with_target(910, async |fed| {
        let mut ids = Vec::new();
        fed.remote.set_down(true);
        for n in 0..30 {
            ids.push(fed.user(&format!("ada{n}@example.com")).await);
        }
        fed.d.world.settle().await;
        let provisioner = fed.provisioner(0);
        fed.ring(&provisioner).await;
        for _ in 0..24 * 60 {
            fed.deliver(&provisioner).await;
            fed.d.world.clock.advance(60_000);
        }
        let asked = fed.remote.take_calls().len();
        assert!((20..300).contains(&asked), "{asked} calls in a day");
        assert_eq!(provisioner.out(&fed.target.id), Some(Code::Unavailable));
        fed.remote.set_down(false);
        for _ in 0..7 * 60 {
            fed.deliver(&provisioner).await;
            fed.d.world.clock.advance(60_000);
        }
        assert!(ids.iter().all(|id| fed.account(id).is_some()));
        assert_eq!(fed.remote.users().len(), ids.len());
    });
}

/// Failure: answer lost after an account was made
#[test]
fn an_account_whose_answer_was_lost_is_found_and_not_made_again() {
    with_target(911, async |fed| {
        let id = fed.user("ada@example.com").await;
        fed.remote.then([Some(AnswerLost)]);
        fed.settle().await;
        assert_eq!(fed.code(&id).await.as_deref(), Some("unavailable"));
        fed.d.world.clock.advance(10_000);
        fed.settle().await;
        assert_eq!((fed.remote.users().len(), fed.code(&id).await), (1, None));
        let made = fed.remote.take_calls().iter().filter(|call| *call == "POST /Users").count();
        assert_eq!(made, 1);
    });
}

#[test]
fn a_request_that_never_arrived_is_made_again() {
    with_target(912, async |fed| {
        let id = fed.user("ada@example.com").await;
        fed.remote.then([Some(RequestLost), Some(Status(503)), Some(Status(429))]);
        for _ in 0..10 {
            fed.settle().await;
            fed.d.world.clock.advance(3_600_000);
        }
        assert!(fed.account(&id).is_some());
    });
}

/// Failure: foreign account at a target
#[test]
fn a_strangers_account_is_a_conflict_and_is_not_touched() {
    with_target(913, async |fed| {
        let foreign =
            json!({ "schemas": [], "userName": "ada@example.com", "externalId": "17", "active": true, "title": "Dr" });
        fed.remote.make_by_hand(foreign);
        let id = fed.user("ada@example.com").await;
        let other = fed.user("eve@example.com").await;
        fed.settle().await;
        assert_eq!(fed.code(&id).await.as_deref(), Some("conflict"));
        assert_eq!((fed.account(&id), fed.account("17").unwrap()["title"].clone()), (None, json!("Dr")));
        assert!(fed.account(&other).is_some(), "one user's failure hides no other");

        fed.remote.take_calls();
        fed.settle().await;
        assert_eq!(fed.remote.take_calls(), [""; 0], "what was rejected is not sent again unchanged");
        // A person decides that the account is the user's.
        fed.remote.by_hand("17", |account| account["externalId"] = json!(id));
        let delivered = fed.provision(&id).await;
        assert_eq!(delivered.failure, None);
        assert_eq!(fed.remote.users().len(), 2);
        assert_eq!(fed.code(&id).await, None);
    });
}

/// Failure: one user rejected by a target
#[test]
fn one_user_whom_the_target_rejects_hides_no_other_and_is_tried_after_a_change() {
    with_target(914, async |fed| {
        fed.remote.reject(Some("bad@example.com"));
        let bad = fed.user("bad@example.com").await;
        let mut others = Vec::new();
        for n in 0..20 {
            others.push(fed.user(&format!("ada{n}@example.com")).await);
        }
        let run = fed.settle().await;
        assert_eq!((run.delivered, run.failed), (20, 1));
        assert!(others.iter().all(|id| fed.account(id).is_some()));
        assert_eq!(fed.code(&bad).await.as_deref(), Some("rejected"));
        let change = json!({ "id": bad, "set": { "email": "good@example.com" } });
        fed.d.call(0, "update", change).await.ok(200);
        fed.settle().await;
        assert_eq!((fed.account(&bad).is_some(), fed.code(&bad).await), (true, None));
    });
}

/// Failure: credentials of a target revoked
#[test]
fn rejected_credentials_put_the_target_out_after_three_users() {
    with_target(915, async |mut fed| {
        let region = &fed.d.world.regions[0];
        let (id, entropy) = (fed.target.id.clone(), &*region.home.entropy);
        let right = fed.target.token.clone();
        fed.target.token = Some(region.secrets().seal_target_token(&id, "revoked", entropy));
        fed.store().await;
        let mut ids = Vec::new();
        for n in 0..40 {
            ids.push(fed.user(&format!("ada{n}@example.com")).await);
        }
        fed.d.world.settle().await;
        let provisioner = fed.provisioner(0);
        fed.ring(&provisioner).await;
        fed.deliver(&provisioner).await;
        assert_eq!(provisioner.out(&fed.target.id), Some(Code::Credentials));
        assert!(fed.remote.take_calls().len() <= 10, "the others wait");
        fed.target.token = right;
        fed.store().await;
        fed.d.world.clock.advance(3_600_000);
        fed.settle().await;
        assert_eq!(fed.remote.users().len(), ids.len());
    });
}

/// Failure: account changed at a target by hand
#[test]
fn an_account_that_was_changed_by_hand_is_found_and_repaired_on_request() {
    with_target(916, async |fed| {
        let changed = fed.user("ada@example.com").await;
        let deleted = fed.user("eve@example.com").await;
        let untouched = fed.user("joe@example.com").await;
        fed.settle().await;
        fed.remote.by_hand(&changed, |account| account["name"]["givenName"] = json!("Mallory"));
        fed.remote.delete_by_hand(&deleted);
        fed.remote.by_hand(&untouched, |account| account["title"] = json!("added by the target"));

        let provisioner = fed.provisioner(0);
        let drift = provisioner.drift(&fed.known(), false).await.unwrap();
        assert_eq!((drift.compared, drift.drifted.len(), drift.rung), (3, 2, 0));
        let of = |id: &str| drift.drifted.iter().find(|one| one.user == user(id)).unwrap().clone();
        assert_eq!(of(&changed).members, ["name"]);
        assert!(of(&deleted).is_gone);

        assert_eq!(provisioner.drift(&fed.known(), true).await.unwrap().rung, 2);
        fed.deliver(&provisioner).await;
        assert_eq!(fed.account(&changed).unwrap()["name"]["givenName"], "Ada");
        assert!(fed.account(&deleted).is_some());
        assert_eq!(provisioner.drift(&fed.known(), false).await.unwrap().drifted, []);
    });
}

#[test]
fn what_fails_for_three_days_waits_for_an_operator() {
    with_target(917, async |fed| {
        let id = fed.user("ada@example.com").await;
        fed.remote.set_down(true);
        fed.d.world.settle().await;
        let provisioner = fed.provisioner(0);
        fed.ring(&provisioner).await;
        for _ in 0..5 * 24 {
            fed.deliver(&provisioner).await;
            fed.d.world.clock.advance(Millis::DAY_MS / 24);
        }
        assert_eq!(fed.code(&id).await.as_deref(), Some("failed"));
        fed.remote.set_down(false);
        fed.deliver(&provisioner).await;
        assert_eq!(fed.account(&id), None);
        let redriven = provisioner.redrive(&fed.known(), None).await.unwrap();
        assert_eq!(redriven.counts.values().sum::<u64>(), 1);
        fed.d.world.clock.advance(3_600_000);
        fed.deliver(&provisioner).await;
        assert_eq!((fed.account(&id).is_some(), fed.code(&id).await), (true, None));
    });
}
