//! Operations during outages.

use serde_json::json;
use umoja_schema::{Hlc, Part, PartRecord};
use umoja_store::apply::commit_own;
use umoja_store::faulty::Fault;
use umoja_store::ports::{Commit, Condition, PartWrite, StoreError, Writes};
use umoja_tests::world::killed_after;

use super::story;

#[test]
fn a_disconnected_region_keeps_serving_and_catches_up() {
    story(110, async |d| {
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        d.world.settle().await;
        d.world.set_cut(0, 1, true);
        d.world.set_cut(1, 0, true);
        d.call(0, "update", json!({ "id": id, "set": { "profile": { "nickname": "A" } } })).await.ok(200);
        d.call(1, "status", json!({ "id": id, "status": "disabled" })).await.ok(200);
        d.register(1, "bob@example.com", "correct horse").await.ok(201);
        d.world.rounds(2).await;
        d.world.set_cut(0, 1, false);
        d.world.set_cut(1, 0, false);
        d.world.settle().await;
        for at in 0..2 {
            let user = d.call(at, "lookup", json!({ "id": id })).await.body["user"].clone();
            assert_eq!((&user["profile"]["nickname"], &user["status"]), (&json!("A"), &json!("disabled")));
            assert!(d.accepts(at, "bob@example.com", "correct horse").await);
        }
        d.world.check_invariants().await;
    });
}

/// Failure: own KMS down at write
/// Failure: own KMS down at read
#[test]
fn an_outage_of_the_own_kms_fails_no_request() {
    story(111, async |d| {
        let before = d.register(0, "ada@example.com", "correct horse").await.id();
        d.world.regions[0].faults.kms.set_down(true);
        d.call(0, "lookup", json!({ "id": before })).await.ok(200);
        d.register(0, "bob@example.com", "correct horse").await.ok(201);
        assert!(d.accepts(0, "bob@example.com", "correct horse").await);
        d.world.regions[0].faults.kms.set_down(false);
        d.world.settle().await;
        d.world.check_invariants().await;
    });
}

#[test]
fn an_outage_of_every_kms_is_a_503_without_loss() {
    story(112, async |d| {
        for region in &d.world.regions {
            region.faults.kms.set_down(true);
        }
        let body = json!({ "email": "ada@example.com", "password": "correct horse" });
        let reply = d.shop.call_idk(&d.endpoints[0], "register", d.now(), Some("k"), body.clone()).await;
        assert!(reply.rejected(503, "unavailable").retry_after.is_some());
        for region in &d.world.regions {
            region.faults.kms.set_down(false);
        }
        d.shop.call_idk(&d.endpoints[0], "register", d.now(), Some("k"), body).await.ok(201);
    });
}

/// Failure: answer lost after the write
#[test]
fn a_lost_store_answer_has_one_effect() {
    story(113, async |d| {
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        // The update reads the user and its linked accounts, then writes the user, and the answer to the write is lost.
        d.world.regions[0].faults.tables.then([Fault::None, Fault::None, Fault::AnswerLost]);
        let reply = d.call(0, "update", json!({ "id": id, "set": { "profile": { "nickname": "A" } } })).await;
        assert_eq!(reply.ok(200).body["user"]["profile"]["nickname"], "A");
        assert_eq!(d.call(0, "lookup", json!({ "id": id })).await.version(), reply.version());
    });
}

#[test]
fn an_unavailable_store_is_a_503_and_not_ready() {
    story(114, async |d| {
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        d.world.regions[0].faults.tables.set_down(true);
        d.call(0, "lookup", json!({ "id": id })).await.rejected(503, "unavailable");
        let ready = axum::http::Request::get("/readyz").body(axum::body::Body::empty()).unwrap();
        assert_eq!(umoja_tests::caller::send(&d.endpoints[0], ready).await.status, 503);
    });
}

/// Failure: any function killed at any await
#[test]
fn a_killed_and_retried_registration_creates_one_user() {
    // Every port yields once per call, so each number of polls is another place to kill the operation.
    let mut finished = false;
    for polls in 0..60 {
        story(115, async |d| {
            d.world.set_pausing(true);
            let body = json!({ "email": "ada@example.com", "email_verified": true, "password": "correct horse" });
            let call = d.shop.call_idk(&d.endpoints[0], "register", d.now(), Some("k"), body.clone());
            let first = killed_after(polls, call).await;
            let again = d.shop.call_idk(&d.endpoints[0], "register", d.now(), Some("k"), body).await;
            assert_eq!(again.ok(201).body["outcome"], "created");
            if let Some(first) = first {
                assert_eq!(first.body, again.body);
                finished = true;
            }
            d.world.settle().await;
            for at in 0..2 {
                assert_eq!(d.call(at, "lookup", json!({ "email": "ada@example.com" })).await.id(), again.id());
                assert!(d.accepts(at, "ada@example.com", "correct horse").await);
            }
            d.world.check_invariants().await;
        });
        if finished {
            assert!(polls > 5, "it was killed at {polls} places");
            return;
        }
    }
    panic!("it never finished");
}

/// Failure: any function killed at any await
#[test]
fn a_killed_and_retried_erasure_has_one_receipt() {
    let mut finished = false;
    for polls in 0..60 {
        story(116, async |d| {
            let id = d.register(0, "ada@example.com", "correct horse").await.id();
            d.world.settle().await;
            d.world.set_pausing(true);
            let call = d.shop.call_idk(&d.endpoints[0], "erase", d.now(), Some("k"), json!({ "id": id }));
            finished |= killed_after(polls, call).await.is_some();
            d.shop.call_idk(&d.endpoints[0], "erase", d.now(), Some("k"), json!({ "id": id })).await.ok(202);
            d.world.settle().await;
            for at in 0..2 {
                let receipt = d.call(at, "erasure", json!({ "id": id })).await.body["receipt"].clone();
                assert_eq!(receipt["complete"], true);
                d.call(at, "lookup", json!({ "id": id })).await.rejected(404, "user_not_found");
            }
            d.world.check_invariants().await;
        });
        if finished {
            assert!(polls > 3, "it was killed at {polls} places");
            return;
        }
    }
    panic!("it never finished");
}

#[test]
fn the_right_password_is_accepted_without_writes() {
    story(117, async |d| {
        d.register(0, "ada@example.com", "correct horse").await.ok(201);
        assert!(d.accepts(0, "ada@example.com", "correct horse").await);
        // Unwrapped keys are cached; a new company link needs a new data key.
        for region in &d.world.regions {
            region.faults.kms.set_down(true);
        }
        let login = json!({ "email": "ada@example.com", "password": "correct horse" });
        let reply = d.call_as(&d.food, 0, "authenticate", login.clone()).await;
        assert_eq!(reply.ok(200).body["authenticated"], true);
        assert!(reply.body["user"]["accounts"].get("food").is_none());
        for region in &d.world.regions {
            region.faults.kms.set_down(false);
        }
        let reply = d.call_as(&d.food, 0, "authenticate", login).await;
        assert!(reply.body["user"]["accounts"]["food"].is_object());
    });
}

/// Failure: answer lost after the write
#[test]
fn an_overtaken_write_with_a_lost_answer_is_not_repeated() {
    story(118, async |d| {
        let user = d.register(0, "ada@example.com", "correct horse").await;
        let id = user.id().parse().unwrap();
        let store = &d.world.regions[0].tables.users;
        let stored = store.part(id, Part::Profile).await.unwrap().unwrap();
        let next = |ms: u64| {
            let mut record = stored.clone();
            record.version.hlc = Hlc::at(record.version.hlc.millis().plus(ms));
            record
        };
        let write = |record: &PartRecord, base: &PartRecord| Writes {
            parts: vec![PartWrite { record: record.clone(), condition: Condition::VersionIs(base.version.clone()) }],
            ..Writes::default()
        };
        let (mine, theirs) = (next(1), next(2));
        // The first write is done and its answer lost, a second write replaces it, and then the first one is retried.
        assert_eq!(store.commit(&write(&mine, &stored)).await, Ok(Commit::Done));
        assert_eq!(store.commit(&write(&theirs, &mine)).await, Ok(Commit::Done));
        let faults = &d.world.regions[0].faults.tables;
        faults.then([Fault::RequestLost]);
        let outcome = commit_own(&*d.world.regions[0].home.own.users, &write(&mine, &stored)).await;
        assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
        assert_eq!(store.part(id, Part::Profile).await.unwrap().unwrap().version, theirs.version);
    });
}
