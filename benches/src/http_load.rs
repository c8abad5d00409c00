//! Operations over HTTP with presigned requests: their rate, their latency and their cost for the server. Machines differ by a
//! factor of three, so what a request may cost is a multiple of its floor ([`crate::floors`]).

use std::ops::Range;
use std::path::Path;

use serde_json::{Value, json};
use umoja_cli::Client;
use umoja_crypto::EngineChoice;

use crate::clock::pause;
use crate::company::Shot;
use crate::error::{BenchError, io};
use crate::figure::{Limit, Report, count, median};
use crate::hash::{Hashing, PASSWORD};
use crate::load::{Connections, Volley};
use crate::server::Server;
use crate::stage::Stage;

/// The numbers of connections.
pub(crate) const CONNECTIONS: [usize; 2] = [1, 16];

/// The least share of an authenticate's processor time that is the hash.
const HASH_SHARE: Limit = Limit::AtLeast(0.90);

/// The operation of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Look a user up by e-mail address.
    Lookup,
    /// Change one member of a profile.
    Update,
    /// Check a password, by e-mail address.
    Authenticate,
}

impl Operation {
    /// The last part of its path.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lookup => "lookup",
            Self::Update => "update",
            Self::Authenticate => "authenticate",
        }
    }

    fn body(self, stage: &Stage, number: usize) -> Value {
        match self {
            Self::Lookup => json!({ "email": stage.email(number) }),
            Self::Update => {
                let nickname = format!("nick {number}");
                json!({ "id": stage.id(number), "set": { "profile": { "nickname": nickname } } })
            }
            Self::Authenticate => json!({ "email": stage.email(number), "password": PASSWORD }),
        }
    }

    fn is_right(self, answer: &Value) -> bool {
        let has_user = answer.pointer("/user/email").is_some_and(Value::is_string);
        has_user && (self != Self::Authenticate || answer.get("authenticated") == Some(&json!(true)))
    }
}

/// A region under load: the target of the requests, and the next user.
pub(crate) struct Load<'s> {
    stage: &'s Stage,
    server: &'s Server,
    client: Client,
    next: usize,
    runtime: tokio::runtime::Runtime,
}

/// The times and the cost of a slice of load.
#[derive(Debug, Clone, Default)]
pub(crate) struct Slice {
    /// The latencies of the answers.
    pub(crate) volley: Volley,
    /// The server's processor time, in seconds.
    pub(crate) cpu_secs: f64,
}

impl Slice {
    /// The server's processor time of one request, in microseconds.
    pub(crate) fn cpu_us(&self) -> f64 {
        self.cpu_secs * 1e6 / self.volley.requests()
    }

    /// Adds another slice.
    pub(crate) fn extend(&mut self, other: Slice) {
        self.volley.extend(other.volley);
        self.cpu_secs += other.cpu_secs;
    }
}

impl<'s> Load<'s> {
    /// Load on the first region.
    pub(crate) fn new(stage: &'s Stage, server: &'s Server) -> Result<Self, BenchError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let client = stage.company().client(&stage.urls()[0])?;
        Ok(Self { stage, server, client, next: 0, runtime: runtime.map_err(io("a thread to run on"))? })
    }

    /// Opens connections.
    pub(crate) fn connect(&self, many: usize) -> Result<Connections, BenchError> {
        self.connect_to(&self.stage.urls()[0], many)
    }

    /// Opens connections to another server.
    pub(crate) fn connect_to(&self, url: &str, many: usize) -> Result<Connections, BenchError> {
        self.runtime.block_on(Connections::open(url, many))
    }

    /// What the region answers to a request about the first user.
    pub(crate) fn answer(&self, operation: Operation) -> Result<Value, BenchError> {
        let answer = self.client.call(operation.name(), operation.body(self.stage, 0));
        Ok(self.runtime.block_on(answer)?.body)
    }

    /// Sends presigned requests to another server. Returns its processor time of one of them, in microseconds.
    pub(crate) fn cpu_us_of(
        &mut self,
        other: &Server,
        operation: Operation,
        connections: &mut Connections,
        requests: usize,
    ) -> Result<f64, BenchError> {
        let shots = self.shots(operation, requests)?;
        let before = other.cpu_secs()?;
        self.runtime.block_on(connections.send_all(shots))?;
        Ok((other.cpu_secs()? - before) * 1e6 / count(requests))
    }

    /// Sends presigned requests.
    pub(crate) fn fire(
        &self,
        connections: &mut Connections,
        shots: Vec<Shot>,
        is_right: impl Fn(&Value) -> bool,
    ) -> Result<Volley, BenchError> {
        self.runtime.block_on(connections.fire(shots, &self.client, is_right))
    }

    /// Disables users.
    pub(crate) fn disable(&self, numbers: Range<usize>) -> Result<(), BenchError> {
        for number in numbers {
            let body = json!({ "id": self.stage.id(number), "status": "disabled" });
            self.runtime.block_on(self.client.call("status", body))?;
        }
        Ok(())
    }

    /// Signs requests about one user after the other, and then sends them.
    pub(crate) fn slice(
        &mut self,
        operation: Operation,
        connections: &mut Connections,
        requests: usize,
    ) -> Result<Slice, BenchError> {
        let shots = self.shots(operation, requests)?;
        let before = self.server.cpu_secs()?;
        let fired = connections.fire(shots, &self.client, |answer| operation.is_right(answer));
        let volley = self.runtime.block_on(fired)?;
        Ok(Slice { volley, cpu_secs: self.server.cpu_secs()? - before })
    }

    /// Signs requests about one user after the other.
    fn shots(&mut self, operation: Operation, requests: usize) -> Result<Vec<Shot>, BenchError> {
        let numbers = self.next..self.next + requests;
        self.next = numbers.end;
        let url = &self.stage.urls()[0];
        let shot = |number: usize| {
            // A stride without a common divisor with their number spreads the users over the whole store.
            let number = number.wrapping_mul(7919);
            self.stage.company().shot(url, operation.name(), operation.body(self.stage, number))
        };
        numbers.map(shot).collect()
    }

    /// Several slices together, after one for warming up.
    pub(crate) fn slices(
        &mut self,
        operation: Operation,
        connections: usize,
        slices: usize,
        requests: usize,
    ) -> Result<Slice, BenchError> {
        let mut connections = self.connect(connections)?;
        self.slice(operation, &mut connections, requests.div_ceil(4))?;
        let mut all = Slice::default();
        for _ in 0..slices {
            all.extend(self.slice(operation, &mut connections, requests)?);
        }
        Ok(all)
    }
}

/// Authentications in turns with bare hashing, look-ups and updates. Authentications come first, because the server
/// forgets the ids of requests a minute later and would do that for all the look-ups meanwhile.
pub(crate) fn measure(report: &mut Report, dir: &Path, quick: bool) -> Result<(), BenchError> {
    let users = if quick { 20 } else { 1_000 };
    report.group("http", &format!("through HTTP to `umoja serve` with two regions and {users} users"));
    let stage = Stage::with_users(dir, users)?;
    let server = Server::start(stage.path(), stage.urls())?;
    let mut load = Load::new(&stage, &server)?;
    idle(report, &server, quick)?;
    authenticate(report, &mut load, quick)?;
    report.add("memory after authentications", server.memory_mb()?, "MB");
    let (slices, requests) = if quick { (1, 20) } else { (10, 4_000) };
    for connections in CONNECTIONS {
        let all = load.slices(Operation::Lookup, connections, slices, requests)?;
        add(report, "lookup", connections, &all);
        report.add(format!("lookup, {}: server CPU", of(connections)), all.cpu_us(), "us");
    }
    for connections in CONNECTIONS {
        let all = load.slices(Operation::Update, connections, slices, requests / 4)?;
        add(report, "update", connections, &all);
        report.add(format!("update, {}: server CPU, both regions", of(connections)), all.cpu_us(), "us");
    }
    report.add("memory after all load", server.memory_mb()?, "MB");
    server.stop()
}

/// A number of connections in words.
pub(crate) fn of(connections: usize) -> String {
    if connections == 1 { "1 connection".into() } else { format!("{connections} connections") }
}

fn add(report: &mut Report, name: &str, connections: usize, all: &Slice) {
    let name = format!("{name}, {}", of(connections));
    report.add(format!("{name}: rate"), all.volley.rate(), "1/s");
    report.add(format!("{name}: p50"), all.volley.percentile(0.50), "ms");
    report.add(format!("{name}: p99"), all.volley.percentile(0.99), "ms");
}

/// The server's work without requests.
fn idle(report: &mut Report, server: &Server, quick: bool) -> Result<(), BenchError> {
    let secs: u32 = if quick { 1 } else { 10 };
    let before = server.cpu_secs()?;
    pause(u64::from(secs) * 1000);
    report.add("server CPU while idle", (server.cpu_secs()? - before) * 1000.0 / f64::from(secs), "ms/s");
    Ok(())
}

/// Short slices of bare hashing and of load in turns, so that other load of the machine affects both. One connection is
/// compared with one hashing thread. 16 connections, which keep both of the server's hashing threads busy on two cores,
/// are compared with one thread for each core.
fn authenticate(report: &mut Report, load: &mut Load<'_>, quick: bool) -> Result<(), BenchError> {
    let hashing = Hashing::new(EngineChoice::Auto)?;
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let (rounds, each) = if quick { (1, 4) } else { (40, 32) };
    let mut sides = CONNECTIONS.map(|connections| (connections, if connections == 1 { 1 } else { cores }, Vec::new()));
    let mut open = CONNECTIONS.into_iter().map(|many| load.connect(many)).collect::<Result<Vec<_>, _>>()?;
    // The first hash of each thread allocates its memory.
    hashing.slice(cores, 2)?;
    for connections in &mut open {
        load.slice(Operation::Authenticate, connections, each)?;
    }
    for _ in 0..rounds {
        for ((_, threads, pairs), connections) in sides.iter_mut().zip(&mut open) {
            let bare = hashing.slice(*threads, each / *threads)?;
            pairs.push((bare, load.slice(Operation::Authenticate, connections, each)?));
        }
    }
    for (connections, threads, pairs) in sides {
        let name = format!("authenticate, {}", of(connections));
        let mut all = Slice::default();
        for (_, slice) in &pairs {
            all.extend(slice.clone());
        }
        add(report, "authenticate", connections, &all);
        let paired = |figure: fn(f64, f64) -> f64| {
            median(&pairs.iter().map(|(bare, slice)| figure(bare.cpu_ms * 1000.0, slice.cpu_us())).collect::<Vec<_>>())
        };
        report.add(format!("{name}: server CPU"), paired(|_, request| request), "us");
        report.add(format!("{name}: CPU of a bare hash, {threads} thread(s)"), paired(|bare, _| bare), "us");
        report.judge(format!("{name}: bare hash / server CPU"), paired(|bare, request| bare / request), "", HASH_SHARE);
        report.add(format!("{name}: server CPU but the hash"), paired(|bare, request| request - bare), "us");
        let bound = median(&pairs.iter().map(|(bare, _)| bare.rate).collect::<Vec<_>>());
        report.add(format!("{name}: rate / rate of bare hashing"), all.volley.rate() / bound, "");
    }
    Ok(())
}
