//! `register`: makes a new user, or matches the user that a trusted company registered under the same verified
//! identifier.

use umoja_accounts::{self as accounts, Error, Patch, Person, Said};
use umoja_crypto::Password;
use umoja_schema::api::{self, Provisions, RegisterOutcome, Registered};
use umoja_schema::{IdentifierKind, Scope, UserId};

use crate::app::App;
use crate::caller::Caller;
use crate::kinds::{BEHIND, ERASED, ProblemKind, TAKEN, TOO_MANY_MERGED};
use crate::operation::{About, Answer, Done, Operation};
use crate::problem::Problem;

pub(crate) struct Register;

impl Operation for Register {
    const PATH: &'static str = "/v1/users/register";
    const ID: &'static str = "register";
    const SUMMARY: &'static str = "Register a user, or match the one with the same verified identifier.";
    const SCOPE: Scope = Scope::Register;
    const CHANGES: bool = true;
    const SETS_PASSWORD: &'static [u16] = &[201];
    const ANSWERS: &'static [(u16, &'static str)] = &[
        (201, "A new user."),
        (
            200,
            "The existing user, now linked: the identifier is known, and trusted companies verified both ownerships.",
        ),
    ];
    const PROBLEMS: &'static [&'static ProblemKind] = &[&BEHIND, &ERASED, &TAKEN, &TOO_MANY_MERGED];
    type Body = api::Register;
    type Answered = Registered;
    type Rule = accounts::Register;
    type Asked = ();

    fn parse(app: &App, caller: &Caller, body: api::Register) -> Result<(accounts::Register, ()), Problem> {
        let min_chars = app.accounts.passwords.min_chars;
        let password = body.password.as_ref().map(|raw| Password::new(raw, min_chars)).transpose();
        let problem = |error| Self::MEMBERS.problem(error);
        let password = password.map_err(|error| problem(error.into()))?;
        let said = [
            (IdentifierKind::Email, &body.email, body.email_verified),
            (IdentifierKind::PhoneNumber, &body.phone_number, body.phone_number_verified),
            (IdentifierKind::Username, &body.username, None),
            (IdentifierKind::ExternalId, &body.external_id, None),
        ];
        let said = said.map(|(kind, value, verified)| (kind, Said { value: value.as_deref().map(Some), verified }));
        let patch = Patch::of_new(&caller.context, said, body.profile).map_err(problem)?;
        Ok((accounts::Register { patch, password }, ()))
    }

    fn provisions(body: &api::Register) -> Option<Provisions> {
        body.provisions()
    }

    fn answer((): (), done: Done<Self>) -> Result<Answer, Problem> {
        let accounts::Registered { is_new, id, person } = done;
        answer(if is_new { 201 } else { 200 }, person, id)
    }

    async fn answer_retry(app: &App, status: u16, id: UserId, _: Option<String>) -> Result<Answer, Problem> {
        let person = app.accounts.reader().load(id).await.map_err(|error: Error| Self::MEMBERS.problem(error))?;
        answer(status, person.ok_or(Problem::from(&ERASED))?, id)
    }
}

/// The answer about a person, where `id` is the user that was registered or matched.
fn answer(status: u16, person: Person, id: UserId) -> Result<Answer, Problem> {
    let outcome = if status == 201 { RegisterOutcome::Created } else { RegisterOutcome::Matched };
    let about = About::of(&person);
    let answer = Answer::new(status, &Registered { outcome, user: person.into_view(), provisioning: None })?;
    Ok(answer.of(id, Some(about.version.clone())).about(about))
}
