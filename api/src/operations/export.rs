//! `export`: all data that is held on a person, with its sources and without password hashes.

use umoja_accounts as accounts;
use umoja_schema::Scope;
use umoja_schema::api::{self, Exported};

use crate::app::App;
use crate::caller::Caller;
use crate::operation::{Answer, Done, Operation};
use crate::problem::Problem;

pub(crate) struct Export;

impl Operation for Export {
    const PATH: &'static str = "/v1/users/export";
    const ID: &'static str = "export";
    const SUMMARY: &'static str = "Export all data that is held on a person, with its sources.";
    const SCOPE: Scope = Scope::Export;
    const CHANGES: bool = false;
    const ANSWERS: &'static [(u16, &'static str)] = &[(200, "All data except password hashes.")];
    type Body = api::Export;
    type Answered = Exported;
    type Rule = accounts::Export;
    type Asked = ();

    fn parse(_: &App, _: &Caller, body: api::Export) -> Result<(accounts::Export, ()), Problem> {
        Ok((accounts::Export { id: body.id }, ()))
    }

    fn answer((): (), exported: Done<Self>) -> Result<Answer, Problem> {
        Answer::new(200, &exported)
    }
}
