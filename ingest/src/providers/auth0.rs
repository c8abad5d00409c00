//! Auth0: what its tenants post in three ways.
//!
//! - Our own Action (`ingest/actions/auth0.js`) posts one object: `v` (1), `id`, `trigger`, `time` (milliseconds since
//!   the epoch, or RFC 3339) and `user`, which is `event.user` of the Action (<https://auth0.com/docs/customize/actions>,
//!   event objects of post-user-registration, post-login and post-change-password).
//! - Event Streams post CloudEvents (<https://auth0.com/docs/customize/events/event-types>). The page shows
//!   `spec_version` and the prefix `com.auth0.`, the reference (<https://auth0.com/docs/events>) `specversion` and no
//!   prefix. They come in any order, so the user's own `updated_at` decides which is newer.
//! - Log Streams post objects with `log_id` and `data`, as an array, lines or alone
//!   (<https://auth0.com/docs/customize/log-streams/custom-log-streams>). They have no user, only its id.

use serde_json::{Map, Value};
use umoja_accounts::incoming::{Change, IncomingChange};
use umoja_migrate::formats::Format;
use umoja_schema::Millis;

use super::event::{Malformed, Read, Reading};
use super::members::{required, state, take, text, time, user};

/// The version of the Action's body that is read here.
const VERSION: u64 = 1;

/// The id of an event.
pub(super) fn id(event: &Map<String, Value>) -> Option<String> {
    text(event, "id").or_else(|| text(event, "log_id")).map(str::to_owned)
}

pub(super) fn read(event: Map<String, Value>, reading: &Reading<'_>) -> Result<Read, Malformed> {
    if event.contains_key("trigger") {
        action(event, reading)
    } else if event.contains_key("log_id") {
        log(event, reading)
    } else {
        of_stream(event, reading)
    }
}

fn action(mut event: Map<String, Value>, reading: &Reading<'_>) -> Result<Read, Malformed> {
    if event.get("v").and_then(Value::as_u64).ok_or(Malformed::Member("v"))? != VERSION {
        return Ok(Read::Unknown);
    }
    let trigger = required(&event, "trigger")?;
    if trigger == "legacy-get" {
        // It says that the user exists. As its time is before every other, it changes no user that is described.
        let user_id = required(&take(&mut event, "user")?, "user_id")?;
        let object = Map::from_iter([("user_id".to_owned(), Value::String(user_id))]);
        return Ok(Read::Changes(vec![state_of(object, Millis(0), false)?]));
    }
    let at = reading.at(Some(time(&event, "time").ok_or(Malformed::Member("time"))?));
    let object = take(&mut event, "user")?;
    let changes = match trigger.as_str() {
        "post-user-registration" => vec![state_of(object, at, false)?],
        "post-login" => vec![state_of(object, at, true)?],
        "post-change-password" => {
            let subject = required(&object, "user_id")?;
            let is_whole = ["email", "phone_number", "username"].iter().any(|name| text(&object, name).is_some());
            let state = is_whole.then(|| state_of(object, at, false)).transpose()?;
            let changed = IncomingChange { subject, at, change: Change::PasswordChanged };
            state.into_iter().chain([changed]).collect()
        }
        _ => return Ok(Read::Unknown),
    };
    Ok(Read::Changes(changes))
}

fn of_stream(mut event: Map<String, Value>, reading: &Reading<'_>) -> Result<Read, Malformed> {
    // The console sends events of its own to try a stream.
    if text(&event, "a0purpose") == Some("test") {
        return Ok(Read::Unknown);
    }
    let kind = required(&event, "type")?;
    let kind = kind.strip_prefix("com.auth0.").unwrap_or(&kind);
    if !["user.created", "user.updated", "user.deleted"].contains(&kind) {
        return Ok(Read::Unknown);
    }
    let sent_at = time(&event, "time");
    let object = take(&mut take(&mut event, "data")?, "object")?;
    let said = if kind == "user.deleted" { sent_at } else { time(&object, "updated_at").or(sent_at) };
    let at = reading.at(Some(said.ok_or(Malformed::Member("time"))?));
    Ok(Read::Changes(vec![match kind {
        "user.deleted" => IncomingChange { subject: required(&object, "user_id")?, at, change: Change::Deleted },
        _ => state_of(object, at, false)?,
    }]))
}

/// The codes of <https://auth0.com/docs/logs/references/log-events-data> that need no more than the id. The
/// code `limit_wc` is none of them: it blocks one address of the network, not the user.
fn log(mut event: Map<String, Value>, reading: &Reading<'_>) -> Result<Read, Malformed> {
    let data = take(&mut event, "data")?;
    let change = match required(&data, "type")?.as_str() {
        "sdu" | "du" => Change::Deleted,
        "scp" => Change::PasswordChanged,
        _ => return Ok(Read::Unknown),
    };
    let Some(subject) = text(&data, "user_id") else { return Ok(Read::Unknown) };
    let at = reading.at(Some(time(&data, "date").ok_or(Malformed::Member("date"))?));
    Ok(Read::Changes(vec![IncomingChange { subject: subject.to_owned(), at, change }]))
}

fn state_of(object: Map<String, Value>, at: Millis, logged_in: bool) -> Result<IncomingChange, Malformed> {
    state(user(Format::Auth0, object, "user")?, at, logged_in, "user_id")
}
