//! Single sign-on in the simulation: short runs that show what each rule prevents. CI does far more seeds
//! (`sim --signed-in`).

use umoja_tests::sim::plan::{Call, Job, Service, Sign, Step, Trouble};
use umoja_tests::sim::{Plan, Rule, Runner};
use umoja_tests::world::TablesOn;

use crate::simulation::{alone, called, fails_only_without, fed};

const RUNS: u64 = 16;
/// The client whose sessions last for a day.
const APP: u8 = 1;
/// More than the time within which a refresh token may be used again, by any two clocks.
const LATE: Step = Step::Wait { ms: 52_000 };
const REFRESH: Sign = Sign::Refresh { family: 0, before: false };
const REDEEM: Sign = Sign::Redeem { code: 0 };
const USE: Sign = Sign::Use { family: 0 };
const OUT: Sign = Sign::Out { session: 0 };

fn register(user: u8) -> Step {
    let (phone, name, verified, password, idk) = (None, None, true, true, false);
    let call = Call::Register { email: Some(user), phone, name, verified, password, idk };
    alone(Job::Call { at: 0, company: 0, user, call })
}

fn sign(at: u8, sign: Sign) -> Step {
    of(at, 0, sign)
}

fn of(at: u8, user: u8, sign: Sign) -> Step {
    alone(Job::Sign { at, user, sign })
}

fn sign_in(at: u8) -> Step {
    sign(at, Sign::In { client: APP })
}

/// A user whom every region has, and then these steps.
fn with_a_user(steps: impl IntoIterator<Item = Step>) -> Plan {
    fed([register(0), Step::Round].into_iter().chain(steps).collect::<Vec<_>>())
}

fn fails(rule: Rule, steps: impl IntoIterator<Item = Step>, by: &str) {
    let reason = fails_only_without(rule, &with_a_user(steps));
    assert!(reason.contains(by), "{reason}");
}

#[test]
fn the_first_seeds_with_single_sign_on_pass() {
    let runner = Runner::new(TablesOn::Local, None);
    for seed in 0..RUNS {
        let run = runner.run(&Plan::signed_in(seed));
        assert!(run.is_ok(), "seed {seed}: {run:?}; `sim --signed-in --runs 1 --seed {seed}` shrinks it");
    }
}

/// Failure: an authorization code is presented twice, also in two regions
#[test]
fn a_code_that_each_region_counts_by_itself_is_detected() {
    fails(Rule::CodeHome, [sign_in(0), sign(0, REDEEM), sign(1, REDEEM)], "a code was answered with tokens 2 times");
}

/// Failure: a session ends in a region that does not have it
#[test]
fn an_end_that_waits_for_its_session_is_detected() {
    let steps = [sign_in(0), sign(1, OUT), Step::Round, sign(0, REDEEM)];
    fails(Rule::EarlyEnds, steps, "although it has ended");
}

#[test]
fn an_end_that_a_live_row_replaces_is_detected() {
    let clocks = [Step::Skew { at: 0, secs: 5 }, Step::Skew { at: 1, secs: -5 }];
    let steps = [sign_in(0), sign(1, OUT), Step::Round, sign(0, REDEEM)];
    fails(Rule::EndsFirst, clocks.into_iter().chain(steps), "sign-on: ");
}

#[test]
fn a_family_that_outlives_its_session_is_detected() {
    let steps = [sign_in(0), Step::Round, sign(0, REDEEM), sign(1, OUT), Step::Round];
    fails(Rule::SessionEnds, steps, "although it has ended");
}

#[test]
fn a_family_that_comes_back_with_a_consent_is_detected() {
    let withdrawn = sign(1, Sign::Withdraw { client: APP });
    let steps = [sign_in(0), sign(0, REDEEM), Step::Round, withdrawn, Step::Round, sign_in(0), Step::Round];
    fails(Rule::WithdrawalEnds, steps, "although it has ended");
}

/// Failure: a refresh token is used again because an answer was lost
#[test]
fn a_refresh_that_cannot_be_repeated_is_detected() {
    let again = Sign::Refresh { family: 0, before: true };
    let steps = [sign_in(0), sign(0, REDEEM), sign(0, REFRESH), sign(0, again)];
    fails(Rule::RefreshGrace, steps, "ended an honest family");
}

/// Failure: a refresh token is used by a second holder
#[test]
fn a_refresh_token_that_is_always_valid_is_detected() {
    let steal = Sign::Steal { family: 0, back: 1 };
    for at in [0, 1] {
        let before = [sign_in(0), sign(0, REDEEM), sign(0, REFRESH), Step::Round, LATE];
        let steps = [sign(0, REFRESH), sign(at, steal)];
        fails(Rule::RefreshOnce, before.into_iter().chain(steps), "although it has ended");
    }
}

#[test]
fn a_withdrawn_consent_that_cannot_be_given_again_is_detected() {
    let give = Sign::Consent { client: APP, scope: 0 };
    let steps = [sign(0, give), sign(0, Sign::Withdraw { client: APP }), sign(1, give), sign(0, give)];
    fails(Rule::GivenAgain, steps, "");
}

/// Failure: two regions call a user something at once
#[test]
fn a_user_that_two_regions_call_something_else_is_detected() {
    let subject = Sign::Subject { client: APP };
    fails(Rule::OneSubject, [sign(0, subject), sign(1, subject), Step::Round], "is called by another row");
}

#[test]
fn a_subject_that_a_merge_changes_is_detected() {
    let subject = |user| of(0, user, Sign::Subject { client: APP });
    let merge = called(Call::Merge { other: 1, preview: false, idk: false });
    let steps = [register(1), Step::Round, subject(0), Step::Wait { ms: 1_000 }, subject(1), merge, subject(0)];
    fails(Rule::EarliestSubject, steps, "is called by another row");
}

#[test]
fn tokens_of_a_disabled_person_are_detected() {
    let disable = called(Call::Status { active: false, idk: false });
    fails(Rule::ActivePerson, [disable, sign_in(0), sign(0, REDEEM)], "who may not sign in");
}

/// Failure: a region signs by a key that another one has not read
#[test]
fn a_key_that_signs_unpublished_is_detected() {
    let steps = [sign(1, Sign::Keys), sign(0, Sign::Rotate), sign(0, Sign::Token)];
    fails(Rule::PublishedBefore, steps, "does not verify");
}

/// Failure: everything of a person ends in a region while the person signs in at another one
#[test]
fn a_session_that_outlives_the_end_of_everything_is_detected() {
    let steps = [sign_in(1), sign(0, Sign::OutEverywhere), Step::Round, sign(1, REDEEM)];
    fails(Rule::EndsAll, steps, "after the end of a session");
    let disable = called(Call::Status { active: false, idk: false });
    let enable = called(Call::Status { active: true, idk: false });
    let steps = [sign_in(1), sign(1, REDEEM), disable, Step::Round, enable, Step::Round];
    fails(Rule::EndsAll, steps, "although it has ended");
}

/// Failure: a password is changed while a thief signs in with the former one at another region
#[test]
fn a_session_of_a_former_password_is_detected() {
    let change = || called(Call::Password { right: true, idk: false });
    fails(Rule::EndsAll, [change(), sign_in(1), sign(1, REDEEM), Step::Round], "of a former password");
}

/// Failure: the end of everything arrives before the password with which it was written
#[test]
fn a_session_of_a_former_password_that_knows_the_end_is_detected() {
    // The first record of the change is the credentials, which wait in the retry queue.
    let lost = Step::Next { at: 1, service: Service::Tables, trouble: Trouble::RequestLost, calls: 1 };
    let replicate = |take| alone(Job::Replicate { at: 0, take, again: 0, order: 0 });
    let change = called(Call::Password { right: true, idk: false });
    let steps = [change, lost, replicate(1), replicate(0), sign_in(1), sign(1, REDEEM), Step::Round];
    fails(Rule::EndsKnown, steps, "of a former password");
}

/// Failure: a process is killed while a session ends
#[test]
fn a_notice_that_is_not_written_before_the_end_is_detected() {
    fails(Rule::AnnouncedFirst, [sign_in(0), sign(0, REDEEM), sign(0, OUT)], "never heard");
}

/// Failure: a process is killed while a session ends
#[test]
fn a_client_hears_of_a_logout_that_was_killed_at_any_await() {
    use umoja_tests::sim::plan::Task;
    for killed in (0..60).step_by(3) {
        let out = Step::Run(vec![Task { job: Job::Sign { at: 0, user: 0, sign: OUT }, late: 0, killed: Some(killed) }]);
        let plan = with_a_user([sign_in(0), sign(0, REDEEM), out, sign(0, Sign::Inform), sign(1, USE)]);
        let run = Runner::new(TablesOn::Local, None).run(&plan);
        assert!(run.is_ok(), "{killed}: {run:?}");
    }
}
