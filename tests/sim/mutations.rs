//! Disables the rules of the design one by one, to prove that the simulation detects each missing rule.

use serde_json::json;
use umoja_tests::sim::{Rule, Runner};

use crate::options::{Options, Store};

/// True if each disabled rule was detected in time.
pub(crate) fn all_are_seen(options: &Options) -> bool {
    let mut all = true;
    let wanted = |rule: &Rule| options.rule.as_ref().is_none_or(|name| name == rule.name());
    for rule in Rule::ALL.into_iter().filter(wanted) {
        let runner = Runner::new(options.store.unwrap_or(Store::Local).tables(), Some(rule));
        let seeds = (0..options.within).map(|number| options.seed.wrapping_add(number));
        // A rule counts as detected if a run fails without it and holds with it.
        let whole = Runner::new(runner.tables, None);
        let seen = seeds.enumerate().find_map(|(number, seed)| {
            let plan = rule.plan(seed);
            let failure = runner.run(&plan).err()?;
            whole.run(&plan).is_ok().then_some((number + 1, failure))
        });
        all &= seen.is_some();
        let (runs, reason) = seen.map_or((None, None), |(runs, failure)| (Some(runs), Some(failure.reason)));
        if options.json {
            println!("{}", json!({ "without": rule.name(), "noticed_in_run": runs, "by": reason }));
        } else {
            match (runs, reason) {
                (Some(runs), Some(reason)) => {
                    println!("without {:20} noticed in run {runs:3}: {}", rule.name(), first_line(&reason));
                }
                _ => println!("without {:20} NOT NOTICED in {} runs", rule.name(), options.within),
            }
        }
    }
    all
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(140).collect()
}
