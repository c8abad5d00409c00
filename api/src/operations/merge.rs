//! `merge`: two users are one person from now on.

use umoja_accounts as accounts;
use umoja_schema::api::{self, Found};
use umoja_schema::{Scope, UserId};

use super::answers::{found, found_again};
use super::members::version;
use crate::app::App;
use crate::caller::Caller;
use crate::operation::{Answer, Done, Operation};
use crate::problem::Refusal;

pub(crate) struct Merge;

/// What of a merge its answer needs.
pub(crate) struct Asked {
    duplicate: UserId,
    preview: bool,
}

impl Operation for Merge {
    const PATH: &'static str = "/v1/users/merge";
    const ID: &'static str = "merge";
    const SUMMARY: &'static str =
        "Make two users one: nothing is lost, every id and identifier goes on to find the person.";
    const SCOPE: Scope = Scope::Merge;
    const CHANGES: bool = true;
    const ANSWERS: &'static [(u16, &'static str)] = &[(200, "The merged user; or, with `preview`, what it would be.")];
    type Body = api::Merge;
    type Answered = Found;
    type Rule = accounts::Merge;
    type Asked = Asked;

    fn parse(_: &App, _: &Caller, body: api::Merge) -> Result<(accounts::Merge, Asked), Refusal> {
        let min_version = version("min_version", body.min_version.as_ref())?;
        let api::Merge { survivor, duplicate, preview, .. } = body;
        Ok((accounts::Merge { survivor, duplicate, preview, min_version }, Asked { duplicate, preview }))
    }

    fn answer(asked: Asked, person: Done<Self>) -> Result<Answer, Refusal> {
        let answer = found(200, &person, asked.duplicate)?;
        // A preview is nothing to be remembered.
        Ok(if asked.preview { Answer { made: None, ..answer } } else { answer })
    }

    async fn again(app: &App, status: u16, id: UserId, _: Option<String>) -> Result<Answer, Refusal> {
        found_again(app, status, id).await
    }
}
