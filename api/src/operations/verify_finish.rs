//! `verify/finish`: brings the code of a mail back, in any region. The address is verified then.

use umoja_accounts::mail;
use umoja_schema::api::{self, Found};
use umoja_schema::{Scope, UserId};

use super::answers::{found, found_on_retry};
use crate::app::App;
use crate::caller::Caller;
use crate::kinds::{BEHIND, CODE, ERASED, NOT_FOUND, ProblemKind, TAKEN, TOO_MANY_MERGED};
use crate::operation::{Answer, Done, Operation};
use crate::problem::Problem;

/// The most characters of a challenge, and of a code as a person types it.
const MAX: [(&str, usize); 2] = [("challenge", 4096), ("code", 64)];

pub(crate) struct VerifyFinish;

impl Operation for VerifyFinish {
    const PATH: &'static str = "/v1/users/verify/finish";
    const ID: &'static str = "finishVerification";
    const SUMMARY: &'static str = "Bring a code back, which verifies the e-mail address, in any region.";
    const SCOPE: Scope = Scope::Update;
    const CHANGES: bool = true;
    const ANSWERS: &'static [(u16, &'static str)] = &[(200, "The user, whose address is verified.")];
    const PROBLEMS: &'static [&'static ProblemKind] = &[&BEHIND, &CODE, &ERASED, &NOT_FOUND, &TAKEN, &TOO_MANY_MERGED];
    type Body = api::VerifyFinish;
    type Answered = Found;
    type Rule = mail::VerifyFinish;
    type Asked = ();

    fn parse(_: &App, _: &Caller, body: api::VerifyFinish) -> Result<(mail::VerifyFinish, ()), Problem> {
        let api::VerifyFinish { challenge, code } = body;
        for ((name, most), text) in MAX.into_iter().zip([&challenge, &code]) {
            if text.is_empty() || text.chars().count() > most {
                return Err(Problem::invalid(name, format!("Give 1 to {most} characters.")));
            }
        }
        Ok((mail::VerifyFinish { challenge, code }, ()))
    }

    fn answer((): (), (person, id): Done<Self>) -> Result<Answer, Problem> {
        found(200, person, id)
    }

    async fn answer_retry(app: &App, status: u16, id: UserId, _: Option<String>) -> Result<Answer, Problem> {
        found_on_retry(app, status, id).await
    }
}
