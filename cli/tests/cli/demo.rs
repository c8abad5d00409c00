//! `umoja demo`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;

use crate::support::{json, path, run, text};

fn demo_json(dir: &Path) -> Value {
    let file = dir.join("demo.json");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

#[test]
fn the_demo_succeeds_and_its_directory_can_be_reused() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("demo");
    let answer = json(&["demo", "--exit", "--dir", path(&dir)]);
    assert_eq!(answer["ok"], true, "{answer}");
    assert!(answer["steps"].as_array().unwrap().iter().all(|step| step["ok"] == true && step["ms"].is_u64()));

    let first = demo_json(&dir);
    let regions = first["regions"].as_array().unwrap();
    let names: Vec<&str> = regions.iter().map(|region| region["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["eu-west-1", "af-south-1"]);
    assert!(regions.iter().all(|region| !region["url"].as_str().unwrap().ends_with('/')));
    let companies = first["companies"].as_array().unwrap();
    assert_eq!(companies.len(), 2);
    for linked in ["id", "api_key", "kid", "alg", "private_key_pem"] {
        assert!(companies.iter().all(|company| company[linked].is_string()), "{linked}");
    }
    let sources = first["sources"].as_array().unwrap();
    assert_eq!(sources.iter().map(|source| source["kind"].as_str().unwrap()).collect::<Vec<_>>(), ["auth0", "generic"]);
    for member in ["id", "url", "api_key"] {
        assert!(sources.iter().all(|source| source[member].is_string()), "{member}");
    }
    let scim = &first["scim"][0];
    assert_eq!(scim["company"], "soko");
    assert!(scim["url"].as_str().unwrap().ends_with("/scim/v2/soko") && scim["token"].is_string(), "{scim}");

    let targets = first["targets"].as_array().unwrap();
    assert_eq!(
        targets.iter().map(|target| target["id"].as_str().unwrap()).collect::<Vec<_>>(),
        ["soko-crm", "soko-desk"]
    );
    assert!(targets.iter().all(|target| target["kind"] == "scim" && target["url"].is_string()));
    let page = first["status_page"]["url"].as_str().unwrap();
    let (place, ticket) = page.split_once('#').unwrap();
    assert_eq!(place, format!("{}/s", regions[0]["url"].as_str().unwrap()));
    assert!(ticket.contains('.'));

    let oidc = &first["oidc"];
    assert!(oidc["issuer"].as_str().unwrap().starts_with("http://localhost:"), "{oidc}");
    let clients = oidc["clients"].as_array().unwrap();
    assert_eq!(
        clients.iter().map(|client| client["client_id"].as_str().unwrap()).collect::<Vec<_>>(),
        ["soko-web", "safari-app"]
    );
    assert!(clients[0]["client_secret"].is_string() && clients[1].get("client_secret").is_none(), "{oidc}");
    assert!(clients.iter().all(|client| client["redirect_uris"][0] == "http://127.0.0.1:*/callback"), "{oidc}");
    assert!(oidc["people"][0]["email"].is_string() && oidc["people"][0]["password"].is_string());

    let again = json(&["demo", "--exit", "--dir", path(&dir)]);
    assert_eq!(again["ok"], true, "{again}");
    let second = demo_json(&dir);
    assert_eq!(second["regions"], first["regions"], "the ports are kept");
    assert_ne!(second["companies"], first["companies"], "the keys are new");
    let other = run(&["demo", "--exit", "--dir", path(&dir), "--regions", "a,b"]);
    assert_eq!(other.status.code(), Some(1));
}

#[test]
fn the_demo_runs_in_more_regions_and_prints_each_step() {
    let dir = tempfile::tempdir().unwrap();
    let output = run(&["demo", "--exit", "--dir", path(dir.path()), "--regions", "a,b,c"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}{}", text(&output.stderr));
    assert!(said.contains("✓") && !said.contains("✗") && said.contains(" ms"), "{said}");
    assert!(said.contains("confirmed by a, b, c"), "{said}");
    assert!(said.contains("umoja_id \""), "a user pool's tokens have the id: {said}");
}

#[test]
fn the_demo_rejects_another_deployments_directory_and_one_region() {
    let world = crate::support::World::new();
    let output = run(&["demo", "--exit", "--dir", &world.deployment()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("not a demo's"));
    let alone = run(&["demo", "--exit", "--dir", path(&world.file("alone")), "--regions", "a"]);
    assert_eq!(alone.status.code(), Some(2));
}
