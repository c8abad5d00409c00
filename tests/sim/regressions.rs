//! Bugs that were found, each as the fewest steps that showed it.

use std::io::Read as _;

use serde::{Deserialize, Serialize};
use umoja_tests::sim::{Plan, Runner};
use umoja_tests::world::TablesOn;

use crate::options::{Options, Store};

/// A line of the file.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// What it was.
    what: String,
    #[serde(flatten)]
    plan: Plan,
}

/// The runs that failed once.
const REGRESSIONS: &str = include_str!("regressions.jsonl");

/// True if each holds, on both adapters unless one is asked for.
pub(crate) fn hold(options: &Options) -> Result<bool, String> {
    let text = match &options.replay {
        None => REGRESSIONS.to_owned(),
        Some(path) if path.as_os_str() == "-" => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map_err(|error| format!("standard input: {error}"))?;
            text
        }
        Some(path) => std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?,
    };
    let mut held = true;
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let kept: Kept = serde_json::from_str(line).map_err(|error| format!("line {}: {error}", number + 1))?;
        for store in [Store::Local, Store::Dynamodb] {
            if options.store.is_none_or(|wanted| wanted == store) {
                let tables = if store == Store::Local { TablesOn::Local } else { TablesOn::DynamoDb };
                if let Err(failure) = Runner::new(tables, None).run(&kept.plan) {
                    held = false;
                    println!("line {} on {}: {} ({})", number + 1, store.name(), failure.reason, kept.what);
                }
            }
        }
    }
    if options.replay.is_some() && held {
        println!("all held");
    }
    Ok(held)
}

/// A failing run as a line of the file.
pub(crate) fn line(plan: &Plan, what: &str) -> String {
    serde_json::to_string(&Kept { what: what.to_owned(), plan: plan.clone() }).expect("a plan is JSON")
}
