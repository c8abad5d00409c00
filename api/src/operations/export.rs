//! `export`: all data that is held on a person, with its sources and without password hashes.

use umoja_accounts::{self as accounts, Position};
use umoja_schema::Scope;
use umoja_schema::api::{self, Exported};

use super::members::known;
use crate::app::App;
use crate::caller::Caller;
use crate::kinds::{BEHIND, NOT_FOUND, ProblemKind, TOO_MANY_MERGED};
use crate::operation::{Answer, Done, Operation};
use crate::problem::Problem;

pub(crate) struct Export;

impl Operation for Export {
    const PATH: &'static str = "/v1/users/export";
    const ID: &'static str = "export";
    const SUMMARY: &'static str = "Export all data that is held on a person, with its sources.";
    const SCOPE: Scope = Scope::Export;
    const CHANGES: bool = false;
    const ANSWERS: &'static [(u16, &'static str)] = &[(200, "All data except password hashes, in pages.")];
    const PROBLEMS: &'static [&'static ProblemKind] = &[&BEHIND, &NOT_FOUND, &TOO_MANY_MERGED];
    type Body = api::Export;
    type Answered = Exported;
    type Rule = accounts::Export;
    type Asked = ();

    fn parse(_: &App, caller: &Caller, body: api::Export) -> Result<(accounts::Export, ()), Problem> {
        let rule = "Send the `next` of the previous answer, or no `after` to begin again.";
        let after = body.after.as_deref().map(str::parse::<Position>).transpose();
        let after = after.map_err(|_| Problem::invalid("after", rule))?;
        Ok((accounts::Export { selector: known(caller, body.selector())?, after }, ()))
    }

    fn answer((): (), exported: Done<Self>) -> Result<Answer, Problem> {
        Answer::new(200, &exported)
    }
}
