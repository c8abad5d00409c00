//! `verify/start`: sends a code to the e-mail address of a user.

use umoja_accounts::mail;
use umoja_look::Language;
use umoja_schema::Scope;
use umoja_schema::api::{self, VerifyStarted};

use super::members::version;
use crate::app::App;
use crate::caller::Caller;
use crate::kinds::{BEHIND, MAIL, NO_MAIL, NOT_FOUND, NOT_LINKED, ProblemKind, TOO_MANY_MAILS, TOO_MANY_MERGED};
use crate::operation::{Answer, Done, Operation};
use crate::problem::Problem;

/// The most characters of a tag of a language.
const MAX_LANGUAGE: usize = 35;

pub(crate) struct VerifyStart;

impl Operation for VerifyStart {
    const PATH: &'static str = "/v1/users/verify/start";
    const ID: &'static str = "startVerification";
    const SUMMARY: &'static str = "Send a code to the e-mail address of a linked user.";
    const SCOPE: Scope = Scope::Update;
    const CHANGES: bool = false;
    const ANSWERS: &'static [(u16, &'static str)] = &[(200, "The code is on its way.")];
    const PROBLEMS: &'static [&'static ProblemKind] =
        &[&BEHIND, &MAIL, &NOT_FOUND, &NOT_LINKED, &NO_MAIL, &TOO_MANY_MAILS, &TOO_MANY_MERGED];
    type Body = api::VerifyStart;
    type Answered = VerifyStarted;
    type Rule = mail::VerifyStart;
    type Asked = ();

    fn parse(_: &App, _: &Caller, body: api::VerifyStart) -> Result<(mail::VerifyStart, ()), Problem> {
        let is_tag = |tag: &String| (1..=MAX_LANGUAGE).contains(&tag.chars().count());
        if !body.language.as_ref().is_none_or(is_tag) {
            return Err(Problem::invalid("language", "Give the tag of a language, such as `sw` or `fr-CM`."));
        }
        // A language without texts is English, and not that of the profile: the company knows what it asks for.
        let language = body.language.map(|tag| Language::of_tag(&tag).unwrap_or(Language::En));
        let min_version = version("min_version", body.min_version.as_ref())?;
        Ok((mail::VerifyStart { id: body.id, language, min_version }, ()))
    }

    fn answer((): (), sent: Done<Self>) -> Result<Answer, Problem> {
        let mail::CodeSent { challenge, expires_at, id } = sent;
        Answer::new(200, &VerifyStarted { challenge, expires_at, id })
    }
}
