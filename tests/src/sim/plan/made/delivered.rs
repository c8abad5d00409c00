//! Targets and webhooks, between the steps of a run.

use super::draws::Draws;
use super::parts::{called, verified};
use super::{Call, Job, Plan, Step, Task};
use crate::sim::plan::{IDENTIFIERS, Mishap, REMOTES, Service, TARGETS, Trouble, USERS};

/// One run of this number has many removals at one target.
const REMOVING: u8 = 8;

fn alone(job: Job) -> Step {
    Step::Run(vec![Task { job, late: 0, killed: None }])
}

fn ring(at: u8) -> Step {
    alone(Job::Ring { at, take: 0, again: 0, new: false })
}

fn deliver(at: u8) -> Step {
    alone(Job::Deliver { at, new: false })
}

fn status(at: u8, company: u8, user: u8, active: bool) -> Step {
    called(at, company, user, Call::Status { active, idk: false })
}

fn mishap(draws: &mut Draws) -> Mishap {
    match draws.below(9) {
        0 | 1 => Mishap::RequestLost,
        2..=4 => Mishap::AnswerLost,
        5 => Mishap::Slow,
        6 => Mishap::Failing,
        7 => Mishap::Busy,
        _ => Mishap::Unauthorized,
    }
}

fn task(draws: &mut Draws) -> Task {
    let (at, new) = (draws.below(4), draws.below(4) == 0);
    let job = match draws.below(12) {
        0 => Job::Feed { at, take: 0, again: draws.below(3), new },
        1..=4 => Job::Ring { at, take: draws.below(6), again: draws.below(4), new },
        5..=8 => Job::Deliver { at, new },
        9 | 10 => Job::Hook { at, new },
        _ => Job::Provision { at, target: draws.below(TARGETS), user: draws.below(USERS) },
    };
    let killed = (draws.below(3) == 0).then(|| draws.below(120));
    Task { job, late: draws.below(8), killed }
}

fn disturbance(draws: &mut Draws) -> Step {
    let remote = draws.below(REMOTES);
    match draws.below(12) {
        0..=4 => Step::Remote { remote, mishap: mishap(draws), calls: 1 + draws.below(4) },
        5 => Step::RemoteDown { remote, down: true },
        6 => Step::RemoteDown { remote, down: false },
        7 => Step::Foreign { target: 0, email: draws.below(IDENTIFIERS) },
        8 => Step::Move { remote, to: draws.below(4) },
        9 => {
            let trouble = [Trouble::RequestLost, Trouble::AnswerLost, Trouble::Throttled][usize::from(draws.below(3))];
            Step::Next { at: draws.below(4), service: Service::Due, trouble, calls: 1 + draws.below(3) }
        }
        _ => Step::Wait { ms: 5_000 << draws.below(8) },
    }
}

/// A user is changed, a delivery of that ends somehow, and the change is undone before the next delivery.
fn undone(draws: &mut Draws) -> Vec<Step> {
    let (remote, user, at, company) = (draws.below(TARGETS), draws.below(2), draws.below(4), draws.below(2));
    let mut steps = vec![Step::Round];
    steps.extend((0..3).flat_map(|at| [ring(at), deliver(at)]));
    steps.extend([status(at, company, user, false), Step::Round]);
    steps.extend((0..3).map(ring));
    let killed = (draws.below(2) == 0).then(|| 20 + draws.below(100));
    if killed.is_none() {
        steps.push(Step::Remote { remote, mishap: Mishap::AnswerLost, calls: 1 });
    }
    steps.extend((0..3).map(|at| Step::Run(vec![Task { job: Job::Deliver { at, new: false }, late: 0, killed }])));
    steps.extend([status(at, company, user, true), Step::Round]);
    steps.extend((0..3).map(ring));
    steps.push(Step::Wait { ms: 120_000 });
    steps.extend((0..3).map(deliver));
    steps
}

/// Two processes of a region deliver at the same time, and the target may be so slow that a lease ends.
fn together(draws: &mut Draws) -> Vec<Step> {
    let (remote, user, at) = (draws.below(TARGETS), draws.below(USERS), draws.below(4));
    let mut steps = vec![status(at, draws.below(2), user, draws.below(2) == 0), Step::Round];
    steps.extend((0..3).map(ring));
    if draws.below(2) == 0 {
        steps.push(Step::Remote { remote, mishap: Mishap::Slow, calls: 1 + draws.below(5) });
    }
    let deliver = |at, late, killed| Task { job: Job::Deliver { at, new: true }, late, killed };
    for at in 0..3 {
        let killed = (draws.below(4) == 0).then(|| draws.below(120));
        steps.push(Step::Run(vec![deliver(at, 0, None), deliver(at, draws.below(20), killed)]));
    }
    steps
}

/// A user is suspended again and again, more often than a target may lose accounts in an hour.
fn removing() -> Vec<Step> {
    let mut steps = vec![called(0, 0, 0, verified(0)), ring(0), deliver(0)];
    for _ in 0..24 {
        for active in [false, true] {
            steps.extend([Step::Wait { ms: 2_000 }, status(0, 0, 0, active), ring(0), deliver(0)]);
        }
    }
    steps
}

/// The plan with more steps. An attacker's changes are left out, because their repair is another one's test.
pub(super) fn between(plan: Plan) -> Plan {
    let mut draws = Draws::new(plan.seed ^ 0x0064_656c_6976_6572);
    let is_removing = draws.below(REMOVING) == 0;
    let mut steps = if is_removing { removing() } else { Vec::new() };
    for step in plan.steps {
        if matches!(step, Step::Tamper { .. }) || is_removing && matches!(step, Step::Skew { .. }) {
            continue;
        }
        steps.push(step);
        for _ in 0..draws.below(4) {
            let tasks = (0..=draws.below(2)).map(|_| task(&mut draws)).collect();
            steps.push(Step::Run(tasks));
            if draws.below(3) == 0 {
                let disturbance = disturbance(&mut draws);
                if !is_removing || !matches!(disturbance, Step::Move { .. }) {
                    steps.push(disturbance);
                }
            }
        }
        match draws.below(20) {
            0 => steps.extend(undone(&mut draws)),
            1 => steps.extend(together(&mut draws)),
            _ => {}
        }
    }
    Plan { steps, ..plan }
}
