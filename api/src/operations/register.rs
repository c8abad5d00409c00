//! `register`: a new user, or the one that a trusted company has registered under the same verified identifier.

use umoja_accounts::{self as accounts, Error, Patch, Person, Said};
use umoja_crypto::Password;
use umoja_schema::api::{self, RegisterOutcome, Registered};
use umoja_schema::{IdentifierKind, Scope, UserId};

use crate::app::App;
use crate::caller::Caller;
use crate::operation::{Answer, Done, Operation};
use crate::problem::{ERASED, Refusal};

pub(crate) struct Register;

impl Operation for Register {
    const PATH: &'static str = "/v1/users/register";
    const ID: &'static str = "register";
    const SUMMARY: &'static str = "Register a user, or match the one with the same verified identifier.";
    const SCOPE: Scope = Scope::Register;
    const CHANGES: bool = true;
    const ANSWERS: &'static [(u16, &'static str)] = &[
        (201, "A new user."),
        (
            200,
            "The identifier is known, and both claims are verified by trusted companies: the existing user, now linked.",
        ),
    ];
    const PROBLEMS: &'static [u16] = &[409, 422, 503];
    type Body = api::Register;
    type Answered = Registered;
    type Rule = accounts::Register;
    type Asked = ();

    fn parse(app: &App, caller: &Caller, body: api::Register) -> Result<(accounts::Register, ()), Refusal> {
        let min_chars = app.accounts.passwords.min_chars;
        let password = body.password.as_ref().map(|raw| Password::new(raw, min_chars)).transpose();
        let refusal = |error| Self::MEMBERS.refusal(error);
        let password = password.map_err(|error| refusal(error.into()))?;
        let said = [
            (IdentifierKind::Email, &body.email, body.email_verified),
            (IdentifierKind::PhoneNumber, &body.phone_number, body.phone_number_verified),
            (IdentifierKind::Username, &body.username, None),
            (IdentifierKind::ExternalId, &body.external_id, None),
        ];
        let said = said.map(|(kind, value, verified)| (kind, Said { value: value.as_deref().map(Some), verified }));
        let patch = Patch::of_new(&caller.context, said, body.profile).map_err(refusal)?;
        Ok((accounts::Register { patch, password }, ()))
    }

    fn answer((): (), done: Done<Self>) -> Result<Answer, Refusal> {
        let accounts::Registered { is_new, id, person } = done;
        answer(if is_new { 201 } else { 200 }, &person, id)
    }

    async fn again(app: &App, status: u16, id: UserId, _: Option<String>) -> Result<Answer, Refusal> {
        let person = app.accounts.reader().load(id).await.map_err(|error: Error| Self::MEMBERS.refusal(error))?;
        answer(status, &person.ok_or(Refusal::from(&ERASED))?, id)
    }
}

/// The answer about a person of whom `id` is the user that was registered or matched.
fn answer(status: u16, person: &Person, id: UserId) -> Result<Answer, Refusal> {
    let outcome = if status == 201 { RegisterOutcome::Created } else { RegisterOutcome::Matched };
    let version = person.version().to_string();
    Ok(Answer::new(status, &Registered { outcome, user: person.view() })?.of(id, Some(version)))
}
