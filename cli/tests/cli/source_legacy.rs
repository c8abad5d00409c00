//! `umoja source` and the legacy form of events, a GET.

use serde_json::Value;

use crate::support::{World, done, json as ask, run, text};

#[track_caller]
fn fails(arguments: &[&str], words: &str) {
    let output = run(arguments);
    let said = text(&output.stderr);
    assert!(!output.status.success() && said.contains(words), "{said}");
}

fn world() -> (World, String) {
    let world = World::new();
    world.company("soko");
    let dir = world.deployment();
    (world, dir)
}

fn topic(dir: &str) -> Value {
    ask(&["source", "list", "--dir", dir])["sources"][0]["legacy_get"].clone()
}

#[test]
fn the_legacy_form_is_off_until_an_operator_turns_it_on() {
    let (_world, dir) = world();
    let add = ["source", "add", "soko-old", "--company", "soko", "--dir", &dir, "--kind"];
    fails(&[&add[..], &["okta", "--legacy-get", "users"]].concat(), "goes with the kind auth0");
    fails(&[&add[..], &["auth0", "--legacy-get", ""]].concat(), "a topic has 1 to 256 characters");
    done(&[&add[..], &["auth0"]].concat());
    assert_eq!(topic(&dir), Value::Null);
    done(&["source", "set", "soko-old", "--legacy-get", "users", "--dir", &dir]);
    assert_eq!(topic(&dir), "users");
    done(&["source", "set", "soko-old", "--no-legacy-get", "--dir", &dir]);
    assert_eq!(topic(&dir), Value::Null);
}

#[test]
fn a_source_that_signs_has_no_legacy_form() {
    let (_world, dir) = world();
    let add = ["source", "add", "soko-old", "--company", "soko", "--dir", &dir, "--kind", "auth0"];
    fails(&[&add[..], &["--legacy-get", "users", "--sign"]].concat(), "cannot be used with");
    done(&[&add[..], &["--legacy-get", "users"]].concat());
    fails(&["source", "rotate", "soko-old", "--sign", "--dir", &dir], "cannot be signed");
    done(&["source", "set", "soko-old", "--no-legacy-get", "--dir", &dir]);
    done(&["source", "rotate", "soko-old", "--sign", "--dir", &dir]);
    fails(&["source", "set", "soko-old", "--legacy-get", "users", "--dir", &dir], "cannot be signed");
    assert_eq!(topic(&dir), Value::Null);
}
