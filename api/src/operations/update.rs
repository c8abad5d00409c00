//! `update`: changes the profile and the identifiers of a linked user.

use umoja_accounts::{self as accounts, Patch, Said};
use umoja_schema::api::{self, Found};
use umoja_schema::{IdentifierKind, Scope, UserId};

use super::answers::{found, found_on_retry};
use super::members::version;
use crate::app::App;
use crate::caller::Caller;
use crate::kinds::{BEHIND, ERASED, NOT_FOUND, NOT_LINKED, ProblemKind, TAKEN, TOO_MANY_MERGED, VERSION};
use crate::operation::{Answer, Done, Members, Operation};
use crate::problem::Problem;

pub(crate) struct Update;

impl Operation for Update {
    const PATH: &'static str = "/v1/users/update";
    const ID: &'static str = "update";
    const SUMMARY: &'static str = "Change the profile and the identifiers of a linked user.";
    const SCOPE: Scope = Scope::Update;
    const CHANGES: bool = true;
    const ANSWERS: &'static [(u16, &'static str)] = &[(200, "The user as it is now.")];
    const PROBLEMS: &'static [&'static ProblemKind] =
        &[&BEHIND, &ERASED, &NOT_FOUND, &NOT_LINKED, &TAKEN, &TOO_MANY_MERGED, &VERSION];
    const MEMBERS: Members = Members { prefix: "set.", whole: "set", password: "password" };
    type Body = api::Update;
    type Answered = Found;
    type Rule = accounts::Update;
    type Asked = UserId;

    fn parse(_: &App, caller: &Caller, body: api::Update) -> Result<(accounts::Update, UserId), Problem> {
        let if_version = version("if_version", body.if_version.as_ref())?;
        let set = body.set;
        let said = [
            (IdentifierKind::Email, &set.email, set.email_verified),
            (IdentifierKind::PhoneNumber, &set.phone_number, set.phone_number_verified),
            (IdentifierKind::Username, &set.username, None),
            (IdentifierKind::ExternalId, &set.external_id, None),
        ];
        let said =
            said.map(|(kind, value, verified)| (kind, Said { value: value.as_ref().map(Option::as_deref), verified }));
        let patch = Patch::new(&caller.context, said, set.profile).map_err(|error| Self::MEMBERS.problem(error))?;
        Ok((accounts::Update { id: body.id, patch, if_version }, body.id))
    }

    fn answer(id: UserId, person: Done<Self>) -> Result<Answer, Problem> {
        found(200, person, id)
    }

    async fn answer_retry(app: &App, status: u16, id: UserId, _: Option<String>) -> Result<Answer, Problem> {
        found_on_retry(app, status, id).await
    }
}
