//! Keycloak: what its event listeners post.
//!
//! - The webhooks of <https://github.com/p2-inc/keycloak-events> (`ext-event-webhook`) have one form for both kinds of
//!   events: `uid`, `time`, `type` (`access.REGISTER`, `admin.USER-CREATE`), `authDetails`, `details`, `resourcePath`,
//!   `representation`. They are sent after Keycloak's transaction.
//! - Other listeners post Keycloak's own `Event` (`type`, `userId`, `details`) and `AdminEvent` (`operationType`,
//!   `resourceType`, `resourcePath`, `representation`) as JSON
//!   (<https://www.keycloak.org/docs-api/latest/javadocs/org/keycloak/events/package-summary.html>), before the
//!   transaction ends.
//!
//! The state of a user is taken from a representation, which is that of an export. Of events without one, only the
//! registration that a webhook sends after the transaction makes a state, of the id, the user name and the address.

use serde_json::{Map, Value, json};
use umoja_accounts::incoming::{Change, IncomingChange};
use umoja_migrate::formats::{self, Format};
use umoja_schema::Millis;

use super::event::{Malformed, Read, Reading};
use super::members::{optional_time, state, text, user};

pub(super) fn id(event: &Map<String, Value>) -> Option<String> {
    text(event, "uid").or_else(|| text(event, "id")).map(str::to_owned)
}

pub(super) fn read(event: &Map<String, Value>, reading: &Reading<'_>) -> Result<Read, Malformed> {
    // What failed has changed nothing.
    if text(event, "error").is_some() {
        return Ok(Read::Unknown);
    }
    // Some listeners leave the time out.
    let at = reading.at(optional_time(event, "time")?);
    let kind = text(event, "type").unwrap_or_default();
    let changed = match (kind.split_once('.'), text(event, "operationType")) {
        (Some(("access", kind)), _) => of_user(event, kind, at, true)?,
        (Some(("admin", kind)), operation) => {
            let (resource, of_type) = kind.rsplit_once('-').unwrap_or((kind, ""));
            of_admin(event, resource, operation.unwrap_or(of_type), at)?
        }
        (_, Some(operation)) => of_admin(event, text(event, "resourceType").unwrap_or("USER"), operation, at)?,
        _ if kind.is_empty() => return Err(Malformed::Member("type")),
        _ => of_user(event, kind, at, false)?,
    };
    Ok(changed.map_or(Read::Unknown, |change| Read::Changes(vec![change])))
}

/// What a user has done.
fn of_user(
    event: &Map<String, Value>,
    kind: &str,
    at: Millis,
    is_committed: bool,
) -> Result<Option<IncomingChange>, Malformed> {
    let detail = |name| event.get("details").and_then(Value::as_object).and_then(|details| text(details, name));
    let change = match kind {
        "REGISTER" | "LOGIN" | "UPDATE_PROFILE" | "UPDATE_EMAIL" | "VERIFY_EMAIL" => None,
        "UPDATE_PASSWORD" => Some(Change::PasswordChanged),
        "UPDATE_CREDENTIAL" if detail("credential_type") == Some("password") => Some(Change::PasswordChanged),
        "USER_DISABLED_BY_PERMANENT_LOCKOUT" => Some(Change::Suspended),
        "DELETE_ACCOUNT" => Some(Change::Deleted),
        _ => return Ok(None),
    };
    let of_session = || event.get("authDetails").and_then(Value::as_object).and_then(|auth| text(auth, "userId"));
    let subject = || text(event, "userId").or_else(of_session).map(str::to_owned).ok_or(Malformed::Member("userId"));
    if let Some(change) = change {
        return Ok(Some(IncomingChange { subject: subject()?, at, change }));
    }
    let registered = || match (kind, is_committed, detail("username")) {
        ("REGISTER", true, Some(name)) => json!({"username": name, "email": detail("email")}).as_object().cloned(),
        _ => None,
    };
    match representation(event)?.or_else(registered) {
        Some(user) => state_of(user, subject()?, at, kind == "LOGIN"),
        None => Ok(None),
    }
}

/// What an administrator has done to a user: `users/ID`, and `users/ID/reset-password`.
fn of_admin(
    event: &Map<String, Value>,
    resource: &str,
    operation: &str,
    at: Millis,
) -> Result<Option<IncomingChange>, Malformed> {
    if resource != "USER" {
        return Ok(None);
    }
    let path = text(event, "resourcePath").ok_or(Malformed::Member("resourcePath"))?;
    let Some(path) = path.strip_prefix("users/") else { return Ok(None) };
    let (id, action) = path.split_once('/').unwrap_or((path, ""));
    if id.is_empty() {
        return Err(Malformed::Member("resourcePath"));
    }
    let subject = id.to_owned();
    match (operation, action) {
        ("CREATE" | "UPDATE", "") => match representation(event)? {
            Some(user) => state_of(user, subject, at, false),
            None => Ok(None),
        },
        ("DELETE", "") => Ok(Some(IncomingChange { subject, at, change: Change::Deleted })),
        ("ACTION", "reset-password") => Ok(Some(IncomingChange { subject, at, change: Change::PasswordChanged })),
        _ => Ok(None),
    }
}

/// The representation: an object, or JSON in a text.
fn representation(event: &Map<String, Value>) -> Result<Option<Map<String, Value>>, Malformed> {
    match event.get("representation") {
        Some(Value::Object(user)) => Ok(Some(user.clone())),
        Some(Value::String(json)) if !json.is_empty() => {
            formats::object(json.as_bytes()).map(Some).map_err(|_| Malformed::Member("representation"))
        }
        None | Some(Value::Null | Value::String(_)) => Ok(None),
        Some(_) => Err(Malformed::Member("representation")),
    }
}

/// The user of a representation. One without a user name is an update of single values, of which the status counts.
fn state_of(
    mut of: Map<String, Value>,
    subject: String,
    at: Millis,
    logged_in: bool,
) -> Result<Option<IncomingChange>, Malformed> {
    if of.get("serviceAccountClientId").is_some_and(|client| !client.is_null()) {
        return Ok(None);
    }
    if text(&of, "username").is_none() {
        let change = match of.get("enabled").and_then(Value::as_bool) {
            Some(true) => Change::Activated,
            Some(false) => Change::Suspended,
            None => return Ok(None),
        };
        return Ok(Some(IncomingChange { subject, at, change }));
    }
    // An administrator may set a password, which comes masked or in clear text. Neither is a hash.
    of.remove("credentials");
    of.insert("id".to_owned(), Value::String(subject));
    state(user(Format::Keycloak, of, "representation")?, at, logged_in, "userId").map(Some)
}
