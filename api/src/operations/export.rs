//! `export`: all that is held on a person, with where it came from. Never a hash.

use umoja_accounts as accounts;
use umoja_schema::Scope;
use umoja_schema::api::{self, Exported};

use crate::app::App;
use crate::caller::Caller;
use crate::operation::{Answer, Done, Operation};
use crate::problem::Refusal;

pub(crate) struct Export;

impl Operation for Export {
    const PATH: &'static str = "/v1/users/export";
    const ID: &'static str = "export";
    const SUMMARY: &'static str = "All that is held on a person, with where it came from.";
    const SCOPE: Scope = Scope::Export;
    const CHANGES: bool = false;
    const ANSWERS: &'static [(u16, &'static str)] = &[(200, "Everything but password hashes.")];
    type Body = api::Export;
    type Answered = Exported;
    type Rule = accounts::Export;
    type Asked = ();

    fn parse(_: &App, _: &Caller, body: api::Export) -> Result<(accounts::Export, ()), Refusal> {
        Ok((accounts::Export { id: body.id }, ()))
    }

    fn answer((): (), exported: Done<Self>) -> Result<Answer, Refusal> {
        Answer::new(200, &exported)
    }
}
