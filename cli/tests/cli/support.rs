//! Running the binary.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use umoja_api::conformance::{Exchange, check};
use umoja_cli::{Client, CompanyFile, Raw, Signer};
use umoja_host::{OsEntropy, SystemClock};
use umoja_local::{Options, RegionStore};
use umoja_store::ports::Clock as _;

/// The time that a test waits for an expected event.
const PATIENCE_MS: u64 = 20 * 60_000;

/// The binary.
pub(crate) fn umoja() -> Command {
    prepared(Command::new(env!("CARGO_BIN_EXE_umoja")))
}

/// The binary under a limit such as `-n 256`.
pub(crate) fn limited(limit: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit {limit} && exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_umoja")]);
    prepared(command)
}

/// A command without the settings of this machine's user.
pub(crate) fn prepared(mut command: Command) -> Command {
    for name in ["UMOJA_DIR", "UMOJA_PREFIX", "UMOJA_LOG", "AWS_REGION", "AWS_DEFAULT_REGION"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// Runs the binary to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    umoja().args(arguments).output().unwrap()
}

/// Runs the binary with this standard input.
pub(crate) fn run_with_input(arguments: &[&str], input: &str) -> Output {
    let mut command = umoja();
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// The standard output of a run that must exit with 0.
pub(crate) fn done(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// The output with `--json` of a run that must exit with 0.
pub(crate) fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&done(&[arguments, &["--json"]].concat())).unwrap()
}

/// Checks that nothing needs attention but that no process serves the directory.
pub(crate) fn is_well(dir: &str) {
    let status: Value = serde_json::from_slice(&run(&["status", "--dir", dir, "--json"]).stdout).unwrap();
    let attention: Vec<&str> = status["attention"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(matches!(attention[..], [only] if only.starts_with("no process serves")), "{attention:?}");
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

pub(crate) fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Waits until `look` sees something.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = SystemClock.now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(SystemClock.now().since(started) < PATIENCE_MS, "{what} did not happen");
        pause();
    }
}

/// Waits until `look` sees something.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let seen = tokio::time::timeout(Duration::from_millis(PATIENCE_MS), looking).await;
    seen.unwrap_or_else(|_| panic!("{what} did not happen"))
}

#[allow(clippy::disallowed_methods, reason = "the test waits for another process")]
fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}

/// A temporary directory with a deployment in `d`, on free ports.
pub(crate) struct World {
    dir: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        let world = Self { dir: tempfile::tempdir().unwrap() };
        done(&["init", "--dir", &world.deployment(), "--port-base", "0"]);
        world
    }

    pub(crate) fn deployment(&self) -> String {
        path(&self.dir.path().join("d")).to_owned()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Makes the store of a region that is not listed yet.
    pub(crate) fn make(&self, region: &str) {
        let (dir, name) = (self.file("d").join(region), region.parse().unwrap());
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy));
        RegionStore::create(&dir, name, clock, entropy, Options::default()).unwrap();
    }

    /// Gives a region another key ring and binds its data to that, as an interrupted repair leaves it: the region
    /// serves and its own key opens nothing. A ring that is there stays.
    pub(crate) fn rekey(&self, region: &str) {
        let (dir, name) = (self.file("d").join(region), region.parse().unwrap());
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy));
        RegionStore::recreate(&dir, name, clock, entropy, Options::default()).unwrap();
    }

    /// Adds a company with all scopes.
    pub(crate) fn company(&self, id: &str) -> CompanyFile {
        let added = json(&["company", "add", id, "--dir", &self.deployment(), "--scopes", "all", "--trusted"]);
        serde_json::from_value(added).unwrap()
    }

    /// Serves the deployment, with its log in a file.
    pub(crate) fn serve(&self) -> Served {
        self.serve_with(&[])
    }

    /// The same with more arguments.
    pub(crate) fn serve_with(&self, arguments: &[&str]) -> Served {
        self.start(umoja(), arguments)
    }

    /// The same for a process that has this limit of `ulimit`.
    pub(crate) fn serve_limited(&self, limit: &str, arguments: &[&str]) -> Served {
        self.start(limited(limit), arguments)
    }

    /// Serves another directory.
    pub(crate) fn serve_dir(&self, dir: &Path, arguments: &[&str]) -> Served {
        self.start_in(umoja(), path(dir), arguments)
    }

    /// Serves with a port that is open already, as systemd hands it over.
    pub(crate) fn serve_on(&self, open: &std::net::TcpListener) -> Served {
        let mut command = Command::new("sh");
        let exec = "exec 3<&0 0</dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; exec \"$0\" \"$@\"";
        command.args(["-c", exec, env!("CARGO_BIN_EXE_umoja")]);
        let mut command = prepared(command);
        command.stdin(std::os::fd::OwnedFd::from(open.try_clone().unwrap()));
        self.start(command, &[])
    }

    fn start(&self, command: Command, arguments: &[&str]) -> Served {
        self.start_in(command, &self.deployment(), arguments)
    }

    fn start_in(&self, mut command: Command, dir: &str, arguments: &[&str]) -> Served {
        let log = std::fs::File::options().create(true).append(true).open(self.log()).unwrap();
        command.args(["serve", "--json", "--dir", dir]).args(arguments).env("UMOJA_LOG", "trace");
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut said = String::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            said.push_str(&line);
            if line == "}" {
                break;
            }
        }
        let log = || std::fs::read_to_string(self.log()).unwrap();
        let said: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("serve did not start: {}", log()));
        let urls = said["regions"].as_array().unwrap().iter().map(|region| region["url"].as_str().unwrap().to_owned());
        let issuer = said["issuer"].as_str().map(str::to_owned);
        let metrics = said["metrics"].as_str().map(str::to_owned);
        Served { urls: urls.collect(), issuer, metrics, child }
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.file("log")
    }
}

/// A serving process, which is killed when dropped.
pub(crate) struct Served {
    pub(crate) urls: Vec<String>,
    pub(crate) issuer: Option<String>,
    pub(crate) metrics: Option<String>,
    pub(crate) child: Child,
}

impl Drop for Served {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A company's client of a region. It holds what is accepted and answered against the description of the API.
pub(crate) fn client(url: &str, company: &CompanyFile) -> Client {
    let signer = Arc::new(Signer::new(company).unwrap());
    let client = Client::new(url, signer, Arc::new(SystemClock), Arc::new(OsEntropy)).unwrap();
    client.observed(Arc::new(|method, path, request, raw| {
        let Raw { status, headers, body: answer } = raw;
        let exchange = Exchange { method, path, request, status: *status, headers, answer };
        check(&exchange).unwrap_or_else(|what| panic!("description: {what}"));
    }))
}

/// True if OpenSSL 3 and curl, which the examples use, are on this machine. A fresh machine with Rust need not have
/// them, but where `.ci/examples` runs the tests they are required.
#[allow(clippy::print_stdout, reason = "a skipped test reports it")]
pub(crate) fn openssl_and_curl() -> bool {
    let says = |program: &str, argument: &str| {
        Command::new(program).arg(argument).output().is_ok_and(|output| !text(&output.stdout).starts_with("LibreSSL"))
    };
    let here = says("openssl", "version") && says("curl", "--version");
    assert!(here || std::env::var_os("UMOJA_TEST_PYTHON").is_none(), "OpenSSL 3 and curl are needed");
    if !here {
        println!("skipped: OpenSSL 3 and curl are not installed; .ci/examples requires them");
    }
    here
}
