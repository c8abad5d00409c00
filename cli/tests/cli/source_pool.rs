//! `umoja source add --pool`: the user pool of a source.

use serde_json::{Value, json};

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

#[test]
fn a_pool_that_umoja_asks_does_not_ask_umoja() {
    let world = World::new();
    world.company("soko");
    world.company("duka");
    let dir = world.deployment();
    let old_system = |system: &str| run(&["company", "set", "soko", "--old-system", system, "--dir", &dir, "--json"]);
    let add = |company: &str, direction: &str| {
        let arguments = ["source", "add", "a-pool", "--company", company, "--kind", "cognito", "--dir", &dir];
        run(&[&arguments[..], &["--pool", "eu-west-1_AbCdEf123", "--direction", direction, "--json"]].concat())
    };
    let (this, other) = ("cognito:eu-west-1_AbCdEf123/client1", "cognito:eu-west-1_Other/client1");
    assert!(old_system(this).status.success());
    // The company of the source makes no difference: the pool is asked about its users by another company.
    for company in ["soko", "duka"] {
        let output = add(company, "to-pool");
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains("a pool has one direction") && error.contains("--old-system none"), "{error}");
    }
    assert_eq!(ask(&["source", "list", "--dir", &dir])["sources"], json!([]));
    // Users and passwords both come from the pool.
    assert!(add("duka", "from-pool").status.success());
    assert!(old_system(this).status.success());
    done(&["source", "pause", "a-pool", "--dir", &dir]);
    done(&["source", "remove", "a-pool", "--dir", &dir]);

    assert!(old_system("none").status.success());
    assert!(add("duka", "to-pool").status.success());
    let output = old_system(this);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("a pool has one direction") && error.contains("source remove a-pool"), "{error}");
    assert_eq!(ask(&["company", "show", "soko", "--dir", &dir])["old_system"], Value::Null);
    assert!(old_system(other).status.success(), "another pool");
    // The same command sets the rest of the company only with the old system.
    let both = ["company", "set", "soko", "--name", "Soko Ltd", "--old-system", this, "--dir", &dir];
    assert_eq!(run(&both).status.code(), Some(1));
    assert_eq!(ask(&["company", "show", "soko", "--dir", &dir])["name"], "soko");
    done(&["source", "pause", "a-pool", "--dir", &dir]);
    done(&["source", "remove", "a-pool", "--dir", &dir]);
    assert!(old_system(this).status.success(), "the source is removed");
}
