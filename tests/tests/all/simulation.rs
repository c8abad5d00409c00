//! A taste of the simulation, for whoever runs the tests; CI does far more (`cargo run -p umoja-tests --bin sim`).

use umoja_tests::sim::regressions;
use umoja_tests::sim::{Plan, Rule, Runner};
use umoja_tests::world::TablesOn;

/// Long enough to meet most things, short enough without optimisation.
const RUNS: u64 = 50;

#[test]
fn the_first_fifty_seeds_hold() {
    let runner = Runner::new(TablesOn::Local, None);
    for seed in 0..RUNS {
        let run = runner.run(&Plan::of(seed));
        assert!(run.is_ok(), "seed {seed}: {run:?}; `sim --runs 1 --seed {seed}` shrinks it");
    }
}

#[test]
fn a_seed_decides_its_run() {
    let runner = Runner::new(TablesOn::Local, None);
    for seed in [3, 1000] {
        assert_eq!(Plan::of(seed), Plan::of(seed));
        let [first, second] = [0; 2].map(|_| runner.run(&Plan::of(seed)).map(|coverage| coverage.total()));
        assert_eq!(first, second);
    }
}

#[test]
fn every_bug_that_was_found_stays_mended_on_both_adapters() {
    for kept in regressions::all().expect("the file can be read") {
        for tables in [TablesOn::Local, TablesOn::DynamoDb] {
            let run = Runner::new(tables, None).run(&kept.plan);
            assert!(run.is_ok(), "{}: {run:?}", kept.what);
        }
    }
}

#[test]
fn a_rule_that_is_left_out_is_noticed() {
    let runner = Runner::new(TablesOn::Local, Some(Rule::Loop));
    assert!((0..RUNS).any(|seed| runner.run(&Plan::of(seed)).is_err()));
}
