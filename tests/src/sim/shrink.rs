//! Shrinks a failed run to the fewest steps that fail in the same way (Zeller and Hildebrandt, "Simplifying and
//! Isolating Failure-Inducing Input", 2002, without its complements: a run is cheap).

use super::plan::{Plan, Step};
use super::run::{Failure, Runner};

/// A shrunk run.
#[derive(Debug, Clone)]
pub struct Shrunk {
    /// The remaining steps.
    pub plan: Plan,
    /// Their failure.
    pub failure: Failure,
    /// The number of runs that the search took.
    pub runs: usize,
}

/// Removes and simplifies steps as long as the run fails in the same way. `None` if the run does not fail.
pub fn shrink(runner: &Runner, plan: &Plan) -> Option<Shrunk> {
    let failure = runner.run(plan).err()?;
    let mut best = Shrunk { plan: plan.clone(), failure, runs: 1 };
    loop {
        let before = best.plan.clone();
        let mut size = best.plan.steps.len().div_ceil(2);
        while size > 0 {
            let mut from = 0;
            while from < best.plan.steps.len() {
                let mut plan = best.plan.clone();
                plan.steps.drain(from..(from + size).min(plan.steps.len()));
                if !best.takes(runner, plan) {
                    from += size;
                }
            }
            size /= 2;
        }
        for at in 0..best.plan.steps.len() {
            for simpler in simpler(&best.plan.steps[at]) {
                let mut plan = best.plan.clone();
                plan.steps[at] = simpler;
                best.takes(runner, plan);
            }
        }
        if best.plan.regions > 2 {
            let plan = Plan { regions: best.plan.regions - 1, ..best.plan.clone() };
            best.takes(runner, plan);
        }
        if best.plan == before {
            return Some(best);
        }
    }
}

impl Shrunk {
    /// Accepts a smaller run if it fails in the same way.
    fn takes(&mut self, runner: &Runner, plan: Plan) -> bool {
        self.runs += 1;
        match runner.run(&plan) {
            Err(failure) if failure.kind() == self.failure.kind() => {
                (self.plan, self.failure) = (plan, failure);
                true
            }
            _ => false,
        }
    }
}

/// Simpler steps: without one task, with a task that is not killed, or with a task that begins immediately.
fn simpler(step: &Step) -> Vec<Step> {
    let Step::Run(tasks) = step else { return Vec::new() };
    let mut all = Vec::new();
    for at in 0..tasks.len() {
        if tasks.len() > 1 {
            let mut fewer = tasks.clone();
            fewer.remove(at);
            all.push(Step::Run(fewer));
        }
        for (late, killed) in [(0, tasks[at].killed), (tasks[at].late, None)] {
            let mut plainer = tasks.clone();
            (plainer[at].late, plainer[at].killed) = (late, killed);
            if plainer != *tasks {
                all.push(Step::Run(plainer));
            }
        }
    }
    all
}
