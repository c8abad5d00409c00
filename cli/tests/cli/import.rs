//! `umoja import`: the real binary over real files.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};
use umoja_cli::CompanyFile;

use crate::support::{World, client, eventually, json as ask, path, run, run_with_input, text, umoja, until};

/// From the tests of crypt_blowfish: the password is `U*U`.
const BCRYPT: &str = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
const PASSWORD: &str = "U*U";
const CANARY: &str = "canary-7f3e9a";

fn user(n: usize) -> Value {
    json!({
        "user_id": format!("auth0|{n}"),
        "email": format!("user.{n}@example.com"),
        "email_verified": true,
        "given_name": CANARY,
        "password_hash": BCRYPT,
    })
}

/// A file of these records in Auth0's format.
fn file(world: &World, records: impl IntoIterator<Item = Value>) -> PathBuf {
    let file = world.file("users.ndjson");
    let mut lines = String::new();
    for record in records {
        writeln!(lines, "{record}").unwrap();
    }
    std::fs::write(&file, lines).unwrap();
    file
}

fn words<'a>(file: &'a str, dir: &'a str) -> Vec<&'a str> {
    vec!["import", file, "--format", "auth0", "--company", "soko", "--dir", dir]
}

/// The counts that every import reports.
fn counts(said: &Value) -> [u64; 5] {
    ["created", "matched", "in_conflict", "already_there", "rejected"].map(|name| said[name].as_u64().unwrap())
}

async fn logs_in(url: &str, company: &CompanyFile, n: usize, password: &str) -> bool {
    let body = json!({ "email": format!("user.{n}@example.com"), "password": password });
    let answer = client(url, company).call("authenticate", body).await.unwrap();
    assert_eq!(answer.status, 200);
    answer.body["authenticated"] == true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn imported_users_log_in_everywhere_with_their_old_passwords() {
    let world = World::new();
    let (company, dir) = (world.company("soko"), world.deployment());
    let file = file(&world, (0..20).map(user));
    let served = world.serve();
    let said = ask(&words(path(&file), &dir));
    assert_eq!(counts(&said), [20, 0, 0, 0, 0]);
    assert_eq!((&said["hashes"]["bcrypt"], &said["region"]), (&json!(20), &json!("eu-west-1")));
    let there = client(&served.urls[1], &company);
    eventually("the last user in the other region", async || {
        let found = there.call("lookup", json!({ "external_id": "auth0|19" })).await.unwrap();
        (found.status == 200).then_some(())
    })
    .await;
    assert!(!logs_in(&served.urls[1], &company, 3, "another").await);
    assert!(logs_in(&served.urls[1], &company, 3, PASSWORD).await);
    let again = ask(&[words(path(&file), &dir), vec!["--into", "af-south-1"]].concat());
    assert_eq!(counts(&again), [0, 0, 0, 20, 0]);
    assert!(logs_in(&served.urls[0], &company, 3, PASSWORD).await);
    let log = std::fs::read_to_string(world.log()).unwrap();
    assert!(!log.contains(CANARY) && !log.contains(BCRYPT) && !log.contains("user.3@"));
}

#[test]
fn rejected_records_are_listed_without_their_values() {
    let world = World::new();
    world.company("soko");
    let dir = world.deployment();
    let bad = json!({ "email": CANARY });
    let mut broken = user(2);
    broken["password_hash"] = json!(format!("$2a$05${CANARY}"));
    let file = file(&world, [user(0), bad, broken, json!(CANARY), user(3)]);
    let output = run(&[words(path(&file), &dir), vec!["--json"]].concat());
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(counts(&said), [2, 0, 0, 0, 3]);
    let list = world.file("users.ndjson.rejected.ndjson");
    assert_eq!(said["rejected_file"], path(&list));
    let list = std::fs::read_to_string(list).unwrap();
    let lines: Vec<Value> = list.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.iter().map(|line| line["line"].as_u64().unwrap()).collect::<Vec<_>>(), [2, 3, 4]);
    for said in [list, text(&output.stdout), text(&output.stderr)] {
        assert!(!said.contains(CANARY) && !said.contains(BCRYPT), "{said}");
    }
    assert!(!world.file("users.ndjson.state.json").exists());
    // The text output lists them too. Once no record is rejected, the list is gone.
    let output = run(&words(path(&file), &dir));
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stdout).contains("already there") && !text(&output.stdout).contains(CANARY));
    self::file(&world, [user(0)]);
    assert_eq!(counts(&ask(&words(path(&file), &dir))), [0, 0, 0, 1, 0]);
    assert!(!world.file("users.ndjson.rejected.ndjson").exists());
}

#[test]
fn a_dry_run_matches_records_within_the_file() {
    let world = World::new();
    world.company("soko");
    let dir = world.deployment();
    let with = |n: usize, name: &str, value: &str| {
        let mut user = user(n);
        user[name] = json!(value);
        user["email_verified"] = json!(false);
        user
    };
    // A new user, a user with the address of the one before, and that one again.
    let same = with(2, "email", "user.1@example.com");
    let file = file(&world, [with(1, "locale", "sw"), same.clone(), same]);
    let words = words(path(&file), &dir);
    let dry = ask(&[&words[..], &["--dry-run", "--at-once", "1"]].concat());
    assert_eq!(counts(&dry), [1, 0, 1, 1, 0]);
    assert_eq!(counts(&ask(&[&words[..], &["--at-once", "1"]].concat())), [1, 0, 1, 1, 0]);
}

#[test]
fn dry_runs_and_failed_sample_logins_write_nothing() {
    let world = World::new();
    world.company("soko");
    let dir = world.deployment();
    let file = file(&world, (0..5).map(user));
    let (words, samples) = (words(path(&file), &dir), world.file("logins.csv"));
    let dry = ask(&[&words[..], &["--dry-run"]].concat());
    assert_eq!((counts(&dry), &dry["dry_run"]), ([5, 0, 0, 0, 0], &json!(true)));
    assert!(dry["costliest"]["micros"].as_u64().unwrap() > 0);
    let prove = [&words[..], &["--prove", path(&samples)]].concat();
    for (logins, reason) in [
        (format!("user.3@example.com,{PASSWORD}\nuser.9@example.com,{PASSWORD}\n"), "record 2: no row has"),
        (format!("user.3@example.com,{CANARY}\n"), "record 1: the password does not match"),
    ] {
        std::fs::write(&samples, logins).unwrap();
        let output = run(&prove);
        assert_eq!(output.status.code(), Some(4));
        let said = text(&output.stderr);
        assert!(said.contains(reason) && !said.contains(CANARY) && !said.contains("user.3"), "{said}");
    }
    std::fs::write(&samples, format!("USER.3@example.com,{PASSWORD}\nauth0|4,{PASSWORD}")).unwrap();
    assert_eq!(counts(&ask(&prove)), [5, 0, 0, 0, 0], "the earlier runs wrote no user");
}

#[test]
fn a_killed_import_continues_with_the_same_result() {
    const USERS: usize = 3_000;
    let world = World::new();
    world.company("soko");
    let dir = world.deployment();
    let bad = json!({ "email": "none" });
    let file = file(&world, (0..USERS).map(user).chain([bad]));
    let (words, state) = (words(path(&file), &dir), world.file("users.ndjson.state.json"));
    let mut child = umoja().args(&words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let first = until("the state of a run", || {
        let ended = child.try_wait().unwrap().is_some();
        ended.then_some(0).or_else(|| {
            let state: Value = serde_json::from_slice(&std::fs::read(&state).ok()?).ok()?;
            state["report"]["rows"].as_u64().filter(|rows| *rows > 0)
        })
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(0 < first && first < USERS as u64, "it was not killed midway: {first}");
    let output = run(&[&words[..], &["--json"]].concat());
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("an earlier run has done"));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let [created, _, _, there, rejected] = counts(&said);
    assert_eq!((created + there, rejected, &said["rows"]), (USERS as u64, 1, &json!(USERS + 1)));
    let list = std::fs::read_to_string(world.file("users.ndjson.rejected.ndjson")).unwrap();
    assert_eq!(list.lines().count(), 2);
    // A run from the beginning, through standard input, finds every user exactly once.
    let input = std::fs::read_to_string(&file).unwrap();
    let list = path(&world.file("list")).to_owned();
    let stdin = ["import", "-", "--format", "auth0", "--company", "soko", "--dir", &dir, "--rejected", &list, "--json"];
    let said: Value = serde_json::from_slice(&run_with_input(&stdin, &input).stdout).unwrap();
    assert_eq!(counts(&said), [0, 0, 0, USERS as u64, 1]);
}

#[test]
fn invalid_import_options_are_rejected_before_the_import_starts() {
    let world = World::new();
    world.company("soko");
    let dir = world.deployment();
    let file = file(&world, [user(0)]);
    let fails = |more: &[&str], code: i32, reason: &str| {
        let base = ["import", path(&file), "--dir", &dir];
        let output = run(&[&base[..], more].concat());
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(code) && said.contains(reason), "{more:?}: {said}");
    };
    let auth0 = |more: &[&'static str]| [&["--format", "auth0"][..], more].concat();
    fails(&auth0(&["--company", "unknown"]), 1, "there is no company unknown");
    fails(&["--format", "csv", "--company", "soko"], 2, "--format csv needs --mapping");
    fails(&["--format", "excel", "--company", "soko"], 2, "one of auth0, firebase");
    fails(&auth0(&["--company", "soko", "--phone-country", "Kenya"]), 2, "alpha-2");
    fails(&auth0(&["--company", "soko", "--into", "us-east-1"]), 1, "not a region");
    let keys = world.file("keys.json");
    std::fs::write(&keys, json!({ "app": { "secret": CANARY, "encoding": "utf8" } }).to_string()).unwrap();
    fails(&[&auth0(&["--company", "soko", "--keys"])[..], &[path(&keys)]].concat(), 1, "--keys: app is not among");
    let held = ["import", path(&file), "--format", "auth0", "--company", "soko", "--dir", "/nowhere/at-all"];
    assert_eq!(run(&held).status.code(), Some(1));
}

#[test]
fn what_is_not_taken_is_shown_by_name_and_count() {
    let world = World::new();
    world.company("soko");
    let dir = world.deployment();
    let mut more = user(0);
    more["user_metadata"] = json!({ "secret_santa": CANARY, "theme": "light" });
    more["identities"] = json!([{ "user_id": CANARY }]);
    let file = file(&world, [more, user(1)]);
    let dry = [&words(path(&file), &dir)[..], &["--dry-run", "--strict"]].concat();
    assert_eq!(ask(&dry)["not_taken"], json!({ "identities": 1, "user_metadata.secret_santa": 1 }));
    let shown = text(&run(&dry).stdout);
    assert!(shown.contains("Not taken") && shown.contains("user_metadata.secret_santa"), "{shown}");
    assert!(!shown.contains(CANARY));
}

#[test]
fn a_strict_import_lists_every_reason_of_a_record() {
    let world = World::new();
    world.company("soko");
    let dir = world.deployment();
    let mut odd = user(0);
    odd["username"] = json!("Ada Obi");
    odd["phone_number"] = json!(CANARY);
    odd["created_at"] = json!(CANARY);
    odd["password_hash"] = json!(format!("$2b$20${}", "C".repeat(53)));
    let file = file(&world, [user(1), odd]);
    for options in [&["--strict", "--json", "--dry-run"][..], &["--strict", "--json"]] {
        let output = run(&[&words(path(&file), &dir)[..], options].concat());
        assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        let by_reason = said["rejected_by_reason"].as_object().unwrap();
        assert_eq!((&said["rejected"], by_reason.len()), (&json!(1), 4), "{said}");
        let list = std::fs::read_to_string(said["rejected_file"].as_str().unwrap()).unwrap();
        let line: Value = serde_json::from_str(list.lines().nth(1).unwrap()).unwrap();
        let reasons: Vec<_> = line["reasons"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
        for part in ["(bcrypt) has a cost above 15", "`phone_number`", "`username`", "`created_at`"] {
            assert_eq!(reasons.iter().filter(|reason| reason.contains(part)).count(), 1, "{part}: {reasons:?}");
            assert!(by_reason.keys().any(|reason| reason.contains(part)), "{part}: {said}");
        }
        assert_eq!(line["reason"], reasons.join("; "));
        assert!(!list.contains(CANARY) && !text(&output.stdout).contains(CANARY));
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_its_format() {
    let world = World::new();
    world.company("soko");
    let dir = world.deployment();
    let file = file(&world, [user(0)]);
    std::fs::write(&file, "[{\"user_id\": \"1\"}").unwrap();
    let output = run(&[&words(path(&file), &dir)[..], &["--dry-run"]].concat());
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    for part in ["users.ndjson: line 1: ", "is this the format auth0?", "no record was imported"] {
        assert!(said.contains(part), "{said}");
    }
    assert!(!said.contains("continues from there"), "{said}");
}
