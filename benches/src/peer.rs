//! Another system's program that is measured beside Umoja, in its own processes.
//!
//! It is started with `PORT`, `DIR` (its own directory), `USERS`, `PASSWORD` and `CORES` in its environment, prepares
//! what is measured, listens on the port of 127.0.0.1, and then prints a line with a JSON object: its `versions`, and
//! what the measurement has to know. It ends at SIGTERM.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::sync::mpsc;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tempfile::TempDir;

use crate::clock::{cpu_of, pause};
use crate::error::{BenchError, io};
use crate::hash::PASSWORD;
use crate::server::status_kib;

/// The most time of a start with all registrations, in seconds.
const PATIENCE_SECS: u64 = 300;

/// How often the end of the process is checked, every 50 ms, before it is killed.
const END_LOOKS: u32 = 200;

/// A peer's name and the program that starts it: `NAME=PROGRAM`.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    /// Its name in the report.
    pub(crate) name: String,
    program: String,
}

impl FromStr for Spec {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, program) = text.split_once('=').ok_or("NAME=PROGRAM is expected")?;
        if name.is_empty() || program.is_empty() {
            return Err("NAME=PROGRAM is expected");
        }
        Ok(Self { name: name.into(), program: program.into() })
    }
}

/// The versions in the line that a peer prints when it is ready.
#[derive(Debug, Deserialize)]
struct Ready {
    versions: BTreeMap<String, String>,
}

/// A running peer. Ended when dropped.
pub(crate) struct Peer {
    child: Child,
    url: String,
    ready: String,
    versions: String,
    /// Removed when dropped.
    _dir: TempDir,
}

impl Peer {
    /// Starts it, and waits until it listens. Its files and logs are in a directory below
    /// `dir`.
    pub(crate) fn start(spec: &Spec, dir: &Path, users: usize, cores: usize) -> Result<Self, BenchError> {
        let dir = tempfile::Builder::new().prefix("umoja-bench-").tempdir_in(dir).map_err(io("a directory"))?;
        let log = dir.path().join("peer.log");
        let stderr = File::create(&log).map_err(io("a peer's log"))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let port = listener.map_err(io("a port"))?.port();
        let mut command = Command::new(&spec.program);
        command.env("PORT", port.to_string()).env("DIR", dir.path()).env("USERS", users.to_string());
        command.env("PASSWORD", PASSWORD).env("CORES", cores.to_string());
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr).spawn();
        let url = format!("http://127.0.0.1:{port}");
        let child = child.map_err(io("a peer's start"))?;
        let mut peer = Self { child, url, ready: String::new(), versions: String::new(), _dir: dir };
        peer.ready = peer.first_line().ok_or_else(|| {
            // Waits for its end, because its directory is removed.
            let log = std::fs::read_to_string(&log).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            BenchError::Peer(lines[lines.len().saturating_sub(3)..].join("; "))
        })?;
        let Ready { versions } = peer.ready()?;
        peer.versions = versions.iter().map(|(name, v)| format!("{name} {v}")).collect::<Vec<_>>().join(", ");
        Ok(peer)
    }

    /// What it printed when it was ready.
    pub(crate) fn ready<T: DeserializeOwned>(&self) -> Result<T, BenchError> {
        serde_json::from_str(&self.ready).map_err(|_| BenchError::Peer(self.ready.clone()))
    }

    /// Waits for the line that reports that it is ready; `None` if it ends or takes too long.
    fn first_line(&mut self) -> Option<String> {
        let stdout = self.child.stdout.take()?;
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
            // What is printed before is a log. Sending fails if the receiver has timed out.
            let _ = sender.send(lines.find(|line| line.starts_with('{')));
            // A peer that cannot print would block or end.
            lines.for_each(drop);
        });
        receiver.recv_timeout(Duration::from_secs(PATIENCE_SECS)).ok().flatten()
    }

    /// Its base URL.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Its components, with versions.
    pub(crate) fn versions(&self) -> &str {
        &self.versions
    }

    /// The id of the process that all of its processes descend from.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Its first process ends the others. Each step fails if the process has already ended.
        if let Ok(pid) = i32::try_from(self.child.id()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        for _ in 0..END_LOOKS {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            pause(50);
        }
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// Processor time so far of a process and all that descend from it, in seconds.
pub(crate) fn cpu_of_all(root: u32) -> Result<f64, BenchError> {
    family(root)?.into_iter().map(cpu_of).sum()
}

/// Memory of a process and all that descend from it, in MiB. Shared memory is counted for each.
pub(crate) fn memory_of_all(root: u32) -> Result<f64, BenchError> {
    let kib: f64 = family(root)?.into_iter().map(|process| status_kib(process, "VmRSS:")).sum::<Result<_, _>>()?;
    Ok(kib / 1024.0)
}

/// A process and all that descend from it.
fn family(root: u32) -> Result<Vec<u32>, BenchError> {
    let entries = std::fs::read_dir("/proc").map_err(io("the processes"))?;
    let parents: Vec<(u32, u32)> = entries
        .filter_map(|entry| {
            let process: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            // The process has ended since it was listed, or the line is `pid (any name) state ppid ...`.
            let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
            Some((process, stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?))
        })
        .collect();
    let mut family = vec![root];
    let mut next = 0;
    while let Some(&parent) = family.get(next) {
        family.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(process, _)| process));
        next += 1;
    }
    Ok(family)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_a_name_and_a_program() {
        let spec: Spec = "django=/opt/a=b/serve".parse().unwrap();
        assert_eq!((spec.name.as_str(), spec.program.as_str()), ("django", "/opt/a=b/serve"));
        for wrong in ["django", "=serve", "django="] {
            assert!(wrong.parse::<Spec>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn child_processes_are_counted() {
        let mut shell = Command::new("sh");
        let shell =
            shell.args(["-c", "sleep 60 & echo starting; echo {$!; wait"]).stdout(Stdio::piped()).spawn().unwrap();
        let (url, ready, versions) = Default::default();
        let mut peer = Peer { child: shell, url, ready, versions, _dir: tempfile::tempdir().unwrap() };
        let sleep: u32 = peer.first_line().unwrap()[1..].parse().unwrap();
        let shell = peer.id();
        assert_eq!(family(shell).unwrap(), [shell, sleep]);
        assert!(memory_of_all(shell).unwrap() > memory_of_all(sleep).unwrap());
        assert!(cpu_of_all(shell).unwrap() >= cpu_of(sleep).unwrap());
        kill(Pid::from_raw(i32::try_from(sleep).unwrap()), Signal::SIGKILL).unwrap();
    }
}
