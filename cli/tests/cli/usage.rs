//! Help, exit codes, and output formats.

use crate::support::{World, done, is_well, json, run, run_with_input, text, umoja};

#[test]
fn every_commands_help_has_an_example() {
    let commands = [
        "",
        "init",
        "serve",
        "region list",
        "region add",
        "rotate signing-key",
        "rotate index-key",
        "rotate pepper",
        "re-encrypt",
        "company add",
        "company list",
        "company disable",
        "company enable",
        "company limit",
        "company set",
        "company add-key",
        "company rotate-key",
        "company retire-key",
        "hash-keys add",
        "hash-keys list",
        "user show",
        "import",
        "export",
        "conflicts list",
        "conflicts show",
        "conflicts resolve",
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
fn an_invalid_command_line_exits_with_2() {
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

#[cfg(feature = "aws")]
#[test]
fn a_missing_or_ambiguous_deployment_is_reported() {
    let said = |words: &[&str], variables: &[(&str, &str)]| {
        let output = umoja().args(words).envs(variables.iter().copied()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{words:?} {variables:?}");
        text(&output.stderr)
    };
    let (dir, prefix) = (("UMOJA_DIR", "/nowhere"), ("UMOJA_PREFIX", "p"));
    let commands = [
        &["status"][..],
        &["company", "list"],
        &["conflicts", "list"],
        &["region", "list"],
        &["region", "add", "x"],
        &["init"],
        &["rotate", "signing-key"],
        &["rotate", "index-key"],
        &["rotate", "pepper"],
        &["hash-keys", "list"],
        &["re-encrypt", "x"],
    ];
    for command in commands {
        assert!(said(command, &[]).contains("--prefix PREFIX"), "{command:?}");
        assert!(said(command, &[dir, prefix]).contains("both set"), "{command:?}");
        assert!(said(command, &[prefix]).contains("AWS_REGION"), "{command:?}");
        assert!(said(&[command, &["--dir", "d", "--prefix", "p"]].concat(), &[]).contains("cannot be used with"));
        assert!(said(&[command, &["--dir", "d", "--region", "r"]].concat(), &[]).contains("cannot be used with"));
        assert!(said(&[command, &["--region", "r"]].concat(), &[dir]).contains("--region goes with --prefix"));
        assert!(said(&[command, &["--prefix", "p/q"]].concat(), &[]).contains("a prefix is"), "{command:?}");
    }
    assert!(said(&["status"], &[prefix, ("AWS_REGION", "Not A Region")]).contains("AWS_REGION: "));
    let local = ["init", "--prefix", "p", "--regions", "a,b", "--port-base", "7300"];
    assert!(said(&local, &[]).contains("--port-base goes with --dir"));
    assert!(said(&["region", "add", "a", "--prefix", "p", "--region", "a"], &[]).contains("serve already"));
    // The command line takes precedence over the environment.
    let output = umoja().args(["status", "--dir", "/nowhere/at-all"]).envs([prefix]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn the_regions_of_a_directory_are_listed() {
    let world = World::new();
    let list = json(&["region", "list", "--dir", &world.deployment()]);
    let region = &list["regions"][0];
    assert_eq!(
        (&region["name"], &region["state"], &region["key"]),
        (&"eu-west-1".into(), &"serving".into(), &"enabled".into())
    );
}

#[cfg(feature = "aws")]
#[test]
fn an_unreachable_deployment_is_reported() {
    let mut command = umoja();
    command.args(["status", "--prefix", "p", "--region", "eu-west-1"]);
    command.envs([
        ("AWS_ACCESS_KEY_ID", "x"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
    ]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("eu-west-1") && said.contains("check the network") && said.contains("AWS_PROFILE"), "{said}");
}

#[cfg(not(feature = "aws"))]
#[test]
fn a_binary_without_aws_names_the_one_with_it() {
    for words in [&["status"][..], &["serve"], &["company", "list"]] {
        let output = umoja().args(words).args(["--prefix", "p", "--region", "eu-west-1"]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        assert!(text(&output.stderr).contains("--features aws"), "{words:?}");
    }
}

#[test]
fn a_failed_command_exits_with_1_and_gives_advice() {
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
fn output_is_json_if_requested() {
    let world = World::new();
    let dir = world.deployment();
    let company = world.company("soko");
    assert_eq!(json(&["company", "list", "--dir", &dir])["companies"][0]["id"], "soko");
    assert_eq!(json(&["init", "--dir", &dir])["created"], false);
    is_well(&dir);
    assert_eq!(json(&["company", "disable", "soko", "--dir", &dir])["enabled"], false);
    assert_eq!(json(&["company", "enable", "soko", "--dir", &dir])["enabled"], true);
    assert_eq!(json(&["company", "limit", "soko", "50", "--dir", &dir])["rate_limit"], 50);
    assert!(json(&["company", "rotate-key", "soko", "--dir", &dir])["api_key"].is_string());
    let file = world.file("soko.json");
    std::fs::write(&file, serde_json::to_vec(&company).unwrap()).unwrap();
    let url = "http://127.0.0.1:7300/v1/users/lookup";
    let words = ["sign", "--json", "--company-file", file.to_str().unwrap(), "--url", url];
    let signed: serde_json::Value =
        serde_json::from_slice(&run_with_input(&words, r#"{"username":"x"}"#).stdout).unwrap();
    assert_eq!(signed["token"].as_str().unwrap().split('.').count(), 3);
}

#[test]
fn a_body_with_a_number_that_would_change_is_not_signed() {
    let world = World::new();
    let _ = world.deployment();
    let file = world.file("soko.json");
    std::fs::write(&file, serde_json::to_vec(&world.company("soko")).unwrap()).unwrap();
    let url = "http://127.0.0.1:7300/v1/users/register";
    let words = ["sign", "--company-file", file.to_str().unwrap(), "--url", url];
    for number in ["1e400", "18446744073709551616", "0.10000000000000001"] {
        let body = format!(r#"{{"username":"x","profile":{{"custom":{{"n":{number}}}}}}}"#);
        let output = run_with_input(&words, &body);
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("a number of the body cannot be kept exactly"), "{said}");
    }
}
