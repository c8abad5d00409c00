//! `requests/get`: what became of a rejected request, by its id.

use umoja_accounts as accounts;
use umoja_schema::Scope;
use umoja_schema::api::{self, RejectedRequest};

use crate::app::App;
use crate::caller::Caller;
use crate::kinds::{NO_REQUEST, ProblemKind};
use crate::operation::{Answer, Done, Operation};
use crate::problem::Problem;

pub(crate) struct GetRejected;

impl Operation for GetRejected {
    const PATH: &'static str = "/v1/requests/get";
    const ID: &'static str = "getRequest";
    const SUMMARY: &'static str = "Get what became of a rejected request of the last day.";
    const SCOPE: Scope = Scope::Support;
    const CHANGES: bool = false;
    const ANSWERS: &'static [(u16, &'static str)] = &[(200, "The request, without what was in it.")];
    const PROBLEMS: &'static [&'static ProblemKind] = &[&NO_REQUEST];
    type Body = api::GetRequest;
    type Answered = RejectedRequest;
    type Rule = accounts::AskRejected;
    type Asked = String;

    fn parse(_: &App, _: &Caller, body: api::GetRequest) -> Result<(accounts::AskRejected, String), Problem> {
        let id = body.request_id;
        if !(1..=api::MAX_REQUEST_ID).contains(&id.chars().count()) {
            return Err(Problem::invalid("request_id", "Send the `Request-Id` of an answer."));
        }
        Ok((accounts::AskRejected { id: id.clone() }, id))
    }

    fn answer(request_id: String, found: Done<Self>) -> Result<Answer, Problem> {
        let accounts::Rejected { operation, at, ms, status, code, region, .. } = found;
        Answer::new(200, &RejectedRequest { request_id, operation, at: at.secs(), ms, status, code, region })
    }
}
