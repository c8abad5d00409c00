//! `cargo run --release -p umoja-tests --features aws --bin sim`: the simulation, for people and for CI.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

mod exhaustive;
mod mutations;
mod options;
mod partition;
mod replay;
mod report;
mod runs;
mod total;

use std::process::ExitCode;

use clap::Parser as _;

use options::Options;
use umoja_tests::sim::Rule;

fn main() -> ExitCode {
    let options = Options::parse();
    if let Some(hours) = options.partition_hours {
        partition::heals(&options, hours);
        return ExitCode::SUCCESS;
    }
    // A failed run panics and is reported with its seed.
    std::panic::set_hook(Box::new(|_| {}));
    match done(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

/// True if no run failed.
fn done(options: &Options) -> Result<bool, String> {
    if let Some(depth) = options.exhaustive {
        return Ok(exhaustive::holds(options, depth));
    }
    if let Some(name) = options.rule.as_ref().filter(|name| Rule::ALL.iter().all(|rule| rule.name() != **name)) {
        return Err(format!("there is no rule {name}"));
    }
    if options.mutations {
        return Ok(mutations::all_are_seen(options));
    }
    if !replay::hold(options)? {
        return Ok(false);
    }
    if options.replay.is_some() {
        return Ok(true);
    }
    Ok(runs::hold(options))
}
