//! `umoja source compare`: the list of a pool against the users of the store.

use serde_json::{Value, json};

use crate::support::{World, done, path, run, run_with_input, text};

/// A user of the list.
fn user(sub: &str, status: &str, enabled: bool) -> Value {
    json!({
        "Username": format!("{sub}@example.com"), "UserStatus": status, "Enabled": enabled,
        "Attributes": [{ "Name": "sub", "Value": sub }, { "Name": "email", "Value": format!("{sub}@example.com") }],
        "UserCreateDate": "2026-11-01T10:00:00+00:00", "UserLastModifiedDate": "2026-11-01T10:00:00+00:00",
    })
}

/// A deployment with the users `s-1` and `s-2` of the company `soko`, and a source with a pool.
fn prepared() -> World {
    let world = World::new();
    world.company("soko");
    let (dir, users) = (world.deployment(), world.file("users.ndjson"));
    let row = |sub: &str| json!({ "user_id": sub, "email": format!("{sub}@example.com") }).to_string();
    std::fs::write(&users, [row("s-1"), row("s-2")].join("\n")).unwrap();
    done(&["import", path(&users), "--format", "auth0", "--company", "soko", "--dir", &dir]);
    let pool = ["--pool", "eu-west-1_AbCdEf123", "--direction", "from-pool"];
    let add = ["source", "add", "soko-pool", "--company", "soko", "--kind", "cognito", "--dir", &dir, "--json"];
    done(&[&add[..], &pool].concat());
    world
}

#[test]
fn the_exit_code_says_whether_the_pool_and_the_store_differ() {
    let world = prepared();
    let (dir, file) = (world.deployment(), world.file("pool.json"));
    let compare = |list: &Value, more: &[&str]| {
        std::fs::write(&file, list.to_string()).unwrap();
        let output = run(&[&["source", "compare", "soko-pool", "--list", path(&file), "--dir", &dir], more].concat());
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let equal = json!({ "Users": [user("s-1", "CONFIRMED", true), user("s-9", "UNCONFIRMED", true)] });
    let (code, said, _) = compare(&equal, &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("2 users") && said.contains("The store has the same users."), "{said}");

    let mut users = vec![user("s-1", "CONFIRMED", false), user("s-2", "CONFIRMED", true)];
    users.extend((3..6).map(|n| user(&format!("s-{n}"), "CONFIRMED", true)));
    let (code, said, _) = compare(&json!({ "Users": users }), &["--most", "2"]);
    assert_eq!(code, Some(1), "{said}");
    for words in ["only in the pool, by sub", "s-3", "s-4", "and 1 more (--most)", "disabled on one side, by user"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(!said.contains("s-5") && !said.contains("example.com"), "{said}");
    let (code, said, _) = compare(&json!({ "Users": users }), &["--json"]);
    let answer: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &answer["equal"], &answer["found"]["listed"]), (Some(1), &json!(false), &json!(5)));
    assert_eq!(answer["found"]["only_in_pool"], json!({ "count": 3, "ids": ["s-3", "s-4", "s-5"] }));
    assert_eq!(answer["found"]["other_standing"]["count"], 1);
    assert_eq!(answer["pool"], json!({ "id": "eu-west-1_AbCdEf123", "direction": "from-pool" }));

    let (code, said, _) = compare(&json!({ "Users": [user("s-1", "CONFIRMED", true), {}] }), &[]);
    assert_eq!(code, Some(2), "{said}");
    // Nothing was changed by all that.
    let lists = run_with_input(
        &["source", "compare", "soko-pool", "--list", "-", "--dir", &dir],
        &json!({ "Users": users }).to_string(),
    );
    assert_eq!(lists.status.code(), Some(1));
    let said = text(&lists.stdout);
    let line = said.lines().find(|line| line.contains("only in the pool")).unwrap();
    assert!(line.ends_with(" 3"), "{said}");
}

#[test]
fn what_is_no_list_of_the_pool_of_a_source_is_rejected_without_its_values() {
    let world = prepared();
    let (dir, file) = (world.deployment(), world.file("pool.json"));
    done(&["source", "add", "soko-okta", "--company", "soko", "--kind", "okta", "--dir", &dir, "--json"]);
    for (source, list, words) in [
        ("soko-pool", "{\"Users\": [\"ada@example.com\"]}", "it is no list"),
        ("soko-pool", "{\"Users\": [], \"PaginationToken\": \"ada@example.com\"}", "a part of the users"),
        ("soko-okta", "{\"Users\": []}", "no user pool"),
        ("soko-none", "{\"Users\": []}", "there is no source"),
    ] {
        std::fs::write(&file, list).unwrap();
        let output = run(&["source", "compare", source, "--list", path(&file), "--dir", &dir]);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains(words) && !error.contains("ada@"), "{error}");
    }
    let output = run(&["source", "compare", "soko-pool", "--list", path(&world.file("absent")), "--dir", &dir]);
    assert_eq!(output.status.code(), Some(1));
}
