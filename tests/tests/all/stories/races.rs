//! Interleaved operations: one is stopped after each number of polls, and another runs in between.

use std::pin::pin;

use serde_json::{Value, json};
use umoja_tests::caller::{Caller, Reply};
use umoja_tests::deployment::Deployment;
use umoja_tests::world::polled;

use super::story;

/// Runs `first` up to each of its awaits, then `between`, then the rest of `first`; `check` checks each result.
fn in_between(
    seed: u64,
    first: (fn(&Deployment) -> &Caller, &str, Value),
    between: impl AsyncFn(&Deployment, &str),
    check: impl AsyncFn(&Deployment, &str, &Reply),
) {
    for polls in 1..80 {
        let mut ended = false;
        story(seed, async |d| {
            let id = d.register(0, "ada@example.com", "correct horse").await.id();
            d.world.set_pausing(true);
            let mut call = pin!(d.call_as(first.0(&d), 0, first.1, first.2.clone()));
            ended = polled(polls, call.as_mut()).await.is_some();
            d.world.set_pausing(false);
            if !ended {
                between(&d, &id).await;
                check(&d, &id, &call.await).await;
            }
        });
        if ended {
            assert!(polls > 3, "{polls} places to interleave");
            return;
        }
    }
    panic!("it never ended");
}

#[test]
fn a_user_who_changed_the_address_is_not_matched() {
    let body = json!({ "email": "ada@example.com", "email_verified": true, "profile": { "family_name": "Other" } });
    in_between(
        130,
        (|d| &d.food, "register", body),
        async |d, id| {
            d.call(0, "update", json!({ "id": id, "set": { "email": "new@example.com" } })).await.ok(200);
        },
        async |d, id, reply| {
            let matched = reply.body["outcome"] == "matched";
            let before = d.call(0, "lookup", json!({ "id": id })).await.body["user"].clone();
            // Either the match was before the change, or there are two people now.
            assert_eq!(matched, before["accounts"].get("food").is_some(), "{reply:?}");
            assert_eq!(matched, before["profile"].get("family_name").is_some());
            if !matched {
                assert_ne!(reply.ok(201).id(), id);
            }
        },
    );
}

#[test]
fn an_erased_user_is_not_matched() {
    let body = json!({ "email": "ada@example.com", "email_verified": true });
    in_between(
        131,
        (|d| &d.food, "register", body),
        async |d, id| {
            d.call(0, "erase", json!({ "id": id })).await.ok(202);
        },
        async |d, id, reply| {
            d.call(0, "lookup", json!({ "id": id })).await.rejected(404, "user_not_found");
            if reply.body["outcome"] != "matched" {
                assert_ne!(reply.ok(201).id(), id);
            }
        },
    );
}

#[test]
fn a_user_disabled_during_login_is_rejected_or_shown_active() {
    let body = json!({ "email": "ada@example.com", "password": "correct horse" });
    in_between(
        132,
        (|d| &d.food, "authenticate", body),
        async |d, id| {
            d.call(0, "status", json!({ "id": id, "status": "disabled" })).await.ok(200);
        },
        async |_, _, reply| {
            if reply.ok(200).body["authenticated"] == json!(true) {
                assert_eq!(reply.body["user"]["status"], "active");
            }
        },
    );
}

#[test]
fn concurrent_updates_of_one_user_both_take_effect() {
    story(134, async |d| {
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        d.world.set_pausing(true);
        let set = |name: &str| json!({ "id": id, "set": { "profile": { name: "x" } } });
        let (a, b) = futures_util::future::join(
            d.call(0, "update", set("nickname")),
            d.call_as(&d.shop, 0, "update", set("given_name")),
        )
        .await;
        a.ok(200);
        b.ok(200);
        let profile = d.call(0, "lookup", json!({ "id": id })).await.body["user"]["profile"].clone();
        assert_eq!(profile, json!({ "nickname": "x", "given_name": "x" }));
    });
}

#[test]
fn a_look_up_during_replication_is_behind_or_current() {
    for by in ["id", "email"] {
        for polls in 1..80 {
            let mut ended = false;
            story(135, async |d| {
                let created = d.register(0, "ada@example.com", "correct horse").await;
                if polls % 2 == 0 {
                    d.world.settle().await;
                }
                let set = json!({ "id": created.id(), "set": { "profile": { "nickname": "A" } } });
                let newer = d.call(0, "update", set).await;
                let mut body = json!({ "min_version": newer.version() });
                body[by] = if by == "id" { json!(created.id()) } else { json!("ada@example.com") };
                d.world.set_pausing(true);
                let mut call = pin!(d.call(1, "lookup", body));
                // Two awaits at a time, so that at each of them half the runs have no replica and half an older one.
                ended = polled(polls / 2, call.as_mut()).await.is_some();
                d.world.set_pausing(false);
                if !ended {
                    d.world.settle().await;
                    let reply = call.await;
                    if reply.status == 200 {
                        assert_eq!(reply.version(), newer.version());
                    } else {
                        reply.rejected(503, "behind");
                    }
                }
            });
            if ended {
                assert!(polls > 6, "there were {polls} places");
                break;
            }
        }
    }
}
