//! `password/reset/finish`: sets a new password with a token, in any region that has caught up with the token.

use umoja_accounts::reset;
use umoja_crypto::Password;
use umoja_schema::api::{self, PasswordReset};
use umoja_schema::{Scope, UserId};

use crate::app::App;
use crate::caller::Caller;
use crate::kinds::{BEHIND, ERASED, INTERNAL, ProblemKind, RESET_TOKEN, TOO_MANY_MERGED, USER_DISABLED};
use crate::operation::{Answer, Done, Members, Operation};
use crate::problem::Problem;

pub(crate) struct ResetFinish;

impl Operation for ResetFinish {
    const PATH: &'static str = "/v1/users/password/reset/finish";
    const ID: &'static str = "finishPasswordReset";
    const SUMMARY: &'static str = "Set the password with a token, in any region.";
    const SCOPE: Scope = Scope::Reset;
    const CHANGES: bool = true;
    const HASHES: bool = true;
    const SETS_PASSWORD: &'static [u16] = &[200];
    const ANSWERS: &'static [(u16, &'static str)] = &[(200, "The password is set.")];
    const PROBLEMS: &'static [&'static ProblemKind] =
        &[&BEHIND, &ERASED, &RESET_TOKEN, &TOO_MANY_MERGED, &USER_DISABLED];
    const MEMBERS: Members = Members { prefix: "", whole: "body", password: "new_password" };
    type Body = api::ResetFinish;
    type Answered = PasswordReset;
    type Rule = reset::ResetFinish;
    type Asked = ();

    fn parse(app: &App, _: &Caller, body: api::ResetFinish) -> Result<(reset::ResetFinish, ()), Problem> {
        let password = Password::new(&body.new_password, app.accounts.passwords.min_chars);
        let password = password.map_err(|error| Self::MEMBERS.problem(error.into()))?;
        Ok((reset::ResetFinish { token: body.token, password }, ()))
    }

    fn answer((): (), finished: Done<Self>) -> Result<Answer, Problem> {
        let reset::Finished { id, version } = finished;
        answered(id, Some(version.to_string()))
    }

    async fn answer_retry(_: &App, _: u16, id: UserId, version: Option<String>) -> Result<Answer, Problem> {
        answered(id, version)
    }
}

fn answered(id: UserId, version: Option<String>) -> Result<Answer, Problem> {
    let version = version.ok_or(Problem::from(&INTERNAL))?;
    Ok(Answer::new(200, &PasswordReset { id, version: version.clone() })?.of(id, Some(version)))
}
