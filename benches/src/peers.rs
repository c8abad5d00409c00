//! Password logins of Umoja and of peers: the same hash, the same load, in turns.

use std::path::Path;

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::{Value, json};
use umoja_cli::Client;
use umoja_cli::client::Raw;
use umoja_cli::credentials::Signed;
use umoja_crypto::EngineChoice;

use crate::error::{BenchError, io};
use crate::figure::{Report, count};
use crate::hash::{Hashing, PASSWORD};
use crate::load::{Connections, Volley, unexpected};
use crate::peer::{Peer, Spec, cpu_of_all, memory_of_all};
use crate::server::Server;
use crate::stage::Stage;

/// The beginning of a PHC string with the parameters of `umoja serve`.
const PARAMS: &str = "$argon2id$v=19$m=19456,t=2,p=1$";

/// Connections, each with one login in progress.
const CLIENTS: usize = 8;

/// The size of the measurement.
struct Plan {
    users: usize,
    rounds: usize,
    slice_secs: f64,
}

/// What a peer says of its logins.
#[derive(Deserialize)]
struct Logins {
    /// The path to which they are posted.
    path: String,
    /// The hash of a user.
    stored: String,
}

impl Logins {
    /// Those of a peer that hashes as `umoja serve` does.
    fn of(peer: &Peer) -> Result<Self, BenchError> {
        let logins: Self = peer.ready()?;
        if logins.stored.starts_with(PARAMS) {
            Ok(logins)
        } else {
            Err(BenchError::Peer("its hashes have other parameters".into()))
        }
    }
}

/// A measured system.
struct Target {
    name: String,
    /// The process that all of its processes descend from.
    process: u32,
    url: String,
    login: Login,
    /// The user of the next login.
    next: usize,
    volley: Volley,
    cpu_secs: f64,
    memory_mib: f64,
}

/// The protocol of a login.
enum Login {
    /// Signed, as every request to Umoja is, and answered with a signature.
    Signed(Box<Client>),
    /// JSON, posted to a path.
    Plain(String),
}

/// Measures the peers. Peers that do not start are noted, and are an error at the end.
pub(crate) fn measure(report: &mut Report, dir: &Path, peers: &[Spec], quick: bool) -> Result<(), BenchError> {
    let plan = if quick {
        Plan { users: 20, rounds: 1, slice_secs: 0.5 }
    } else {
        Plan { users: 200, rounds: 8, slice_secs: 5.0 }
    };
    let Plan { users, rounds, slice_secs } = plan;
    report.group(
        "peers",
        &format!("logins with {CLIENTS} connections and {users} users, {rounds} rounds of slices of {slice_secs} s"),
    );
    report.note("umoja", env!("CARGO_PKG_VERSION"));
    let stage = Stage::with_users(dir, users)?;
    let server = Server::start(stage.path(), stage.urls())?;
    let client = stage.company().client(&stage.urls()[0])?;
    let mut targets = vec![Target::new("umoja", server.id(), &stage.urls()[0], Login::Signed(Box::new(client)))];
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let mut missing = Vec::new();
    let mut running = Vec::new();
    for spec in peers {
        let started = Peer::start(spec, dir, users, cores).and_then(|peer| Ok((Logins::of(&peer)?, peer)));
        match started {
            Ok((logins, peer)) => {
                report.note(spec.name.clone(), peer.versions());
                targets.push(Target::new(&spec.name, peer.id(), peer.url(), Login::Plain(logins.path)));
                running.push(peer);
            }
            Err(error) => {
                report.note(spec.name.clone(), format!("NOT MEASURED: {error}"));
                missing.push(spec.name.clone());
            }
        }
    }
    rounds_of(report, &mut targets, &stage, &plan, cores)?;
    server.stop()?;
    if missing.is_empty() { Ok(()) } else { Err(BenchError::Missing(missing.join(", "))) }
}

/// Slices of bare hashing and of each system's logins in turns, so that other load of the machine affects all.
fn rounds_of(
    report: &mut Report,
    targets: &mut [Target],
    stage: &Stage,
    plan: &Plan,
    cores: usize,
) -> Result<(), BenchError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(io("a thread to run on"))?;
    let hashing = Hashing::new(EngineChoice::Auto)?;
    // The first hash of each thread allocates its memory, and the first logins of each system are slow.
    hashing.slice(cores, 2)?;
    let mut rate = hashing.slice(cores, 8)?.rate;
    for target in &mut *targets {
        runtime.block_on(target.slice(stage, plan.slice_secs / 4.0, rate)).map_err(|error| target.failed(error))?;
        target.volley = Volley::default();
        (target.cpu_secs, target.memory_mib) = (0.0, 0.0);
    }
    let (mut hashes, mut secs, mut cpu_ms) = (0.0, 0.0, 0.0);
    for _ in 0..plan.rounds {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of hashes")]
        let each = (rate * plan.slice_secs / count(cores)).ceil() as usize;
        let slice = hashing.slice(cores, each.max(1))?;
        rate = slice.rate;
        let made = count(each.max(1) * cores);
        (hashes, secs, cpu_ms) = (hashes + made, secs + made / slice.rate, cpu_ms + slice.cpu_ms * made);
        for target in &mut *targets {
            runtime.block_on(target.slice(stage, plan.slice_secs, rate)).map_err(|error| target.failed(error))?;
        }
    }
    let bound = hashes / secs;
    report.add(format!("bare argon2id, {cores} threads: rate, the bound"), bound, "1/s");
    report.add(format!("bare argon2id, {cores} threads: CPU of a hash"), cpu_ms / hashes, "ms");
    for Target { name, volley, cpu_secs, memory_mib, .. } in targets {
        report.add(format!("{name}: logins"), volley.rate(), "1/s");
        report.add(format!("{name}: p50"), volley.percentile(0.50), "ms");
        report.add(format!("{name}: p99"), volley.percentile(0.99), "ms");
        report.add(format!("{name}: server CPU of a login"), *cpu_secs * 1000.0 / volley.requests(), "ms");
        report.add(format!("{name}: most memory after a slice"), *memory_mib, "MiB");
        report.add(format!("{name}: share of the bound"), volley.rate() / bound, "");
    }
    Ok(())
}

impl Target {
    fn new(name: &str, process: u32, url: &str, login: Login) -> Self {
        let (name, url, volley) = (name.to_owned(), url.to_owned(), Volley::default());
        Self { name, process, url, login, next: 0, volley, cpu_secs: 0.0, memory_mib: 0.0 }
    }

    fn failed(&self, error: BenchError) -> BenchError {
        BenchError::Of(self.name.clone(), Box::new(error))
    }

    /// Logs one user in after the other over new connections for a while, and checks every answer afterwards. No system
    /// may exceed twice `rate`, because the requests are made before.
    async fn slice(&mut self, stage: &Stage, secs: f64, rate: f64) -> Result<(), BenchError> {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of requests")]
        let enough = (rate * secs * 2.0) as usize + CLIENTS;
        let logins = (self.next..self.next + enough).map(|number| {
            // With a stride without a common divisor with the number of users, consecutive logins are far apart on
            // disk.
            let email = stage.email(number.wrapping_mul(7919));
            let (request, signed) = self.request(stage, &email)?;
            Ok((request, (email, signed)))
        });
        let logins = logins.collect::<Result<Vec<_>, BenchError>>()?;
        let mut connections = Connections::open(&self.url, CLIENTS).await?;
        let before = cpu_of_all(self.process)?;
        let (volley, answers) = connections.fire_for(secs, logins).await?;
        self.cpu_secs += cpu_of_all(self.process)? - before;
        self.memory_mib = self.memory_mib.max(memory_of_all(self.process)?);
        self.next += answers.len();
        for ((email, signed), raw) in answers {
            self.check(&email, signed, &raw).await?;
        }
        self.volley.extend(volley);
        Ok(())
    }

    fn request(&self, stage: &Stage, email: &str) -> Result<(Request<Full<Bytes>>, Option<Signed>), BenchError> {
        let body = json!({ "email": email, "password": PASSWORD });
        match &self.login {
            Login::Signed(_) => {
                let shot = stage.company().shot(&self.url, "authenticate", body)?;
                Ok((shot.request, Some(shot.signed)))
            }
            Login::Plain(path) => {
                let request = Request::builder()
                    .method(Method::POST)
                    .uri(path)
                    .header(header::HOST, self.url.trim_start_matches("http://"))
                    .header(header::CONTENT_TYPE, "application/json")
                    .body(Full::new(Bytes::from(body.to_string())));
                Ok((request.map_err(|_| BenchError::Broken("a request"))?, None))
            }
        }
    }

    /// Whether the answer is for this user.
    async fn check(&self, email: &str, signed: Option<Signed>, raw: &Raw) -> Result<(), BenchError> {
        let answer: Value = match (&self.login, signed) {
            (Login::Signed(client), Some(signed)) => client.verify(&signed, raw).await?.body,
            _ => serde_json::from_slice(&raw.body).map_err(|_| unexpected(raw))?,
        };
        let is_user = answer.pointer("/user/email").and_then(Value::as_str) == Some(email);
        let is_rejected = answer.get("authenticated").is_some_and(|authenticated| authenticated != true);
        if is_user && !is_rejected { Ok(()) } else { Err(unexpected(raw)) }
    }
}
