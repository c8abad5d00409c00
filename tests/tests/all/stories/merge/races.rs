//! Merges interleaved with other operations, in one region and across regions, in both orders.

use std::pin::pin;

use super::*;
use umoja_accounts::automatic_merge::{Merged, merge_verified};
use umoja_schema::{Log, Part, UserId};
use umoja_tests::world::{killed_after, polled};

/// Runs `first` up to each of its awaits, then `between`, then the rest of `first`, and checks each result.
fn in_between(
    seed: u64,
    first: impl Fn(&str, &str) -> (&'static str, Value),
    between: impl AsyncFn(&Deployment, &str, &str),
    check: impl AsyncFn(&Deployment, &str, &str, &Reply),
) {
    for polls in 1..120 {
        let mut ended = false;
        story(seed, async |d| {
            let (ada, countess) = two(&d).await;
            let (operation, body) = first(&ada, &countess);
            d.world.set_pausing(true);
            let mut call = pin!(d.call(0, operation, body));
            ended = polled(polls, call.as_mut()).await.is_some();
            d.world.set_pausing(false);
            if !ended {
                between(&d, &ada, &countess).await;
                let reply = call.await;
                d.world.settle().await;
                check(&d, &ada, &countess, &reply).await;
                d.world.check_invariants().await;
            }
        });
        if ended {
            assert!(polls > 3, "{polls} places to interleave");
            return;
        }
    }
    panic!("it never ended");
}

fn merging(ada: &str, countess: &str) -> (&'static str, Value) {
    ("merge", json!({ "survivor": ada, "duplicate": countess }))
}

async fn nickname(d: &Deployment, at: usize, id: &str, name: &str) {
    let update = json!({ "id": id, "set": { "profile": { "nickname": name } } });
    d.call_as(&d.food, at, "update", update).await.ok(200);
}

/// Failure: merge races merge (cycle), update, erase
#[test]
fn an_update_during_a_merge_is_not_lost() {
    in_between(
        760,
        merging,
        async |d, _, countess| nickname(d, 0, countess, "A").await,
        async |d, ada, countess, reply| {
            assert_eq!(reply.ok(200).id(), ada);
            for at in 0..2 {
                let user = lookup(d, at, json!({ "id": countess })).await.body["user"].clone();
                assert_eq!((&user["id"], &user["profile"]["nickname"]), (&json!(ada), &json!("A")));
            }
        },
    );
}

#[test]
fn a_merge_during_an_update_is_not_lost() {
    in_between(
        761,
        |_, countess| ("status", json!({ "id": countess, "status": "disabled" })),
        async |d, ada, countess| {
            merge(d, 0, ada, countess).await.ok(200);
        },
        async |d, ada, countess, reply| {
            reply.ok(200);
            assert_eq!(lookup(d, 1, json!({ "id": countess })).await.id(), ada);
        },
    );
    in_between(
        762,
        |ada, _| ("update", json!({ "id": ada, "set": { "profile": { "nickname": "A" } } })),
        async |d, ada, countess| {
            merge(d, 0, countess, ada).await.ok(200);
        },
        async |d, ada, countess, reply| {
            reply.ok(200);
            let user = lookup(d, 1, json!({ "id": ada })).await.body["user"].clone();
            assert_eq!((&user["id"], &user["profile"]["nickname"]), (&json!(countess), &json!("A")));
        },
    );
}

/// Failure: merge races merge (cycle), update, erase
#[test]
fn a_merge_during_an_erasure_is_erased_or_rejected() {
    in_between(
        763,
        |ada, _| ("erase", json!({ "id": ada })),
        async |d, ada, countess| {
            let reply = merge(d, 0, ada, countess).await;
            assert!([200, 404].contains(&reply.status), "{reply:?}");
        },
        async |d, ada, countess, reply| {
            reply.ok(202);
            lookup(d, 0, json!({ "id": ada })).await.rejected(404, "user_not_found");
            // A user merged before the erasure completes is erased with it, and no user is merged after it.
            let left = lookup(d, 1, json!({ "id": countess })).await;
            let journal = d.world.regions[0].tables.logs.rows(Log::Journal, countess.parse().unwrap()).await.unwrap();
            assert_eq!(journal.iter().any(|row| row.kind == "merged"), left.status == 404);
            if left.status == 200 {
                assert_eq!(left.id(), *countess);
                assert!(
                    d.world.regions[0].tables.users.linked_accounts(ada.parse().unwrap()).await.unwrap().is_empty()
                );
            }
        },
    );
}

/// Failure: merge races merge (cycle), update, erase
#[test]
fn an_erasure_during_a_merge_leaves_no_half_erased_user() {
    for duplicate in [false, true] {
        in_between(
            764,
            merging,
            async |d, ada, countess| {
                let id = if duplicate { countess } else { ada };
                d.call(0, "erase", json!({ "id": id })).await.ok(202);
            },
            async |d, ada, countess, reply| {
                assert!([200, 404].contains(&reply.status), "{reply:?}");
                let (erased, other) = if duplicate { (countess, ada) } else { (ada, countess) };
                lookup(d, 1, json!({ "id": erased })).await.rejected(404, "user_not_found");
                // Either the merge was first and the other user is erased too, or the merge was rejected.
                let left = lookup(d, 1, json!({ "id": other })).await;
                assert_eq!(left.status == 404, reply.status == 200);
                assert!(left.status == 404 || left.id() == *other, "{left:?}");
            },
        );
    }
}

/// Failure: merge races merge (cycle), update, erase
#[test]
fn concurrent_opposite_merges_have_one_primary_account() {
    in_between(
        765,
        merging,
        async |d, ada, countess| {
            let reply = merge(d, 0, countess, ada).await;
            assert!(reply.status == 200 || reply.status == 409, "{reply:?}");
        },
        async |d, ada, countess, reply| {
            assert!(reply.status == 200 || reply.status == 409, "{reply:?}");
            let primary = lookup(d, 0, json!({ "id": ada })).await.id();
            for at in 0..2 {
                for id in [ada, countess] {
                    let user = lookup(d, at, json!({ "id": id })).await;
                    assert_eq!(
                        (user.id(), user.body["user"]["linked_accounts"].as_array().unwrap().len()),
                        (primary.clone(), 1)
                    );
                }
            }
        },
    );
}

#[test]
fn an_unmerge_during_a_login_or_update_is_safe() {
    in_between(
        766,
        |_, countess| ("authenticate", json!({ "id": countess, "password": "correct horse" })),
        async |d, ada, countess| {
            merge(d, 0, ada, countess).await.ok(200);
        },
        async |_, ada, _, reply| {
            // The login is either before the merge, with a wrong password, or after it, with the primary account's.
            if reply.ok(200).body["authenticated"] == json!(true) {
                assert_eq!(reply.id(), ada);
            }
        },
    );
}

/// Failure: any function killed at any await
#[test]
fn killed_and_retried_merges_and_unmerges_happen_once() {
    for (operation, kind) in [("merge", "merged"), ("unmerge", "unmerged")] {
        let mut finished = false;
        for polls in 0..120 {
            story(767, async |d| {
                let (ada, countess) = two(&d).await;
                let mut body = json!({ "survivor": ada, "duplicate": countess });
                if operation == "unmerge" {
                    merge(&d, 0, &ada, &countess).await.ok(200);
                    body = json!({ "id": countess });
                }
                d.world.set_pausing(true);
                finished = killed_after(polls, d.call_idk(0, operation, "k", body.clone())).await.is_some();
                d.world.set_pausing(false);
                d.call_idk(0, operation, "k", body).await.ok(200);
                d.world.settle().await;
                for at in 0..2 {
                    let primary = if operation == "merge" { &ada } else { &countess };
                    assert_eq!(&lookup(&d, at, json!({ "id": countess })).await.id(), primary);
                    for id in [&ada, &countess] {
                        let rows =
                            d.world.regions[at].tables.logs.rows(Log::Journal, id.parse().unwrap()).await.unwrap();
                        assert_eq!(rows.iter().filter(|row| row.kind == kind).count(), 1);
                    }
                }
                d.world.check_invariants().await;
            });
            if finished {
                assert!(polls > 6, "it was killed at {polls} places");
                break;
            }
        }
        assert!(finished, "it never finished");
    }
}

#[test]
fn an_update_and_a_merge_in_two_regions_converge() {
    // Both write the duplicate's profile: the newer write wins everywhere, as with any two writes of one part.
    for merge_first in [true, false] {
        story(768, async |d| {
            let (ada, countess) = two(&d).await;
            d.world.settle().await;
            if merge_first {
                merge(&d, 0, &ada, &countess).await.ok(200);
                d.world.clock.advance(1000);
            }
            nickname(&d, 1, &countess, "A").await;
            if !merge_first {
                d.world.clock.advance(1000);
                merge(&d, 0, &ada, &countess).await.ok(200);
            }
            d.world.settle().await;
            d.world.check_invariants().await;
            for at in 0..2 {
                let primary = if merge_first { &countess } else { &ada };
                assert_eq!(&lookup(&d, at, json!({ "id": countess })).await.id(), primary);
            }
        });
    }
}

#[test]
fn concurrent_merges_respect_the_user_limit() {
    // Two persons of 25 users and one of 24 into one primary account: any two fit, all three do not.
    for polls in (1..400).step_by(23) {
        let mut ended = false;
        story(769, async |d| {
            let primary = person(&d, 0, "primary").await;
            let mut people = Vec::new();
            for name in ["a", "b"] {
                let head = person(&d, 0, name).await;
                for n in 1..25 {
                    let id = person(&d, 0, &format!("{name}{n}")).await.parse().unwrap();
                    d.world.merge(0, id, Some(head.parse().unwrap())).await.unwrap();
                }
                people.push(head);
            }
            let [a, b] = &people[..] else { panic!("two") };
            d.world.set_pausing(true);
            let mut call = pin!(d.call(0, "merge", json!({ "survivor": primary, "duplicate": a })));
            ended = polled(polls, call.as_mut()).await.is_some();
            d.world.set_pausing(false);
            let other = merge(&d, 0, &primary, b).await;
            if !ended {
                let reply = call.await;
                assert!(reply.status != 200 || other.status != 200, "only one merge fits: {polls}");
            }
            let linked_accounts = lookup(&d, 0, json!({ "id": primary })).await.body["user"]["linked_accounts"].clone();
            assert!(linked_accounts.as_array().is_none_or(|linked_accounts| linked_accounts.len() < 50), "{polls}");
            d.world.settle().await;
            d.world.check_invariants().await;
        });
        if ended {
            assert!(polls > 50, "it was overtaken until {polls}");
            return;
        }
    }
    panic!("it never ended");
}

#[test]
fn an_automatic_merge_aborts_if_a_linked_account_changes() {
    for linked_to in 0..2 {
        let (mut overtaken, mut ended) = (0, false);
        for polls in 1..120 {
            story(771, async |d| {
                let verified = json!({ "email": "ada@example.com", "email_verified": true });
                let one = d.call(0, "register", verified.clone()).await.ok(201).id();
                d.world.clock.advance(1000);
                let two = d.call_as(&d.food, 1, "register", verified).await.ok(201).id();
                // Region 0 has both users and has not processed the merge request yet.
                for region in &d.world.regions {
                    region.pump.replicate().await.unwrap();
                }
                let linked = person(&d, 0, "linked").await;
                merge(&d, 0, [&one, &two][linked_to], &linked).await.ok(200);

                let region = &d.world.regions[0];
                let ids: [UserId; 2] = [&one, &two].map(|id| id.parse().unwrap());
                d.world.set_pausing(true);
                let mut merging = pin!(merge_verified(&region.home, &region.sealer, ids[0], ids[1]));
                ended = polled(polls, merging.as_mut()).await.is_some();
                d.world.set_pausing(false);
                if !ended {
                    let renamed = json!({ "id": linked, "set": { "username": "renamed" } });
                    d.call(0, "update", renamed).await.ok(200);
                    let merged = merging.await.unwrap();
                    let two = d.world.stored(0, ids[1], Part::Profile).await.unwrap();
                    let points_at = two.profile_facts().unwrap().merged_into;
                    assert_eq!(points_at.is_some(), merged == Merged::Merged, "{merged:?} at {polls}");
                    overtaken += usize::from(merged == Merged::Overtaken);
                }
                // The merge was requested, and the request stays until the merge is done.
                d.world.settle().await;
                d.world.check_invariants().await;
                for at in 0..2 {
                    for id in [&two, &linked] {
                        assert_eq!(lookup(&d, at, json!({ "id": id })).await.ok(200).id(), one);
                    }
                }
            });
            if ended {
                break;
            }
        }
        assert!(ended && overtaken > 1, "it aborted {overtaken} times");
    }
}
