//! `status`: disables and activates a user, for all companies.

use umoja_accounts as accounts;
use umoja_schema::api::{self, Found};
use umoja_schema::{Scope, UserId};

use super::answers::{found, found_on_retry};
use super::members::reason;
use crate::app::App;
use crate::caller::Caller;
use crate::kinds::{ERASED, NOT_FOUND, ProblemKind, TOO_MANY_MERGED};
use crate::operation::{Answer, Done, Operation};
use crate::problem::Problem;

pub(crate) struct Status;

impl Operation for Status {
    const PATH: &'static str = "/v1/users/status";
    const ID: &'static str = "setStatus";
    const SUMMARY: &'static str = "Disable or activate a user.";
    const SCOPE: Scope = Scope::Status;
    const CHANGES: bool = true;
    const ANSWERS: &'static [(u16, &'static str)] = &[(200, "The user as it is now.")];
    const PROBLEMS: &'static [&'static ProblemKind] = &[&ERASED, &NOT_FOUND, &TOO_MANY_MERGED];
    type Body = api::SetStatus;
    type Answered = Found;
    type Rule = accounts::SetStatus;
    type Asked = UserId;

    fn parse(_: &App, _: &Caller, body: api::SetStatus) -> Result<(accounts::SetStatus, UserId), Problem> {
        let api::SetStatus { id, status, reason: text } = body;
        Ok((accounts::SetStatus { id, status, reason: reason(text)? }, id))
    }

    fn answer(id: UserId, person: Done<Self>) -> Result<Answer, Problem> {
        found(200, person, id)
    }

    async fn answer_retry(app: &App, status: u16, id: UserId, _: Option<String>) -> Result<Answer, Problem> {
        found_on_retry(app, status, id).await
    }
}
