//! `umoja source add --pool`: the user pool of a source.

use serde_json::json;

use crate::support::{World, done, json as ask, run, text};

#[test]
fn a_user_pool_has_one_source_and_one_direction() {
    let world = World::new();
    world.company("soko");
    let dir = world.deployment();
    let add = |id: &str, kind: &str, direction: &str, pool: &str| {
        let arguments = ["source", "add", id, "--company", "soko", "--kind", kind, "--dir", &dir];
        run(&[&arguments[..], &["--pool", pool, "--direction", direction, "--json"]].concat())
    };
    let pool = "eu-west-1_AbCdEf123";
    assert!(add("soko-pool", "cognito", "from-pool", pool).status.success());
    let list = ask(&["source", "list", "--dir", &dir]);
    assert_eq!(list["sources"][0]["pool"], json!({ "id": pool, "direction": "from-pool" }));
    for (id, kind, direction, pool, words) in [
        ("soko-back", "cognito", "to-pool", pool, "a pool has one source and one direction"),
        ("soko-other", "cognito", "from-pool", "pool", "no id of a user pool"),
        ("soko-okta", "okta", "from-pool", "eu-west-1_Other", "goes with the kind cognito"),
        ("soko-none", "cognito", "both", "eu-west-1_Other", "choose one of from-pool, to-pool"),
    ] {
        let output = add(id, kind, direction, pool);
        assert!(!output.status.success() && text(&output.stderr).contains(words), "{}", text(&output.stderr));
    }
    done(&["source", "pause", "soko-pool", "--dir", &dir]);
    done(&["source", "remove", "soko-pool", "--dir", &dir]);
    assert!(add("soko-back", "cognito", "to-pool", pool).status.success());
}
