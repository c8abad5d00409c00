//! What can be asked for.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use umoja_tests::world::TablesOn;

/// Simulates whole deployments in virtual time, with everything going wrong that can, and checks what was promised.
#[derive(Parser)]
#[command(
    name = "sim",
    after_help = "\
Each run is decided by its seed: regions, companies, calls, deliveries, faults and kills. When it ends, all faults are \
mended, messages stop, and every invariant of the design has to hold. Of a run that fails, the seed, what did not \
hold and the fewest steps that show it are printed; that line can be kept in tests/sim/regressions.jsonl, which is \
done first each time.

Examples:
  sim --runs 20000                     what .ci/long does
  sim --runs 1 --seed 4711             one run again
  sim --runs 500 --store dynamodb      on the AWS adapter and DynamoDB in process
  sim --mutations                      leaves out each rule of the design; every one has to be noticed
  sim --partition-hours 48 --writes 10000
                                       two regions apart for two days: how long until they are equal, and what it costs
  sim --replay failed.jsonl            runs from a file, one JSON object a line

Exit codes: 0 all held; 1 something did not, or a rule that was left out was not noticed; 2 the command cannot be done.

It needs no network, no AWS account and no files."
)]
pub(crate) struct Options {
    /// How many runs.
    #[arg(long, default_value_t = 1000)]
    pub(crate) runs: u64,
    /// The seed of the first run; the next have the following numbers.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// What keeps the tables; without it, mostly `local`, and `dynamodb` in every 50th run.
    #[arg(long)]
    pub(crate) store: Option<Store>,
    /// Threads; each does whole runs. As many as there are processors by default.
    #[arg(long)]
    pub(crate) threads: Option<usize>,
    /// Ends after so many seconds, however many runs that were.
    #[arg(long)]
    pub(crate) seconds: Option<u64>,
    /// Leaves out one rule of the design after the other, and expects to see each within `--within` runs.
    #[arg(long)]
    pub(crate) mutations: bool,
    /// How many runs may pass before a rule that was left out is noticed.
    #[arg(long, default_value_t = 200)]
    pub(crate) within: u64,
    /// Does the runs of a file (or of standard input, with `-`) instead of making them from seeds.
    #[arg(long)]
    pub(crate) replay: Option<PathBuf>,
    /// Instead of runs: two regions are cut off from each other for so many simulated hours, and both write.
    #[arg(long)]
    pub(crate) partition_hours: Option<u64>,
    /// How many writes each side does while it is cut off.
    #[arg(long, default_value_t = 10_000)]
    pub(crate) writes: u64,
    /// Prints which operation met which fault how often.
    #[arg(long)]
    pub(crate) coverage: bool,
    /// Results as JSON, one object a line.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What keeps the tables.
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

/// Every so many runs one is on DynamoDB.
const SHARE: u64 = 50;

impl Options {
    /// What keeps the tables of a seed's run.
    pub(crate) fn store_of(&self, seed: u64) -> Store {
        self.store.unwrap_or(if seed % SHARE == SHARE - 1 { Store::Dynamodb } else { Store::Local })
    }

    /// How many threads.
    pub(crate) fn threads(&self) -> usize {
        self.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(2, std::num::NonZero::get)).max(1)
    }
}
