//! Single sign-on of Umoja and of peers: the same protocol, the same load, in turns.

mod flow;
mod pages;
mod regions;
mod umoja;

use std::path::Path;

use umoja_crypto::EngineChoice;

use self::flow::{Browser, Known, Operation};
use self::umoja::Deployed;
use crate::error::{BenchError, io};
use crate::figure::{Limit, Report, count, median};
use crate::hash::{Hashing, Slice};
use crate::load::Volley;
use crate::peer::{Peer, Spec, cpu_of_all};

/// The most server CPU of a sign-on with a session, in microseconds: the authorization request and the redeeming of its code.
const SIGN_ON_ES256: Limit = Limit::AtMost(700.0);
/// The same with the two signatures of RS256.
const SIGN_ON_RS256: Limit = Limit::AtMost(2_000.0);
/// The most server CPU of a refresh, in microseconds.
const REFRESH: Limit = Limit::AtMost(350.0);
/// The most server CPU of a token for a client itself, in microseconds.
const CLIENT: Limit = Limit::AtMost(200.0);
/// The most server CPU of asking for the keys that one has already, in microseconds.
const KEYS: Limit = Limit::AtMost(40.0);
/// The least share of the server CPU of a whole login that is its hash.
const LOGINS: Limit = Limit::AtLeast(0.80);

/// The size of the measurement.
#[derive(Debug, Clone, Copy)]
struct Plan {
    rounds: usize,
    each: usize,
    logins: usize,
    crossings: usize,
    pages: usize,
}

/// A measured provider.
struct Provider {
    name: String,
    process: u32,
    known: Known,
    url: String,
    measured: Vec<(Operation, Volley, f64)>,
}

/// Measures the protocol, logins, and what passes between the regions. Peers that do not start are noted, and are an error at the end.
pub(crate) fn measure(report: &mut Report, dir: &Path, peers: &[Spec], quick: bool) -> Result<(), BenchError> {
    let plan = if quick {
        Plan { rounds: 1, each: 4, logins: 4, crossings: 10, pages: 10 }
    } else {
        Plan { rounds: 12, each: 100, logins: 240, crossings: 500, pages: 1_000 }
    };
    let title = format!(
        "one connection, {} rounds of {} of each; Umoja with two regions in one process",
        plan.rounds, plan.each
    );
    report.group("sign-on", &title);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(io("a thread to run on"))?;
    let deployed = Deployed::start(dir)?;
    let known = runtime.block_on(deployed.known())?;
    let mut providers = vec![Provider::new("umoja", deployed.process(), deployed.url(), known)];
    let (mut running, mut missing) = (Vec::new(), Vec::new());
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    for spec in peers {
        match Peer::start(spec, dir, 1, cores).and_then(|peer| Ok((peer.ready()?, peer))) {
            Ok((known, peer)) => {
                report.note(spec.name.clone(), peer.versions());
                providers.push(Provider::new(&spec.name, peer.id(), peer.url(), known));
                running.push(peer);
            }
            Err(error) => {
                report.note(spec.name.clone(), format!("NOT MEASURED: {error}"));
                missing.push(spec.name.clone());
            }
        }
    }
    for provider in &mut providers {
        // The first requests of each are slow.
        runtime.block_on(provider.slice(plan.each / 4 + 1))?;
        provider.measured.clear();
    }
    for _ in 0..plan.rounds {
        for provider in &mut providers {
            runtime.block_on(provider.slice(plan.each))?;
        }
    }
    for provider in &providers {
        provider.report(report);
    }
    logins(report, &deployed, &runtime, plan)?;
    runtime.block_on(regions::measure(report, &deployed, plan.crossings))?;
    runtime.block_on(pages::measure(report, &deployed, plan.pages))?;
    deployed.stop()?;
    if missing.is_empty() { Ok(()) } else { Err(BenchError::Missing(missing.join(", "))) }
}

impl Provider {
    fn new(name: &str, process: u32, url: &str, known: Known) -> Self {
        Self { name: name.to_owned(), process, known, url: url.to_owned(), measured: Vec::new() }
    }

    /// Every operation that the provider has, some times.
    async fn slice(&mut self, each: usize) -> Result<(), BenchError> {
        for operation in self.known.operations() {
            let mut browser = Browser::open(&self.url, &self.known).await?;
            let prepared = browser.prepare(operation, each).await.map_err(|error| self.failed(operation, error))?;
            let before = cpu_of_all(self.process)?;
            let volley = browser.run(operation, prepared).await.map_err(|error| self.failed(operation, error))?;
            let cpu_secs = cpu_of_all(self.process)? - before;
            match self.measured.iter_mut().find(|(known, ..)| *known == operation) {
                Some((_, all, cpu)) => {
                    all.extend(volley);
                    *cpu += cpu_secs;
                }
                None => self.measured.push((operation, volley, cpu_secs)),
            }
        }
        Ok(())
    }

    fn failed(&self, operation: Operation, error: BenchError) -> BenchError {
        BenchError::Of(format!("{}: {}", self.name, operation.name()), Box::new(error))
    }

    fn report(&self, report: &mut Report) {
        for (operation, volley, cpu_secs) in &self.measured {
            let cpu_us = cpu_secs * 1e6 / volley.requests();
            let name = format!("{}: {}: server CPU", self.name, operation.name());
            match operation.limit().filter(|_| self.name == "umoja") {
                Some(limit) => report.judge(name, cpu_us, "us", limit),
                None => report.add(name, cpu_us, "us"),
            }
            report.add(format!("{}: {}: p50", self.name, operation.name()), volley.percentile(0.50), "ms");
        }
    }
}

impl Operation {
    fn limit(self) -> Option<Limit> {
        match self {
            Self::SignOn("ES256") => Some(SIGN_ON_ES256),
            Self::SignOn("RS256") => Some(SIGN_ON_RS256),
            Self::SignOn(_) => None,
            Self::Refresh => Some(REFRESH),
            Self::Client => Some(CLIENT),
            Self::Keys => Some(KEYS),
        }
    }
}

/// Whole logins with a password: the page, its form, the code, the tokens. Beside bare hashing, in turns. The share of the bound is one of
/// CPU, as that of an `authenticate` is: what sends the requests shares the cores, and would be counted as the server's.
fn logins(
    report: &mut Report,
    deployed: &Deployed,
    runtime: &tokio::runtime::Runtime,
    plan: Plan,
) -> Result<(), BenchError> {
    let hashing = Hashing::new(EngineChoice::Auto)?;
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let (mut bare, mut rates, mut cpu_ms) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..plan.rounds.min(6) {
        bare.push(hashing.slice(cores, plan.logins.div_ceil(cores))?);
        let known = runtime.block_on(deployed.unknown())?;
        let before = cpu_of_all(deployed.process())?;
        rates.push(runtime.block_on(deployed.logins(&known, plan.logins))?);
        cpu_ms.push((cpu_of_all(deployed.process())? - before) * 1000.0 / count(plan.logins));
    }
    let of = |field: fn(&Slice) -> f64| median(&bare.iter().map(field).collect::<Vec<_>>());
    let (hash, login) = (of(|slice| slice.cpu_ms), median(&cpu_ms));
    report.add(format!("bare argon2id, {cores} threads: CPU of a hash"), hash, "ms");
    report.add(format!("umoja: whole logins, {} connections: server CPU", umoja::CLIENTS), login, "ms");
    report.judge("umoja: whole logins: share of the bound", hash / login, "", LOGINS);
    report.add(format!("bare argon2id, {cores} threads: rate"), of(|slice| slice.rate), "1/s");
    report.add("umoja: whole logins, beside what sends them", median(&rates), "1/s");
    report.add("umoja: whole logins measured", count(plan.logins * plan.rounds.min(6)), "");
    Ok(())
}
