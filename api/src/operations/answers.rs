//! Answers that several operations give.

use umoja_accounts::Person;
use umoja_schema::UserId;
use umoja_schema::api::Found;

use crate::app::App;
use crate::kinds::NOT_FOUND;
use crate::operation::Answer;
use crate::problem::Problem;

/// The answer `{user}` to a request about a user. A retry may find the user merged with other users than before.
pub(super) fn found(status: u16, person: Person, id: UserId) -> Result<Answer, Problem> {
    let found = Found { user: person.into_view() };
    Ok(Answer::new(status, &found)?.of(id, Some(found.user.version)))
}

/// The answer `{user}` to a retry of a request that was executed before.
pub(super) async fn found_on_retry(app: &App, status: u16, id: UserId) -> Result<Answer, Problem> {
    let person = app.accounts.reader().load(id).await?.ok_or(Problem::from(&NOT_FOUND))?;
    found(status, person, id)
}
