//! Single sign-on, between the steps of a run.

use super::draws::Draws;
use super::parts::{called, verified};
use super::{Call, Job, Plan, Step, Task};
use crate::sim::plan::{CLIENTS, Service, Sign, Trouble, USERS};

/// By how many seconds a clock may be wrong: two clocks differ by no more than a refresh allows for.
const SKEW_SECS: u8 = 5;

fn alone(at: u8, user: u8, sign: Sign) -> Step {
    Step::Run(vec![Task { job: Job::Sign { at, user, sign }, late: 0, killed: None }])
}

fn sign(draws: &mut Draws) -> Sign {
    let (client, last) = (draws.below(CLIENTS), draws.below(3));
    match draws.below(36) {
        0..=4 => Sign::In { client },
        5..=9 => Sign::Redeem { code: last },
        10..=17 => Sign::Refresh { family: last, before: draws.below(4) == 0 },
        18 => Sign::Steal { family: last, back: draws.below(2) },
        19..=21 => Sign::Use { family: last },
        22 => Sign::Out { session: last },
        23 => Sign::OutEverywhere,
        24 | 25 => Sign::Consent { client, scope: draws.below(2) },
        26 => Sign::Withdraw { client },
        27 | 28 => Sign::Subject { client },
        29 => Sign::Token,
        30 => Sign::Keys,
        31 => Sign::Rotate,
        35 if draws.below(4) == 0 => Sign::Deaf { answers: 1 + draws.below(3) },
        _ => Sign::Inform,
    }
}

fn task(draws: &mut Draws) -> Task {
    let job = Job::Sign { at: draws.below(4), user: draws.below(USERS - 1), sign: sign(draws) };
    let killed = (draws.below(3) == 0).then(|| draws.below(60));
    Task { job, late: draws.below(8), killed }
}

fn pause(draws: &mut Draws) -> Step {
    Step::Wait { ms: [4_000, 15_000, 29_000, 60_000, 1_300_000][usize::from(draws.below(5))] }
}

/// A thief signs in by the former password where the end of everything has arrived, and the new password has not.
fn by_former_password((a, b): (u8, u8), user: u8, client: u8) -> Vec<Step> {
    // The first record of the change is the credentials, which wait in the retry queue then.
    let lost = Step::Next { at: b, service: Service::Tables, trouble: Trouble::RequestLost, calls: 1 };
    let replicate = |take| {
        let job = Job::Replicate { at: a, take, again: 0, order: 0 };
        Step::Run(vec![Task { job, late: 0, killed: None }])
    };
    vec![
        Step::Round,
        called(a, 0, user, Call::Password { right: true, idk: false }),
        lost,
        replicate(1),
        replicate(0),
        alone(b, user, Sign::In { client }),
        alone(b, user, Sign::Redeem { code: 0 }),
        Step::Round,
    ]
}

/// Steps that are rare by chance.
fn scene(draws: &mut Draws) -> Vec<Step> {
    let (a, b, user, client) = (draws.below(4), draws.below(4), draws.below(2), draws.below(CLIENTS));
    let heard = |draws: &mut Draws| if draws.below(3) > 0 { vec![Step::Round] } else { Vec::new() };
    let started = |draws: &mut Draws| {
        let redeemed = alone(b, user, Sign::Redeem { code: 0 });
        let mut steps = vec![Step::Round, alone(a, user, Sign::In { client }), redeemed];
        steps.extend(heard(draws));
        steps
    };
    let together = |jobs: Vec<(u8, Sign)>, draws: &mut Draws| {
        let task = |(at, sign)| Task { job: Job::Sign { at, user, sign }, late: draws.below(12), killed: None };
        Step::Run(jobs.into_iter().map(task).collect())
    };
    match draws.below(12) {
        // A holder roams, refreshes twice at once, and loses answers.
        0..=2 => {
            let mut steps = started(draws);
            for _ in 0..2 + draws.below(4) {
                let at = draws.below(4);
                let refresh = Sign::Refresh { family: 0, before: false };
                match draws.below(4) {
                    0 => steps.push(together(vec![(at, refresh), (draws.below(4), refresh)], draws)),
                    1 => {
                        let job = Job::Sign { at, user, sign: refresh };
                        steps.push(Step::Run(vec![Task { job, late: 0, killed: Some(draws.below(30)) }]));
                        steps.push(alone(draws.below(4), user, refresh));
                    }
                    2 => {
                        let trouble = Trouble::AnswerLost;
                        steps.push(Step::Next { at, service: Service::Tables, trouble, calls: 1 + draws.below(9) });
                        steps.extend([alone(at, user, refresh), alone(draws.below(4), user, refresh)]);
                    }
                    _ => steps.push(alone(at, user, refresh)),
                }
                steps.extend(heard(draws));
                steps.push(pause(draws));
            }
            steps
        }
        // A code is presented by several at once.
        3 => {
            let redeem = Sign::Redeem { code: 0 };
            let tasks = vec![(a, redeem), (b, redeem), (draws.below(4), redeem)];
            vec![Step::Round, alone(a, user, Sign::In { client }), together(tasks, draws), Step::Round]
        }
        // A thief presents what the holder has used some time ago.
        4 | 5 => {
            let (mut steps, refresh) = (started(draws), Sign::Refresh { family: 0, before: false });
            steps.extend([alone(b, user, refresh), alone(b, user, refresh)]);
            steps.extend(heard(draws));
            steps.push(Step::Wait { ms: 52_000 });
            let steal = Sign::Steal { family: 0, back: draws.below(2) };
            steps.extend([alone(draws.below(4), user, steal), Step::Round]);
            steps.push(alone(draws.below(4), user, Sign::Use { family: 0 }));
            steps
        }
        // A session ends in a region that may not have it yet.
        6 => {
            let out = alone(draws.below(4), user, Sign::Out { session: 0 });
            let mut steps = vec![Step::Round, alone(a, user, Sign::In { client })];
            if draws.below(2) == 0 {
                steps.extend([out, alone(b, user, Sign::Redeem { code: 0 })]);
            } else {
                steps.extend([alone(b, user, Sign::Redeem { code: 0 }), out]);
            }
            steps.extend([Step::Round, alone(b, user, Sign::Use { family: 0 })]);
            steps
        }
        // Two users are merged, and separated again.
        7 => {
            let subject = |at, user| alone(at, user, Sign::Subject { client });
            let mut steps = vec![called(a, 0, 0, verified(0)), called(a, 1, 1, verified(1)), Step::Round];
            steps.extend([subject(a, user), subject(b, 1 - user)].into_iter().take(1 + usize::from(draws.below(2))));
            steps.extend(heard(draws));
            let merge = Call::Merge { other: 1, preview: false, idk: false };
            steps.extend([called(b, 0, 0, merge), Step::Round, subject(a, 0), subject(b, 1)]);
            steps.extend([called(a, 0, 0, Call::Unmerge { idk: false }), Step::Round, subject(b, 0), subject(a, 1)]);
            steps
        }
        // Two regions call a person something at once.
        8 => vec![
            Step::Round,
            alone(a, user, Sign::Subject { client }),
            alone(b, user, Sign::Subject { client }),
            Step::Round,
            alone(b, user, Sign::Subject { client }),
        ],
        // What is withdrawn can be given again.
        9 => {
            let give = |at| alone(at, user, Sign::Consent { client, scope: 0 });
            let subject = |at| alone(at, user, Sign::Subject { client });
            let mut steps = vec![Step::Round, give(a), subject(a), alone(a, user, Sign::Withdraw { client })];
            steps.extend(heard(draws));
            steps.extend([give(b), Step::Round, subject(b)]);
            steps
        }
        10 => by_former_password((a, b), user, client),
        // Tokens are signed while the keys change.
        _ => vec![
            alone(a, user, Sign::Keys),
            alone(b, user, Sign::Keys),
            alone(a, user, Sign::Token),
            alone(a, user, Sign::Rotate),
            alone(a, user, Sign::Token),
            alone(b, user, Sign::Token),
        ],
    }
}

/// The plan with more steps. An attacker's changes are left out, because their repair is another one's test.
pub(super) fn between(plan: Plan) -> Plan {
    let mut draws = Draws::new(plan.seed ^ 0x7369_676e);
    let skew = |at| Step::Skew { at, secs: i16::from(draws.below(2 * SKEW_SECS + 1)) - i16::from(SKEW_SECS) };
    let mut steps: Vec<Step> = (0..plan.regions).map(skew).collect();
    for step in plan.steps {
        if matches!(step, Step::Tamper { .. } | Step::Skew { .. }) {
            continue;
        }
        steps.push(step);
        for _ in 0..draws.below(4) {
            steps.push(Step::Run((0..=draws.below(2)).map(|_| task(&mut draws)).collect()));
            if draws.below(4) == 0 {
                steps.push(pause(&mut draws));
            }
        }
        if draws.below(6) == 0 {
            steps.extend(scene(&mut draws));
        }
    }
    Plan { steps, ..plan }
}
