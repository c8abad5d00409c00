//! `unmerge`: a duplicate is a person of its own again, with those that point at it.

use umoja_accounts as accounts;
use umoja_schema::api::{self, Found};
use umoja_schema::{Scope, UserId};

use super::answers::{found, found_again};
use super::members::version;
use crate::app::App;
use crate::caller::Caller;
use crate::operation::{Answer, Done, Operation};
use crate::problem::Refusal;

pub(crate) struct Unmerge;

impl Operation for Unmerge {
    const PATH: &'static str = "/v1/users/unmerge";
    const ID: &'static str = "unmerge";
    const SUMMARY: &'static str = "Undo a merge: the duplicate is a user of its own again.";
    const SCOPE: Scope = Scope::Merge;
    const CHANGES: bool = true;
    const ANSWERS: &'static [(u16, &'static str)] = &[(200, "The user of its own, also if it was not merged.")];
    type Body = api::Unmerge;
    type Answered = Found;
    type Rule = accounts::Unmerge;
    type Asked = UserId;

    fn parse(_: &App, _: &Caller, body: api::Unmerge) -> Result<(accounts::Unmerge, UserId), Refusal> {
        let min_version = version("min_version", body.min_version.as_ref())?;
        Ok((accounts::Unmerge { id: body.id, min_version }, body.id))
    }

    fn answer(id: UserId, person: Done<Self>) -> Result<Answer, Refusal> {
        found(200, &person, id)
    }

    async fn again(app: &App, status: u16, id: UserId, _: Option<String>) -> Result<Answer, Refusal> {
        found_again(app, status, id).await
    }
}
