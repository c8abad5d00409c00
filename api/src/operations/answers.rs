//! Answers that several operations give.

use umoja_accounts::Person;
use umoja_schema::UserId;
use umoja_schema::api::Found;

use crate::app::App;
use crate::operation::Answer;
use crate::problem::{NOT_FOUND, Refusal};

/// The answer `{user}` to a request about a user: who that is merged with may be another one when it is repeated.
pub(super) fn found(status: u16, person: &Person, id: UserId) -> Result<Answer, Refusal> {
    let version = person.version().to_string();
    Ok(Answer::new(status, &Found { user: person.view() })?.of(id, Some(version)))
}

/// The answer `{user}` to a request that was done before.
pub(super) async fn found_again(app: &App, status: u16, id: UserId) -> Result<Answer, Refusal> {
    let person = app.accounts.reader().load(id).await?.ok_or(Refusal::from(&NOT_FOUND))?;
    found(status, &person, id)
}
