//! `erase`: deletes a person for all companies, with every user that is merged into that person.

use umoja_accounts as accounts;
use umoja_schema::Scope;
use umoja_schema::api::{self, Erased};

use super::members::{known, reason, version};
use crate::app::App;
use crate::caller::Caller;
use crate::kinds::{BEHIND, HELD, NOT_FOUND, ProblemKind};
use crate::operation::{Answer, Done, Operation};
use crate::problem::Problem;

pub(crate) struct Erase;

impl Operation for Erase {
    const PATH: &'static str = "/v1/users/erase";
    const ID: &'static str = "erase";
    const SUMMARY: &'static str = "Erase a person permanently for all companies.";
    const SCOPE: Scope = Scope::Erase;
    const CHANGES: bool = true;
    const ANSWERS: &'static [(u16, &'static str)] = &[(202, "The receipt. The regions confirm it one by one.")];
    const PROBLEMS: &'static [&'static ProblemKind] = &[&BEHIND, &HELD, &NOT_FOUND];
    type Body = api::Erase;
    type Answered = Erased;
    type Rule = accounts::Erase;
    type Asked = ();

    fn parse(_: &App, caller: &Caller, body: api::Erase) -> Result<(accounts::Erase, ()), Problem> {
        let selector = known(caller, body.selector())?;
        let reason = reason(body.reason)?;
        let min_version = version("min_version", body.min_version.as_ref())?;
        Ok((accounts::Erase { selector, reason, min_version }, ()))
    }

    /// The answer is not remembered under its idempotency key, because a retry also erases users merged since.
    fn answer((): (), receipt: Done<Self>) -> Result<Answer, Problem> {
        Answer::new(202, &Erased { receipt })
    }
}
