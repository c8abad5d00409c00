//! Measures Umoja: `cargo run --release -p umoja-benches`. The figures are in `docs/benchmarks.md`.
//!
//! The measured server is `umoja serve` itself, in its own process. This program starts itself under the name `umoja`
//! and then is the command line, so that no other program has to be built or found.

mod clock;
mod company;
mod crypto;
mod deliveries;
mod descriptors;
mod enumeration;
mod error;
mod figure;
mod floor;
mod floors;
mod hash;
mod http_load;
mod import;
mod ingest;
mod load;
mod pages;
mod peer;
mod peers;
mod proofs;
mod replication;
mod scale;
mod server;
mod sign_on;
mod sink;
mod stage;
mod storm;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use crate::error::BenchError;
use crate::figure::Report;

/// What to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// Everything except the peers.
    All,
    /// Sealing, signatures, blind indexes, proofs.
    Crypto,
    /// Both argon2id engines.
    Hash,
    /// Requests over HTTP, and their cost for the server.
    Http,
    /// Look-ups and logins beside their floors, which the same run measures.
    Floors,
    /// From a write in one region until it is readable in another.
    Replication,
    /// Whether the time of a rejected login reveals that a user exists.
    Enumeration,
    /// Far more logins than can be hashed, and a few of another company.
    Storm,
    /// Logins beside those of peers, which `benches/peers/run` installs.
    Peers,
    /// Rates, memory and start with few and with many users.
    Scale,
    /// Events of a source, until both regions have their users.
    Ingest,
    /// Accounts at targets, and what targets cost a login and each other.
    Deliveries,
    /// Status pages that are open: what they cost the server, and how soon they show a change.
    Pages,
    /// Single sign-on: the protocol, logins, and what passes between the regions; beside peers, if
    /// `benches/peers/run sign-on` installs them.
    SignOn,
    /// Importing users with legacy hashes.
    Import,
}

/// Measures Umoja, and reports which limits are met.
#[derive(Debug, Parser)]
#[command(name = "umoja-bench", version, max_term_width = 100)]
#[command(after_help = "Examples:
  cargo run --release -p umoja-benches
  cargo run --release -p umoja-benches -- http --json")]
struct Bench {
    /// What to measure.
    #[arg(value_enum, default_value = "all")]
    what: What,
    /// Measure just enough to show that everything is measured; the figures mean nothing.
    #[arg(long)]
    quick: bool,
    /// The number of users to import [default: 100000].
    #[arg(long, value_name = "N")]
    users: Option<usize>,
    /// The number of status pages that are open at once [default: 10000].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=50_000))]
    pages: Option<u16>,
    /// Print one JSON document, for programs.
    #[arg(long)]
    json: bool,
    /// Another build of this program or of `umoja`, whose `umoja serve` is measured in place of this one's.
    #[arg(long, value_name = "PROGRAM")]
    server: Option<PathBuf>,
    /// A program that starts a peer (`benches/src/peer.rs`).
    #[arg(long = "peer", value_name = "NAME=PROGRAM")]
    peers: Vec<peer::Spec>,
    /// A note for the report.
    #[arg(long = "note", value_name = "NAME=TEXT", value_parser = pair)]
    notes: Vec<(String, String)>,
    /// The directory for the measured deployments, which are removed afterwards [default: the system's directory for
    /// temporary files].
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

fn main() -> ExitCode {
    match std::env::args_os().next().as_ref().and_then(|name| name.to_str()) {
        Some(server::NAME) => return umoja_cli::main(),
        Some(floor::NAME) => return floor::main(),
        _ => {}
    }
    let bench = Bench::parse();
    let mut report = Report::new(bench.json, bench.quick);
    match bench.run(&mut report) {
        Ok(()) => {
            report.end();
            ExitCode::SUCCESS
        }
        Err(error) => {
            if matches!(error, BenchError::Missing(_)) {
                report.end();
            }
            // If this fails, the error cannot be reported.
            let _ = writeln!(std::io::stderr(), "umoja-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Splits at the first `=`.
fn pair(text: &str) -> Result<(String, String), &'static str> {
    let (name, text) = text.split_once('=').ok_or("there is no =")?;
    Ok((name.to_owned(), text.to_owned()))
}

impl Bench {
    fn run(&self, report: &mut Report) -> Result<(), BenchError> {
        let is_wanted = |what: What| self.what == What::All || self.what == what;
        for (name, text) in &self.notes {
            report.note(name, text);
        }
        if let Some(program) = &self.server {
            server::measure_other(program.clone());
        }
        let dir = self.dir.clone().unwrap_or_else(std::env::temp_dir);
        if is_wanted(What::Crypto) {
            crypto::measure(report, self.quick)?;
            proofs::measure(report, self.quick)?;
        }
        if is_wanted(What::Hash) {
            hash::measure(report, self.quick)?;
        }
        if is_wanted(What::Http) {
            http_load::measure(report, &dir, self.quick)?;
        }
        if is_wanted(What::Floors) {
            floors::measure(report, &dir, self.quick)?;
        }
        if is_wanted(What::Enumeration) {
            enumeration::measure(report, &dir, self.quick)?;
        }
        if is_wanted(What::Storm) {
            storm::measure(report, &dir, self.quick)?;
        }
        if is_wanted(What::Replication) {
            replication::measure(report, &dir, self.quick)?;
        }
        if is_wanted(What::Scale) {
            scale::measure(report, &dir, self.quick)?;
        }
        if is_wanted(What::Ingest) {
            ingest::measure(report, &dir, self.quick)?;
        }
        if is_wanted(What::Deliveries) {
            deliveries::measure(report, &dir, self.quick)?;
        }
        if is_wanted(What::Pages) {
            let open = self.pages.unwrap_or(if self.quick { 20 } else { 10_000 });
            pages::measure(report, &dir, open.into(), self.quick)?;
        }
        if is_wanted(What::SignOn) {
            sign_on::measure(report, &dir, &self.peers, self.quick)?;
        }
        if is_wanted(What::Import) {
            let users = self.users.unwrap_or(if self.quick { 200 } else { 100_000 });
            import::measure(report, &dir, users)?;
        }
        if self.what == What::Peers {
            peers::measure(report, &dir, &self.peers, self.quick)?;
        }
        Ok(())
    }
}
