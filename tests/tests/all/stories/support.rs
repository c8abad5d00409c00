//! What the support of a company asks, one company that is unlinked, and holds.

use std::collections::BTreeSet;
use std::pin::pin;

use serde_json::{Value, json};
use umoja_accounts::{Error, Reason, Word};
use umoja_crypto::jws::sign_request;
use umoja_schema::{Actor, AuditEvent, Millis, Scope, UserId};
use umoja_store::ports::Clock as _;
use umoja_tests::caller::Caller;
use umoja_tests::deployment::Deployment;
use umoja_tests::world::polled;

use super::story;

const EMAIL: &str = "ada@example.com";
const RIGHT: &str = "correct horse";

fn operator() -> Actor {
    Actor::Operator { command: "a test".to_owned(), by: Some("support".to_owned()) }
}

/// Ada is known to two companies: the shop has registered her, and she has logged in at the other one.
async fn ada(d: &Deployment) -> UserId {
    let profile = json!({ "given_name": "Ada" });
    let body =
        json!({ "email": EMAIL, "email_verified": true, "password": RIGHT, "profile": profile, "external_id": "s-1" });
    let id = d.call(0, "register", body).await.id();
    d.world.settle().await;
    d.call_as(&d.food, 0, "authenticate", json!({ "email": EMAIL, "password": RIGHT })).await.ok(200);
    let set = json!({ "external_id": "f-1", "profile": { "nickname": "Countess" } });
    d.call_as(&d.food, 0, "update", json!({ "id": id, "set": set })).await.ok(200);
    d.world.settle().await;
    id.parse().unwrap()
}

async fn fail(d: &Deployment, at: usize, times: usize) {
    for _ in 0..times {
        assert!(!d.accepts(at, EMAIL, "wrong horse").await);
    }
}

async fn why(d: &Deployment, at: usize) -> Value {
    d.call(at, "why", json!({ "email": EMAIL })).await.ok(200).body.clone()
}

async fn events(d: &Deployment, at: usize, id: UserId) -> Vec<String> {
    let trail = d.call(at, "export", json!({ "id": id })).await.ok(200).body["audit"].clone();
    trail.as_array().unwrap().iter().map(|entry| entry["event"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn support_sees_a_lock_out_and_takes_it_away_in_its_region() {
    story(900, async |d| {
        let id = ada(&d).await;
        for at in 0..2 {
            fail(&d, at, 5).await;
            let seen = why(&d, at).await;
            assert_eq!(
                (&seen["id"], &seen["status"], &seen["account"]),
                (&json!(id), &json!("active"), &json!("active"))
            );
            let until = seen["locked_until"].as_u64().expect("the lock-out is seen");
            assert_eq!(until, d.now() + 2);
            let email = json!({ "by": "email", "count": 5, "locked_until": until });
            assert!(seen["attempts"].as_array().unwrap().contains(&email), "{seen}");
        }
        let unlocked = d.call(0, "unlock", json!({ "id": id })).await;
        assert_eq!(unlocked.ok(200).body["region"], d.world.regions[0].name.as_str());
        assert!(d.accepts(0, EMAIL, RIGHT).await);
        d.call(1, "authenticate", json!({ "email": EMAIL, "password": RIGHT }))
            .await
            .rejected(429, "too_many_attempts");
        assert_eq!(why(&d, 0).await["locked_until"], Value::Null);
        assert!(events(&d, 0, id).await.contains(&"unlocked".to_owned()));
    });
}

#[test]
fn a_company_cannot_guess_by_unlocking_again_and_again() {
    story(901, async |d| {
        let id = ada(&d).await;
        for _ in 0..3 {
            d.call(0, "unlock", json!({ "id": id })).await.ok(200);
        }
        let rejected = d.call_as(&d.food, 0, "unlock", json!({ "id": id })).await;
        assert!(rejected.rejected(429, "too_many_attempts").retry_after.unwrap() > 3_000);
        let people = d.world.regions[0].people();
        fail(&d, 0, 5).await;
        people.unlock(id).await.unwrap();
        assert!(d.accepts(0, EMAIL, RIGHT).await, "an operator has no such limit");
    });
}

#[test]
fn support_sees_nothing_of_other_companies_and_nothing_of_persons_that_are_not_linked() {
    story(902, async |d| {
        let id = ada(&d).await;
        let seen = why(&d, 1).await.to_string();
        for theirs in ["food", "f-1", "nickname", "Countess", EMAIL] {
            assert!(!seen.contains(theirs), "{theirs}: {seen}");
        }
        assert!(seen.contains("profile.given_name"));
        for operation in ["why", "unlock"] {
            d.call_as(&d.blog, 0, operation, json!({ "id": id })).await.rejected(403, "not_linked");
            let unknown = json!({ "email": "bob@example.com" });
            d.call(0, operation, unknown).await.rejected(404, "user_not_found");
        }
        let clerk = Caller::new("clerk", 9);
        d.put_company(&clerk.company(&[Scope::Lookup], false)).await;
        for (operation, body) in [
            ("why", json!({ "id": id })),
            ("unlock", json!({ "id": id })),
            ("requests/get", json!({ "request_id": "x" })),
        ] {
            d.call_as(&clerk, 0, operation, body).await.rejected(403, "scope_missing");
        }
    });
}

#[test]
fn why_names_the_kind_of_password_and_who_disabled_the_user() {
    story(903, async |d| {
        let id = ada(&d).await;
        assert_eq!(why(&d, 0).await["password"], "own");
        d.call(0, "status", json!({ "id": id, "status": "disabled", "reason": "chargeback" })).await.ok(200);
        let seen = why(&d, 0).await;
        assert_eq!(seen["status"], "disabled");
        assert!(!seen.to_string().contains("chargeback"));
        d.call(0, "register", json!({ "email": "bob@example.com" })).await.ok(201);
        let bob = d.call(0, "why", json!({ "email": "bob@example.com" })).await;
        assert_eq!((&bob.ok(200).body["password"], &bob.body["password_kinds"]), (&json!("none"), &json!([])));
    });
}

/// The id of a request of a company that is answered with this status.
async fn request(d: &Deployment, caller: &Caller, body: Value, status: u16) -> String {
    let claims = caller.claims(&d.endpoints[0], "lookup", d.now(), None, body);
    let reply = caller.send(&d.endpoints[0], &claims.path, &sign_request(&caller.key, &claims)).await;
    assert_eq!(reply.status, status);
    reply.headers["request-id"].to_str().unwrap().to_owned()
}

#[test]
fn a_company_asks_about_its_rejected_requests_for_a_day() {
    story(904, async |d| {
        let id = ada(&d).await;
        let unknown = request(&d, &d.shop, json!({ "email": "bob@example.com" }), 404).await;
        let invalid = request(&d, &d.shop, json!({ "email": EMAIL, "surplus": "secret" }), 422).await;
        let accepted = request(&d, &d.shop, json!({ "id": id }), 200).await;
        let ask = async |caller: &Caller, at: usize, id: &str| {
            d.call_as(caller, at, "requests/get", json!({ "request_id": id })).await
        };
        let found = ask(&d.shop, 0, &unknown).await.ok(200).body.clone();
        assert_eq!((&found["operation"], &found["status"]), (&json!("/v1/users/lookup"), &json!(404)));
        assert_eq!((&found["code"], &found["request_id"]), (&json!("user_not_found"), &json!(unknown)));
        assert!(!found.to_string().contains("bob"));
        assert_eq!(ask(&d.shop, 0, &invalid).await.ok(200).body["code"], "invalid_body");
        ask(&d.shop, 0, &accepted).await.rejected(404, "request_not_found");
        ask(&d.food, 0, &unknown).await.rejected(404, "request_not_found");
        ask(&d.shop, 1, &unknown).await.rejected(404, "request_not_found");
        d.world.clock.advance(Millis::DAY_MS - 60_000);
        ask(&d.shop, 0, &unknown).await.ok(200);
        d.world.clock.advance(60_000);
        ask(&d.shop, 0, &unknown).await.rejected(404, "request_not_found");
    });
}

#[test]
fn a_company_that_is_unlinked_takes_what_it_stated_and_no_more() {
    story(905, async |d| {
        let id = ada(&d).await;
        d.world.feed().await;
        d.world.settle().await;
        let people = d.world.regions[0].people();
        let done = people.unlink(&operator(), id, &"shop".parse().unwrap(), &[]).await.unwrap();
        assert_eq!((done.id, done.users), (id, vec![id]));
        assert_eq!(done.gone, ["external_id.shop", "profile.given_name"]);
        assert_eq!(done.kept, ["email"]);
        d.world.settle().await;
        d.world.feed().await;
        d.world.settle().await;
        for at in 0..2 {
            let user = d.call_as(&d.food, at, "lookup", json!({ "email": EMAIL })).await.ok(200).body["user"].clone();
            assert_eq!(
                (&user["profile"], &user["accounts"]["shop"]),
                (&json!({ "nickname": "Countess" }), &Value::Null)
            );
            assert_eq!(user["accounts"]["food"]["external_id"], "f-1");
            d.call(at, "update", json!({ "id": id, "set": {} })).await.rejected(403, "not_linked");
            d.call(at, "lookup", json!({ "external_id": "s-1" })).await.rejected(404, "user_not_found");
            let listed = d.call_as(&d.shop, at, "events/list", json!({})).await.ok(200).body["events"].clone();
            let listed_is = |kind: &str| {
                listed.as_array().unwrap().iter().any(|event| event["type"] == kind && event["subject"] == json!(id))
            };
            assert!(listed_is("umoja.user.unlinked"), "{listed}");
        }
        // The company gets no event of what follows.
        let known =
            d.call_as(&d.shop, 0, "events/list", json!({})).await.ok(200).body["events"].as_array().unwrap().len();
        d.call_as(&d.food, 0, "update", json!({ "id": id, "set": { "profile": { "nickname": "A" } } })).await.ok(200);
        let login = json!({ "email": EMAIL, "password": RIGHT });
        assert_eq!(d.call_as(&d.food, 0, "authenticate", login.clone()).await.ok(200).body["authenticated"], true);
        d.world.settle().await;
        d.world.feed().await;
        d.world.settle().await;
        let listed = d.call_as(&d.shop, 0, "events/list", json!({})).await.ok(200).body["events"].clone();
        assert_eq!(listed.as_array().unwrap().len(), known, "{listed}");
        let again = people.unlink(&operator(), id, &"shop".parse().unwrap(), &[]).await.unwrap();
        assert_eq!(again.users, []);
        let only = people.unlink(&operator(), id, &"food".parse().unwrap(), &[]).await;
        assert_eq!(only, Err(Error::OnlyCompany));
        // The person logs in there again.
        assert_eq!(d.call(1, "authenticate", login).await.ok(200).body["authenticated"], true);
        d.world.settle().await;
        d.world.check_invariants().await;
    });
}

#[test]
fn a_person_whom_only_the_own_id_of_a_company_finds_stays_linked() {
    story(906, async |d| {
        let body = json!({ "external_id": "s-1", "email": EMAIL, "email_verified": true, "password": RIGHT });
        let id: UserId = d.call(0, "register", body).await.id().parse().unwrap();
        d.call_as(&d.food, 0, "authenticate", json!({ "email": EMAIL, "password": RIGHT })).await.ok(200);
        d.call(0, "update", json!({ "id": id, "set": { "email": null } })).await.ok(200);
        let people = d.world.regions[0].people();
        let done = people.unlink(&operator(), id, &"shop".parse().unwrap(), &[]).await;
        assert_eq!(done, Err(Error::NoIdentifierLeft));
    });
}

/// Holds a user in these regions, as the command does.
async fn hold(d: &Deployment, regions: &[usize], id: UserId, days: u64) -> Vec<Result<bool, Error>> {
    let reason = Reason::new("case 4711".to_owned()).unwrap();
    let until = d.world.clock.now().plus(days * Millis::DAY_MS);
    let mut done = Vec::new();
    for at in regions {
        let people = d.world.regions[*at].people();
        done.push(people.set_hold(id, Word::Hold { until, reason: &reason }, "legal", &operator()).await);
    }
    done
}

#[test]
fn an_erasure_during_a_hold_erases_nothing_in_any_region() {
    story(907, async |d| {
        let id = ada(&d).await;
        assert_eq!(hold(&d, &[0, 1], id, 30).await, [Ok(true), Ok(true)]);
        for at in 0..2 {
            let rejected = d.call(at, "erase", json!({ "id": id })).await;
            let detail = rejected.rejected(409, "user_held").body["detail"].as_str().unwrap().to_owned();
            let until = d.world.clock.now().plus(30 * Millis::DAY_MS).date().unwrap();
            assert!(detail.contains(&until), "{detail}");
            d.call(at, "erasure", json!({ "id": id })).await.rejected(404, "user_not_found");
        }
        d.world.settle().await;
        for at in 0..2 {
            d.call(at, "lookup", json!({ "id": id })).await.ok(200);
            let held = d.world.regions[at].people().holds(&[id]).await.unwrap();
            assert_eq!(held[0].reason.as_deref(), Some("case 4711"));
        }
        // It is released, and held again, and then ends by itself.
        for at in 0..2 {
            assert_eq!(d.world.regions[at].people().set_hold(id, Word::Release, "legal", &operator()).await, Ok(true));
        }
        assert_eq!(hold(&d, &[0, 1], id, 1).await, [Ok(true), Ok(true)]);
        d.call(1, "erase", json!({ "id": id })).await.rejected(409, "user_held");
        d.world.clock.advance(Millis::DAY_MS);
        d.call(1, "erase", json!({ "id": id })).await.ok(202);
        d.world.settle().await;
        assert_eq!(d.call(0, "erasure", json!({ "id": id })).await.ok(200).body["receipt"]["complete"], true);
        assert_eq!(hold(&d, &[0], id, 1).await, [Err(Error::Erased)]);
        d.world.check_invariants().await;
    });
}

#[test]
fn a_hold_is_recorded_and_holds_the_whole_person() {
    story(908, async |d| {
        let id = ada(&d).await;
        let other: UserId = d.register(0, "countess@example.com", RIGHT).await.id().parse().unwrap();
        d.call(0, "merge", json!({ "survivor": id, "duplicate": other })).await.ok(200);
        d.world.settle().await;
        hold(&d, &[0, 1], other, 30).await;
        for id in [id, other] {
            d.call(0, "erase", json!({ "id": id })).await.rejected(409, "user_held");
        }
        let rows = d.world.regions[0].people().recorder().rows(&operator(), &[(other, AuditEvent::Exported)]).await;
        assert_eq!(rows.unwrap()[0].1.key.split_once('#').unwrap().0, d.world.regions[0].name.as_str());
        let held = d.call(0, "export", json!({ "id": id })).await.ok(200).body["linked_accounts"][0]["audit"].clone();
        assert!(held.as_array().unwrap().iter().any(|entry| entry["event"] == "held"), "{held}");
    });
}

/// Failure: hold races erase
#[test]
fn an_erasure_that_a_region_had_done_before_the_hold_arrived_stands() {
    for first in [0, 1] {
        story(909, async |d| {
            let id = ada(&d).await;
            // The hold is written in one region, and the other one erases before it has it.
            if first == 0 {
                assert_eq!(hold(&d, &[0], id, 30).await, [Ok(true)]);
                d.call(1, "erase", json!({ "id": id })).await.ok(202);
            } else {
                d.call(1, "erase", json!({ "id": id })).await.ok(202);
                assert_eq!(hold(&d, &[0, 1], id, 30).await, [Ok(true), Err(Error::Erased)]);
            }
            d.world.settle().await;
            for at in 0..2 {
                d.call(at, "lookup", json!({ "id": id })).await.rejected(404, "user_not_found");
                assert_eq!(d.call(at, "erasure", json!({ "id": id })).await.ok(200).body["receipt"]["complete"], true);
                assert_eq!(d.world.regions[at].people().holds(&[id]).await, Ok(Vec::new()));
            }
            d.world.check_invariants().await;
        });
    }
}

/// Failure: hold races erase
#[test]
fn in_one_region_a_hold_or_an_erasure_comes_first_at_whichever_await() {
    let (mut outcomes, mut polls, mut is_over) = (BTreeSet::new(), 1, false);
    while !is_over {
        story(910, async |d| {
            let id = ada(&d).await;
            d.world.set_pausing(true);
            let mut erase = pin!(d.call(0, "erase", json!({ "id": id })));
            let erased = polled(polls, erase.as_mut()).await;
            let held = hold(&d, &[0], id, 30).await.remove(0);
            is_over = erased.is_some();
            let erased = match erased {
                Some(erased) => erased,
                None => erase.await,
            };
            match (erased.status, &held) {
                (202, Err(Error::Erased)) | (409, Ok(true)) => outcomes.insert(erased.status),
                _ => panic!("after {polls} polls: {erased:?}, {held:?}"),
            };
            d.world.set_pausing(false);
            d.world.settle().await;
            for at in 0..2 {
                let found = d.call(at, "lookup", json!({ "id": id })).await;
                assert_eq!(found.status, if erased.status == 202 { 404 } else { 200 });
            }
            d.world.check_invariants().await;
        });
        polls += 1;
    }
    assert_eq!(outcomes, BTreeSet::from([202, 409]));
}
