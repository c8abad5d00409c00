//! `password/reset/start`: issues a password reset token and returns the stored addresses to send it to.

use std::ops::RangeInclusive;

use umoja_accounts::reset;
use umoja_schema::Scope;
use umoja_schema::api::{self, ResetStarted};

use super::members::{one, version};
use crate::app::App;
use crate::caller::Caller;
use crate::kinds::{BEHIND, NOT_FOUND, ProblemKind, TOO_MANY_MERGED, USER_DISABLED};
use crate::operation::{Answer, Done, Operation};
use crate::problem::Problem;

/// The default lifetime of a token in seconds.
const LIFETIME_SECS: u64 = 15 * 60;

/// The lifetimes that a caller may choose, in seconds.
const LIFETIMES_SECS: RangeInclusive<u64> = 60..=24 * 60 * 60;

pub(crate) struct ResetStart;

impl Operation for ResetStart {
    const PATH: &'static str = "/v1/users/password/reset/start";
    const ID: &'static str = "startPasswordReset";
    const SUMMARY: &'static str = "Issue a password reset token, which the company delivers to the user.";
    const SCOPE: Scope = Scope::Reset;
    const CHANGES: bool = false;
    const ANSWERS: &'static [(u16, &'static str)] = &[(200, "The token, and the addresses to send it to.")];
    const PROBLEMS: &'static [&'static ProblemKind] = &[&BEHIND, &NOT_FOUND, &TOO_MANY_MERGED, &USER_DISABLED];
    type Body = api::ResetStart;
    type Answered = ResetStarted;
    type Rule = reset::ResetStart;
    type Asked = ();

    fn parse(_: &App, _: &Caller, body: api::ResetStart) -> Result<(reset::ResetStart, ()), Problem> {
        let lifetime_secs = body.lifetime_secs.unwrap_or(LIFETIME_SECS);
        if !LIFETIMES_SECS.contains(&lifetime_secs) {
            return Err(Problem::invalid("lifetime_secs", "Give a lifetime of 60 to 86400 seconds."));
        }
        let selector = one(body.selector())?;
        let min_version = version("min_version", body.min_version.as_ref())?;
        Ok((reset::ResetStart { selector, lifetime_secs, min_version }, ()))
    }

    fn answer((): (), started: Done<Self>) -> Result<Answer, Problem> {
        let reset::Started { token, expires_at, person } = started;
        let shown = person.view();
        Answer::new(
            200,
            &ResetStarted {
                token,
                expires_at,
                id: shown.id,
                version: shown.version,
                email: shown.email,
                email_verified: shown.email_verified,
                phone_number: shown.phone_number,
                phone_number_verified: shown.phone_number_verified,
            },
        )
    }
}
