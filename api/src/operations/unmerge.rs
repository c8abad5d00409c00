//! `unmerge`: makes a duplicate a separate person again, together with the users that point at it.

use umoja_accounts as accounts;
use umoja_schema::api::{self, Found};
use umoja_schema::{Scope, UserId};

use super::answers::{found, found_on_retry};
use super::members::version;
use crate::app::App;
use crate::caller::Caller;
use crate::kinds::{BEHIND, ERASED, NO_IDENTIFIER_LEFT, NOT_FOUND, ProblemKind, TOO_MANY_MERGED};
use crate::operation::{Answer, Done, Operation};
use crate::problem::Problem;

pub(crate) struct Unmerge;

impl Operation for Unmerge {
    const PATH: &'static str = "/v1/users/unmerge";
    const ID: &'static str = "unmerge";
    const SUMMARY: &'static str = "Undo a merge: the duplicate becomes a separate user again.";
    const SCOPE: Scope = Scope::Merge;
    const CHANGES: bool = true;
    const ANSWERS: &'static [(u16, &'static str)] = &[(200, "The separate user, also if it was not merged.")];
    const PROBLEMS: &'static [&'static ProblemKind] =
        &[&BEHIND, &ERASED, &NOT_FOUND, &NO_IDENTIFIER_LEFT, &TOO_MANY_MERGED];
    type Body = api::Unmerge;
    type Answered = Found;
    type Rule = accounts::Unmerge;
    type Asked = UserId;

    fn parse(_: &App, _: &Caller, body: api::Unmerge) -> Result<(accounts::Unmerge, UserId), Problem> {
        let min_version = version("min_version", body.min_version.as_ref())?;
        Ok((accounts::Unmerge { id: body.id, min_version }, body.id))
    }

    fn answer(id: UserId, person: Done<Self>) -> Result<Answer, Problem> {
        found(200, person, id)
    }

    async fn answer_retry(app: &App, status: u16, id: UserId, _: Option<String>) -> Result<Answer, Problem> {
        found_on_retry(app, status, id).await
    }
}
