//! `umoja target`: what operators read, and what ends a target.

use serde_json::{Value, json};

use crate::source::{fails, world};
use crate::support::{done, json as ask, run, text};

const URL: &str = "https://crm.example/scim/v2";

fn add(dir: &str, id: &str) {
    done(&["target", "add", id, "--company", "soko", "--kind", "scim", "--url", URL, "--dir", dir]);
}

fn listed(dir: &str, id: &str) -> Value {
    let list = ask(&["target", "list", "--dir", dir]);
    list["targets"].as_array().unwrap().iter().find(|target| target["id"] == id).cloned().unwrap_or_default()
}

#[test]
fn a_url_that_is_never_called_is_no_target() {
    let (_world, dir) = world();
    let add = |url: &str, words: &str| {
        let add = ["target", "add", "soko-crm", "--company", "soko", "--kind", "scim", "--url", url, "--dir", &dir];
        fails(&add, words)
    };
    add("https://192.168.1.1/scim", "never called");
    add("http://127.0.0.1:8080/scim", "--outbound-loopback");
    add("http://crm.example/scim", "https://HOST/PATH");
    assert_eq!(listed(&dir, "soko-crm"), Value::Null);
    done(&[
        "target",
        "add",
        "soko-crm",
        "--company",
        "soko",
        "--kind",
        "scim",
        "--url",
        "http://127.0.0.1:8080/scim/",
        "--outbound-loopback",
        "--dir",
        &dir,
    ]);
    assert_eq!(listed(&dir, "soko-crm")["url"], "http://127.0.0.1:8080/scim");
    fails(&["target", "set", "soko-crm", "--url", "https://localhost/", "--dir", &dir], "--outbound-loopback");
}

#[test]
fn a_command_that_may_not_call_this_machine_ends_before_it_reads_a_user() {
    let (_world, dir) = world();
    let here = ["--kind", "scim", "--url", "http://127.0.0.1:8080/scim", "--outbound-loopback", "--dir", &dir];
    done(&[&["target", "add", "soko-crm", "--company", "soko"][..], &here].concat());
    let words = "give --outbound-loopback to this command and to `umoja serve`";
    let user = "0197a5f2-6d1c-7c3e-9b0a-3f6f1c2d4e5f";
    fails(&["target", "provision", "soko-crm", user, "--dir", &dir], words);
    fails(&["target", "drift", "soko-crm", "--dir", &dir], words);
}

#[test]
fn a_target_is_paused_and_confirmed_before_it_is_removed() {
    let (_world, dir) = world();
    add(&dir, "soko-crm");
    let remove = ["target", "remove", "soko-crm", "--accounts", "delete", "--dir", &dir];
    fails(&remove, "umoja target pause soko-crm");
    done(&["target", "pause", "soko-crm", "--dir", &dir]);
    let shown = run(&remove);
    assert!(shown.status.code() == Some(1) && text(&shown.stdout).contains("Nothing is changed"), "{shown:?}");
    assert_eq!(listed(&dir, "soko-crm")["removed"], Value::Null);
    let removed = ask(&[&remove[..], &["--yes"]].concat());
    assert_eq!(removed, json!({ "id": "soko-crm", "removed": true, "accounts": 0, "rule": "delete" }));
    assert_eq!(listed(&dir, "soko-crm"), Value::Null);
    for command in ["pause", "resume", "plan"] {
        fails(&["target", command, "soko-crm", "--dir", &dir], "there is no target soko-crm");
    }
    let again = ["target", "add", "soko-crm", "--company", "soko", "--kind", "scim", "--url", URL, "--dir", &dir];
    fails(&again, "take another id");
    let user = "0197a5f2-6d1c-7c3e-9b0a-3f6f1c2d4e5f";
    let confirm = ["target", "confirm", "soko-crm", user, "--reason", "it is gone", "--dir", &dir];
    fails(&confirm, "no receipt of an erasure");
    fails(&["target", "confirm", "other", user, "--reason", "it is gone", "--dir", &dir], "there is no target other");
}

#[test]
fn status_and_doctor_say_how_targets_stand() {
    let (_world, dir) = world();
    add(&dir, "soko-crm");
    add(&dir, "soko-erp");
    done(&["target", "pause", "soko-erp", "--dir", &dir]);
    let status = || -> Value {
        let output = run(&["status", "--dir", &dir, "--json"]);
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let targets = status()["targets"].clone();
    assert_eq!(
        targets[0],
        json!({
            "id": "soko-crm", "home": "eu-west-1", "state": "on", "waiting": 0, "conflicts": 0, "held": 0, "failed": 0,
            "retried": 0,
        })
    );
    assert_eq!((&targets[1]["id"], &targets[1]["state"]), (&json!("soko-erp"), &json!("paused")));
}
