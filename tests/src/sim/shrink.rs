//! From a run that fails to the fewest steps that fail in the same way.

use proptest::strategy::ValueTree as _;

use super::plan::{Plan, tree};
use super::run::{Failure, Runner};

/// A failing run, shrunk.
#[derive(Debug, Clone)]
pub struct Shrunk {
    /// The steps that are left.
    pub plan: Plan,
    /// How they fail.
    pub failure: Failure,
    /// How many runs it took to find them.
    pub runs: usize,
}

/// Leaves out and simplifies steps of a seed's run for as long as it fails in the same way; nothing if it does not fail.
/// Gives what it has after `most` runs.
pub fn shrink(runner: &Runner, seed: u64, most: usize) -> Option<Shrunk> {
    let mut tree = tree(seed);
    let mut best = Shrunk { failure: runner.run(&tree.current()).err()?, plan: tree.current(), runs: 1 };
    let mut going = tree.simplify();
    while going && best.runs < most {
        let plan = tree.current();
        best.runs += 1;
        match runner.run(&plan) {
            Err(failure) if failure.kind() == best.failure.kind() => {
                (best.plan, best.failure) = (plan, failure);
                going = tree.simplify();
            }
            _ => going = tree.complicate(),
        }
    }
    Some(best)
}
