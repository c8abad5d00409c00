//! `umoja source`.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;

use rusqlite::Connection;
use serde_json::{Map, Value, json};
use umoja_cli::Deployment;
use umoja_host::SystemClock;
use umoja_schema::ingest::{InboxEvent, InboxState};
use umoja_store::inbox;
use umoja_store::ports::Clock as _;

use crate::support::{World, done, json as ask, path, run, text};

const HERE: &str = "eu-west-1";
pub(crate) const THERE: &str = "af-south-1";

fn database(dir: &str, region: &str) -> Connection {
    Connection::open(format!("{dir}/{region}/region.sqlite")).unwrap()
}

/// The stored document of a source.
fn document(dir: &str, region: &str, id: &str) -> Option<Value> {
    let name = format!("source/{id}");
    let text = "SELECT document FROM settings WHERE name = ?1";
    let stored = database(dir, region).query_row(text, [name], |row| row.get::<_, String>(0));
    stored.ok().map(|text| serde_json::from_str(&text).unwrap())
}

/// Puts an earlier document of a source back in a region.
fn replay(dir: &str, region: &str, id: &str, old: &Value) {
    sql(dir, region, &format!("UPDATE settings SET document = '{old}' WHERE name = 'source/{id}'"));
}

pub(crate) fn sql(dir: &str, region: &str, statement: &str) {
    assert!(database(dir, region).execute(statement, []).unwrap() > 0, "{statement}");
}

pub(crate) fn add(dir: &str, id: &str, more: &[&str]) -> Value {
    ask(&[&["source", "add", id, "--company", "soko", "--kind", "auth0", "--dir", dir], more].concat())
}

fn listed(dir: &str, id: &str) -> Value {
    let list = ask(&["source", "list", "--dir", dir]);
    let found = list["sources"].as_array().unwrap().iter().find(|source| source["id"] == id);
    found.cloned().unwrap_or_default()
}

#[track_caller]
pub(crate) fn fails(arguments: &[&str], words: &str) -> Output {
    let output = run(arguments);
    let said = text(&output.stderr);
    assert!(!output.status.success() && said.contains(words), "{said}");
    output
}

pub(crate) fn world() -> (World, String) {
    let world = World::new();
    world.company("soko");
    let dir = world.deployment();
    (world, dir)
}

#[test]
fn the_keys_of_a_source_are_shown_once_and_not_stored() {
    let (world, dir) = world();
    let added = add(&dir, "soko-auth0", &["--sign"]);
    let api_key = added["api_key"].as_str().unwrap();
    let private = added["private_key_pem"].as_str().unwrap();
    assert!(private.contains("PRIVATE KEY") && added["alg"] == "EdDSA", "{added}");
    assert_eq!(added["urls"].as_array().unwrap().len(), 2);
    for region in [HERE, THERE] {
        let stored = document(&dir, region, "soko-auth0").unwrap();
        let text = stored.to_string();
        assert!(!text.contains(api_key) && !text.contains("PRIVATE KEY"), "{text}");
        assert_eq!(stored["api_keys"][0]["id"], added["api_key_id"]);
        assert_eq!(stored["signing_keys"][0]["kid"], added["kid"]);
        assert_eq!(stored["home"], HERE);
    }
    let list = ask(&["source", "list", "--dir", &dir]).to_string() + &done(&["source", "list", "--dir", &dir]);
    let hash_key = document(&dir, HERE, "soko-auth0").unwrap()["hash_key"].as_str().unwrap().to_owned();
    for secret in [api_key, "PRIVATE KEY", &hash_key] {
        assert!(!list.contains(secret), "{list}");
    }

    let out = world.file("okta.json");
    let words = ["source", "add", "soko-okta", "--company", "soko", "--kind", "okta", "--dir", &dir];
    let said = done(&[&words[..], &["--out", path(&out)]].concat());
    let file: Value = serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap();
    assert!(!said.contains(file["api_key"].as_str().unwrap()), "{said}");
    assert!(said.contains("Next:") && said.contains("/v1/sources/soko-okta/events"), "{said}");
    assert_eq!(out.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    // What it proposes can be pasted.
    let next = said.lines().find(|line| line.contains("umoja source show")).unwrap();
    let next: Vec<&str> = next.split_whitespace().skip(1).collect();
    assert!(done(&next).contains("soko-okta"));
}

#[test]
fn a_second_source_of_an_id_is_rejected_and_leaves_the_first_one() {
    let (world, dir) = world();
    add(&dir, "soko-auth0", &[]);
    let before = document(&dir, HERE, "soko-auth0");
    let out = world.file("again.json");
    let words = ["source", "add", "soko-auth0", "--company", "soko", "--kind", "auth0", "--dir", &dir];
    fails(&[&words[..], &["--out", path(&out)]].concat(), "umoja source rotate soko-auth0");
    assert!(!out.exists());
    assert_eq!(document(&dir, HERE, "soko-auth0"), before);
}

#[test]
fn a_source_needs_a_company_that_may_do_what_it_may() {
    let (_world, dir) = world();
    done(&["company", "add", "duka", "--dir", &dir]);
    let words = |company, more: &'static str| {
        ["source", "add", "one", "--company", company, "--kind", "auth0", "--dir", &dir, more].map(str::to_owned)
    };
    let fails = |company, more, why| {
        let words = words(company, more);
        fails(&words.iter().map(String::as_str).collect::<Vec<_>>(), why)
    };
    fails("absent", "--sign", "there is no company absent");
    fails("duka", "--may-erase", "no scope users:erase");
    fails("duka", "--may-disable", "no scope users:status");
    assert_eq!(listed(&dir, "one"), Value::Null);
    add(&dir, "one", &["--may-erase", "--may-disable"]);
    let one = listed(&dir, "one");
    assert_eq!((&one["may_erase"], &one["may_disable"]), (&json!(true), &json!(true)));

    // The same rule holds for a change.
    ask(&["source", "add", "two", "--company", "duka", "--kind", "okta", "--dir", &dir]);
    let denied = run(&["source", "set", "two", "--may-erase", "true", "--dir", &dir]);
    assert!(denied.status.code() == Some(1) && text(&denied.stderr).contains("users:erase"));
}

#[test]
fn a_generic_source_has_a_mapping_that_can_be_read_and_no_other_kind_has_one() {
    let (world, dir) = world();
    let (good, bad) = (world.file("good.json"), world.file("bad.json"));
    std::fs::write(&good, r#"{ "external_id": "id", "email": "mail", "events": {} }"#).unwrap();
    // A mapping of imports only.
    std::fs::write(&bad, r#"{ "external_id": "id", "email": "mail" }"#).unwrap();
    let words = ["source", "add", "crm", "--company", "soko", "--dir", &dir];
    fails(&[&words[..], &["--kind", "generic"]].concat(), "--mapping FILE");
    fails(&[&words[..], &["--kind", "generic", "--mapping", path(&bad)]].concat(), "bad.json");
    let hashed = r#"{ "external_id": "id", "hash": { "family": "parse", "from": "h" }, "events": {} }"#;
    std::fs::write(&bad, hashed).unwrap();
    fails(
        &[&words[..], &["--kind", "generic", "--mapping", path(&bad)]].concat(),
        "an event of a source sets no password",
    );
    fails(&[&words[..], &["--kind", "okta", "--mapping", path(&good)]].concat(), "goes with the kind generic");
    ask(&[&words[..], &["--kind", "generic", "--mapping", path(&good)]].concat());
    assert_eq!(listed(&dir, "crm")["mapping"]["email"], "mail");
    std::fs::write(&good, r#"{ "external_id": "id", "email": "address", "events": {} }"#).unwrap();
    ask(&["source", "set", "crm", "--mapping", path(&good), "--home", THERE, "--dir", &dir]);
    let crm = listed(&dir, "crm");
    assert_eq!((&crm["mapping"]["email"], &crm["home"]), (&json!("address"), &json!(THERE)));
    fails(&["source", "set", "crm", "--home", "mars-1", "--dir", &dir], "mars-1 is not a region");
}

#[test]
fn the_old_api_key_of_a_source_works_until_its_overlap_ends() {
    let (_world, dir) = world();
    let first = add(&dir, "soko-auth0", &["--sign"]);
    let second = ask(&["source", "rotate", "soko-auth0", "--overlap-secs", "3600", "--sign", "--dir", &dir]);
    assert_ne!(first["api_key"], second["api_key"]);
    let keys = listed(&dir, "soko-auth0")["api_keys"].clone();
    assert_eq!((&keys[0]["id"], &keys[1]["id"]), (&first["api_key_id"], &second["api_key_id"]));
    assert!(keys[0]["expires_at"].as_u64().is_some() && keys[1]["expires_at"].is_null(), "{keys}");
    let third = ask(&["source", "rotate", "soko-auth0", "--overlap-secs", "0", "--dir", &dir]);
    let source = listed(&dir, "soko-auth0");
    assert_eq!(source["api_keys"].as_array().unwrap().len(), 1, "{source}");
    assert_eq!(source["api_keys"][0]["id"], third["api_key_id"]);

    let (old, new) = (first["kid"].as_str().unwrap(), second["kid"].as_str().unwrap());
    assert_eq!((&source["keys"][0]["kid"], &source["keys"][1]["kid"]), (&json!(old), &json!(new)));
    let retire = |kid: &str| run(&["source", "set", "soko-auth0", "--retire-signing-key", kid, "--dir", &dir]);
    assert_eq!(retire(old).status.code(), Some(0));
    let last = retire(new);
    assert!(last.status.code() == Some(1) && text(&last.stderr).contains("the only signing key"));
}

#[test]
fn a_source_is_paused_before_it_is_removed() {
    let (_world, dir) = world();
    add(&dir, "soko-auth0", &[]);
    assert_eq!(listed(&dir, "soko-auth0")["enabled"], true);
    fails(&["source", "remove", "soko-auth0", "--dir", &dir], "umoja source pause soko-auth0");
    done(&["source", "pause", "soko-auth0", "--dir", &dir]);
    assert_eq!(listed(&dir, "soko-auth0")["enabled"], false);
    done(&["source", "resume", "soko-auth0", "--dir", &dir]);
    assert_eq!(listed(&dir, "soko-auth0")["enabled"], true);
    done(&["source", "pause", "soko-auth0", "--dir", &dir]);
    let paused = document(&dir, THERE, "soko-auth0").unwrap();
    done(&["source", "remove", "soko-auth0", "--dir", &dir]);
    for region in [HERE, THERE] {
        assert_eq!(document(&dir, region, "soko-auth0").unwrap()["api_keys"], json!([]));
    }
    assert_eq!(listed(&dir, "soko-auth0"), Value::Null);
    assert_eq!(ask(&["doctor", "--dir", &dir])["healthy"], true);
    fails(&["source", "pause", "soko-auth0", "--dir", &dir], "there is no source soko-auth0");
    // An older document takes its place in no region.
    replay(&dir, THERE, "soko-auth0", &paused);
    assert_eq!(listed(&dir, "soko-auth0"), Value::Null);
    add(&dir, "soko-auth0", &[]);
    assert_eq!(document(&dir, HERE, "soko-auth0"), document(&dir, THERE, "soko-auth0"));
}

/// Failure: an attacker writes into a region's tables
#[test]
fn a_source_that_differs_between_regions_is_named_and_repaired() {
    let (_world, dir) = world();
    add(&dir, "soko-auth0", &[]);
    let old = document(&dir, THERE, "soko-auth0").unwrap();
    done(&["source", "pause", "soko-auth0", "--dir", &dir]);
    let newest = document(&dir, HERE, "soko-auth0");
    let replayed = format!("UPDATE settings SET document = '{old}' WHERE name = 'source/soko-auth0'");
    for (statement, what) in [
        (replayed.as_str(), "af-south-1: the source soko-auth0 holds the revision 1, and another region 2"),
        ("UPDATE settings SET document = '{}' WHERE name = 'source/soko-auth0'", "holds no document that Umoja wrote"),
        ("DELETE FROM settings WHERE name = 'source/soko-auth0'", "af-south-1: the source soko-auth0 is missing"),
        (
            "INSERT INTO settings SELECT 'source/other', document FROM settings WHERE name = 'source/soko-auth0'",
            "af-south-1: the source other holds no document",
        ),
    ] {
        sql(&dir, THERE, statement);
        let output = run(&["doctor", "--dir", &dir]);
        let said = text(&output.stdout);
        assert!(output.status.code() == Some(1) && said.contains(what), "{statement}: {said}");
        assert_eq!(listed(&dir, "soko-auth0")["enabled"], false, "{statement}");
        let repaired = run(&["doctor", "--dir", &dir, "--repair"]);
        assert_eq!(repaired.status.code(), Some(0), "{statement}: {}", text(&repaired.stdout));
        assert_eq!(document(&dir, THERE, "soko-auth0"), newest, "{statement}");
        assert_eq!(document(&dir, THERE, "other"), None);
    }
}

#[test]
fn a_new_region_gets_the_sources() {
    let (_world, dir) = world();
    add(&dir, "soko-auth0", &[]);
    done(&["region", "add", "ap-south-1", "--dir", &dir]);
    assert_eq!(document(&dir, "ap-south-1", "soko-auth0"), document(&dir, HERE, "soko-auth0"));
    assert_eq!(ask(&["doctor", "--dir", &dir])["healthy"], true);
}

/// Puts an event into the inbox of the second region, as its worker left it.
pub(crate) async fn event(dir: &str, key: u8, source: &str, state: InboxState, age_ms: u64) {
    let deployment = Deployment::open(dir.as_ref()).unwrap();
    let now = SystemClock.now();
    let received_at = umoja_schema::Millis(now.0 - age_ms);
    let event = InboxEvent {
        source: source.parse().unwrap(),
        received_at,
        content: "content".to_owned(),
        state,
        reason: (state == InboxState::Parked).then(|| "malformed".to_owned()),
        detail: None,
        left_out: Vec::new(),
        key_version: 1,
        payload: "amina".to_owned(),
        unknown: Map::new(),
    };
    let own = &deployment.homes(None)[1].own;
    let expires_at = inbox::expiry(state, now);
    let accepted = inbox::accept(&*own.inbox, &[key; 32], &event, now, expires_at).await.unwrap();
    assert_eq!(accepted, inbox::Accepted::New);
}

pub(crate) async fn states(dir: &str) -> Vec<(u8, InboxState)> {
    let deployment = Deployment::open(dir.as_ref()).unwrap();
    let own = &deployment.homes(None)[1].own;
    let page = inbox::page(&*own.inbox, None, 100, SystemClock.now()).await.unwrap();
    let mut states: Vec<_> = page.events.iter().map(|event| (event.key[0], event.event.state)).collect();
    states.sort_by_key(|(key, _)| *key);
    states
}

async fn rung(dir: &str) -> u64 {
    let deployment = Deployment::open(dir.as_ref()).unwrap();
    deployment.homes(None)[1].own.ingest.depth().await.unwrap().waiting
}

fn attention(dir: &str) -> String {
    let status: Value = serde_json::from_slice(&run(&["status", "--dir", dir, "--json"]).stdout).unwrap();
    status["attention"].to_string()
}

#[tokio::test]
async fn parked_events_are_shown_without_their_content_and_wait_again_after_a_redrive() {
    use InboxState::{Done, Ignored, Parked, Waiting};
    let (_world, dir) = world();
    add(&dir, "soko-auth0", &[]);
    add(&dir, "other", &[]);
    for (key, source, state) in [
        (1, "soko-auth0", InboxState::Parked),
        (2, "soko-auth0", InboxState::Done),
        (3, "soko-auth0", InboxState::Ignored),
        (4, "other", InboxState::Parked),
    ] {
        event(&dir, key, source, state, 1_000).await;
    }
    assert_eq!(rung(&dir).await, 0);
    let shown = ask(&["source", "show", "soko-auth0", "--dir", &dir]);
    let there = &shown["regions"][1];
    assert_eq!(there["region"], THERE);
    assert_eq!(there["events"], json!({ "waiting": 0, "parked": 1, "ignored": 1, "done": 1 }));
    assert_eq!(there["parked"][0]["reason"], "malformed");
    assert_eq!(there["parked"].as_array().unwrap().len(), 1, "{shown}");
    let said = done(&["source", "show", "soko-auth0", "--dir", &dir]) + &shown.to_string();
    assert!(said.contains("malformed") && !said.contains("amina"), "{said}");
    let listed = done(&["source", "list", "--dir", &dir]);
    assert!(listed.contains("0 waiting, 1 parked, 1 ignored"), "{listed}");
    assert!(attention(&dir).contains("af-south-1: 1 event of the source soko-auth0 parked"));

    let redriven = ask(&["source", "redrive", "soko-auth0", "--dir", &dir]);
    assert_eq!((&redriven["regions"][0]["waiting"], &redriven["regions"][1]["waiting"]), (&json!(0), &json!(1)));
    assert_eq!(states(&dir).await, [(1, Waiting), (2, Done), (3, Ignored), (4, Parked)]);
    assert_eq!(rung(&dir).await, 1);
    // Events are done for seven days, and can be applied again since a time.
    let none = ask(&["source", "redrive", "soko-auth0", "--since", "2100-01-01", "--dir", &dir]);
    assert_eq!(none["regions"][1]["waiting"], 0);
    let elsewhere = ask(&["source", "redrive", "soko-auth0", "--since", "2020-01-01", "--only", HERE, "--dir", &dir]);
    assert_eq!(elsewhere["regions"], json!([{ "region": HERE, "waiting": 0 }]));
    let all = ask(&["source", "redrive", "soko-auth0", "--since", "2020-01-01", "--dir", &dir]);
    assert_eq!(all["regions"][1]["waiting"], 2);
    assert_eq!(states(&dir).await, [(1, Waiting), (2, Waiting), (3, Waiting), (4, Parked)]);
    assert_eq!(rung(&dir).await, 3);
    fails(&["source", "redrive", "absent", "--dir", &dir], "there is no source absent");
}

#[tokio::test]
async fn an_event_that_waits_for_long_is_not_well_unless_its_source_is_paused() {
    let (_world, dir) = world();
    add(&dir, "soko-auth0", &[]);
    event(&dir, 1, "soko-auth0", InboxState::Waiting, 1_000).await;
    assert!(!attention(&dir).contains("soko-auth0"));
    event(&dir, 2, "soko-auth0", InboxState::Waiting, 90_000).await;
    assert!(attention(&dir).contains("af-south-1: 2 events of the source soko-auth0 wait, the oldest for 9"));
    done(&["source", "pause", "soko-auth0", "--dir", &dir]);
    assert!(!attention(&dir).contains("soko-auth0"));
    let listed = listed(&dir, "soko-auth0");
    assert_eq!(listed["events"][1]["events"]["waiting"], 2);
    let oldest = listed["events"][1]["events"]["oldest_waiting_ms"].as_u64().unwrap();
    assert!(oldest >= 90_000, "{oldest}");
}
