//! The operator's work in runs generated from seeds.

use proptest::prelude::*;

use super::parts::{call, called, maybe, replicated, trouble, user, verified, write};
use crate::sim::plan::{By, COMPANIES, Call, IDENTIFIERS, Job, Service, Set, Step, Task, Work};

fn at() -> impl Strategy<Value = u8> {
    0..4u8
}

fn work() -> impl Strategy<Value = Work> {
    prop_oneof![
        3 => Just(Work::IndexKey),
        1 => Just(Work::SigningKey),
        1 => Just(Work::Reencrypt),
        1 => Just(Work::ProofKey),
    ]
}

/// Some work on keys, or an instance that reads its result.
pub(super) fn job() -> impl Strategy<Value = Job> {
    prop_oneof![
        3 => (at(), work()).prop_map(|(at, work)| Job::Operate { at, work }),
        1 => at().prop_map(|at| Job::Reload { at }),
    ]
}

fn alone(job: Job) -> Step {
    Step::Run(vec![Task { job, late: 0, killed: None }])
}

/// A look-up by an identifier.
fn looked_up() -> impl Strategy<Value = Vec<Step>> {
    let by = prop_oneof![3 => (0..IDENTIFIERS).prop_map(By::Email), 1 => (0..IDENTIFIERS).prop_map(By::Phone)];
    (at(), 0..COMPANIES, by).prop_map(|(at, company, by)| {
        let call = Call::Lookup { by, min_version: false };
        vec![called(at, company, 0, call)]
    })
}

/// The work, or a reading of the settings, while a service is down.
fn disturbed(work: Work) -> impl Strategy<Value = Vec<Step>> {
    let service = prop_oneof![
        3 => Just(Service::Tables),
        2 => Just(Service::Kms),
        1 => Just(Service::KmsLinks),
        1 => Just(Service::ProofKms),
        1 => Just(Service::Links),
        1 => Just(Service::Repairs),
    ];
    (at(), service, prop::option::weighted(0.7, trouble()), maybe(0.8)).prop_map(
        move |(at, service, trouble, operates)| {
            let job = alone(if operates { Job::Operate { at, work } } else { Job::Reload { at } });
            let down = |down| Step::Down { at, service, down };
            match trouble {
                Some(trouble) => vec![Step::Next { at, service, trouble, calls: 1 }, job],
                None => vec![down(true), job, down(false)],
            }
        },
    )
}

/// The steps during a rotation of keys: mostly the rotation, and calls that depend on it.
fn meanwhile(work: Work) -> impl Strategy<Value = Vec<Step>> {
    let operate = move |at, late, killed| Task { job: Job::Operate { at, work }, late, killed };
    prop_oneof![
        6 => at().prop_map(move |at| vec![Step::Run(vec![operate(at, 0, None)])]),
        3 => Just(vec![Step::Round]),
        2 => at().prop_map(|at| vec![replicated(at)]),
        3 => at().prop_map(|at| vec![alone(Job::Reload { at })]),
        4 => (at(), 0..COMPANIES, user(), call())
            .prop_map(|(at, company, user, call)| vec![called(at, company, user, call)]),
        3 => looked_up(),
        // A call is in progress when the next step begins.
        3 => (at(), at(), 0..COMPANIES, user(), write(), 0..24u8).prop_map(
            move |(at, other, company, user, call, late)| {
                let call = Task { job: Job::Call { at: other, company, user, call }, late: 0, killed: None };
                vec![Step::Run(vec![operate(at, late, None), call])]
            }
        ),
        2 => (at(), 0..120u8).prop_map(move |(at, killed)| vec![Step::Run(vec![operate(at, 0, Some(killed))])]),
        2 => disturbed(work),
    ]
}

/// An instance that has not read the new index key writes a user, and this write is in flight when the old key is
/// dropped.
fn on_its_way() -> impl Strategy<Value = Vec<Step>> {
    (1..4u8, user(), 0..IDENTIFIERS, prop_oneof![3 => Just(1u8), 1 => 0..3u8]).prop_map(|(at, user, email, take)| {
        let operate = || alone(Job::Operate { at: 0, work: Work::IndexKey });
        let edit = Call::Update { set: Set::Nickname, if_version: false, idk: false };
        let found = |email| called(0, 0, user, Call::Lookup { by: By::Email(email), min_version: false });
        let steps = vec![
            called(0, 0, user, verified(email)),
            Step::Round,
            operate(),
            called(at, 0, user, edit),
            operate(),
            replicated(0),
            operate(),
            alone(Job::Reload { at: 0 }),
            alone(Job::Replicate { at, take, again: 0, order: 0 }),
        ];
        steps.into_iter().chain((0..IDENTIFIERS).map(found)).chain([Step::Round]).collect()
    })
}

/// Keys are rotated, or a KMS key is replaced, while all other work continues.
pub(super) fn scene() -> impl Strategy<Value = Vec<Step>> {
    let rotated = |work| {
        let steps = prop::collection::vec(meanwhile(work), 4..14);
        steps.prop_map(move |steps| {
            let published = alone(Job::Operate { at: 0, work });
            std::iter::once(published).chain(steps.into_iter().flatten()).collect::<Vec<_>>()
        })
    };
    let replaced = (at(), prop::collection::vec(meanwhile(Work::Reencrypt), 3..8)).prop_map(|(at, steps)| {
        // The re-encrypted parts are those of the region.
        let moved = |mut task: Task| {
            if matches!(task.job, Job::Operate { .. }) {
                task.job = task.job.moved_to(at);
            }
            task
        };
        let steps = steps.into_iter().flatten().map(|step| match step {
            Step::Run(tasks) => Step::Run(tasks.into_iter().map(moved).collect()),
            other => other,
        });
        let before = [Step::Round, Step::Wait { ms: 61_000 }, Step::Round, Step::Replace { at }];
        before.into_iter().chain(steps).collect::<Vec<_>>()
    });
    prop_oneof![
        4 => rotated(Work::IndexKey),
        1 => rotated(Work::SigningKey),
        2 => rotated(Work::ProofKey),
        2 => replaced,
        4 => on_its_way(),
    ]
}
