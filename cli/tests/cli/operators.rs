//! `umoja user show` and `umoja status`.

use std::path::PathBuf;

use serde_json::{Value, json};
use umoja_cli::Deployment;

use crate::support::{World, client, done, eventually, json as ask, path, run, text};

#[tokio::test]
async fn a_user_is_shown_without_secrets_and_personal_data() {
    let world = World::new();
    let company = world.company("soko");
    let served = world.serve();
    let here = client(&served.urls[0], &company);
    let body = json!({
        "email": "amina@example.com", "email_verified": true, "external_id": "ext-4711", "password": "a good password",
        "profile": { "given_name": "Amina" },
    });
    let answer = here.call("register", body).await.unwrap();
    let id = answer.body["user"]["id"].as_str().unwrap().to_owned();
    let words = ["user", "show", &id, "--dir", &world.deployment()];
    let shown = eventually("agreement", async || Some(ask(&words)).filter(|shown| shown["agree"] == true)).await;
    let profile = &shown["regions"][1]["parts"]["profile"];
    assert_eq!(profile["wrapped_regions"], json!(["af-south-1", "eu-west-1"]));
    assert_eq!(profile["links"], json!(["soko"]));
    assert_eq!(profile["ownerships"].as_array().unwrap().len(), 2);
    assert_eq!(shown["regions"][0]["parts"]["credentials"]["status"], "active");
    for said in [shown.to_string(), done(&words)] {
        for secret in ["amina", "Amina", "4711", "argon2", "password"] {
            assert!(!said.contains(secret), "{said}");
        }
    }
    let unknown = run(&["user", "show", "00000000-0000-7000-8000-000000000000", "--dir", &world.deployment()]);
    assert_eq!(unknown.status.code(), Some(1));
}

#[tokio::test]
async fn status_exits_with_1_while_something_needs_attention() {
    let world = World::new();
    let dir = world.deployment();
    let company = world.company("soko");
    let output = run(&["status", "--dir", &dir]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("no process serves") && !said.contains("All is well"), "{said}");
    let served = world.serve();
    let status = ask(&["status", "--dir", &dir]);
    assert_eq!((&status["well"], &status["serving"]), (&json!(true), &json!(true)));

    let keys = Deployment::open(world.deployment().as_ref()).unwrap().stores()[0].keys();
    keys.set_enabled(false).unwrap();
    let here = client(&served.urls[0], &company);
    let answer = here.call("register", json!({ "username": "amina" })).await.unwrap();
    assert_eq!(answer.status, 201, "another region generates the data keys");
    let output = run(&["status", "--dir", &dir]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(said.contains("eu-west-1: its key is disabled") && said.contains("lack a wrapped key"), "{said}");
    let output = run(&["status", "--dir", &dir, "--json", "--fast"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()["well"], false);
}

#[test]
fn status_names_the_peers_that_an_import_leaves_behind() {
    let world = World::new();
    let dir = world.deployment();
    world.company("soko");
    let file = world.file("users.ndjson");
    let row = |n| json!({ "user_id": format!("auth0|{n}"), "email": format!("u{n}@example.com") }).to_string();
    let rows = (0..10).map(row).collect::<Vec<_>>().join("\n");
    std::fs::write(&file, rows).unwrap();
    // The import takes this for a process that serves the directory, and leaves the replication to it.
    let lock = std::fs::File::create(PathBuf::from(&dir).join("serve.lock")).unwrap();
    lock.lock().unwrap();
    done(&["import", path(&file), "--format", "auth0", "--company", "soko", "--dir", &dir]);
    drop(lock);
    let status = |most: &str, lag: &str| {
        let words = ["status", "--fast", "--dir", &dir, "--max-waiting", most, "--max-lag", lag, "--json"];
        serde_json::from_slice::<Value>(&run(&words).stdout).unwrap()
    };
    let lags = |status: &Value| {
        let list = status["attention"].as_array().unwrap();
        list.iter()
            .filter_map(|text| text.as_str())
            .find(|text| text.contains("wait to be replicated"))
            .map(str::to_owned)
    };
    let status_of_few = status("5", "1000h");
    let waiting = status_of_few["regions"][0]["replication"]["behind"].as_u64().unwrap();
    assert!(waiting >= 20, "{status_of_few}");
    let lag = lags(&status_of_few).unwrap();
    assert!(lag.starts_with(&format!("af-south-1 is behind eu-west-1: {waiting} changes wait")), "{lag}");
    assert!(lag.contains("up to 5 may wait"), "{lag}");
    let pair = &status_of_few["lags"][0];
    assert_eq!((&pair["region"], &pair["behind"]), (&json!("af-south-1"), &json!("eu-west-1")));
    assert_eq!((&pair["changes"], &pair["exceeds"]), (&json!(waiting), &json!(true)));
    assert_eq!(lags(&status("1000000", "1000h")), None);
    assert!(lags(&status("1000000", "1ms")).unwrap().contains("for up to 1 ms"));
}

#[test]
fn an_import_into_a_directory_that_no_process_serves_leaves_no_region_behind() {
    let world = World::new();
    let dir = world.deployment();
    world.company("soko");
    let file = world.file("users.ndjson");
    let row = |n| json!({ "user_id": format!("auth0|{n}"), "email": format!("u{n}@example.com") }).to_string();
    let rows = (0..40).map(row).collect::<Vec<_>>().join("\n");
    std::fs::write(&file, rows).unwrap();
    done(&["import", path(&file), "--format", "auth0", "--company", "soko", "--dir", &dir]);
    let status: Value = serde_json::from_slice(&run(&["status", "--dir", &dir, "--json"]).stdout).unwrap();
    let of = |field: &str| [0, 1].map(|region: usize| status["regions"][region]["scan"][field].clone());
    assert_eq!(of("users"), [json!(40), json!(40)], "{status}");
    assert_eq!(of("digest")[0], of("digest")[1]);
    let changes: Vec<_> = status["lags"].as_array().unwrap().iter().map(|lag| &lag["changes"]).collect();
    assert_eq!(changes, [&json!(0), &json!(0)], "{status}");
}
