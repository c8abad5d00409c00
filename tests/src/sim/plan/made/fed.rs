//! Providers in runs generated from seeds.

use proptest::prelude::*;

use super::parts::{maybe, replicated, some_identifier, trouble, user};
use crate::sim::plan::{Event, Job, SOURCES, Says, Service, Step, Task};

/// The number of different times of the provider. There are few, so that events have the same one.
const TIMES: u8 = 8;

fn at() -> impl Strategy<Value = u8> {
    0..4u8
}

fn says() -> impl Strategy<Value = Says> {
    let state = (some_identifier(0.8), some_identifier(0.2), maybe(0.7), prop::option::weighted(0.3, maybe(0.6)));
    prop_oneof![
        6 => state.prop_map(|(email, phone, verified, active)| Says::State { email, phone, verified, active }),
        2 => Just(Says::Suspended),
        2 => Just(Says::Activated),
        1 => Just(Says::Deleted),
        1 => Just(Says::PasswordChanged),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    (0..TIMES, says()).prop_map(|(time, says)| Event { time, says })
}

/// A provider posts an event, or a region applies those in its queue.
pub(super) fn job() -> impl Strategy<Value = Job> {
    prop_oneof![
        3 => (at(), 0..SOURCES, user(), event()).prop_map(|(at, source, user, event)| Job::Post { at, source, user, event }),
        2 => at().prop_map(|at| Job::Ingest { at }),
    ]
}

/// What happens between two events. A worker is killed with these odds.
fn between(killed: f64) -> impl Strategy<Value = Vec<Step>> {
    let ingest = move || (at(), prop::option::weighted(killed, 0..80u8));
    let ingest =
        move || ingest().prop_map(|(at, killed)| Step::Run(vec![Task { job: Job::Ingest { at }, late: 0, killed }]));
    prop_oneof![
        3 => Just(Vec::new()),
        6 => ingest().prop_map(|step| vec![step]),
        2 => Just(vec![Step::Round]),
        1 => at().prop_map(|at| vec![replicated(at)]),
        1 => at().prop_map(|at| vec![Step::Purge { at, service: Service::Ingest }]),
        1 => at().prop_map(|at| vec![Step::Twice { at, service: Service::Ingest }]),
        1 => (at(), trouble(), ingest()).prop_map(|(at, trouble, step)| {
            vec![Step::Next { at, service: Service::Ingest, trouble, calls: 1 }, step]
        }),
        // Two workers of a region.
        1 => (at(), 0..12u8).prop_map(|(at, late)| {
            let task = |late| Task { job: Job::Ingest { at }, late, killed: None };
            vec![Step::Run(vec![task(0), task(late)])]
        }),
    ]
}

/// A region accepts and applies an event, while a service that this needs does not answer as usual.
pub(super) fn disturbed() -> impl Strategy<Value = Vec<Step>> {
    let service = prop_oneof![
        Just(Service::Tables),
        Just(Service::Kms),
        Just(Service::KmsLinks),
        Just(Service::Links),
        Just(Service::Ingest)
    ];
    let trouble = (service, trouble(), 1..4u8, any::<bool>());
    (at(), 0..SOURCES, user(), event(), trouble).prop_map(
        |(at, source, user, event, (service, trouble, calls, first))| {
            let run = |job| Step::Run(vec![Task { job, late: 0, killed: None }]);
            let mut steps = vec![run(Job::Post { at, source, user, event }), run(Job::Ingest { at })];
            steps.insert(usize::from(!first), Step::Next { at, service, trouble, calls });
            steps
        },
    )
}

/// A provider posts events about one user in any order, some of them several times and to several regions. The workers
/// meanwhile are killed with these odds.
pub(super) fn scene(killed: f64) -> impl Strategy<Value = Vec<Step>> {
    let posted = (at(), 0..3usize, between(killed), prop::option::weighted(0.15, 0..12u8));
    (0..SOURCES, user(), prop::collection::vec(event(), 3), prop::collection::vec(posted, 2..6)).prop_map(
        |(source, user, events, posted)| {
            let steps = posted.into_iter().flat_map(|(at, event, between, killed)| {
                let job = Job::Post { at, source, user, event: events[event] };
                std::iter::once(Step::Run(vec![Task { job, late: 0, killed }])).chain(between)
            });
            steps.collect()
        },
    )
}
