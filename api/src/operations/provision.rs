//! `provision`: has the accounts of a user at targets brought up to date now.

use umoja_accounts::provisioning;
use umoja_schema::Scope;
use umoja_schema::api::{self, Provisioned, Provisions};

use super::members::{known, version};
use crate::app::App;
use crate::caller::Caller;
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
    type Body = api::Provision;
    type Answered = Provisioned;
    type Rule = provisioning::Provision;
    type Asked = ();

    fn provisions(body: &api::Provision) -> Option<Provisions> {
        let api::Provision { targets, params, wait_ms, return_url, dry_run, .. } = body.clone();
        Some(Provisions { field: "targets", targets, params, wait_ms, return_url, dry_run, again: true })
    }

    fn parse(_: &App, caller: &Caller, body: api::Provision) -> Result<(provisioning::Provision, ()), Problem> {
        let selector = known(caller, body.selector())?;
        let min_version = version("min_version", body.min_version.as_ref())?;
        Ok((provisioning::Provision { selector, min_version }, ()))
    }

    fn answer((): (), person: Done<Self>) -> Result<Answer, Problem> {
        let (id, version) = (person.primary.id(), person.version().to_string());
        let answer = Answer::new(200, &Provisioned { id, version, provisioning: None, plan: None })?;
        Ok(answer.about(About::of(&person)))
    }
}
