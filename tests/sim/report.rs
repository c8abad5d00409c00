//! The output of the program.

use std::time::Duration;

use serde_json::json;
use umoja_tests::sim::coverage::{OPERATIONS, faults, possible};
use umoja_tests::sim::regressions;
use umoja_tests::sim::shrink::shrink;
use umoja_tests::sim::{Coverage, Failure, Plan, Runner};

use crate::options::{Options, Store};
use crate::total::Total;

#[allow(clippy::cast_precision_loss, reason = "more digits are not needed")]
const fn number(count: u64) -> f64 {
    count as f64
}

fn per_second(count: u64, took: Duration) -> f64 {
    number(count) / took.as_secs_f64()
}

pub(crate) fn progress(done: u64, all: u64, took: Duration) {
    let rate = per_second(done, took);
    let left = number(all.saturating_sub(done)) / rate;
    eprintln!("{done} of {all} runs, {rate:.0} a second, {left:.0} s left");
}

pub(crate) fn total(options: &Options, total: &Total) {
    let runs: u64 = total.runs.values().sum();
    let rate = per_second(runs, total.took);
    let missing = total.coverage.missing();
    if options.json {
        let table: Vec<_> = OPERATIONS
            .into_iter()
            .flat_map(|operation| faults().into_iter().map(move |fault| (operation, fault)))
            .map(|(operation, fault)| (operation, fault, total.coverage.count(operation, fault)))
            .filter(|(_, _, count)| *count > 0)
            .map(|(operation, fault, count)| json!({ "operation": operation, "fault": fault, "steps": count }))
            .collect();
        println!(
            "{}",
            json!({
                "runs": total.runs,
                "steps": total.steps,
                "events": total.coverage.events,
                "sign_on": sign_on(total),
                "seconds": total.took.as_secs_f64(),
                "runs_per_second": rate,
                "held": total.failed.is_none(),
                "coverage": table,
                "never_met": missing.iter().map(|(operation, fault)| format!("{operation}: {fault}")).collect::<Vec<_>>(),
            })
        );
        return;
    }
    let stores: Vec<String> = total.runs.iter().map(|(store, runs)| format!("{runs} on {store}")).collect();
    let (steps, seconds) = (total.steps, total.took.as_secs_f64());
    println!("{runs} runs ({}), {steps} steps, {seconds:.1} s, {rate:.0} runs a second", stores.join(", "));
    let (events, killed) = (total.coverage.events, total.coverage.count("ingest", "killed"));
    println!("{events} events of providers were acknowledged, {killed} runs of their workers were killed");
    if options.signed_in {
        let signed = total.coverage.signed;
        println!(
            "{} families began, {} refreshes were answered, {} stolen families ended everywhere, {} honest ones were valid \
             everywhere at the end, 0 honest ones were ended",
            signed.families, signed.refreshes, signed.stolen, signed.honest
        );
    }
    if options.coverage {
        print!("{}", table(&total.coverage));
    }
    if options.fed || options.signed_in {
        return;
    }
    let possible =
        OPERATIONS.iter().map(|operation| faults().iter().filter(|fault| possible(operation, fault)).count());
    let possible: usize = possible.sum();
    println!("{} of {possible} pairs of operation and fault were met", possible - missing.len());
    for operation in OPERATIONS {
        let faults: Vec<_> = missing.iter().filter(|(other, _)| *other == operation).map(|(_, fault)| *fault).collect();
        if !faults.is_empty() {
            println!("  {operation} never met: {}", faults.join(", "));
        }
    }
}

fn sign_on(total: &Total) -> serde_json::Value {
    let signed = total.coverage.signed;
    json!({
        "families": signed.families, "refreshes": signed.refreshes, "stolen": signed.stolen, "honest": signed.honest,
    })
}

/// The number of steps in which each operation met each fault.
fn table(coverage: &Coverage) -> String {
    let row = |name: &str, cells: Vec<String>| {
        let cells = cells.into_iter().map(|cell| format!("{cell:>13}")).collect::<Vec<_>>().concat();
        format!("{name:24}{cells}\n")
    };
    let mut text = row("", OPERATIONS.map(str::to_owned).to_vec());
    for fault in faults() {
        let cells = OPERATIONS.map(|operation| match coverage.count(operation, fault) {
            0 if !possible(operation, fault) => "-".to_owned(),
            count => count.to_string(),
        });
        text += &row(fault, cells.to_vec());
    }
    text
}

/// A failed run, and the fewest steps that fail in the same way.
pub(crate) fn failure(options: &Options, name: &str, plan: &Plan, store: Store, failure: &Failure) {
    if !options.json {
        println!("{name} on {} failed: {}", store.name(), failure.reason);
        println!("shrinking ...");
    }
    let Some(shrunk) = shrink(&Runner::new(store.tables(), None), plan) else {
        println!("{name} did not fail again: its result depends on something outside its plan");
        return;
    };
    if options.json {
        let (reason, shrunk_reason) = (&failure.reason, &shrunk.failure.reason);
        let plan = serde_json::to_value(&shrunk.plan).expect("a plan is JSON");
        println!(
            "{}",
            json!({ "failed": name, "store": store.name(), "reason": reason, "shrunk": plan, "shrunk_reason": shrunk_reason })
        );
        return;
    }
    println!("{} steps are left after {} runs: {}", shrunk.plan.steps.len(), shrunk.runs, shrunk.failure.reason);
    for step in &shrunk.plan.steps {
        println!("  {}", serde_json::to_string(step).expect("a step is JSON"));
    }
    println!("to keep it, describe the bug in this line of tests/sim/regressions.jsonl:");
    println!("{}", regressions::line(&shrunk.plan, "?"));
}
