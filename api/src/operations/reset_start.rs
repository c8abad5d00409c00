//! `password/reset/start`: a token for who forgot the password, and the stored addresses to send it to.

use std::ops::RangeInclusive;

use umoja_accounts::reset;
use umoja_schema::Scope;
use umoja_schema::api::{self, ResetStarted};

use super::members::{one, version};
use crate::app::App;
use crate::caller::Caller;
use crate::operation::{Answer, Done, Operation};
use crate::problem::Refusal;

/// How long a token is good for, in seconds, if the caller does not say.
const LIFETIME_SECS: u64 = 15 * 60;

/// What a caller may say.
const LIFETIMES_SECS: RangeInclusive<u64> = 60..=24 * 60 * 60;

pub(crate) struct ResetStart;

impl Operation for ResetStart {
    const PATH: &'static str = "/v1/users/password/reset/start";
    const ID: &'static str = "startPasswordReset";
    const SUMMARY: &'static str = "A token for who forgot the password, for the company to deliver.";
    const SCOPE: Scope = Scope::Reset;
    const CHANGES: bool = false;
    const ANSWERS: &'static [(u16, &'static str)] = &[(200, "The token, and where to send it.")];
    type Body = api::ResetStart;
    type Answered = ResetStarted;
    type Rule = reset::ResetStart;
    type Asked = ();

    fn parse(_: &App, _: &Caller, body: api::ResetStart) -> Result<(reset::ResetStart, ()), Refusal> {
        let lifetime_secs = body.lifetime_secs.unwrap_or(LIFETIME_SECS);
        if !LIFETIMES_SECS.contains(&lifetime_secs) {
            return Err(Refusal::invalid("lifetime_secs", "A token lives for 60 to 86400 seconds."));
        }
        let selector = one(body.selector())?;
        let min_version = version("min_version", body.min_version.as_ref())?;
        Ok((reset::ResetStart { selector, lifetime_secs, min_version }, ()))
    }

    fn answer((): (), started: Done<Self>) -> Result<Answer, Refusal> {
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
