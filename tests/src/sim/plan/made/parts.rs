//! The building blocks of generated runs.

use proptest::prelude::*;

use crate::sim::plan::{By, Call, Forgery, IDENTIFIERS, Job, Set, Step, Task, Trouble, USERS};

pub(super) fn forgery() -> impl Strategy<Value = Forgery> {
    prop_oneof![
        2 => Just(Forgery::Tombstone),
        2 => Just(Forgery::Raised),
        1 => Just(Forgery::Status),
        1 => Just(Forgery::Sealed),
        1 => Just(Forgery::Wrapped),
        1 => Just(Forgery::Moved),
        1 => Just(Forgery::Journal),
        1 => Just(Forgery::Receipt),
        1 => Just(Forgery::Audit),
        1 => Just(Forgery::Outcome),
    ]
}

pub(super) fn maybe(odds: f64) -> impl Strategy<Value = bool> {
    prop::bool::weighted(odds)
}

pub(super) fn identifier() -> impl Strategy<Value = u8> {
    0..IDENTIFIERS
}

pub(super) fn some_identifier(odds: f64) -> impl Strategy<Value = Option<u8>> {
    prop::option::weighted(odds, identifier())
}

pub(super) fn by() -> impl Strategy<Value = By> {
    prop_oneof![
        3 => Just(By::Id),
        3 => identifier().prop_map(By::Email),
        1 => identifier().prop_map(By::Phone),
        1 => identifier().prop_map(By::Name),
    ]
}

pub(super) fn register() -> impl Strategy<Value = Call> {
    (some_identifier(0.9), some_identifier(0.3), some_identifier(0.3), maybe(0.5), maybe(0.9), maybe(0.4)).prop_map(
        |(email, phone, name, verified, password, idk)| Call::Register { email, phone, name, verified, password, idk },
    )
}

pub(super) fn set() -> impl Strategy<Value = Set> {
    prop_oneof![
        3 => Just(Set::Nickname),
        3 => (some_identifier(0.9), maybe(0.5)).prop_map(|(email, verified)| Set::Email { email, verified }),
        1 => (some_identifier(0.9), maybe(0.5)).prop_map(|(phone, verified)| Set::Phone { phone, verified }),
        1 => identifier().prop_map(Set::ExternalId),
    ]
}

/// A call that may write an existing user.
pub(super) fn write() -> impl Strategy<Value = Call> {
    prop_oneof![
        8 => (set(), maybe(0.2), maybe(0.3)).prop_map(|(set, if_version, idk)| Call::Update { set, if_version, idk }),
        4 => (maybe(0.9), maybe(0.3)).prop_map(|(right, idk)| Call::Password { right, idk }),
        2 => finish(),
        2 => (maybe(0.5), maybe(0.3)).prop_map(|(active, idk)| Call::Status { active, idk }),
        2 => (erased_by(), maybe(0.3)).prop_map(|(by, idk)| Call::Erase { by, idk }),
        3 => merge(),
        2 => maybe(0.3).prop_map(|idk| Call::Unmerge { idk }),
    ]
}

fn erased_by() -> impl Strategy<Value = By> {
    prop_oneof![2 => Just(By::Id), 1 => by()]
}

/// A password is set under an idempotency key, and the request is repeated with others, or after an attacker has
/// changed what the region remembers of it.
pub(super) fn remembered(at: u8, user: u8) -> impl Strategy<Value = Vec<Step>> {
    let set = move |call| called(at, 0, user, call);
    let password = Call::Password { right: true, idk: true };
    let forged = Step::Tamper { at, user, forgery: Forgery::Outcome };
    let first = prop_oneof![Just(password), register()];
    (first, any::<bool>(), prop::collection::vec(prop_oneof![3 => Just(Call::Guess), 1 => Just(Call::Repeat)], 1..8))
        .prop_map(move |(first, is_forged, calls)| {
            let forged = is_forged.then(|| forged.clone());
            std::iter::once(set(first)).chain(forged).chain(calls.into_iter().map(set)).collect()
        })
}

/// A token is used.
pub(super) fn finish() -> impl Strategy<Value = Call> {
    (maybe(0.9), maybe(0.3)).prop_map(|(right, idk)| Call::ResetFinish { right, idk })
}

/// Calls of which the last one is rejected and can be repeated: a token is used a second time, a password is wrong, or
/// the user does not exist. Only the last one is another request with other values, because passwords do not count.
pub(super) fn rejected() -> impl Strategy<Value = Vec<Call>> {
    let finish = |idk| Call::ResetFinish { right: true, idk };
    prop_oneof![
        Just(vec![Call::ResetStart { by: By::Id }, finish(false), finish(true)]),
        Just(vec![Call::Password { right: false, idk: true }]),
        Just(vec![Call::Status { active: true, idk: true }]),
    ]
}

/// The last call with an idempotency key is sent again.
pub(super) fn again() -> impl Strategy<Value = Call> {
    prop_oneof![Just(Call::Repeat), Just(Call::Corrected)]
}

/// A wrong password.
pub(super) fn guess() -> impl Strategy<Value = Call> {
    prop_oneof![
        4 => Just(Call::Authenticate { by: By::Id, right: false }),
        2 => Just(Call::Password { right: false, idk: true }),
        1 => Just(Call::Repeat),
        1 => Just(Call::Guess),
    ]
}

pub(super) fn merge() -> impl Strategy<Value = Call> {
    (user(), maybe(0.1), maybe(0.3)).prop_map(|(other, preview, idk)| Call::Merge { other, preview, idk })
}

/// A company registers a user by an address that it has verified.
pub(super) fn verified(email: u8) -> Call {
    Call::Register { email: Some(email), phone: None, name: None, verified: true, password: true, idk: false }
}

/// Two regions register one person by one of two addresses, or two members of a family by its number.
pub(super) fn met([at, other]: [u8; 2], number: u8, user: u8) -> Vec<Step> {
    let [first, second] = if number == 0 { [0, 1].map(member) } else { [number; 2].map(verified) };
    vec![called(at, 0, 0, first), called(other, 1, user, second), Step::Round]
}

/// A company registers a member of a family by an address and the family's number, which it has verified.
fn member(email: u8) -> Call {
    Call::Register { email: Some(email), phone: Some(0), name: None, verified: true, password: true, idk: false }
}

pub(super) fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        5 => register(),
        3 => (by(), maybe(0.6)).prop_map(|(by, min_version)| Call::Lookup { by, min_version }),
        2 => (by(), maybe(0.8)).prop_map(|(by, right)| Call::Authenticate { by, right }),
        12 => write(),
        2 => by().prop_map(|by| Call::ResetStart { by }),
        1 => Just(Call::VerifyStart),
        1 => maybe(0.8).prop_map(|right| Call::VerifyFinish { right }),
        1 => Just(Call::Export),
        1 => Just(Call::Erasure),
        1 => Just(Call::Events),
        1 => Just(Call::Why),
        1 => Just(Call::Unlock),
        1 => Just(Call::Rejected),
        1 => maybe(0.2).prop_map(|dry_run| Call::Provision { dry_run }),
        1 => Just(Call::Provisioning),
        2 => Just(Call::Repeat),
        1 => Just(Call::Guess),
        1 => Just(Call::Corrected),
    ]
}

/// The user of a step. Some users are more frequent than others, so that steps collide.
pub(super) fn user() -> impl Strategy<Value = u8> {
    prop_oneof![4 => Just(0u8), 2 => Just(1u8), 1 => 0..USERS]
}

pub(super) fn called(at: u8, company: u8, user: u8, call: Call) -> Step {
    Step::Run(vec![Task { job: Job::Call { at, company, user, call }, late: 0, killed: None }])
}

pub(super) fn replicated(at: u8) -> Step {
    Step::Run(vec![Task { job: Job::Replicate { at, take: 0, again: 0, order: 0 }, late: 0, killed: None }])
}

pub(super) fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![1 => Just(Trouble::RequestLost), 2 => Just(Trouble::AnswerLost), 1 => Just(Trouble::Throttled)]
}
