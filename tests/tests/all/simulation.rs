//! A short simulation run. CI runs far more seeds (`cargo run --release -p umoja-tests --features aws --bin sim`).

use std::collections::BTreeSet;

use umoja_tests::operations;
use umoja_tests::sim::plan::{By, Call, Event, Forgery, Job, Mishap, Says, Service, Set, Step, Task, Work};
use umoja_tests::sim::regressions;
use umoja_tests::sim::{Plan, Rule, Runner};
use umoja_tests::world::TablesOn;

/// Long enough for most events, short enough without optimisation.
const RUNS: u64 = 50;

#[test]
fn the_first_fifty_seeds_pass() {
    let runner = Runner::new(TablesOn::Local, None);
    for seed in 0..RUNS {
        let run = runner.run(&Plan::of(seed));
        assert!(run.is_ok(), "seed {seed}: {run:?}; `sim --runs 1 --seed {seed}` shrinks it");
    }
}

#[test]
fn the_first_seeds_with_targets_and_webhooks_pass() {
    let runner = Runner::new(TablesOn::Local, None);
    for seed in 0..RUNS / 3 {
        let run = runner.run(&Plan::delivered(seed));
        assert!(run.is_ok(), "seed {seed}: {run:?}; `sim --delivered --runs 1 --seed {seed}` shrinks it");
    }
}

#[test]
fn every_operation_of_the_api_is_called() {
    let jobs = (0..RUNS).flat_map(|seed| Plan::of(seed).steps).filter_map(|step| match step {
        Step::Run(tasks) => Some(tasks.into_iter().map(|task| task.job)),
        _ => None,
    });
    let calls = jobs.flatten().filter_map(|job| match job {
        Job::Call { call, .. } => call.operation(),
        _ => None,
    });
    assert_eq!(calls.collect::<BTreeSet<_>>(), operations::all().into_iter().collect());
}

#[test]
fn a_seed_determines_its_run() {
    let runner = Runner::new(TablesOn::Local, None);
    for seed in [3, 1000] {
        assert_eq!(Plan::of(seed), Plan::of(seed));
        let [first, second] = [0; 2].map(|_| runner.run(&Plan::of(seed)).map(|coverage| coverage.total()));
        assert_eq!(first, second);
    }
}

#[test]
fn every_bug_that_was_found_stays_fixed_on_both_adapters() {
    for kept in regressions::all().expect("the file is readable") {
        for tables in [
            TablesOn::Local,
            #[cfg(feature = "aws")]
            TablesOn::DynamoDb,
        ] {
            let run = Runner::new(tables, None).run(&kept.plan);
            assert!(run.is_ok(), "{}: {run:?}", kept.what);
        }
    }
}

#[test]
fn a_missing_rule_is_detected() {
    let runner = Runner::new(TablesOn::Local, Some(Rule::Loop));
    assert!((0..RUNS).any(|seed| runner.run(&Plan::of(seed)).is_err()));
}

pub(crate) fn alone(job: Job) -> Step {
    Step::Run(vec![Task { job, late: 0, killed: None }])
}

/// A change with only the old index key is in transit between two regions when the old key could be dropped.
fn rotated() -> Plan {
    let call = |at, call| alone(Job::Call { at, company: 0, user: 0, call });
    let rotate = || alone(Job::Operate { at: 0, work: Work::IndexKey });
    let replicate = |at, take| alone(Job::Replicate { at, take, again: 0, order: 0 });
    let (phone, name, verified, password, idk) = (None, None, true, true, false);
    let steps = vec![
        call(0, Call::Register { email: Some(0), phone, name, verified, password, idk }),
        Step::Round,
        // The key is published, but the second region has not read it.
        rotate(),
        call(1, Call::Update { set: Set::Nickname, if_version: false, idk }),
        // Every profile is re-encrypted where it is.
        rotate(),
        replicate(0, 0),
        // The old key is dropped, unless the rotation counts versions in transit.
        rotate(),
        alone(Job::Reload { at: 0 }),
        replicate(1, 1),
        call(0, Call::Lookup { by: By::Email(0), min_version: false }),
    ];
    Plan { seed: 1, regions: 2, steps }
}

#[test]
fn skipping_a_rotation_proof_loses_a_user() {
    let held = Runner::new(TablesOn::Local, None).run(&rotated());
    assert!(held.is_ok(), "{held:?}");
    let failure = Runner::new(TablesOn::Local, Some(Rule::Arrived)).run(&rotated()).unwrap_err();
    assert!(failure.reason.contains("did not find an existing user"), "{failure:?}");
}

pub(crate) fn called(call: Call) -> Step {
    alone(Job::Call { at: 0, company: 0, user: 0, call })
}

/// A user is registered, and then these calls are made.
fn about_a_user(calls: impl IntoIterator<Item = Call>) -> Plan {
    let (phone, name, verified, password, idk) = (None, None, true, true, false);
    let register = Call::Register { email: Some(0), phone, name, verified, password, idk };
    Plan { seed: 1, regions: 2, steps: [register].into_iter().chain(calls).map(called).collect() }
}

pub(crate) fn fails_only_without(rule: Rule, plan: &Plan) -> String {
    let held = Runner::new(TablesOn::Local, None).run(plan);
    assert!(held.is_ok(), "{held:?}");
    Runner::new(TablesOn::Local, Some(rule)).run(plan).unwrap_err().reason
}

#[test]
fn an_uncounted_comparison_is_detected() {
    let wrong = Call::Authenticate { by: By::Id, right: false };
    let plan = about_a_user(std::iter::repeat_n(wrong, 6));
    assert!(fails_only_without(Rule::Counted, &plan).starts_with("attempts: a password was compared"));
    // Repeated requests are attempts too.
    let wrong = Call::Password { right: false, idk: true };
    let plan = about_a_user([wrong].into_iter().chain(std::iter::repeat_n(Call::Repeat, 5)));
    assert!(fails_only_without(Rule::Counted, &plan).starts_with("attempts: a password was compared"));
}

#[test]
fn an_idempotency_key_that_is_not_withdrawn_is_detected() {
    // Another password would not make it another request, so the reason differs.
    let of_erased = Call::Status { active: true, idk: true };
    let plan = about_a_user([Call::Erase { by: By::Id, idk: false }, of_erased, Call::Repeat, Call::Corrected]);
    assert!(fails_only_without(Rule::Withdrawn, &plan).contains("a rejected request kept its key"));
}

fn set_under_a_key() -> Call {
    Call::Password { right: true, idk: true }
}

#[test]
fn an_uncounted_comparison_by_a_repeated_request_is_detected() {
    let plan = about_a_user([set_under_a_key()].into_iter().chain(std::iter::repeat_n(Call::Guess, 6)));
    assert!(fails_only_without(Rule::Counted, &plan).starts_with("attempts: a password was compared"));
}

#[test]
fn an_answer_from_a_forged_outcome_is_detected() {
    let mut plan = about_a_user([set_under_a_key()]);
    let (phone, name, verified, password, idk) = (None, None, true, true, false);
    let other = Call::Register { email: Some(1), phone, name, verified, password, idk };
    plan.steps.push(alone(Job::Call { at: 0, company: 0, user: 1, call: other }));
    plan.steps.push(Step::Tamper { at: 0, user: 0, forgery: Forgery::Outcome });
    plan.steps.push(called(Call::Repeat));
    assert!(fails_only_without(Rule::Outcomes, &plan).starts_with("13: a request was answered"));
}

#[test]
fn erasures_by_an_identifier_and_their_repeats_hold() {
    let (phone, name, verified, password, idk) = (None, None, true, true, false);
    let register = Call::Register { email: Some(0), phone, name, verified, password, idk };
    let erase = Call::Erase { by: By::Email(0), idk: true };
    let plan = about_a_user([
        erase,
        Call::Repeat,
        register,
        Call::Repeat,
        Call::Lookup { by: By::Email(0), min_version: false },
    ]);
    let held = Runner::new(TablesOn::Local, None).run(&plan);
    assert!(held.is_ok(), "{held:?}");
}

/// A provider posts the state of a user at a time to a region.
fn posted(at: u8, time: u8) -> Step {
    let says = Says::State { email: Some(0), phone: None, verified: true, active: None };
    alone(Job::Post { at, source: 0, user: 0, event: Event { time, says } })
}

pub(crate) fn fed(steps: impl Into<Vec<Step>>) -> Plan {
    Plan { seed: 1, regions: 2, steps: steps.into() }
}

#[test]
fn an_event_that_counts_when_it_comes_is_detected() {
    let plan = fed([posted(0, 5), Step::Round, posted(0, 3), Step::Round]);
    assert!(fails_only_without(Rule::EventOrder, &plan).contains("has the values of"));
}

#[test]
fn an_event_that_another_region_applies_is_detected() {
    let plan = fed([posted(1, 5)]);
    assert!(fails_only_without(Rule::SourceHome, &plan).contains("0 of 1 acknowledged events are at their home"));
}

#[test]
fn an_event_whose_message_is_lost_for_good_is_detected() {
    let plan = fed([posted(0, 5), Step::Purge { at: 0, service: Service::Ingest }]);
    assert!(fails_only_without(Rule::RungAgain, &plan).contains("was not applied"));
}

#[test]
fn a_run_with_events_is_read_as_it_was_written() {
    let plan = fed([posted(0, 5), alone(Job::Ingest { at: 1 })]);
    let read = regressions::read(&regressions::line(&plan, "an example")).unwrap();
    assert_eq!(read.into_iter().map(|kept| kept.plan).collect::<Vec<_>>(), [plan]);
}

#[test]
fn a_reader_of_events_that_passes_over_a_gap_is_detected() {
    let feed = || alone(Job::Feed { at: 0, take: 0, again: 0, new: false });
    let send = || alone(Job::Replicate { at: 0, take: 0, again: 0, order: 0 });
    let cut = |cut| Step::Cut { from: 0, to: 1, cut };
    let (phone, name, verified, password, idk) = (None, None, true, true, false);
    let register = |user| {
        let call = Call::Register { email: Some(user), phone, name, verified, password, idk };
        alone(Job::Call { at: 0, company: 0, user, call })
    };
    // What the first user's events say waits in a queue, and those of the second one arrive.
    let late = [register(0), send(), feed(), cut(true), send(), cut(false)];
    let soon = [register(1), send(), feed(), send(), alone(Job::List { at: 1, company: 0 })];
    let plan = fed(late.into_iter().chain(soon).collect::<Vec<_>>());
    assert!(fails_only_without(Rule::Gaps, &plan).contains("has not the newest"));
}

/// A user of a company with a target, who was rung for in the target's home.
fn rung(then: impl IntoIterator<Item = Step>) -> Plan {
    let (phone, name, verified, password, idk) = (None, None, true, true, false);
    let register = called(Call::Register { email: Some(0), phone, name, verified, password, idk });
    let ring = alone(Job::Ring { at: 0, take: 0, again: 0, new: false });
    fed([register, ring].into_iter().chain(then).collect::<Vec<_>>())
}

fn delivered() -> Step {
    alone(Job::Deliver { at: 0, new: false })
}

#[test]
fn an_account_that_is_adopted_by_its_name_is_detected() {
    let mut plan = rung([delivered()]);
    plan.steps.insert(0, Step::Foreign { target: 0, email: 0 });
    assert!(fails_only_without(Rule::Adoption, &plan).contains("an account was changed that is no user's"));
}

#[test]
fn an_account_that_is_sent_unchanged_is_detected() {
    fails_only_without(Rule::Digest, &rung([delivered()]));
}

#[test]
fn a_move_that_sends_nothing_is_detected() {
    let plan = rung([delivered(), Step::Round, Step::Move { remote: 0, to: 1 }]);
    assert!(fails_only_without(Rule::TargetEpoch, &plan).contains("got nothing of"));
}

#[test]
fn two_deliveries_of_one_account_at_once_are_detected() {
    let ring = || alone(Job::Ring { at: 0, take: 0, again: 0, new: false });
    let deliver = |late| Task { job: Job::Deliver { at: 0, new: true }, late, killed: None };
    let both = |late| {
        let status = called(Call::Status { active: late % 2 == 1, idk: false });
        [status, ring(), Step::Run(vec![deliver(0), deliver(late)])]
    };
    let plan = rung([delivered()].into_iter().chain((0..30).flat_map(both)));
    assert!(fails_only_without(Rule::Lease, &plan).contains("two processes of a region"));
}

#[test]
fn uncounted_removals_are_detected() {
    let status = |active| called(Call::Status { active, idk: false });
    let ring = || alone(Job::Ring { at: 0, take: 0, again: 0, new: false });
    let both = |active| [Step::Wait { ms: 2_000 }, status(active), ring(), delivered()];
    let steps = (0..24).flat_map(|_| [false, true]).flat_map(both);
    let plan = rung([delivered()].into_iter().chain(steps));
    assert!(fails_only_without(Rule::Brake, &plan).contains("accounts in an hour"));
}

#[test]
fn a_change_that_is_undone_before_its_answer_is_known_is_undone_everywhere() {
    let status = |active| called(Call::Status { active, idk: false });
    let ring = || alone(Job::Ring { at: 0, take: 0, again: 0, new: false });
    for lost in [Step::Remote { remote: 0, mishap: Mishap::AnswerLost, calls: 1 }, Step::Wait { ms: 1 }] {
        for killed in (0..60).step_by(4).map(Some).chain([None]) {
            let deliver = Step::Run(vec![Task { job: Job::Deliver { at: 0, new: false }, late: 0, killed }]);
            let undone = [status(false), ring(), lost.clone(), deliver, status(true), ring()];
            let plan = rung([delivered()].into_iter().chain(undone));
            let run = Runner::new(TablesOn::Local, None).run(&plan);
            assert!(run.is_ok(), "{killed:?}: {run:?}");
        }
    }
}
