//! `lookup`: finds a user by id or identifier, in at least the version that the caller has seen.

use umoja_accounts as accounts;
use umoja_schema::Scope;
use umoja_schema::api::{self, Found};

use super::answers::found;
use super::members::{one, version};
use crate::app::App;
use crate::caller::Caller;
use crate::kinds::{BEHIND, NOT_FOUND, ProblemKind, TOO_MANY_MERGED};
use crate::operation::{Answer, Done, Operation};
use crate::problem::Problem;

pub(crate) struct Lookup;

impl Operation for Lookup {
    const PATH: &'static str = "/v1/users/lookup";
    const ID: &'static str = "lookup";
    const SUMMARY: &'static str = "Find a user by id or identifier.";
    const SCOPE: Scope = Scope::Lookup;
    const CHANGES: bool = false;
    const ANSWERS: &'static [(u16, &'static str)] = &[(200, "The user.")];
    const PROBLEMS: &'static [&'static ProblemKind] = &[&BEHIND, &NOT_FOUND, &TOO_MANY_MERGED];
    type Body = api::Lookup;
    type Answered = Found;
    type Rule = accounts::Lookup;
    type Asked = ();

    fn parse(_: &App, _: &Caller, body: api::Lookup) -> Result<(accounts::Lookup, ()), Problem> {
        let min_version = version("min_version", body.min_version.as_ref())?;
        Ok((accounts::Lookup { selector: one(body.selector())?, min_version }, ()))
    }

    fn answer((): (), person: Done<Self>) -> Result<Answer, Problem> {
        let id = person.primary.id();
        found(200, person, id)
    }
}
