//! The examples of docs/requests and docs/events and the commands that the demo prints, against a live demo.

use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};

use crate::support::{openssl_and_curl, path, text, umoja, until};

/// A running demo, which is killed when dropped.
struct Demo {
    child: Child,
    dir: tempfile::TempDir,
}

impl Demo {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let said = std::fs::File::create(dir.path().join("said")).unwrap();
        let mut command = umoja();
        let child = command
            .args(["demo", "--dir", path(&dir.path().join("the demo"))])
            .stdout(said)
            .stderr(Stdio::inherit())
            .spawn();
        let demo = Self { child: child.unwrap(), dir };
        until("demo.json", || demo.file().exists().then_some(()));
        demo
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("the demo/demo.json")
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("said")).unwrap()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/requests").join(name)
}

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{program} is needed: {error}"))
}

/// Registers a user, resets the password, and looks up an unknown user.
fn try_out(program: &str, script: &str, demo: &Demo) {
    let (script, file) = (example(script), demo.file());
    let registered = run(program, &[path(&script), path(&file)]);
    assert!(registered.status.success(), "{}", text(&registered.stderr));
    let claims: Value = serde_json::from_slice(&registered.stdout).unwrap();
    assert_eq!(claims["body"]["outcome"], "created");
    let call = |operation: &str, body: &Value| {
        let output = run(program, &[path(&script), path(&file), operation, &body.to_string()]);
        assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["body"].clone()
    };
    let id = &claims["body"]["user"]["id"];
    // A company's own file, and the URL of a region.
    let company = demo.dir.path().join("the demo/soko.json");
    let written: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let url = written["regions"][1]["url"].as_str().unwrap();
    let body = json!({ "username": "unknown" }).to_string();
    let elsewhere = run(program, &[path(&script), path(&company), url, "lookup", &body]);
    let claims: Value = serde_json::from_slice(&elsewhere.stdout).unwrap();
    assert_eq!((&claims["iss"], &claims["status"]), (&json!(url), &json!(404)), "{}", text(&elsewhere.stderr));
    let started = call("password/reset/start", &json!({ "id": id }));
    let finish = json!({ "token": started["token"], "new_password": "and a longer one" });
    assert_eq!(call("password/reset/finish", &finish)["id"], *id);
    let login = call("authenticate", &json!({ "id": id, "password": "and a longer one" }));
    assert_eq!(login["authenticated"], true);
    let unknown = run(program, &[path(&script), path(&file), "lookup", r#"{"username":"unknown"}"#]);
    assert_eq!(unknown.status.code(), Some(1), "{}", text(&unknown.stderr));
    let claims: Value = serde_json::from_slice(&unknown.stdout).unwrap();
    assert_eq!(claims["body"]["code"], "user_not_found");
}

#[test]
fn the_shell_example_signs_requests_and_verifies_answers() {
    if openssl_and_curl() {
        try_out("sh", "sign.sh", &Demo::start());
    }
}

const NO_PYTHON: &str = "skipped: python3 has no package cryptography; .ci/examples installs it";

/// A Python that has the package `cryptography`, if there is one. The Python that `.ci/examples` names must have it.
fn python() -> Option<String> {
    let named = std::env::var("UMOJA_TEST_PYTHON").ok();
    let python = named.clone().unwrap_or_else(|| "python3".to_owned());
    let usable =
        Command::new(&python).args(["-c", "import cryptography"]).output().is_ok_and(|output| output.status.success());
    (usable || named.is_some()).then_some(python)
}

#[test]
fn the_python_example_signs_requests_and_verifies_answers() {
    let Some(python) = python() else { return println!("{NO_PYTHON}") };
    try_out(&python, "sign.py", &Demo::start());
}

#[test]
fn the_example_of_events_keeps_a_copy_of_the_users_in_any_region() {
    let Some(python) = python() else { return println!("{NO_PYTHON}") };
    let demo = Demo::start();
    let (sign, consume) = (example("sign.py"), example("../events/consume.py"));
    let (file, users) = (demo.file(), demo.dir.path().join("users.db"));
    let call = |operation: &str, body: &Value| {
        let output = run(&python, &[path(&sign), path(&file), operation, &body.to_string()]);
        assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["body"].clone()
    };
    // Reads in a region until a line says so, and returns all lines.
    let reads = |region: &str, line: &str| {
        let mut said = String::new();
        until(line, || {
            let output = run(&python, &[path(&consume), path(&file), path(&users), region, "--once"]);
            assert!(output.status.success(), "{}", text(&output.stderr));
            said.push_str(&text(&output.stdout));
            said.lines().any(|said| said == line).then_some(())
        });
        said
    };
    let held = |id: &str| {
        let select = format!(
            "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('SELECT COUNT(*) FROM users WHERE id = ?', ('{id}',)).fetchone()[0])"
        );
        text(&run(&python, &["-c", &select, path(&users)]).stdout).trim().to_owned()
    };
    let user = call("register", &json!({ "username": "example-of-events" }))["user"].clone();
    let id = user["id"].as_str().unwrap();
    reads("0", &format!("umoja.user.registered {id}"));
    assert_eq!(held(id), "1");
    call("update", &json!({ "id": id, "set": { "profile": { "nickname": "Mina" } } }));
    let said = reads("1", &format!("umoja.user.profile_changed {id}"));
    assert!(!said.contains("registered"), "the cursor continues in the other region: {said}");
    call("erase", &json!({ "id": id }));
    reads("0", &format!("umoja.user.erased {id}"));
    assert_eq!(held(id), "0");
}

/// The receiver needs no package.
#[test]
fn the_receiver_of_webhooks_verifies_what_is_posted() {
    let world = crate::support::World::new();
    world.company("soko");
    let (dir, secret, other) = (world.deployment(), world.file("soko-crm.json"), world.file("other.json"));
    std::fs::write(&other, r#"{"secret": "whsec_b3RoZXI="}"#).unwrap();
    let url = "https://crm.soko.example/";
    let add = ["webhook", "add", "soko-crm", "--company", "soko", "--url", url, "--dir", &dir, "--out", path(&secret)];
    crate::support::done(&add);
    let python = std::env::var("UMOJA_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    for (file, code) in [(&secret, 0), (&other, 1)] {
        let mut receiver = Command::new(&python)
            .args([path(&example("webhook.py")), "0", path(file)])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{python} is needed: {error}"));
        let mut said = std::io::BufReader::new(receiver.stdout.take().unwrap()).lines();
        let url = said.next().unwrap().unwrap();
        crate::support::done(&["webhook", "set", "soko-crm", "--url", &url, "--outbound-loopback", "--dir", &dir]);
        let test =
            umoja().args(["webhook", "test", "soko-crm", "--outbound-loopback", "--dir", &dir]).output().unwrap();
        assert_eq!(test.status.code(), Some(code), "{}", text(&test.stdout));
        if code == 0 {
            assert_eq!(said.next().unwrap().unwrap(), "umoja.webhook.test");
        }
        receiver.kill().unwrap();
        receiver.wait().unwrap();
    }
}

#[test]
fn a_second_demo_in_the_same_directory_is_rejected() {
    let demo = Demo::start();
    let before = std::fs::read(demo.file()).unwrap();
    let second = umoja().args(["demo", "--exit", "--dir", path(&demo.dir.path().join("the demo"))]).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains("being served by another process"));
    assert_eq!(std::fs::read(demo.file()).unwrap(), before);
}

#[test]
fn the_commands_that_the_demo_prints_work() {
    if !openssl_and_curl() {
        return;
    }
    let demo = Demo::start();
    let said = until("the end of the demo's output", || Some(demo.said()).filter(|said| said.contains("umoja.json")));
    let commands = said.split_once("in another terminal:").unwrap().1;
    let output = run("sh", &["-e", "-c", commands]);
    let printed = text(&output.stdout);
    assert!(output.status.success(), "{printed}{}", text(&output.stderr));
    assert!(printed.contains(r#""outcome": "created""#), "{printed}");
    assert!(printed.contains(r#""authenticated": true"#), "{printed}");
    assert!(printed.contains("All is well.") && printed.contains(r#""jwks_uri""#), "{printed}");
}
