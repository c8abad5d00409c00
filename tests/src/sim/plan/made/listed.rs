//! Feeds and companies that list events, between the steps of a run.

use super::{COMPANIES, Job, Plan, Step, Task};

/// Draws numbers by Knuth's MMIX generator: any are fine if they are the same each time.
struct Draws(u64);

impl Draws {
    /// A number below `of`.
    fn below(&mut self, of: u8) -> u8 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u8::try_from((self.0 >> 33) % u64::from(of)).unwrap_or_default()
    }

    fn task(&mut self) -> Task {
        let at = self.below(4);
        let job = if self.below(3) == 0 {
            Job::List { at, company: self.below(COMPANIES) }
        } else {
            Job::Feed { at, take: self.below(4), again: self.below(4), new: self.below(3) == 0 }
        };
        let killed = (self.below(3) == 0).then(|| self.below(60));
        Task { job, late: self.below(8), killed }
    }
}

/// The plan with more steps. An attacker's changes are left out: what a region reports may then be newer than what is left.
pub(super) fn between(plan: Plan) -> Plan {
    let mut draws = Draws(plan.seed ^ 0x6c69_7374_6564);
    let forgets = (draws.below(3) == 0).then_some(plan.steps.len() / 2);
    let mut steps = Vec::with_capacity(3 * plan.steps.len());
    for (number, step) in plan.steps.into_iter().enumerate() {
        if matches!(step, Step::Tamper { .. }) {
            continue;
        }
        steps.push(step);
        for _ in 0..draws.below(3) {
            let tasks = (0..=draws.below(2)).map(|_| draws.task()).collect();
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
