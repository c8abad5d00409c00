//! `provision`: has the accounts of a user at targets brought up to date now.

use std::sync::Arc;

use umoja_accounts::provisioning::{self, Subject, SubjectToken};
use umoja_schema::Scope;
use umoja_schema::api::{self, Provisioned, Provisions};

use super::members::{known, version};
use crate::app::App;
use crate::caller::Caller;
use crate::kinds::{
    BEHIND, INTERNAL, ISSUER, NOT_FOUND, NOT_LINKED, ProblemKind, SUBJECT_EXPIRED, SUBJECT_TOKEN, TOO_MANY_MERGED,
};
use crate::operation::{About, Answer, Done, Operation};
use crate::problem::Problem;

pub(crate) struct Provision;

impl Operation for Provision {
    const PATH: &'static str = "/v1/users/provision";
    const ID: &'static str = "provision";
    const SUMMARY: &'static str = "Have targets of the company bring a linked user's accounts up to date now.";
    const SCOPE: Scope = Scope::Provision;
    const CHANGES: bool = false;
    const ANSWERS: &'static [(u16, &'static str)] =
        &[(200, "How far the targets are, or with `dry_run` what would be done.")];
    const PROBLEMS: &'static [&'static ProblemKind] =
        &[&BEHIND, &ISSUER, &NOT_FOUND, &NOT_LINKED, &SUBJECT_EXPIRED, &SUBJECT_TOKEN, &TOO_MANY_MERGED];
    type Body = api::Provision;
    type Answered = Provisioned;
    type Rule = provisioning::Provision;
    type Asked = ();

    fn provisions(body: &api::Provision) -> Option<Provisions> {
        let api::Provision { targets, params, wait_ms, return_url, dry_run, .. } = body.clone();
        Some(Provisions { field: "targets", targets, params, wait_ms, return_url, dry_run, again: true })
    }

    fn parse(app: &App, caller: &Caller, body: api::Provision) -> Result<(provisioning::Provision, ()), Problem> {
        let subject = subject(app, caller, &body)?;
        let min_version = version("min_version", body.min_version.as_ref())?;
        Ok((provisioning::Provision { subject, min_version }, ()))
    }

    fn answer((): (), person: Done<Self>) -> Result<Answer, Problem> {
        let (id, version) = (person.primary.id(), person.version().to_string());
        let answer = Answer::new(200, &Provisioned { id, version, provisioning: None, plan: None })?;
        Ok(answer.about(About::of(&person)))
    }
}

/// The user of a request: whom it names, or whose token it has. A token needs no scope of `lookup`: who has it was shown it by the user.
fn subject(app: &App, caller: &Caller, body: &api::Provision) -> Result<Subject, Problem> {
    const TOKEN: &str =
        "Give `subject_token` and `subject_token_type` together, and neither `id` nor an identifier beside them.";
    let (token, token_type) = match (&body.subject_token, body.subject_token_type) {
        (Some(token), Some(token_type)) if !body.names_user() => (token, token_type),
        (None, None) if body.subject_issuer.is_none() => return known(caller, body.selector()).map(Subject::Known),
        _ => return Err(Problem::invalid("subject_token", TOKEN)),
    };
    let tokens = app.subject_tokens.as_ref().ok_or(Problem::from(&INTERNAL))?;
    let token = SubjectToken { token: token.clone().into(), token_type, issuer: body.subject_issuer.clone() };
    Ok(Subject::Token(token, Arc::clone(tokens)))
}
