//! The operations: one file each.

pub(crate) mod authenticate;
pub(crate) mod erase;
pub(crate) mod erasure;
pub(crate) mod export;
pub(crate) mod lookup;
pub(crate) mod password_change;
mod patch;
pub(crate) mod register;
pub(crate) mod status;
pub(crate) mod update;

use umoja_schema::UserId;
use umoja_schema::api::Found;

use crate::app::App;
use crate::handler::Answer;
use crate::problem::{NOT_FOUND, Refusal};
use crate::user::Stored;

/// The most characters of a reason.
const MAX_REASON_CHARS: usize = 256;

/// The answer `{user}`.
fn found(status: u16, stored: &Stored) -> Result<Answer, Refusal> {
    let version = stored.version().to_string();
    Ok(Answer::new(status, &Found { user: stored.view() })?.of(stored.profile.id, Some(version)))
}

/// The answer `{user}` to a request that was done before.
pub(crate) async fn found_again(app: &App, status: u16, id: UserId) -> Result<Answer, Refusal> {
    let stored = app.load(id).await?.ok_or(Refusal::from(&NOT_FOUND))?;
    found(status, &stored)
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
