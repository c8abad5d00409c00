//! `erasure`: the receipt of an erasure, with each region's confirmation so far.

use umoja_accounts as accounts;
use umoja_schema::Scope;
use umoja_schema::api::{self, Erased};

use crate::app::App;
use crate::caller::Caller;
use crate::kinds::{BEHIND, NOT_FOUND, ProblemKind};
use crate::operation::{Answer, Done, Operation};
use crate::problem::Problem;

pub(crate) struct Erasure;

impl Operation for Erasure {
    const PATH: &'static str = "/v1/users/erasure";
    const ID: &'static str = "erasure";
    const SUMMARY: &'static str = "Get the receipt of an erasure.";
    const SCOPE: Scope = Scope::Erase;
    const CHANGES: bool = false;
    const ANSWERS: &'static [(u16, &'static str)] = &[(200, "The receipt with each region's confirmation.")];
    const PROBLEMS: &'static [&'static ProblemKind] = &[&BEHIND, &NOT_FOUND];
    type Body = api::Erasure;
    type Answered = Erased;
    type Rule = accounts::Erasure;
    type Asked = ();

    fn parse(_: &App, _: &Caller, body: api::Erasure) -> Result<(accounts::Erasure, ()), Problem> {
        Ok((accounts::Erasure { id: body.id }, ()))
    }

    fn answer((): (), receipt: Done<Self>) -> Result<Answer, Problem> {
        Answer::new(200, &Erased { receipt })
    }
}
