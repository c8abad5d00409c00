//! Feeds and companies that list events, between the steps of a run.

use super::draws::Draws;
use super::parts::called;
use super::{COMPANIES, Call, Job, Plan, Step, Task};
use crate::sim::plan::{Set, USERS};

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

fn alone(job: Job) -> Step {
    Step::Run(vec![Task { job, late: 0, killed: None }])
}

/// An event waits in a queue while one that was made after it arrives, and a company lists events there.
fn late(draws: &mut Draws) -> Vec<Step> {
    let (at, to, company) = (draws.below(4), draws.below(4), draws.below(COMPANIES));
    let changed = |user| called(at, company, user, Call::Update { set: Set::Nickname, if_version: false, idk: false });
    let sent = || alone(Job::Replicate { at, take: 0, again: 0, order: 0 });
    let made = || [sent(), alone(Job::Feed { at, take: 0, again: 0, new: false })];
    let cut = |cut| Step::Cut { from: at, to, cut };
    let (first, second) = (draws.below(USERS), draws.below(USERS));
    let mut steps = vec![changed(first)];
    steps.extend(made());
    steps.extend([cut(true), sent(), cut(false), changed(second)]);
    steps.extend(made());
    steps.extend([sent(), alone(Job::List { at: to, company })]);
    steps
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
            steps.extend([
                alone(Job::Feed { at, take: 0, again: 0, new: true }),
                alone(Job::List { at, company }),
                Step::Forget { at },
            ]);
        }
    }
    let at = usize::from(draws.below(u8::MAX)) * steps.len() / usize::from(u8::MAX);
    steps.splice(at..at, late(&mut draws));
    Plan { steps, ..plan }
}
