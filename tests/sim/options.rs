//! The options of the program.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use umoja_tests::sim::Plan;
use umoja_tests::world::TablesOn;

/// Simulates whole deployments in virtual time with faults of every kind, and checks the guarantees of the design.
#[derive(Parser)]
#[allow(clippy::struct_excessive_bools, reason = "options of a command line")]
#[command(
    name = "sim",
    after_help = "\
Each run is decided by its seed: regions, companies, calls, deliveries, faults and kills. When it ends, all faults are \
repaired, messages stop, and every invariant of the design has to hold. Of a run that fails, the seed, what did not \
hold and the fewest steps that show it are printed; that line can be kept in tests/sim/regressions.jsonl, which is \
done first each time.

Examples:
  sim --runs 20000                     what .ci/long does
  sim --runs 1 --seed 4711             one run again
  sim --runs 500 --store dynamodb      on the AWS adapter and DynamoDB in process
  sim --fed --runs 6000                more than 100,000 events of identity providers
  sim --listed --runs 3000             feeds that are killed at any await, and consumers of their events in any region
  sim --delivered --runs 4000          targets and webhooks with faults, homes that move, processes that are killed
  sim --signed-in --runs 4000          single sign-on: codes, refreshes, thieves, logouts, merges, keys that change
  sim --mutations                      leaves out each rule of the design; every one has to be noticed
  sim --exhaustive                     visits every state of three writes
  sim --partition-hours 48 --writes 10000
                                       two regions apart for two days: how long until they are equal, and what it costs
  sim --replay failed.jsonl            runs from a file, one JSON object a line

Exit codes: 0 all held; 1 something did not, or a rule that was left out was not noticed; 2 the command cannot be done.

It needs no network, no AWS account and no files."
)]
pub(crate) struct Options {
    /// The number of runs.
    #[arg(long, default_value_t = 1000)]
    pub(crate) runs: u64,
    /// The seed of the first run. The next runs have the following numbers.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// The store of the tables. By default `local`, and `dynamodb` in every 50th run.
    #[arg(long)]
    pub(crate) store: Option<Store>,
    /// Providers post most of what happens, and the workers that apply it are often killed.
    #[arg(long)]
    pub(crate) fed: bool,
    /// Feeds make events in every region, and companies list them in any region, with one cursor each.
    #[arg(long, conflicts_with = "fed")]
    pub(crate) listed: bool,
    /// Regions provision users into targets and post events to webhooks, which are out, slow, or lose answers.
    #[arg(long, conflicts_with_all = ["fed", "listed"])]
    pub(crate) delivered: bool,
    /// Persons sign in to clients, and codes, refreshes and logouts meet any region.
    #[arg(long, conflicts_with_all = ["fed", "listed", "delivered"])]
    pub(crate) signed_in: bool,
    /// The number of threads, each of which does whole runs. By default the number of processors.
    #[arg(long)]
    pub(crate) threads: Option<usize>,
    /// Ends after this number of seconds, whatever the number of runs.
    #[arg(long)]
    pub(crate) seconds: Option<u64>,
    /// Instead of runs: visits every state that three regions, two users and one address can get into with three
    /// writes; with `deeper` also with four writes and any clocks, which takes minutes more.
    #[arg(long, value_name = "DEPTH", num_args = 0..=1, default_missing_value = "full")]
    pub(crate) exhaustive: Option<Depth>,
    /// Disables the rules of the design one by one, and expects each to be detected within `--within` runs.
    #[arg(long)]
    pub(crate) mutations: bool,
    /// With `--mutations`: only the rule of this name.
    #[arg(long, value_name = "NAME", requires = "mutations")]
    pub(crate) rule: Option<String>,
    /// The number of runs within which a disabled rule must be detected.
    #[arg(long, default_value_t = 400)]
    pub(crate) within: u64,
    /// Does the runs of a file (or of standard input, with `-`) instead of generating them from seeds.
    #[arg(long)]
    pub(crate) replay: Option<PathBuf>,
    /// Instead of runs: two regions are cut off from each other for this number of simulated hours, and both write.
    #[arg(long)]
    pub(crate) partition_hours: Option<u64>,
    /// The number of writes that each side does while it is cut off.
    #[arg(long, default_value_t = 10_000)]
    pub(crate) writes: u64,
    /// Prints how often each operation met each fault.
    #[arg(long)]
    pub(crate) coverage: bool,
    /// Prints the results as JSON, one object a line.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How far to search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Depth {
    /// What each change has to pass.
    Full,
    /// The searches that take minutes, too.
    Deeper,
}

/// The store of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Store {
    /// The local adapter in memory.
    Local,
    /// The AWS adapter over DynamoDB in process.
    Dynamodb,
}

impl Store {
    pub(crate) const fn tables(self) -> TablesOn {
        match self {
            Self::Local => TablesOn::Local,
            Self::Dynamodb => TablesOn::DynamoDb,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Dynamodb => "dynamodb",
        }
    }
}

/// One of this number of runs uses DynamoDB.
const SHARE: u64 = 50;

impl Options {
    /// The run of a seed.
    pub(crate) fn plan(&self, seed: u64) -> Plan {
        match (self.fed, self.listed, self.delivered, self.signed_in) {
            (true, ..) => Plan::fed(seed),
            (_, true, ..) => Plan::listed(seed),
            (_, _, true, _) => Plan::delivered(seed),
            (.., true) => Plan::signed_in(seed),
            _ => Plan::of(seed),
        }
    }

    /// The store of the tables in the run of a seed.
    pub(crate) fn store_of(&self, seed: u64) -> Store {
        self.store.unwrap_or(if seed % SHARE == SHARE - 1 { Store::Dynamodb } else { Store::Local })
    }

    /// The number of threads.
    pub(crate) fn threads(&self) -> usize {
        self.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(2, std::num::NonZero::get)).max(1)
    }
}
