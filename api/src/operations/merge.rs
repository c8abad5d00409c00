//! `merge`: makes two users one person.

use umoja_accounts as accounts;
use umoja_schema::api::{self, Found};
use umoja_schema::{Scope, UserId};

use super::answers::{found, found_on_retry};
use super::members::version;
use crate::app::App;
use crate::caller::Caller;
use crate::kinds::{
    ALREADY_MERGED, BEHIND, ERASED, MERGED_OTHERWISE, NO_IDENTIFIER_LEFT, NOT_FOUND, ProblemKind, TOO_MANY_MERGED,
};
use crate::operation::{Answer, Done, Operation};
use crate::problem::Problem;

pub(crate) struct Merge;

/// The values of a merge request that its answer needs.
pub(crate) struct Asked {
    duplicate: UserId,
    preview: bool,
}

impl Operation for Merge {
    const PATH: &'static str = "/v1/users/merge";
    const ID: &'static str = "merge";
    const SUMMARY: &'static str =
        "Merge two users into one person. No data is lost, and every id and identifier still finds the person.";
    const SCOPE: Scope = Scope::Merge;
    const CHANGES: bool = true;
    const ANSWERS: &'static [(u16, &'static str)] = &[(200, "The merged user or, with `preview`, a preview of it.")];
    const PROBLEMS: &'static [&'static ProblemKind] =
        &[&ALREADY_MERGED, &BEHIND, &ERASED, &MERGED_OTHERWISE, &NOT_FOUND, &NO_IDENTIFIER_LEFT, &TOO_MANY_MERGED];
    type Body = api::Merge;
    type Answered = Found;
    type Rule = accounts::Merge;
    type Asked = Asked;

    fn parse(_: &App, _: &Caller, body: api::Merge) -> Result<(accounts::Merge, Asked), Problem> {
        let min_version = version("min_version", body.min_version.as_ref())?;
        let api::Merge { survivor, duplicate, preview, .. } = body;
        Ok((accounts::Merge { survivor, duplicate, preview, min_version }, Asked { duplicate, preview }))
    }

    fn answer(asked: Asked, person: Done<Self>) -> Result<Answer, Problem> {
        let answer = found(200, person, asked.duplicate)?;
        Ok(if asked.preview { answer.without_effect() } else { answer })
    }

    async fn answer_retry(app: &App, status: u16, id: UserId, _: Option<String>) -> Result<Answer, Problem> {
        found_on_retry(app, status, id).await
    }
}
