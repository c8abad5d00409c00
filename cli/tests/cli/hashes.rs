//! Files of other systems, each with its hashes: `tests/hash_cases`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{World, client, done, path, run, text};

/// The directories of the cases, sorted.
fn cases() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hash_cases");
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut cases: Vec<_> = entries.filter(|entry| entry.is_dir()).collect();
    cases.sort();
    cases
}

fn case(name: &str) -> PathBuf {
    cases().into_iter().find(|case| case.ends_with(name)).unwrap()
}

fn expected(case: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(case.join("expected.json")).unwrap()).unwrap()
}

/// The command of a case, which proves its logins.
fn words(case: &Path, world: &World) -> Vec<String> {
    let inputs = std::fs::read_dir(case).unwrap().map(|entry| entry.unwrap().path());
    let input = inputs.into_iter().find(|file| file.file_stem().is_some_and(|stem| stem == "input")).unwrap();
    let format = expected(case)["format"].as_str().unwrap().to_owned();
    let (logins, dir) = (case.join("logins.csv"), world.deployment());
    let (rejected, state) = (world.file("rejected.ndjson"), world.file("state.json"));
    let mut words = vec!["import", path(&input), "--format", &format, "--company", "acme", "--dir", &dir];
    words.extend(["--state", path(&state), "--prove", path(&logins), "--rejected", path(&rejected), "--json"]);
    let mut words: Vec<_> = words.into_iter().map(str::to_owned).collect();
    for (option, file) in [("--mapping", "mapping.json"), ("--keys", "keys.json")] {
        let file = case.join(file);
        if file.exists() {
            words.extend([option.to_owned(), path(&file).to_owned()]);
        }
    }
    words
}

/// Imports a case and returns the report.
fn import(case: &Path, world: &World, more: &[&str]) -> Value {
    let keys = case.join("keys.json");
    if keys.exists() {
        done(&["hash-keys", "add", path(&keys), "--dir", &world.deployment()]);
    }
    let words = words(case, world);
    let words: Vec<_> = words.iter().map(String::as_str).chain(more.iter().copied()).collect();
    let output = run(&words);
    let (said, errors) = (text(&output.stdout), text(&output.stderr));
    let code = if expected(case)["rejected"] == 0 { 0 } else { 3 };
    assert_eq!(output.status.code(), Some(code), "{}: {errors}", case.display());
    serde_json::from_str(&said).unwrap()
}

#[test]
fn every_file_is_imported_with_passwords_that_log_in() {
    let world = World::new();
    world.company("acme");
    let cases = cases();
    assert!(cases.len() >= 17, "{cases:?}");
    for case in cases {
        let (said, expected) = (import(&case, &world, &["--dry-run"]), expected(&case));
        for name in ["created", "rejected", "without_hash"] {
            assert_eq!(said[name], expected[name], "{name} of {}: {said}", case.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pepper_among_the_deployment_s_keys_logs_in_over_the_api() {
    let world = World::new();
    let company = world.company("acme");
    import(&case("E15"), &world, &[]);
    let served = world.serve();
    for (password, logs_in) in [("correct horse 8", false), ("correct horse 9", true)] {
        let body = json!({ "email": "u1@example.com", "password": password });
        let answer = client(&served.urls[0], &company).call("authenticate", body).await.unwrap();
        assert_eq!((answer.status, &answer.body["authenticated"]), (200, &json!(logs_in)), "{password}");
    }
}

/// The quoted fields of a file of logins.
fn logins(case: &Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(case.join("logins.csv")).unwrap();
    let unquoted = |field: &str| field.trim_matches('"').replace("\"\"", "\"");
    text.lines()
        .map(|line| line.split_once("\",\"").unwrap())
        .map(|(user, password)| (unquoted(user), unquoted(password)))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_of_whole_installations_log_in_over_the_api() {
    for name in ["wordpress-6.1", "wordpress-7.1", "drupal-9.5", "drupal-11.4"] {
        let world = World::new();
        let company = world.company("acme");
        let case = case(name);
        import(&case, &world, &[]);
        let served = world.serve();
        let caller = client(&served.urls[0], &company);
        for (user, password) in logins(&case) {
            for (typed, logs_in) in [(format!("~{password}"), false), (password, true)] {
                let body = json!({ "email": user, "password": typed });
                let answer = caller.call("authenticate", body).await.unwrap();
                assert_eq!((answer.status, &answer.body["authenticated"]), (200, &json!(logs_in)), "{name} {user}");
            }
        }
        if name.starts_with("wordpress") {
            let found = caller.call("lookup", json!({ "email": "entity@example.com" })).await.unwrap();
            assert_eq!(found.body["user"]["profile"]["name"], "A & B", "as WordPress shows it");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_with_quotes_logs_in_as_it_did_at_wordpress() {
    let world = World::new();
    let company = world.company("acme");
    import(&case("wordpress-6.8"), &world, &[]);
    let served = world.serve();
    let password = "it's \u{e4} \"plain\" pass 9";
    for user in 1..5 {
        let body = |password: &str| json!({ "email": format!("wp{user}@example.com"), "password": password });
        let caller = client(&served.urls[0], &company);
        let answer = caller.call("authenticate", body("it's plain")).await.unwrap();
        assert_eq!(answer.body["authenticated"], json!(false));
        // The first login replaces the hash by Umoja's own, over the same text.
        for _ in 0..2 {
            let answer = caller.call("authenticate", body(password)).await.unwrap();
            assert_eq!(answer.body["authenticated"], json!(true), "{user}");
        }
    }
}
