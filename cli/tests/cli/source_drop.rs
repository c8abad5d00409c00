//! Events that cannot be applied, or whose source was removed: they are shown, dropped, and named by `umoja doctor`.

use serde_json::{Value, json};
use umoja_schema::ingest::InboxState::{Done, Ignored, Parked, Waiting};

use crate::source::{add, event, fails, sql, states, world};
use crate::support::{done, json as ask, run, text};

const THERE: &str = "af-south-1";

/// What `umoja doctor` says about the inboxes.
fn diagnosed(dir: &str) -> String {
    let answer: Value = serde_json::from_slice(&run(&["doctor", "--dir", dir, "--json"]).stdout).unwrap();
    answer["attention"].to_string()
}

fn remove(dir: &str, id: &str) {
    done(&["source", "pause", id, "--dir", dir]);
    done(&["source", "remove", id, "--dir", dir]);
}

#[tokio::test]
async fn parked_events_are_dropped_only_when_that_is_confirmed() {
    let (_world, dir) = world();
    add(&dir, "soko-auth0", &[]);
    add(&dir, "other", &[]);
    for (key, source, state) in
        [(1, "soko-auth0", Parked), (2, "soko-auth0", Parked), (3, "soko-auth0", Waiting), (4, "other", Parked)]
    {
        event(&dir, key, source, state, 1_000).await;
    }
    let before = states(&dir).await;
    let drop = ["source", "drop", "soko-auth0", "--dir", &dir];
    let with = |more: &[&'static str]| [&drop[..], more].concat();
    fails(&drop, "--reason");
    fails(&with(&["--key", "AAAA"]), "no key of an event");
    fails(&["source", "drop", "absent", "--all", "--dir", &dir], "there is no source absent");
    // Without a confirmation they are only listed, without their content.
    let listed = run(&with(&["--reason", "malformed"]));
    let said = text(&listed.stdout);
    assert_eq!(listed.status.code(), Some(1), "{said}");
    assert!(said.contains("af-south-1: 2 events would be dropped") && said.contains("--yes"), "{said}");
    assert!(!said.contains("amina"), "{said}");
    assert_eq!(states(&dir).await, before);
    // Another reason, and another region, have none.
    done(&with(&["--reason", "format", "--yes"]));
    done(&with(&["--all", "--yes", "--only", "eu-west-1"]));
    assert_eq!(states(&dir).await, before);

    let shown = ask(&["source", "show", "soko-auth0", "--dir", &dir]);
    let key = shown["regions"][1]["parked"][0]["key"].as_str().unwrap().to_owned();
    let dropped = ask(&[&drop[..], &["--key", &key, "--yes"]].concat());
    assert_eq!(dropped["regions"][1]["events"][0]["key"], json!(key));
    assert_eq!(states(&dir).await.iter().filter(|(_, state)| *state == Parked).count(), 2);
    done(&with(&["--all", "--yes"]));
    assert_eq!(states(&dir).await, [(1, Done), (2, Done), (3, Waiting), (4, Parked)]);
    // Neither a redrive nor a second drop finds them.
    assert_eq!(
        ask(&["source", "redrive", "soko-auth0", "--since", "2020-01-01", "--dir", &dir])["regions"][1]["waiting"],
        0
    );
    done(&with(&["--all"]));
    let payloads = rusqlite::Connection::open(format!("{dir}/{THERE}/region.sqlite")).unwrap();
    let left: u32 =
        payloads.query_row("SELECT count(*) FROM inbox WHERE document LIKE '%amina%'", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 2, "the payload of a dropped event is gone");
}

#[tokio::test]
async fn events_of_a_removed_source_are_counted_shown_and_dropped() {
    let (_world, dir) = world();
    add(&dir, "soko-auth0", &[]);
    for (key, state) in [(1, Parked), (2, Ignored), (3, Done)] {
        event(&dir, key, "soko-auth0", state, 1_000).await;
    }
    event(&dir, 4, "never-added", Parked, 1_000).await;
    remove(&dir, "soko-auth0");
    let listed = ask(&["source", "list", "--dir", &dir]);
    assert_eq!(listed["sources"], json!([]));
    let ids: Vec<_> = listed["removed"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
    assert_eq!(ids, ["never-added", "soko-auth0"]);
    assert_eq!(listed["removed"][1]["events"][1]["events"]["parked"], 1);
    let said = done(&["source", "list", "--dir", &dir]);
    assert!(said.contains("REMOVED") && said.contains("0 waiting, 1 parked, 1 ignored"), "{said}");
    for id in ["soko-auth0", "never-added"] {
        let shown = ask(&["source", "show", id, "--dir", &dir]);
        assert_eq!(
            (&shown["removed"], &shown["regions"][1]["parked"][0]["reason"]),
            (&json!(true), &json!("malformed"))
        );
        assert!(done(&["source", "show", id, "--dir", &dir]).contains("REMOVED"));
        done(&["source", "drop", id, "--all", "--yes", "--dir", &dir]);
    }
    assert_eq!(states(&dir).await, [(1, Done), (2, Ignored), (3, Done), (4, Done)]);
}

#[tokio::test]
async fn doctor_names_what_is_wrong_in_an_inbox() {
    let (_world, dir) = world();
    add(&dir, "soko-auth0", &[]);
    add(&dir, "paused", &[]);
    add(&dir, "gone", &[]);
    event(&dir, 1, "soko-auth0", Done, 1_000).await;
    event(&dir, 2, "soko-auth0", Waiting, 1_000).await;
    assert_eq!(diagnosed(&dir), "[]");
    event(&dir, 3, "soko-auth0", Waiting, 90_000).await;
    event(&dir, 4, "soko-auth0", Parked, 1_000).await;
    event(&dir, 5, "paused", Waiting, 90_000).await;
    event(&dir, 6, "gone", Waiting, 1_000).await;
    event(&dir, 7, "soko-auth0", Waiting, 1_000).await;
    done(&["source", "pause", "paused", "--dir", &dir]);
    remove(&dir, "gone");
    sql(&dir, THERE, "UPDATE inbox SET document = '{\"source\": \"soko-auth0\"}' WHERE hex(key) LIKE '0707%'");
    let said = diagnosed(&dir);
    for part in [
        "af-south-1: 1 event of the source soko-auth0 parked",
        "af-south-1: 2 events of the source soko-auth0 wait, the oldest for 9",
        "af-south-1: 1 event of gone, which is no source now",
        "af-south-1: 1 row of `inbox` cannot be read",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("paused") && !said.contains("eu-west-1"), "{said}");
    assert_eq!(run(&["doctor", "--dir", &dir]).status.code(), Some(1));
}
