//! `umoja user show` and `umoja status`.

use serde_json::json;
use umoja_cli::Deployment;

use crate::support::{World, client, done, eventually, json as ask, run, text};

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
