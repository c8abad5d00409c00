//! Erasures that take several rounds, and repeated erasures.

use super::*;
use umoja_schema::{Part, UserId};
use umoja_store::apply::apply_replicated;

async fn check_gone(d: &Deployment, ids: &[String]) {
    d.world.settle().await;
    d.world.check_invariants().await;
    for at in 0..2 {
        for id in ids {
            for part in Part::ALL {
                let user: UserId = id.parse().unwrap();
                assert!(d.world.stored(at, user, part).await.unwrap().version.erased, "{id} in {at}");
            }
            let reply = d.call(at, "erasure", json!({ "id": id })).await;
            assert_eq!(reply.ok(200).body["receipt"]["complete"], true, "{id} in {at}");
        }
    }
}

/// Failure: merge races merge (cycle), update, erase
#[test]
fn a_repeated_erasure_includes_users_merged_since() {
    for by in 0..3 {
        story(820, async |d| {
            let (a, b, c) = (person(&d, 0, "a").await, person(&d, 0, "b").await, person(&d, 0, "c").await);
            merge(&d, 0, &a, &b).await.ok(200);
            merge(&d, 0, &b, &c).await.ok(200);
            let (late, later) = (person(&d, 0, "late").await, person(&d, 0, "later").await);
            d.world.settle().await;
            let ids = [a, b, c];
            let erase = json!({ "id": ids[by], "reason": "asked" });
            d.call_idk(0, "erase", "k", erase.clone()).await.ok(202);
            // Region 1 does not have the erasure yet, and merges a user into an erased one.
            for merged_into in &ids {
                if merged_into == &ids[2] {
                    merge(&d, 1, merged_into, &late).await.ok(200);
                }
            }
            merge(&d, 1, &late, &later).await.ok(200);
            d.world.settle().await;
            lookup(&d, 0, json!({ "id": late })).await.ok(200);
            // The same request again, with the same key.
            let reply = d.call_idk(0, "erase", "k", erase).await;
            let with = reply.ok(202).body["receipt"]["erased_with"].as_array().unwrap().clone();
            assert_eq!(with.len(), 4);
            let mut all = ids.to_vec();
            all.extend([late, later]);
            check_gone(&d, &all).await;
        });
    }
}

#[test]
fn a_user_merged_during_an_erasure_is_erased_too() {
    for polls in (5..1_500).step_by(45) {
        let mut ended = false;
        story(821, async |d| {
            let mut ids = vec![person(&d, 0, "primary").await];
            for n in 1..24 {
                ids.push(person(&d, 0, &format!("user{n}")).await);
                let into = Some(ids[(n - 1) / 2].parse().unwrap());
                d.world.merge(0, ids[n].parse().unwrap(), into).await.unwrap();
            }
            let late = person(&d, 0, "late").await;
            d.world.settle().await;
            d.world.set_pausing(true);
            let erase = json!({ "id": ids[0] });
            ended = umoja_tests::world::killed_after(polls, d.call(0, "erase", erase.clone())).await.is_some();
            d.world.set_pausing(false);
            // Another region does not have the erasure yet: it merges a user into one whose tombstone is in transit.
            merge(&d, 1, &ids[23], &late).await.ok(200);
            d.world.settle().await;
            d.call(0, "erase", erase).await.ok(202);
            ids.push(late);
            check_gone(&d, &ids).await;
        });
        if ended {
            assert!(polls > 60, "it was killed until {polls}");
            return;
        }
    }
    panic!("it never ended");
}

#[test]
fn a_person_above_the_merge_limit_is_erased_and_unmerged() {
    story(822, async |d| {
        let mut ids = vec![person(&d, 0, "primary").await];
        let primary = ids[0].parse().unwrap();
        for n in 1..70 {
            ids.push(person(&d, 0, &format!("user{n}")).await);
        }
        d.world.settle().await;
        // Neither region sees a person above the limit.
        for (n, id) in ids.iter().enumerate().skip(1) {
            d.world.merge(n % 2, id.parse().unwrap(), Some(primary)).await.unwrap();
        }
        d.world.settle().await;
        assert_eq!(lookup(&d, 0, json!({ "username": "user69" })).await.id(), ids[0]);
        unmerge(&d, 0, &ids[69]).await.ok(200);
        assert_eq!(lookup(&d, 0, json!({ "username": "user69" })).await.id(), ids[69]);
        d.world.reset_calls();
        let reply = d.call(0, "erase", json!({ "id": ids[30] })).await;
        assert_eq!(reply.ok(202).body["receipt"]["erased_with"].as_array().unwrap().len(), 68);
        let commits = d.world.regions[0].faults.tables.calls()["commit"];
        assert!(commits < 10, "{commits} transactions");
        lookup(&d, 0, json!({ "id": ids[69] })).await.ok(200);
        check_gone(&d, &ids[..69]).await;
    });
}

#[test]
fn a_receipt_is_incomplete_until_every_user_is_erased() {
    story(823, async |d| {
        let mut ids = vec![person(&d, 0, "primary").await];
        for n in 1..24 {
            ids.push(person(&d, 0, &format!("user{n}")).await);
            d.world.merge(0, ids[n].parse().unwrap(), Some(ids[0].parse().unwrap())).await.unwrap();
        }
        d.world.settle().await;
        // Killed after the first transaction.
        let erase = json!({ "id": ids[0] });
        let mut polls = 10;
        d.world.set_pausing(true);
        loop {
            let killed = umoja_tests::world::killed_after(polls, d.call(0, "erase", erase.clone())).await;
            assert!(killed.is_none(), "it was killed before the end");
            let erased = d.world.stored(0, ids[23].parse().unwrap(), Part::Profile).await.unwrap().version.erased;
            if erased {
                break;
            }
            polls += 2;
        }
        d.world.set_pausing(false);
        d.world.settle().await;
        lookup(&d, 1, json!({ "id": ids[0] })).await.ok(200);
        for id in [&ids[0], &ids[23]] {
            let receipt = d.call(1, "erasure", json!({ "id": id })).await.ok(200).body["receipt"].clone();
            assert_eq!(receipt["complete"], false);
        }
        d.call(1, "erase", erase).await.ok(202);
        check_gone(&d, &ids).await;
    });
}

#[test]
fn an_erasure_of_an_unreplicated_user_erases_no_user() {
    story(824, async |d| {
        let primary = person(&d, 1, "primary").await;
        let linked = person(&d, 0, "linked").await;
        d.world.set_cut(1, 0, true);
        d.world.rounds(2).await;
        merge(&d, 1, &primary, &linked).await.ok(200);
        // Only the linked account's part, with its pointer, arrives in region 0.
        let pointing = d.world.stored(1, linked.parse().unwrap(), Part::Profile).await.unwrap();
        apply_replicated(&*d.world.regions[0].tables.users, &pointing, d.world.name(0)).await.unwrap();
        d.call(0, "erase", json!({ "id": primary })).await.rejected(503, "behind");
        lookup(&d, 0, json!({ "id": linked })).await.ok(200);
        let unknown = "00000000-0000-7000-8000-000000000000";
        d.call(0, "erase", json!({ "id": unknown })).await.rejected(404, "user_not_found");
        // The linked account is here and is erased with the primary account, whose tombstone waits for it.
        d.call(0, "erase", json!({ "id": linked })).await.ok(202);
        d.world.set_cut(1, 0, false);
        check_gone(&d, &[primary, linked]).await;
    });
}

/// Failure: merge races merge (cycle), update, erase
#[test]
fn a_receipt_is_incomplete_while_a_linked_account_remains() {
    story(823, async |d| {
        let (a, late, later) = (person(&d, 0, "a").await, person(&d, 0, "late").await, person(&d, 0, "later").await);
        d.world.settle().await;
        d.call(0, "erase", json!({ "id": a })).await.ok(202);
        // Region 1 does not have the erasure yet.
        merge(&d, 1, &a, &late).await.ok(200);
        merge(&d, 1, &late, &later).await.ok(200);
        d.world.settle().await;
        for at in 0..2 {
            let receipt = d.call(at, "erasure", json!({ "id": a })).await.ok(200).body["receipt"].clone();
            assert_eq!((&receipt["complete"], &receipt["left"]), (&json!(false), &json!(2)), "in {at}");
            assert_eq!(receipt["regions"][d.world.name(1).as_str()]["confirmed"], true, "the erasures are confirmed");
        }
        let receipt = d.call(0, "erase", json!({ "id": a })).await.ok(202).body["receipt"].clone();
        assert_eq!(receipt["left"], 0);
        check_gone(&d, &[a, late, later]).await;
    });
}
