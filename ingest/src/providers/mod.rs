//! The events of each kind of source, one file each.
//!
//! [`split`] divides what a source posts into events, each with an id, when it is accepted; [`read`] reads one event
//! later, when it is applied. The user of an event is read by the code that reads the same record of an export
//! (`umoja_migrate::formats`), so an event and an import make the same user.

mod auth0;
mod body;
pub mod cognito;
mod generic;
mod keycloak;
mod members;
mod okta;

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use umoja_accounts::incoming::IncomingChange;
use umoja_crypto::jws::request_hash;
use umoja_migrate::formats::{self, MappingError};
use umoja_schema::{Millis, SourceKind};

/// One event of a body, which is sealed and stored under its id.
pub struct Received {
    /// The id that the provider gives to the event, the same for every delivery of it.
    pub id: String,
    /// The event as JSON.
    pub payload: Vec<u8>,
}

/// What an event says.
#[derive(Debug)]
pub enum Read {
    /// Users have changed.
    Changes(Vec<IncomingChange>),
    /// The type of the event is unknown here.
    Unknown,
}

/// Why a body or an event cannot be read. The text names members, never a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It is not JSON.
    #[error("the body is not JSON")]
    Json,
    /// A member is absent or of another type.
    #[error("the event has no usable `{0}`")]
    Member(&'static str),
    /// A body has more events than are taken at once, or an event more users.
    #[error("there are more than {MAX_EVENTS} events or users")]
    TooMany,
    /// It has more bytes than are taken at once.
    #[error("the body is larger than a mebibyte")]
    TooLarge,
    /// The source is of a kind that posts no events.
    #[error("a SCIM client sends requests and posts no events")]
    NoEvents,
}

/// The most events of one body, and the most users of one event.
pub const MAX_EVENTS: usize = 100;

/// The most bytes of a body.
pub const MAX_BODY: usize = 1 << 20;

/// The most characters of the id of an event.
const MAX_ID: usize = 256;

/// What reading an event needs besides the event.
pub struct Reading<'a> {
    /// When the event was accepted. No time of an event counts as later than five minutes after it.
    pub received_at: Millis,
    /// The mapping of a generic source.
    pub mapping: Option<&'a Value>,
}

/// The events of a body. `mapping` is that of a generic source, which may name the place of the id.
///
/// An event that is JSON and cannot be read has an id too: [`read`] rejects it later, and the others of its batch are
/// applied.
///
/// # Errors
/// If the body is not what such a source posts.
pub fn split(kind: SourceKind, mapping: Option<&Value>, body: &[u8]) -> Result<Vec<Received>, Malformed> {
    if body.len() > MAX_BODY {
        return Err(Malformed::TooLarge);
    }
    match kind {
        SourceKind::Auth0 => Ok(received(body::objects(body)?, auth0::id)),
        SourceKind::Cognito => Ok(received(body::objects(body)?, cognito::id)),
        SourceKind::Okta => Ok(received(okta::events(body)?, okta::id)),
        SourceKind::Keycloak => Ok(received(body::objects(body)?, keycloak::id)),
        SourceKind::Scim => Err(Malformed::NoEvents),
        SourceKind::Generic => {
            let mapping = generic::mapping(mapping)?;
            Ok(received(body::objects(body)?, |event| generic::id(&mapping, event)))
        }
    }
}

/// What an event says.
///
/// # Errors
/// If a member that the change needs is absent or unusable.
pub fn read(kind: SourceKind, payload: &[u8], reading: &Reading<'_>) -> Result<Read, Malformed> {
    let event = formats::object(payload).map_err(|_| Malformed::Json)?;
    let read = match kind {
        SourceKind::Auth0 => auth0::read(event, reading),
        SourceKind::Cognito => cognito::read(event, reading),
        SourceKind::Okta => okta::read(&event, reading),
        SourceKind::Keycloak => keycloak::read(&event, reading),
        SourceKind::Scim => Err(Malformed::NoEvents),
        SourceKind::Generic => generic::read(event, reading),
    };
    match read {
        Ok(Read::Changes(changes)) if changes.len() > MAX_EVENTS => Err(Malformed::TooMany),
        read => read,
    }
}

/// Checks the mapping of a generic source, before the source is added.
///
/// # Errors
/// [`MappingError`].
pub fn check_mapping(mapping: &Value) -> Result<(), MappingError> {
    generic::parsed(mapping)?.events().map(drop)
}

/// The events with their ids. An event without a usable one has a hash of its payload in its place.
fn received(events: Vec<&RawValue>, id: impl Fn(&Map<String, Value>) -> Option<String>) -> Vec<Received> {
    let usable = |id: &String| !id.is_empty() && id.chars().count() <= MAX_ID;
    let received = events.into_iter().map(|event| {
        let payload = event.get().as_bytes().to_vec();
        let id = formats::object(&payload).ok().and_then(|event| id(&event)).filter(usable);
        Received { id: id.unwrap_or_else(|| format!("sha256:{}", request_hash(&payload))), payload }
    });
    received.collect()
}

#[cfg(test)]
mod tests;
