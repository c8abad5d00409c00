//! Okta: event hooks (<https://developer.okta.com/docs/concepts/event-hooks/>), which post events of the System Log
//! (<https://developer.okta.com/docs/reference/api/event-types/>) in `data.events`.
//!
//! An event says only the id, the login (`alternateId`) and the displayed name of a user
//! (<https://help.okta.com/wf/en-us/content/topics/workflows/connector-reference/okta/events/usercreated.htm>). Okta's
//! logins have the form of an e-mail address unless an organisation changes it, so a login of this form is taken for
//! the address, unverified, and another one for the user name. A source of the kind `scim` gets the whole profile.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use umoja_accounts::import::Row;
use umoja_accounts::incoming::{Change, IncomingChange};
use umoja_schema::{Email, Profile, Username};

use super::body;
use super::event::{Malformed, Read, Reading};
use super::members::{required, state, text, time};

#[derive(Deserialize)]
struct Hook<'a> {
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    events: Vec<&'a RawValue>,
}

/// The events of a hook.
pub(super) fn events(body: &[u8]) -> Result<Vec<&RawValue>, Malformed> {
    let hook: Hook<'_> = serde_json::from_slice(body).map_err(|_| match body::other(body) {
        Malformed::NoObjects => Malformed::Body("data.events"),
        other => other,
    })?;
    body::checked(hook.data.events)
}

pub(super) fn id(event: &Map<String, Value>) -> Option<String> {
    text(event, "uuid").map(str::to_owned)
}

pub(super) fn read(event: &Map<String, Value>, reading: &Reading<'_>) -> Result<Read, Malformed> {
    let change = match required(event, "eventType")?.as_str() {
        "user.lifecycle.create" | "user.account.update_profile" => None,
        "user.lifecycle.activate" | "user.lifecycle.unsuspend" => Some(Change::Activated),
        "user.lifecycle.deactivate" | "user.lifecycle.suspend" => Some(Change::Suspended),
        "user.lifecycle.delete.initiated" => Some(Change::Deleted),
        "user.account.update_password" => Some(Change::PasswordChanged),
        _ => return Ok(Read::Unknown),
    };
    let result = event.get("outcome").and_then(|outcome| outcome.get("result")).and_then(Value::as_str);
    if result.is_some_and(|result| result != "SUCCESS") {
        return Ok(Read::Unknown);
    }
    let at = reading.at(Some(time(event, "published").ok_or(Malformed::Member("published"))?));
    let targets = event.get("target").and_then(Value::as_array).ok_or(Malformed::Member("target"))?;
    let users = targets.iter().filter_map(Value::as_object).filter(|target| text(target, "type") == Some("User"));
    let changes = users.map(|user| match &change {
        None => state(row(user), at, false, "id"),
        Some(change) => Ok(IncomingChange { subject: required(user, "id")?, at, change: change.clone() }),
    });
    match changes.collect::<Result<Vec<_>, _>>()? {
        changes if changes.is_empty() => Err(Malformed::Member("target")),
        changes => Ok(Read::Changes(changes)),
    }
}

/// What a target says of its user.
fn row(user: &Map<String, Value>) -> Row {
    // The System Log writes `unknown` where it has no value.
    let known = |name| text(user, name).filter(|text| *text != "unknown").map(str::to_owned);
    let login = known("alternateId");
    let email = login.clone().filter(|login| Email::parse(login).is_ok());
    Row {
        external_id: known("id"),
        username: login.filter(|login| email.is_none() && Username::parse(login).is_ok()),
        email,
        profile: Profile { name: known("displayName"), ..Profile::default() },
        ..Row::default()
    }
}
