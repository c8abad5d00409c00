//! Help, exit codes, and the form of answers.

use crate::support::{World, done, json, run, run_with_input, text};

#[test]
fn every_command_explains_itself_with_an_example() {
    let commands = [
        "",
        "init",
        "serve",
        "company add",
        "company list",
        "company disable",
        "company enable",
        "company rotate-key",
        "user show",
        "status",
        "sign",
        "demo",
    ];
    for command in commands {
        let words: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let help = done(&words);
        assert!(help.contains("Usage:") && help.contains("Example"), "{command}: {help}");
        assert!(help.lines().all(|line| line.chars().count() <= 120), "{command}: {help}");
    }
}

#[test]
fn a_command_line_that_makes_no_sense_ends_with_2() {
    for words in [&["fly"][..], &["serve"], &["init", "--dir", "/nowhere", "--regions", "No Region"], &[]] {
        assert_eq!(run(words).status.code(), Some(2), "{words:?}");
    }
    let world = World::new();
    let open = run(&["serve", "--dir", &world.deployment(), "--listen", "0.0.0.0"]);
    assert_eq!(open.status.code(), Some(2));
    assert!(text(&open.stderr).contains("--behind-tls"));
    let signed = run_with_input(&["sign", "--company-file", "x", "--url", "http://127.0.0.1:1/elsewhere"], "{}");
    assert_eq!(signed.status.code(), Some(2));
}

#[test]
fn a_command_that_fails_ends_with_1_and_says_what_to_do() {
    for words in [&["status", "--dir", "/nowhere/at-all"][..], &["serve", "--dir", "/nowhere/at-all"]] {
        let output = run(words);
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("umoja init --dir"), "{words:?}");
        let output = run(&[words, &["--json"]].concat());
        let error: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
        assert!(error["error"].as_str().unwrap().contains("umoja init --dir"));
    }
}

#[test]
fn answers_are_json_where_programs_ask_for_it() {
    let world = World::new();
    let dir = world.deployment();
    let company = world.company("soko");
    assert_eq!(json(&["company", "list", "--dir", &dir])["companies"][0]["id"], "soko");
    assert_eq!(json(&["init", "--dir", &dir])["created"], false);
    assert_eq!(json(&["status", "--dir", &dir])["well"], true);
    assert_eq!(json(&["company", "disable", "soko", "--dir", &dir])["enabled"], false);
    assert_eq!(json(&["company", "enable", "soko", "--dir", &dir])["enabled"], true);
    assert!(json(&["company", "rotate-key", "soko", "--dir", &dir])["api_key"].is_string());
    let file = world.file("soko.json");
    std::fs::write(&file, serde_json::to_vec(&company).unwrap()).unwrap();
    let url = "http://127.0.0.1:7300/v1/users/lookup";
    let words = ["sign", "--json", "--company-file", file.to_str().unwrap(), "--url", url];
    let signed: serde_json::Value =
        serde_json::from_slice(&run_with_input(&words, r#"{"username":"x"}"#).stdout).unwrap();
    assert_eq!(signed["token"].as_str().unwrap().split('.').count(), 3);
}
