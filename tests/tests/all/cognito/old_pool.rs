//! A user pool as the old system of a company, over HTTP: the adapter asks npm's cognito-local (`.ci/cognito`) and
//! MiniStack (`.ci/emulator`), at `AWS_ENDPOINT_URL`.
//!
//! MiniStack answers as Amazon documents, also with a challenge. cognito-local gives tokens where Amazon asks for a new
//! password first, and has a code of its own for a wrong password, which counts as an outage. Neither shows a second factor
//! or Amazon's limits of requests.

use std::process::Command;
use std::sync::Arc;

use serde_json::{Value, json};
use umoja_aws::CognitoLogin;
use umoja_schema::{Company, Log, OldSystem, Scope, UserId};
use umoja_tests::caller::Reply;
use umoja_tests::deployment::Deployment;

use super::MINUTE;

/// The password of each user of the pool.
const PASSWORD: &str = "Correct-horse-7";

/// Makes the pool. Returns its ids, and the challenge that it answers to the right password of an administrator's user.
fn pool(url: &str) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/all/cognito/old_pool.mjs");
    let output = Command::new("node").arg(script).arg(url).output().expect("node starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

async fn login(d: &Deployment, at: usize, name: &str, password: &str) -> Reply {
    // Neither a failure before nor an outage counts any more.
    d.world.clock.advance(2 * MINUTE);
    d.call(at, "authenticate", json!({ "email": format!("{name}@example.com"), "password": password })).await
}

async fn is_accepted(d: &Deployment, at: usize, name: &str, password: &str) -> bool {
    login(d, at, name, password).await.ok(200).body["authenticated"] == json!(true)
}

#[test]
#[ignore = "needs cognito-local or MiniStack, see .ci/cognito and .ci/emulator"]
fn a_pool_as_the_old_system_says_which_password_is_right() {
    let url = std::env::var("AWS_ENDPOINT_URL").expect("the URL of a server with user pools");
    let is_as_documented = std::env::var("UMOJA_TEST_POOLS").is_ok_and(|name| name == "ministack");
    let seen = pool(&url);
    assert_eq!(seen["challenge"] == "NEW_PASSWORD_REQUIRED", is_as_documented, "{seen}");
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let d = Deployment::new(1580).await.asking(Arc::new(CognitoLogin::default()));
        let [pool, client] = ["pool", "client"].map(|name| seen[name].as_str().unwrap().to_owned());
        let system = OldSystem::Cognito { pool, client };
        let with = |system| Company { old_system: system, ..d.shop.company(&Scope::ALL, true) };
        d.put_company(&with(Some(system))).await;
        let mut ids = Vec::new();
        for name in ["ada", "ben", "eve"] {
            let (email, sub) = (format!("{name}@example.com"), &seen["subs"][name]);
            let body = json!({ "email": email, "email_verified": true, "external_id": sub });
            ids.push(d.call(0, "register", body).await.ok(201).id());
        }
        // The pool does not have this one.
        d.call(0, "register", json!({ "email": "dan@example.com", "external_id": "no-sub" })).await.ok(201);
        d.world.settle().await;
        for (name, is_right) in [("ada", true), ("ben", false), ("eve", true), ("dan", false)] {
            if is_as_documented || name == "dan" {
                assert!(!is_accepted(&d, 0, name, "Wrong-horse-7").await, "{name}");
            } else {
                login(&d, 0, name, "Wrong-horse-7").await.rejected(503, "old_system_unavailable");
            }
            assert_eq!(is_accepted(&d, 0, name, PASSWORD).await, is_right, "{name}");
        }
        d.world.settle().await;
        // What was learnt needs the pool no more, in any region.
        d.put_company(&with(None)).await;
        for at in 0..2 {
            for (name, is_learnt) in [("ada", true), ("ben", false), ("eve", true), ("dan", false)] {
                assert_eq!(is_accepted(&d, at, name, PASSWORD).await, is_learnt, "{name}");
            }
        }
        for (id, is_learnt) in ids.iter().zip([true, false, true]) {
            let id: UserId = id.parse().unwrap();
            let rows = d.world.regions[0].tables.logs.rows(Log::Audit, id).await.unwrap();
            assert_eq!(rows.iter().any(|row| row.kind == "password_learnt"), is_learnt);
        }
        d.world.check_invariants().await;
    });
}
