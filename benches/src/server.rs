//! `umoja serve` in its own process, and the system's figures of it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::clock::{Watch, cpu_of, pause};
use crate::error::{BenchError, io};
use crate::floor;

/// The name under which this program is the `umoja` command.
pub(crate) const NAME: &str = "umoja";

/// The most time of a start.
const PATIENCE_SECS: u32 = 120;

/// Runs a command of `umoja` that ends, and returns the JSON document that it prints.
pub(crate) fn umoja(words: &[&str]) -> Result<Value, BenchError> {
    let output = this(NAME)?.args(words).stdin(Stdio::null()).output();
    let output = output.map_err(io("a command"))?;
    if !output.status.success() {
        return Err(BenchError::Command(words.join(" "), String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    serde_json::from_slice(&output.stdout).map_err(|_| BenchError::Broken("the output of a command"))
}

/// A program whose `umoja serve` is measured in place of this one's.
static MEASURED: OnceLock<PathBuf> = OnceLock::new();

/// Measures the `umoja serve` of another build, such as the one before a change.
pub(crate) fn measure_other(program: PathBuf) {
    MEASURED.get_or_init(|| program);
}

/// This program under another name.
fn this(name: &str) -> Result<Command, BenchError> {
    Ok(named(&std::env::current_exe().map_err(io("the path of this program"))?, name))
}

fn named(program: &Path, name: &str) -> Command {
    let mut command = Command::new(program);
    command.arg0(name);
    command
}

/// A running server. Killed when dropped.
pub(crate) struct Server {
    child: Child,
    ready_secs: f64,
}

impl Server {
    /// Starts `umoja serve`, and waits until every region is ready. Its log goes to a file.
    pub(crate) fn start(dir: &Path, urls: &[String]) -> Result<Self, BenchError> {
        Self::start_with(dir, urls, &[])
    }

    /// The same with more options.
    pub(crate) fn start_with(dir: &Path, urls: &[String], options: &[&str]) -> Result<Self, BenchError> {
        let mut command = match MEASURED.get() {
            Some(program) => named(program, NAME),
            None => this(NAME)?,
        };
        command.arg("serve").arg("--dir").arg(dir).args(options).env_remove("UMOJA_LOG");
        Self::run(command, dir, urls)
    }

    /// The floor that requests are compared with, in a process of its own.
    pub(crate) fn start_floor(dir: &Path, url: &str, settings: &floor::Settings) -> Result<Self, BenchError> {
        let mut command = this(floor::NAME)?;
        command.arg(serde_json::to_string(settings).map_err(|_| BenchError::Broken("the settings of a floor"))?);
        Self::run(command, dir, &[url.to_owned()])
    }

    fn run(mut command: Command, dir: &Path, urls: &[String]) -> Result<Self, BenchError> {
        let log = dir.join("serve.log");
        let stderr = File::options().create(true).append(true).open(&log).map_err(io("the server's log"))?;
        let watch = Watch::start();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr).spawn();
        let mut server = Self { child: child.map_err(io("the server's start"))?, ready_secs: 0.0 };
        while !urls.iter().all(|url| is_ready(url)) {
            let has_ended = server.child.try_wait().map_err(io("the server"))?.is_some();
            if has_ended || watch.secs() > f64::from(PATIENCE_SECS) {
                return Err(BenchError::NotReady(PATIENCE_SECS.into(), log));
            }
            pause(2);
        }
        server.ready_secs = watch.secs();
        Ok(server)
    }

    /// The seconds from the start of the process until every region answered `/readyz` with 200.
    pub(crate) fn ready_secs(&self) -> f64 {
        self.ready_secs
    }

    /// Its processor time so far, in seconds.
    pub(crate) fn cpu_secs(&self) -> Result<f64, BenchError> {
        cpu_of(self.child.id())
    }

    /// Its current memory, in MB.
    pub(crate) fn memory_mb(&self) -> Result<f64, BenchError> {
        self.status_mb("VmRSS:")
    }

    /// Its peak memory, in MB.
    pub(crate) fn peak_memory_mb(&self) -> Result<f64, BenchError> {
        self.status_mb("VmHWM:")
    }

    fn status_mb(&self, name: &str) -> Result<f64, BenchError> {
        Ok(status_kib(self.id(), name)? * 1024.0 / 1e6)
    }

    /// The id of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it.
    pub(crate) fn kill(mut self) -> Result<(), BenchError> {
        self.child.kill().map_err(io("the server's end"))?;
        self.child.wait().map_err(io("the server's end"))?;
        Ok(())
    }

    /// Stops it as an operator would.
    pub(crate) fn stop(mut self) -> Result<(), BenchError> {
        let pid = i32::try_from(self.child.id()).map_err(|_| BenchError::System("a process id"))?;
        kill(Pid::from_raw(pid), Signal::SIGTERM).map_err(|error| io("the server's end")(error.into()))?;
        self.child.wait().map_err(io("the server's end"))?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails if it has already ended.
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// The system's figure of this name for a process's memory, in KiB.
pub(crate) fn status_kib(process: u32, name: &str) -> Result<f64, BenchError> {
    let unreadable = || BenchError::System("the memory of a process");
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).map_err(|_| unreadable())?;
    let kib = status.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_suffix("kB"));
    kib.and_then(|kib| kib.trim().parse().ok()).ok_or_else(unreadable)
}

fn is_ready(url: &str) -> bool {
    let address = url.trim_start_matches("http://");
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(format!("GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer.starts_with(b"HTTP/1.1 200 "))
    };
    ask().unwrap_or(false)
}
