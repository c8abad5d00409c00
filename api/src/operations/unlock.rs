//! `unlock`: takes the lock-out of a linked user away, in the region that is asked.

use umoja_accounts as accounts;
use umoja_schema::Scope;
use umoja_schema::api::{self, Unlocked};

use super::members::known;
use crate::app::App;
use crate::caller::Caller;
use crate::kinds::{LOCKED, NOT_FOUND, NOT_LINKED, ProblemKind, TOO_MANY_MERGED};
use crate::operation::{Answer, Done, Operation};
use crate::problem::Problem;

pub(crate) struct Unlock;

impl Operation for Unlock {
    const PATH: &'static str = "/v1/users/unlock";
    const ID: &'static str = "unlock";
    const SUMMARY: &'static str = "Take the lock-out of a linked user away, in this region.";
    const SCOPE: Scope = Scope::Support;
    const CHANGES: bool = false;
    const ANSWERS: &'static [(u16, &'static str)] = &[(200, "The user, who may log in at once.")];
    const PROBLEMS: &'static [&'static ProblemKind] = &[&LOCKED, &NOT_FOUND, &NOT_LINKED, &TOO_MANY_MERGED];
    type Body = api::Unlock;
    type Answered = Unlocked;
    type Rule = accounts::Unlock;
    type Asked = umoja_schema::Region;

    fn parse(app: &App, caller: &Caller, body: api::Unlock) -> Result<(accounts::Unlock, Self::Asked), Problem> {
        let selector = known(caller, body.selector())?;
        Ok((accounts::Unlock { selector }, app.accounts.home.own.name.clone()))
    }

    fn answer(region: Self::Asked, id: Done<Self>) -> Result<Answer, Problem> {
        Answer::new(200, &Unlocked { id, region })
    }
}
