//! Feeds and companies that list events, between the steps of a run.

use super::draws::Draws;
use super::{COMPANIES, Job, Plan, Step, Task};

fn task(draws: &mut Draws) -> Task {
    let at = draws.below(4);
    let job = if draws.below(3) == 0 {
        Job::List { at, company: draws.below(COMPANIES) }
    } else {
        Job::Feed { at, take: draws.below(4), again: draws.below(4), new: draws.below(3) == 0 }
    };
    let killed = (draws.below(3) == 0).then(|| draws.below(60));
    Task { job, late: draws.below(8), killed }
}

/// The plan with more steps. An attacker's changes are left out: what a region reports may then be newer than what is left.
pub(super) fn between(plan: Plan) -> Plan {
    let mut draws = Draws::new(plan.seed ^ 0x6c69_7374_6564);
    let forgets = (draws.below(3) == 0).then_some(plan.steps.len() / 2);
    let mut steps = Vec::with_capacity(3 * plan.steps.len());
    for (number, step) in plan.steps.into_iter().enumerate() {
        if matches!(step, Step::Tamper { .. }) {
            continue;
        }
        steps.push(step);
        for _ in 0..draws.below(3) {
            let tasks = (0..=draws.below(2)).map(|_| task(&mut draws)).collect();
            steps.push(Step::Run(tasks));
        }
        if forgets == Some(number) {
            let (at, company) = (draws.below(4), draws.below(COMPANIES));
            let alone = |job| Step::Run(vec![Task { job, late: 0, killed: None }]);
            steps.extend([
                alone(Job::Feed { at, take: 0, again: 0, new: true }),
                alone(Job::List { at, company }),
                Step::Forget { at },
            ]);
        }
    }
    Plan { steps, ..plan }
}
