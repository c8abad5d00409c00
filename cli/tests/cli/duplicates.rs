//! Records of one company that share a verified identifier: `cases/import/4-verified-duplicates` has what other systems
//! write.

use std::path::PathBuf;

use serde_json::{Value, json};
use umoja_cli::{Client, CompanyFile};

use crate::support::{World, client, eventually, json as ask, path, run, text};

/// A case's file.
fn case(name: &str, file: &str) -> PathBuf {
    let cases = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cases/import/4-verified-duplicates");
    cases.join(name).join(file)
}

/// Imports a case that has two records, and checks its sample logins and a dry run before.
fn imported(world: &World, name: &str, input: &str, format: &[&str]) {
    let (input, logins, dir) = (case(name, input), case(name, "logins.csv"), world.deployment());
    let state = world.file("state.json");
    let options = ["--company", "acme", "--dir", &dir, "--at-once", "1", "--state", path(&state)];
    let words = [&["import", path(&input)], format, &options].concat();
    let dry = ask(&[&words[..], &["--dry-run", "--prove", path(&logins)]].concat());
    for said in [dry, ask(&words)] {
        assert_eq!(
            ["rows", "created", "in_conflict", "matched", "already_there"].map(|name| said[name].as_u64().unwrap()),
            [2, 1, 1, 0, 0],
            "{name}"
        );
    }
    let again = ask(&words);
    assert_eq!(again["already_there"], 2, "{name}: {again}");
}

/// The two users by their external ids, in every region, after replication.
async fn both(there: &Client, ids: [&str; 2]) -> [Value; 2] {
    let mut users = [Value::Null, Value::Null];
    for (user, id) in users.iter_mut().zip(ids) {
        *user = eventually("the user", async || {
            let found = there.call("lookup", json!({ "external_id": id })).await.unwrap();
            (found.status == 200).then(|| found.body["user"].clone())
        })
        .await;
    }
    users
}

async fn logs_in(there: &Client, by: (&str, &str), password: &str) -> Option<Value> {
    let mut body = json!({ "password": password });
    body[by.0] = json!(by.1);
    let answer = there.call("authenticate", body).await.unwrap();
    assert_eq!(answer.status, 200);
    (answer.body["authenticated"] == true).then(|| answer.body["user"]["id"].clone())
}

/// Waits until anti-entropy and the queues of all regions have done their work.
fn drain(world: &World) {
    for _ in 0..2 {
        let output = run(&["doctor", "--repair", "--dir", &world.deployment(), "--json"]);
        assert!(matches!(output.status.code(), Some(0 | 1)), "{}", text(&output.stderr));
    }
}

async fn check(case: &str, input: &str, format: &[&str], ids: [&str; 2], logins: &[(&str, &str, usize)]) {
    let world = World::new();
    let company: CompanyFile = world.company("acme");
    imported(&world, case, input, format);
    let served = world.serve();
    drain(&world);
    for url in &served.urls {
        let there = client(url, &company);
        let users = both(&there, ids).await;
        assert_ne!(users[0]["id"], users[1]["id"], "{case}: they are two users");
        for (user, id) in users.iter().zip(ids) {
            assert_eq!(user["accounts"]["acme"]["external_id"], json!(id));
        }
        for (identifier, password, owner) in logins {
            let by = if identifier.contains('@') { "email" } else { "external_id" };
            let found = logs_in(&there, (by, identifier), password).await;
            assert_eq!(found, Some(users[*owner]["id"].clone()), "{case}: {identifier}");
        }
        for (_, password, owner) in logins {
            let other = 1 - owner;
            let by = ("external_id", ids[other]);
            let opened = logs_in(&there, by, password).await;
            assert_eq!(opened, None, "{case}: a password opens the account of another person");
        }
    }
    let listed = ask(&["conflicts", "list", "--dir", &world.deployment()]);
    assert_eq!(listed["count"], 1, "{case}: {listed}");
    assert_eq!(listed["conflicts"][0]["contradictions"][0], json!({ "kind": "external_id", "company": "acme" }));

    // An operator's merge asks the same rule.
    let pair = listed["conflicts"][0]["users"].as_array().unwrap().iter().map(|id| id.as_str().unwrap());
    let pair: Vec<&str> = pair.collect();
    let dir = world.deployment();
    let words = ["conflicts", "resolve", pair[0], pair[1], "--merge", "--by", "support", "--dir", &dir];
    let rejected = run(&words);
    let said = text(&rejected.stderr);
    assert_eq!(rejected.status.code(), Some(1));
    assert!(said.contains("different external ids of acme") && said.contains("--despite external_id"), "{said}");
    let despite = ["--despite", "external_id", "--despite", "email", "--dry-run"];
    assert_eq!(ask(&[&words[..], &despite].concat())["would_change"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_under_two_ids_is_imported_as_two_users() {
    let auth0 = ["--format", "auth0"];
    let ids = ["auth0|1", "google-oauth2|2"];
    let logins = [("auth0|1", "correct horse 9", 0), ("ada@example.com", "correct horse 9", 0)];
    check("F04", "input.json", &auth0, ids, &logins).await;
    // Look-ups by the address find the record that was first, which has no password.
    check("F04b", "input.json", &auth0, ids, &logins[..1]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_family_with_one_number_is_imported_as_two_users() {
    for (name, logins) in [
        ("F06v", &[("ada@example.com", "correct horse 9", 0), ("bola@example.com", "other pass 5", 1)][..]),
        ("F06w", &[("bola@example.com", "other pass 5", 1)][..]),
    ] {
        let mapping = case(name, "mapping.json");
        check(name, "input.csv", &["--format", "csv", "--mapping", path(&mapping)], ["1", "2"], logins).await;
    }
}
