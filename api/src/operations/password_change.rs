//! `password/change`: sets a new password for a user who knows the current one.

use umoja_accounts::{self as accounts, Changed};
use umoja_crypto::Password;
use umoja_schema::api::{self, PasswordChanged};
use umoja_schema::{Scope, UserId};

use crate::app::App;
use crate::caller::Caller;
use crate::kinds::{ERASED, NOT_FOUND, OLD_SYSTEM, ProblemKind, TOO_MANY_MERGED, USER_DISABLED};
use crate::operation::{Answer, Done, Members, Operation};
use crate::problem::Problem;

pub(crate) struct PasswordChange;

impl Operation for PasswordChange {
    const PATH: &'static str = "/v1/users/password/change";
    const ID: &'static str = "changePassword";
    const SUMMARY: &'static str = "Change a password, given the current one.";
    const SCOPE: Scope = Scope::Password;
    const CHANGES: bool = true;
    const HASHES: bool = true;
    const SETS_PASSWORD: &'static [u16] = &[200];
    const ANSWERS: &'static [(u16, &'static str)] = &[(200, "Whether the password was changed.")];
    const PROBLEMS: &'static [&'static ProblemKind] =
        &[&ERASED, &NOT_FOUND, &OLD_SYSTEM, &TOO_MANY_MERGED, &USER_DISABLED];
    const MEMBERS: Members = Members { prefix: "", whole: "body", password: "new_password" };
    type Body = api::PasswordChange;
    type Answered = PasswordChanged;
    type Rule = accounts::PasswordChange;
    type Asked = UserId;

    fn parse(app: &App, _: &Caller, body: api::PasswordChange) -> Result<(accounts::PasswordChange, UserId), Problem> {
        let new = Password::new(&body.new_password, app.accounts.passwords.min_chars);
        let new = new.map_err(|error| Self::MEMBERS.problem(error.into()))?;
        let current = Password::attempt(&body.current_password);
        Ok((accounts::PasswordChange { id: body.id, current, new }, body.id))
    }

    /// Only a change is remembered, so that a user who mistyped a password can try again under the same key.
    fn answer(id: UserId, changed: Done<Self>) -> Result<Answer, Problem> {
        match changed {
            Changed::Changed(version) => answered(id, Some(version.to_string())),
            Changed::Rejected => {
                Ok(Answer::new(200, &PasswordChanged { changed: false, version: None })?.without_effect())
            }
        }
    }

    async fn answer_retry(_: &App, _: u16, id: UserId, version: Option<String>) -> Result<Answer, Problem> {
        answered(id, version)
    }
}

fn answered(id: UserId, version: Option<String>) -> Result<Answer, Problem> {
    Ok(Answer::new(200, &PasswordChanged { changed: true, version: version.clone() })?.of(id, version))
}
