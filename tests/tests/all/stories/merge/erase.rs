//! Erasing a person who is several users.

use super::*;
use umoja_schema::{Part, UserId};
use umoja_store::replicate::replicate;

/// No user has data left, and each has a receipt, in every region.
async fn check_gone(d: &Deployment, ids: &[String]) {
    d.world.settle().await;
    for at in 0..2 {
        for id in ids {
            lookup(d, at, json!({ "id": id })).await.rejected(404, "user_not_found");
            let user: UserId = id.parse().unwrap();
            for part in Part::ALL {
                assert!(d.world.stored(at, user, part).await.unwrap().version.erased);
            }
            let reply = d.call(at, "erasure", json!({ "id": id })).await;
            let receipt = &reply.ok(200).body["receipt"];
            assert_eq!((&receipt["id"], &receipt["complete"]), (&json!(id), &json!(true)));
        }
    }
    d.world.check_invariants().await;
}

#[test]
fn an_erasure_by_any_id_erases_the_whole_person() {
    for by in 0..3 {
        story(740, async |d| {
            let (ada, countess) = two(&d).await;
            let third = person(&d, 0, "third").await;
            let mut ids = vec![ada, countess, third];
            merge(&d, 0, &ids[0], &ids[1]).await.ok(200);
            merge(&d, 0, &ids[1], &ids[2]).await.ok(200);
            let bystander = person(&d, 0, "bystander").await;
            d.world.settle().await;
            let reply = d.call(1, "erase", json!({ "id": ids[by], "reason": "asked" })).await;
            let receipt = &reply.ok(202).body["receipt"];
            assert_eq!((&receipt["id"], &receipt["complete"]), (&json!(ids[by]), &json!(false)));
            assert_eq!(receipt["regions"]["eu-west-1"]["confirmed"], true);
            let with: Vec<_> = receipt["erased_with"].as_array().unwrap().clone();
            ids.sort();
            let others: Vec<_> = ids.iter().filter(|id| receipt["id"] != json!(id)).map(|id| json!(id)).collect();
            assert_eq!(with, others);
            check_gone(&d, &ids).await;
            for by in [
                json!({ "email": "ada@example.com" }),
                json!({ "username": "countess" }),
                json!({ "username": "third" }),
            ] {
                lookup(&d, 0, by).await.rejected(404, "user_not_found");
            }
            assert_eq!(d.call(0, "erasure", json!({ "id": ids[2] })).await.body["receipt"]["reason"], "asked");
            lookup(&d, 0, json!({ "id": bystander })).await.ok(200);
            // The identifiers have no owner.
            d.call(0, "register", json!({ "username": "countess" })).await.ok(201);
        });
    }
}

#[test]
fn a_receipt_is_complete_when_every_user_is_gone() {
    story(745, async |d| {
        let (ada, countess) = two(&d).await;
        merge(&d, 0, &ada, &countess).await.ok(200);
        d.world.settle().await;
        d.call(0, "erase", json!({ "id": countess })).await.ok(202);
        let home = &d.world.regions[0].home;
        for (id, complete) in [(&countess, false), (&ada, true)] {
            for part in Part::ALL {
                let tombstone = d.world.stored(0, id.parse().unwrap(), part).await.unwrap();
                replicate(home, &home.peers[0].ports, &tombstone.into()).await.unwrap();
            }
            for id in [&ada, &countess] {
                let receipt = d.call(0, "erasure", json!({ "id": id })).await.body["receipt"].clone();
                assert_eq!(receipt["complete"], complete);
                assert_eq!(receipt["regions"]["eu-west-1"]["confirmed"], complete);
            }
        }
        check_gone(&d, &[ada, countess]).await;
    });
}

#[test]
fn two_owners_of_one_address_are_erased_in_one_transaction() {
    story(741, async |d| {
        let one = d.register(0, "ada@example.com", "correct horse").await.id();
        let two = d.register(1, "ada@example.com", "correct horse").await.id();
        d.world.settle().await;
        merge(&d, 0, &one, &two).await.ok(200);
        d.world.reset_calls();
        d.call(0, "erase", json!({ "id": two })).await.ok(202);
        assert_eq!(d.world.regions[0].faults.tables.calls().get("commit"), Some(&1));
        lookup(&d, 0, json!({ "email": "ada@example.com" })).await.rejected(404, "user_not_found");
        check_gone(&d, &[one, two]).await;
    });
}

#[test]
fn an_erasure_larger_than_a_transaction_completes_on_retry() {
    let mut finished = false;
    for polls in (0..400).step_by(17) {
        story(742, async |d| {
            let mut ids = vec![person(&d, 0, "primary").await];
            for n in 1..20 {
                ids.push(person(&d, 0, &format!("user{n}")).await);
                // A tree with branches: some leaves point at the primary account through other users.
                merge(&d, 0, &ids[(n - 1) / 2], &ids[n]).await.ok(200);
            }
            d.world.settle().await;
            d.world.set_pausing(true);
            let body = json!({ "id": ids[17] });
            let erase = d.call_idk(0, "erase", "k1", body.clone());
            finished = umoja_tests::world::killed_after(polls, erase).await.is_some();
            d.world.set_pausing(false);
            d.call_idk(0, "erase", "k1", body).await.ok(202);
            check_gone(&d, &ids).await;
        });
        if finished {
            assert!(polls > 60, "it was killed until {polls}");
            return;
        }
    }
    panic!("it never finished");
}

/// Failure: any function killed at any await
#[test]
fn a_killed_and_retried_erasure_covers_the_whole_person() {
    let mut finished = false;
    for polls in 0..80 {
        story(743, async |d| {
            let (ada, countess) = two(&d).await;
            merge(&d, 0, &ada, &countess).await.ok(200);
            d.world.set_pausing(true);
            let body = json!({ "id": countess });
            let erase = d.call_idk(0, "erase", "k1", body.clone());
            finished = umoja_tests::world::killed_after(polls, erase).await.is_some();
            d.world.set_pausing(false);
            d.call_idk(0, "erase", "k1", body).await.ok(202);
            check_gone(&d, &[ada, countess]).await;
        });
        if finished {
            assert!(polls > 6, "it was killed at {polls} places");
            return;
        }
    }
    panic!("it never finished");
}

#[test]
fn an_erasure_racing_a_merge_elsewhere_converges() {
    story(744, async |d| {
        let (ada, countess) = two(&d).await;
        d.world.settle().await;
        d.call(0, "erase", json!({ "id": ada })).await.ok(202);
        merge(&d, 1, &ada, &countess).await.ok(200);
        d.world.settle().await;
        d.world.check_invariants().await;
        for at in 0..2 {
            let user = lookup(&d, at, json!({ "id": countess })).await.ok(200).body["user"].clone();
            assert_eq!(
                (&user["id"], &user["linked_accounts"]),
                (&json!(countess), &json!([])),
                "a separate person again"
            );
        }
        d.call(0, "erase", json!({ "id": ada })).await.ok(202);
        check_gone(&d, &[ada, countess]).await;
    });
}
