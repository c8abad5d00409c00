//! The operations: one file each.

pub(crate) mod authenticate;
pub(crate) mod erase;
pub(crate) mod erasure;
pub(crate) mod export;
pub(crate) mod lookup;
pub(crate) mod merge;
pub(crate) mod password_change;
mod patch;
pub(crate) mod register;
pub(crate) mod reset_finish;
pub(crate) mod reset_start;
pub(crate) mod status;
pub(crate) mod unmerge;
pub(crate) mod update;

use umoja_schema::UserId;
use umoja_schema::api::Found;

use crate::app::App;
use crate::group::Group;
use crate::handler::Answer;
use crate::problem::{NOT_FOUND, Refusal};

/// The most characters of a reason.
const MAX_REASON_CHARS: usize = 256;

/// The answer `{user}` to a request about a user: who that is merged with may be another one when it is repeated.
fn found(status: u16, group: &Group, id: UserId) -> Result<Answer, Refusal> {
    let version = group.version().to_string();
    Ok(Answer::new(status, &Found { user: group.view() })?.of(id, Some(version)))
}

/// The answer `{user}` to a request that was done before.
pub(crate) async fn found_again(app: &App, status: u16, id: UserId) -> Result<Answer, Refusal> {
    let group = app.load(id).await?.ok_or(Refusal::from(&NOT_FOUND))?;
    found(status, &group, id)
}

/// Checks a reason.
fn reason(text: Option<&String>) -> Result<Option<String>, Refusal> {
    match text {
        Some(text) if text.chars().count() > MAX_REASON_CHARS => {
            Err(Refusal::invalid("reason", "A reason has at most 256 characters."))
        }
        text => Ok(text.cloned()),
    }
}
