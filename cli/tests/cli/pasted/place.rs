//! A directory with all that the examples name, and a shell in it.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command};

use serde_json::Value;

use super::found::Example;
use crate::support::{path, prepared, text, until};

/// The data of a file of Firebase, and its keys, from the README of <https://github.com/firebase/scrypt>.
const FIREBASE: [(&str, &str); 3] = [
    (
        "users.json",
        r#"{"users": [{"localId": "9", "email": "user1@example.com", "emailVerified": true, "salt": "42xEC+ixf3L2lw==", "passwordHash": "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ=="}]}"#,
    ),
    (
        "keys.json",
        r#"{"app": {"firebase": {"signer_key": "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==", "salt_separator": "Bw==", "rounds": 8, "mem_cost": 14}}}"#,
    ),
    ("logins.csv", "\"user1@example.com\",\"user1password\"\n"),
];

const FILES: [(&str, &str); 16] = [
    ("amina.ndjson", r#"{"user_id": "1", "email": "amina@example.com"}"#),
    ("users.ndjson", r#"{"user_id": "auth0|7", "email": "bob@example.com", "blocked": false}"#),
    ("customers.csv", "id,mail\n8,cay@example.com\n"),
    ("shop.json", r#"{"external_id": "id", "email": "mail"}"#),
    ("crm.json", r#"{"external_id": "id", "email": "mail", "events": {"type": "what", "state": ["changed"]}}"#),
    ("token.txt", "a-token-of-a-target\n"),
    ("smtp-password", "a-password\n"),
    ("erp.json", r#"{"login": "email", "active": {"from": "status", "is": ["active"]}}"#),
    ("kenya.json", r#"{"from": "/profile/address/country", "is": ["KE"]}"#),
    ("crm-2.json", r#"{"external_id": "id", "events": {"type": "what", "state": ["changed"]}}"#),
    ("pool.json", r#"{"Users": []}"#),
    (
        "event.json",
        r#"{"specversion": "1.0", "type": "user.created", "source": "urn:auth0:soko", "id": "1", "time": "2026-02-01T00:00:00Z", "data": {"object": {"user_id": "auth0|1", "email": "zuri@example.com", "updated_at": "2026-02-01T00:00:00Z"}}}"#,
    ),
    (
        "pwnedpasswords.txt",
        "0000000A1D4B746FAA3FD526FF6D5BC8052FDB38:16\n0000000CAEF405439D57847A8657218C618160B2:15\n",
    ),
    // Public keys without an owner.
    (
        "old-shop.pem",
        "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAlnPIuuNxsislJJCN6S7O
mkVaUXO67ngicB0Po+ZeDbHvhwJXMG/AkUcSX9kPmW7gPBlveFlE4AlSZ6wMU7Az
2X2HBAtByKg+mReWEUZTMxSuT2yWTXgHk9f+U+FST32RJ6s2tr/2wDZMjd9xZzbM
AJ4DOYhDfvS3YoGCxgvTmzii1G89Ld85EsjDotldSBc4GlKs2wby2HIINZth317a
ho6CYtAroEZEmyR4RubZRfETqrNp9cOiTU/tgUzGpxExw94UjEVhCOKGTJ6TvWmc
iThkEJE+5NBeVIp6alJp7ILlJb9jUR3OnD1dQUVm2CK3WDi0FS7hD0zC9fdWXO3v
TQIDAQAB
-----END PUBLIC KEY-----
",
    ),
    (
        "new.pem",
        "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE0XByyTSRpdjk4oxzMrexlbrMbSXK
bmjQzetqpWzwA7Yc/sLBISwIr2Ai3BV2uMfnUIFQdxMwh24LngRNuK32/w==
-----END PUBLIC KEY-----
",
    ),
    // An identity of age that opens nothing else, and its recipient.
    ("key.txt", "AGE-SECRET-KEY-1RXFYD37KD73CQ8KAZGW7F5GW279WS7WA3J69FAG2NLLNKKE309TSF47YLR\n"),
];
const RECIPIENT: &str = "age17m76scdrlgefkqy0ch255qhujmqw8vzycpjzajrjh5csrnkxepgstsssu8";

/// What makes the deployments, the companies, and two users of different companies who are in conflict over an address. To the
/// doctor, what is younger than a minute may be on its way, so it would leave what another example finds missing later.
const MADE: &str = "
    umoja init --dir DIR --regions eu-west-1,af-south-1,us-east-1 --port-base 0
    umoja init --dir OTHER --port-base 0
    umoja company add soko --scopes all --dir DIR --out soko.json
    umoja company add shop --scopes all --dir DIR --out keys-of-shop.json
    umoja company add soko --scopes all --dir OTHER --out elsewhere.json
    umoja company add shop --scopes all --dir OTHER --out keys-of-shop-elsewhere.json
    umoja import amina.ndjson --format auth0 --company soko --dir DIR
    umoja import amina.ndjson --format auth0 --company shop --dir DIR
    sleep 61
    umoja doctor --dir DIR --repair || umoja doctor --dir DIR --repair
    chmod 600 logins.csv
";

/// The directory, in which nothing is served.
pub(super) struct Place {
    dir: tempfile::TempDir,
    fillings: Vec<(String, String)>,
}

impl Place {
    /// Makes everything.
    pub(super) fn make() -> Self {
        let mut place = Self { dir: tempfile::tempdir().unwrap(), fillings: Vec::new() };
        for (name, content) in FILES.iter().chain(&FIREBASE) {
            std::fs::write(place.dir.path().join(name), content).unwrap();
        }
        let json = |commands: &str| -> Value { serde_json::from_str(&place.run(commands).unwrap()).unwrap() };
        place.run(MADE).unwrap();
        let conflict = json("umoja conflicts list --dir DIR --json")["conflicts"][0].clone();
        let winner = conflict["contested"][0]["winner"].as_str().unwrap().to_owned();
        let mut users = conflict["users"].as_array().unwrap().iter().filter_map(Value::as_str);
        let loser = users.find(|user| *user != winner).unwrap().to_owned();
        let kid = json("cat soko.json")["kid"].as_str().unwrap().to_owned();
        let fillings = [
            ("WINNER", winner.clone()),
            ("LOSER", loser.clone()),
            ("0197a5f2-6d1c-7c3e-9b0a-3f6f1c2d4e5f", winner),
            ("0197a5f2-7000-7abc-8def-3f6f1c2d4e5f", loser),
            ("OLD-KID", kid.clone()),
            ("3f9a1c02", kid),
            ("age1...", RECIPIENT.to_owned()),
            ("cargo run --bin umoja --", "umoja".to_owned()),
            ("/tmp/umoja", "./umoja-demo".to_owned()),
            // A test takes only free ports.
            ("serve --dir ./umoja", "serve --port-base 0 --dir ./umoja".to_owned()),
            ("--port-base 7300", "--port-base 0".to_owned()),
            ("--port-base 8400", "--port-base 0".to_owned()),
            ("--issuer-port 7400", "--issuer-port 0".to_owned()),
            ("127.0.0.1:9464", "127.0.0.1:0".to_owned()),
        ];
        place.fillings = fillings.map(|(name, value)| (name.to_owned(), value)).to_vec();
        place
    }

    /// A copy, in which an example may change anything.
    pub(super) fn copy(&self) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let from = format!("{}/.", path(self.dir.path()));
        assert!(Command::new("cp").args(["-R", &from, path(dir.path())]).status().unwrap().success());
        Self { dir, fillings: self.fillings.clone() }
    }

    /// From now on, `name` in an example is `value`.
    pub(super) fn fill(&mut self, name: &str, value: &str) {
        self.fillings.retain(|(known, _)| known != name);
        self.fillings.push((name.to_owned(), value.to_owned()));
    }

    /// The example with the values that it leaves to the reader.
    pub(super) fn filled(&self, example: &Example) -> String {
        let mut filled = example.text.clone();
        for (name, value) in &self.fillings {
            filled = filled.replace(name, value);
        }
        filled
    }

    fn shell(&self, commands: &str) -> Command {
        let binary = Path::new(env!("CARGO_BIN_EXE_umoja")).parent().unwrap();
        let mut command = prepared(Command::new("sh"));
        let search = format!("{}:{}", path(binary), std::env::var("PATH").unwrap_or_default());
        command.args(["-e", "-c", commands]).current_dir(self.dir.path()).env("PATH", search);
        command
    }

    /// Runs commands to their end, and returns what they print.
    pub(super) fn run(&self, commands: &str) -> Result<String, String> {
        let output = self.shell(commands).output().unwrap();
        let said = text(&output.stdout);
        if output.status.success() {
            Ok(said)
        } else {
            Err(format!("{}: {said}{}", output.status, text(&output.stderr)))
        }
    }

    /// Starts a command that does not end by itself, and waits until it serves and says where.
    pub(super) fn start(&self, command: &str) -> Result<Serving, String> {
        let command = command.split(" &").next().unwrap_or_default();
        // The demo plays its story before.
        let last = if command.contains("demo") { "umoja.json" } else { "http" };
        let [said, log] = ["said", "log"].map(|name| self.dir.path().join(name));
        let mut shell = self.shell(&format!("exec {command}"));
        let child = shell.stdout(File::create(&said).unwrap()).stderr(File::create(&log).unwrap()).spawn();
        let mut serving = Serving { child: child.unwrap(), url: String::new() };
        let url = until("a URL", || {
            let ended = serving.child.try_wait().unwrap();
            let said = std::fs::read_to_string(&said).unwrap();
            let url =
                said.split(|c: char| c.is_whitespace() || c == '"' || c == ',').find(|word| word.starts_with("http"));
            match (url, ended) {
                (_, Some(status)) => Some(Err(format!("it ended with {status}: {said}"))),
                (Some(url), None) if said.contains(last) => Some(Ok(url.to_owned())),
                _ => None,
            }
        });
        serving.url = url.map_err(|ended| format!("{ended}{}", std::fs::read_to_string(&log).unwrap()))?;
        Ok(serving)
    }
}

/// A process that serves, and is killed if it is dropped before it was stopped.
pub(super) struct Serving {
    child: Child,
    pub(super) url: String,
}

impl Serving {
    /// Stops it as Ctrl-C does. It has to end by itself, and without an error.
    pub(super) fn stop(mut self) -> Result<(), String> {
        let interrupt = ["-INT", &self.child.id().to_string()];
        assert!(Command::new("kill").args(interrupt).status().unwrap().success());
        let status = self.child.wait().unwrap();
        if status.success() { Ok(()) } else { Err(format!("stopped, it ended with {status}")) }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
