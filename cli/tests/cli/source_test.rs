//! `umoja source test`.

use serde_json::{Value, json};

use crate::source::{THERE, add, fails, world};
use crate::support::{World, done, json as ask, path, run, text, until};

/// An event of a generic source.
const EVENT: &str = r#"{"id": "e1", "user": {"id": "crm-1", "mail": "amina@example.com"}}"#;

/// A generic source that signs, and the file of its keys.
fn generic(world: &World, dir: &str) -> std::path::PathBuf {
    let (mapping, keys) = (world.file("mapping.json"), world.file("crm.json"));
    let text = r#"{ "records": "/user", "external_id": "id", "email": "mail", "events": { "id": "id" } }"#;
    std::fs::write(&mapping, text).unwrap();
    let words = ["source", "add", "crm", "--company", "soko", "--kind", "generic", "--sign", "--dir", dir];
    done(&[&words[..], &["--mapping", path(&mapping), "--out", path(&keys)]].concat());
    keys
}

#[test]
fn a_test_event_is_followed_until_the_user_is_there() {
    let (world, dir) = world();
    let keys = generic(&world, &dir);
    let event = world.file("event.json");
    std::fs::write(&event, EVENT).unwrap();
    let words = ["source", "test", "crm", "--event", path(&event), "--keys", path(&keys), "--dir", &dir];
    fails(&words, "umoja serve");
    let _served = world.serve();
    // A region that is not the home hands the event over.
    let tested = ask(&[&words[..], &["--at", THERE]].concat());
    assert_eq!(tested["receipt"], json!({ "accepted": 1, "known": 0 }));
    assert_eq!(tested["events"][0]["state"], "done", "{tested}");
    assert!(done(&["user", "show", "amina@example.com", "--dir", &dir]).contains("soko"));
    let again = done(&[&words[..], &["--at", THERE]].concat());
    assert!(again.contains("1 were accepted before"), "{again}");

    // A user without an id.
    std::fs::write(&event, EVENT.replace("e1", "e2").replace("crm-1", "")).unwrap();
    let parked = run(&words);
    let said = text(&parked.stdout);
    assert!(parked.status.code() == Some(1) && said.contains("PARKED"), "{said}{}", text(&parked.stderr));
    let show = done(&["source", "show", "crm", "--dir", &dir]);
    assert!(show.contains("1 parked") && show.contains("the event has no usable `"), "{show}");
    assert!(said.contains("the event has no usable `"), "{said}");

    // A value that no user can have is left out, and named.
    std::fs::write(&event, EVENT.replace("e1", "e3").replace("crm-1", "crm-3").replace("amina@example.com", "none"))
        .unwrap();
    let without = done(&words);
    assert!(without.contains("applied") && without.contains("LEFT OUT: email"), "{without}");

    // The events of a disabled company wait, and that is said.
    done(&["company", "set", "soko", "--enabled", "false", "--dir", &dir]);
    let show = done(&["source", "show", "crm", "--dir", &dir]);
    assert!(show.contains("The company soko is DISABLED"), "{show}");
    done(&["company", "set", "soko", "--enabled", "true", "--dir", &dir]);

    // Keys of another source are not sent, and the region takes no event without a signature.
    let mut file: Value = serde_json::from_slice(&std::fs::read(&keys).unwrap()).unwrap();
    file.as_object_mut().unwrap().remove("private_key_pem");
    std::fs::write(&keys, file.to_string()).unwrap();
    fails(&words, "401");
    file["id"] = "other".into();
    std::fs::write(&keys, file.to_string()).unwrap();
    fails(&words, "does not have the keys of the source crm");
}

#[test]
fn what_waits_for_a_paused_source_is_applied_once_it_is_resumed() {
    let (world, dir) = world();
    let (keys, event) = (generic(&world, &dir), world.file("event.json"));
    std::fs::write(&event, EVENT).unwrap();
    let _served = world.serve();
    let words = ["source", "test", "crm", "--event", path(&event), "--keys", path(&keys), "--dir", &dir];
    done(&["source", "pause", "crm", "--dir", &dir]);
    let paused = run(&words);
    assert!(text(&paused.stdout).contains("paused"), "{}{}", text(&paused.stdout), text(&paused.stderr));
    assert_eq!(ask(&["source", "resume", "crm", "--dir", &dir])["rung"], 1);
    let shown = || run(&["user", "show", "amina@example.com", "--dir", &dir]);
    until("the user", || text(&shown().stdout).contains("soko").then_some(()));
    assert_eq!(ask(&["source", "resume", "crm", "--dir", &dir])["rung"], 0);
}

#[test]
fn without_an_event_a_test_prints_a_curl_line() {
    let (world, dir) = world();
    add(&dir, "soko-auth0", &[]);
    ask(&["source", "add", "soko-scim", "--company", "soko", "--kind", "scim", "--dir", &dir]);
    let served = world.serve();
    let line = ask(&["source", "test", "soko-auth0", "--dir", &dir])["curl"].as_str().unwrap().to_owned();
    let url = format!("{}/v1/sources/soko-auth0/events", served.urls[0]);
    assert!(line.contains(&url) && line.contains("x-api-key: API_KEY"), "{line}");
    let line = done(&["source", "test", "soko-scim", "--at", THERE, "--dir", &dir]);
    assert!(line.contains(&format!("{}/scim/v2/soko/Users", served.urls[1])), "{line}");
}
