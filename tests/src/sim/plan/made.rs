//! Generates runs from seeds.

mod delivered;
mod draws;
mod fed;
mod listed;
mod operated;
mod parts;
mod signed;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use self::parts::{
    again, by, call, called, finish, forgery, guess, identifier, maybe, met, register, rejected, remembered,
    replicated, trouble, user, write,
};
use super::{By, COMPANIES, Call, Job, Plan, Service, Step, Task, Trouble};

fn merged(other: u8) -> Call {
    Call::Merge { other, preview: false, idk: false }
}

fn job() -> impl Strategy<Value = Job> {
    let at = || 0..4u8;
    prop_oneof![
        12 => (at(), 0..COMPANIES, user(), call())
            .prop_map(|(at, company, user, call)| Job::Call { at, company, user, call }),
        6 => (at(), prop_oneof![Just(0u8), 1..6u8], prop_oneof![4 => Just(0u8), 1 => 1..5u8], prop_oneof![3 => Just(0u16), 1 => any::<u16>()])
            .prop_map(|(at, take, again, order)| Job::Replicate { at, take, again, order }),
        2 => (at(), 0..3u8).prop_map(|(at, peer)| Job::Drain { at, peer }),
        2 => at().prop_map(|at| Job::Repair { at }),
        1 => (at(), 0..3u8).prop_map(|(at, peer)| Job::Backfill { at, peer }),
        1 => at().prop_map(|at| Job::AntiEntropy { at }),
        1 => operated::job(),
        3 => fed::job(),
        1 => (at(), user(), 0..2u8).prop_map(|(at, user, key)| Job::Item { at, user, key }),
    ]
}

/// The work that lists or creates missing keys.
fn repairing() -> impl Strategy<Value = Job> {
    prop_oneof![
        2 => Just(Job::Repair { at: 0 }),
        1 => (0..3u8).prop_map(|peer| Job::Backfill { at: 0, peer }),
        1 => Just(Job::AntiEntropy { at: 0 }),
        1 => Just(Job::Replicate { at: 0, take: 0, again: 4, order: 0 }),
    ]
}

fn task() -> impl Strategy<Value = Task> {
    (job(), 0..12u8, prop::option::weighted(0.25, 0..40u8)).prop_map(|(job, late, killed)| Task { job, late, killed })
}

fn alone() -> impl Strategy<Value = Step> {
    (job(), prop::option::weighted(0.1, 0..40u8))
        .prop_map(|(job, killed)| Step::Run(vec![Task { job, late: 0, killed }]))
}

fn service() -> impl Strategy<Value = Service> {
    prop_oneof![
        4 => Just(Service::Tables),
        3 => Just(Service::Kms),
        1 => Just(Service::Requests),
        2 => Just(Service::Retries),
        1 => Just(Service::Repairs),
        1 => Just(Service::Quarantined),
        3 => Just(Service::Links),
        1 => Just(Service::KmsLinks),
        1 => Just(Service::Checkpoints),
        1 => Just(Service::ProofKms),
        1 => Just(Service::Ingest),
    ]
}

fn queue() -> impl Strategy<Value = Service> {
    prop_oneof![Just(Service::Retries), Just(Service::Repairs), Just(Service::Ingest)]
}

fn step() -> impl Strategy<Value = Step> {
    let at = || 0..4u8;
    prop_oneof![
        60 => alone(),
        10 => prop::collection::vec(task(), 2..4).prop_map(Step::Run),
        5 => (at(), service(), maybe(0.6)).prop_map(|(at, service, down)| Step::Down { at, service, down }),
        8 => (at(), service(), trouble(), 1..4u8)
            .prop_map(|(at, service, trouble, calls)| Step::Next { at, service, trouble, calls }),
        4 => (at(), at(), maybe(0.6)).prop_map(|(from, to, cut)| Step::Cut { from, to, cut }),
        2 => (at(), prop_oneof![3 => -600..=600i16, 1 => Just(0i16)]).prop_map(|(at, secs)| Step::Skew { at, secs }),
        4 => prop_oneof![1..50u32, 50..5_000u32, 60_000..1_000_000u32].prop_map(|ms| Step::Wait { ms }),
        1 => (at(), queue()).prop_map(|(at, service)| Step::Purge { at, service }),
        1 => (at(), queue()).prop_map(|(at, service)| Step::Twice { at, service }),
        3 => Just(Step::Round),
        1 => at().prop_map(|at| Step::Trim { at }),
        1 => (at(), maybe(0.7)).prop_map(|(at, newer)| Step::Newer { at, newer }),
        1 => at().prop_map(|at| Step::Replace { at }),
        2 => (at(), user(), forgery()).prop_map(|(at, user, forgery)| Step::Tamper { at, user, forgery }),
    ]
}

/// Sequences of steps that are rare by chance.
fn scene() -> impl Strategy<Value = Vec<Step>> {
    let at = || 0..4u8;
    let writes = || (at(), 0..COMPANIES, write());
    prop_oneof![
        40 => step().prop_map(|step| vec![step]),
        3 => operated::scene(),
        3 => fed::scene(0.3),
        2 => tampered(),
        2 => (at(), user()).prop_flat_map(|(at, user)| remembered(at, user)),
        // Two regions write one user before either receives the other's write.
        4 => (user(), writes(), writes()).prop_map(|(user, (at, company, call), (other, another, second))| {
            vec![Step::Round, called(at, company, user, call), called(other, another, user, second)]
        }),
        // Several functions of a region write one user at the same time.
        2 => (at(), user(), prop::collection::vec((0..COMPANIES, write(), 0..12u8), 2..4)).prop_map(|(at, user, calls)| {
            let task = |(company, call, late)| Task { job: Job::Call { at, company, user, call }, late, killed: None };
            vec![Step::Run(calls.into_iter().map(task).collect())]
        }),
        // Two regions accept one identifier for two users.
        2 => (at(), at(), register(), register()).prop_map(|(at, other, first, second)| {
            vec![called(at, 0, 2, first), called(other, 1, 3, second)]
        }),
        // Two regions merge two users in opposite directions.
        3 => (at(), at(), user(), user()).prop_map(|(at, other, one, two)| {
            vec![Step::Round, called(at, 0, one, merged(two)), called(other, 1, two, merged(one))]
        }),
        // Two users are merged while one of them is written or erased, in the same region or in another.
        4 => (at(), (at(), 0..COMPANIES, prop_oneof![2 => write(), 1 => Just(Call::Erase { by: By::Id, idk: false })]), (user(), user()), any::<bool>(), any::<bool>(), 0..12u8).prop_map(
            |(at, (other, company, call), (one, two), both, at_once, late)| {
                let written = if both { two } else { one };
                // Both run at the same time in one region, so that they interleave.
                let other = if at_once { at } else { other };
                let merging = Job::Call { at, company: 0, user: one, call: merged(two) };
                let writing = Job::Call { at: other, company, user: written, call };
                let tasks = [Task { job: merging, late: 0, killed: None }, Task { job: writing, late, killed: None }];
                let steps = if at_once { vec![Step::Run(tasks.into())] } else { tasks.map(|task| Step::Run(vec![task])).into() };
                std::iter::once(Step::Round).chain(steps).collect()
            }
        ),
        // Two regions register one person by a verified address, or two people who share a verified number.
        2 => (at(), at(), identifier(), 1..4u8).prop_map(|(at, other, number, user)| met([at, other], number, user)),
        // A token of one region is used in another, twice. There may be a write in between, and the messages for the
        // first use may have arrived by then.
        3 => (user(), (at(), 0..COMPANIES), prop::option::weighted(0.3, writes()), prop::collection::vec((at(), finish()), 1..=2), maybe(0.7)).prop_map(
            |(user, (at, company), write, finishes, heard)| {
                let started = called(at, company, user, Call::ResetStart { by: By::Id });
                let written = write.map(|(at, company, call)| called(at, company, user, call));
                let heard = heard.then_some(Step::Round);
                let finished = finishes.into_iter().map(|(at, call)| called(at, company, user, call));
                [started].into_iter().chain(written).chain(heard).chain(finished).collect()
            }
        ),
        // A password is guessed until the user is locked out, also by repeated requests.
        1 => (at(), 0..COMPANIES, user(), prop::collection::vec(guess(), 6..10)).prop_map(|(at, company, user, guesses)| {
            guesses.into_iter().map(|call| called(at, company, user, call)).collect()
        }),
        // A rejected request is repeated and corrected under the same key.
        2 => (at(), 0..COMPANIES, user(), rejected(), prop::collection::vec((at(), again()), 1..4)).prop_map(
            |(at, company, user, first, again)| {
                let first = first.into_iter().map(|call| called(at, company, user, call));
                first.chain(again.into_iter().map(|(at, call)| called(at, company, user, call))).collect()
            }
        ),
        // Another region is asked for a user that was just written.
        2 => (user(), writes(), at(), by()).prop_map(|(user, (at, company, call), other, by)| {
            let lookup = Call::Lookup { by, min_version: true };
            vec![Step::Round, called(at, company, user, call), called(other, company, user, lookup)]
        }),
        // A service is down for the next calls.
        12 => (at(), service(), prop::option::weighted(0.8, trouble()), 1..4u8, prop::collection::vec(job(), 1..=2)).prop_map(
            |(at, service, trouble, calls, jobs)| {
                let disturbed = match trouble {
                    Some(trouble) => Step::Next { at, service, trouble, calls },
                    None => Step::Down { at, service, down: true },
                };
                let jobs = jobs.into_iter().map(|job| Step::Run(vec![Task { job: job.moved_to(at), late: 0, killed: None }]));
                let repaired = trouble.is_none().then_some(Step::Down { at, service, down: false });
                std::iter::once(disturbed).chain(jobs).chain(repaired).collect()
            }
        ),
        // Keys are missing, and the work that looks for them meets faults.
        2 => (user(), writes(), service(), trouble(), repairing()).prop_map(|(user, (at, company, call), service, trouble, job)| {
            vec![
                Step::Next { at, service: Service::KmsLinks, trouble: Trouble::RequestLost, calls: 2 },
                called(at, company, user, call),
                replicated(at),
                Step::Wait { ms: 61_000 },
                Step::Next { at, service, trouble, calls: 1 },
                Step::Run(vec![Task { job: job.moved_to(at), late: 0, killed: None }]),
            ]
        }),
        // A clock goes back, and the earlier writes are quarantined.
        1 => (user(), writes(), trouble(), 1..3u8, any::<bool>()).prop_map(|(user, (at, company, call), trouble, calls, later)| {
            let cut = |down| Step::Down { at, service: Service::Links, down };
            let mut steps = vec![Step::Skew { at, secs: 600 }, called(at, company, user, call)];
            if later {
                steps.extend([cut(true), replicated(at), cut(false)]);
            }
            steps.extend([Step::Skew { at, secs: 0 }, Step::Next { at, service: Service::Quarantined, trouble, calls }]);
            let drained = |peer| Step::Run(vec![Task { job: Job::Drain { at, peer }, late: 0, killed: None }]);
                steps.extend((0..3).map(|peer| if later { drained(peer) } else { replicated(at) }));
            steps
        }),
        // A region can reach neither its peers nor its retry queues.
        1 => (user(), writes()).prop_map(|(user, (at, company, call))| {
            let down = |service, down| Step::Down { at, service, down };
            vec![
                down(Service::Links, true),
                down(Service::Retries, true),
                called(at, company, user, call),
                replicated(at),
                down(Service::Retries, false),
                down(Service::Links, false),
            ]
        }),
    ]
}

/// An attacker changes an item that every region holds, and work about its user continues.
fn tampered() -> impl Strategy<Value = Vec<Step>> {
    let at = || 0..4u8;
    (at(), user(), forgery(), prop::collection::vec((at(), 0..COMPANIES, call()), 0..3), alone()).prop_map(
        |(at, user, forgery, calls, other)| {
            let calls = calls.into_iter().map(|(at, company, call)| called(at, company, user, call));
            [Step::Round, Step::Wait { ms: 61_000 }, Step::Round, Step::Tamper { at, user, forgery }]
                .into_iter()
                .chain(calls)
                .chain([other, Step::Round])
                .collect()
        },
    )
}

fn plan(seed: u64) -> impl Strategy<Value = Plan> {
    let first = prop::collection::vec((0..4u8, 0..COMPANIES, register()), 1..=3).prop_map(|calls| {
        let numbered = calls.into_iter().zip(0..);
        numbered.map(|((at, company, call), user)| called(at, company, user, call)).collect::<Vec<_>>()
    });
    let regions = prop_oneof![2 => Just(2u8), 2 => Just(3u8), 1 => Just(4u8)];
    (regions, first, prop::collection::vec(scene(), 1..=24)).prop_map(move |(regions, first, scenes)| Plan {
        seed,
        regions,
        steps: first.into_iter().chain(scenes.into_iter().flatten()).collect(),
    })
}

/// A run in which providers post most of what happens, and the workers that apply it are often killed.
fn fed_plan(seed: u64) -> impl Strategy<Value = Plan> {
    let scene = prop_oneof![6 => fed::scene(0.6), 3 => fed::disturbed(), 1 => step().prop_map(|step| vec![step])];
    (2..4u8, prop::collection::vec(scene, 16..32)).prop_map(move |(regions, scenes)| Plan {
        seed,
        regions,
        steps: scenes.into_iter().flatten().collect(),
    })
}

/// The value of a strategy for a seed.
fn made(seed: u64, strategy: impl Strategy<Value = Plan>) -> Plan {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config { failure_persistence: None, ..Config::default() }, rng);
    strategy.new_tree(&mut runner).expect("no strategy filters").current()
}

impl Plan {
    /// The run of a seed.
    pub fn of(seed: u64) -> Self {
        made(seed, plan(seed))
    }

    /// The run of a seed in which providers post most of what happens.
    pub fn fed(seed: u64) -> Self {
        made(seed, fed_plan(seed))
    }

    /// The run of a seed with a feed in each region, and companies that list events: the steps of [`Plan::of`], and others
    /// between them.
    pub fn listed(seed: u64) -> Self {
        listed::between(Self::of(seed))
    }

    /// The run of a seed with targets and webhooks of two companies: the steps of [`Plan::of`], and others between them.
    pub fn delivered(seed: u64) -> Self {
        delivered::between(Self::of(seed))
    }

    /// The run of a seed in which persons sign in to clients: the steps of [`Plan::of`], and others between them. Clocks are
    /// wrong by some seconds.
    pub fn signed_in(seed: u64) -> Self {
        signed::between(Self::of(seed))
    }
}
