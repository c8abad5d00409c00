//! The programs of docs/requests that stand between another system and Umoja, as the chapters of docs/sources.md use them.
//! They need Python 3 without packages.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::json;
use umoja_cli::Client;
use umoja_host::SystemClock;
use umoja_store::ports::Clock as _;

use crate::source::world;
use crate::support::{World, client, done, eventually, path, run, text};

/// A sample that runs until it is dropped.
struct Sample {
    child: Child,
    url: String,
}

impl Sample {
    fn start(name: &str, arguments: &[&str], input: &str) -> Self {
        let python = std::env::var("UMOJA_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/requests").join(name);
        let mut command = Command::new(&python);
        command.arg(program).arg("0").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{python} is needed: {error}"));
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let url = BufReader::new(child.stdout.take().unwrap()).lines().next().unwrap().unwrap();
        Self { child, url }
    }

    /// Posts a body with these headers, and returns the status and the answer.
    async fn post(&self, headers: &[(&str, &str)], body: &str) -> (u16, String) {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let place = self.url.strip_prefix("http://").unwrap();
        let (authority, path) = place.split_once('/').unwrap();
        let mut stream = tokio::net::TcpStream::connect(authority).await.unwrap();
        let length = body.len();
        let mut request = format!("POST /{path} HTTP/1.0\r\nhost: {authority}\r\ncontent-length: {length}\r\n");
        request.extend(headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")));
        stream.write_all(format!("{request}\r\n{body}").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }
}

impl Drop for Sample {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Prints the hash of a password as `old_system.py` compares it.
const SCRYPT: &str =
    "import hashlib; print(hashlib.scrypt(b'battery staple', salt=bytes.fromhex('00ff'), n=2**14, r=8, p=1).hex())";

async fn is_accepted(client: &Client, password: &str) -> Result<bool, u16> {
    let body = json!({ "email": "amina@example.com", "password": password });
    let answer = client.call("authenticate", body).await.unwrap();
    if answer.status == 200 { Ok(answer.body["authenticated"] == true) } else { Err(answer.status) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sample_of_an_old_system_is_asked_at_the_first_login() {
    let world = World::new();
    let (company, dir) = (world.company("soko"), world.deployment());
    let served = world.serve_with(&["--old-system-loopback"]);
    let python = std::env::var("UMOJA_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let hash = text(&Command::new(python).args(["-c", SCRYPT]).output().unwrap().stdout);
    let users = json!([{ "id": "s7", "email": "amina@example.com", "salt": "00ff", "scrypt": hash.trim() }]);
    let urls: Vec<&str> = served.urls.iter().map(String::as_str).collect();
    let old = Sample::start("old_system.py", &urls, &users.to_string());
    let set = ["company", "set", "soko", "--old-system", &old.url, "--dir", &dir];
    let rejected = run(&set);
    let said = text(&rejected.stderr);
    assert!(!rejected.status.success() && said.contains("--old-system-loopback"), "{said}");
    done(&[&set[..], &["--old-system-loopback"]].concat());
    let client = client(&served.urls[0], &company);
    let body = json!({ "email": "amina@example.com", "email_verified": true, "external_id": "s7" });
    assert_eq!(client.call("register", body).await.unwrap().status, 201);
    // The setting takes effect within some seconds: until then, a user without a password is not authenticated.
    eventually("the first login", async || is_accepted(&client, "battery staple").await.unwrap().then_some(())).await;
    assert_eq!(is_accepted(&client, "wrong").await, Ok(false));

    // A caller without a key of a region learns nothing.
    let at = SystemClock.now().secs().to_string();
    let asked = json!({ "password": "battery staple", "external_id": "s7" }).to_string();
    let signature = format!("v1a,{}", "A".repeat(86) + "==");
    for headers in [
        vec![],
        vec![("webhook-id", "1"), ("webhook-timestamp", &at), ("webhook-signature", &signature), ("umoja-key-id", "x")],
        vec![("webhook-id", "1"), ("webhook-timestamp", "1"), ("webhook-signature", &signature), ("umoja-key-id", "x")],
    ] {
        assert_eq!(old.post(&headers, &asked).await, (401, "{}".to_owned()));
    }
    drop(old);
    assert_eq!(is_accepted(&client, "battery staple").await, Ok(true), "Umoja has a hash of its own");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sample_of_keycloak_passes_on_what_the_realm_has_signed() {
    let (world, dir) = world();
    let _served = world.serve();
    let (keys, secret) = (world.file("soko-keycloak.json"), world.file("secret.txt"));
    let add = ["source", "add", "soko-keycloak", "--company", "soko", "--kind", "keycloak", "--dir", &dir];
    done(&[&add[..], &["--out", path(&keys)]].concat());
    std::fs::write(&secret, "a secret\n").unwrap();
    let between = Sample::start("keycloak.py", &[path(&keys), path(&secret)], "");
    let mut blocks = include_str!("../../../docs/sources.md").split("```json\n").skip(1);
    let event = blocks.find(|block| block.contains("admin.USER-CREATE") && block.contains("\"uid\"")).unwrap();
    let event = event.split("```").next().unwrap();
    let python = std::env::var("UMOJA_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let sign = "import hmac, sys; print(hmac.new(b'a secret', sys.argv[1].encode(), 'sha256').hexdigest())";
    let signature = text(&Command::new(python).args(["-c", sign, event]).output().unwrap().stdout);
    assert_eq!(between.post(&[], event).await.0, 401);
    assert_eq!(between.post(&[("x-keycloak-signature", "00")], event).await.0, 401);
    assert_eq!(between.post(&[("x-keycloak-signature", signature.trim())], event).await.0, 202);
    let shown = async || text(&run(&["user", "show", "amina@example.com", "--dir", &dir]).stdout).contains("soko");
    eventually("the user", async || shown().await.then_some(())).await;
}
