//! The events of each kind of source, one file each.
//!
//! [`split`] divides what a source posts into events, each with an id, when it is accepted; [`read`] reads one event
//! later, when it is applied. The user of an event is read by the code that reads the same record of an export
//! (`umoja_migrate::formats`), so an event and an import make the same user.

mod auth0;
mod body;
pub mod cognito;
mod event;
mod generic;
mod keycloak;
mod members;
mod okta;

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use umoja_crypto::jws::request_hash;
use umoja_migrate::formats::{self, Events, MappingError};
use umoja_schema::SourceKind;

pub use self::event::{MAX_BODY, MAX_EVENTS, MAX_MEMBERS, Malformed, Read, Reading, Received};

/// The most characters of the id of an event.
const MAX_ID: usize = 256;

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
        SourceKind::Auth0 => received(body::objects(body)?, auth0::id),
        SourceKind::Cognito => received(body::objects(body)?, cognito::id),
        SourceKind::Okta => received(okta::events(body)?, okta::id),
        SourceKind::Keycloak => received(body::objects(body)?, keycloak::id),
        SourceKind::Scim => Err(Malformed::NoEvents),
        SourceKind::Generic => {
            let mapping = generic::mapping(mapping)?;
            received(body::objects(body)?, |event| generic::id(&mapping, event))
        }
    }
}

/// What an event says.
///
/// # Errors
/// If a member that the change needs is absent or unusable.
pub fn read(kind: SourceKind, payload: &[u8], reading: &Reading<'_>) -> Result<Read, Malformed> {
    let event = formats::object(payload).map_err(|_| Malformed::Json)?;
    members::check(&event)?;
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
    Events::of(&generic::parsed(mapping)?).map(drop)
}

/// The events with their ids. An event without a usable one has a hash of its payload in its place.
///
/// # Errors
/// [`Malformed::TooManyMembers`] if one of them is too long to be read.
fn received(
    events: Vec<&RawValue>,
    id: impl Fn(&Map<String, Value>) -> Option<String>,
) -> Result<Vec<Received>, Malformed> {
    let usable = |id: &String| !id.is_empty() && id.chars().count() <= MAX_ID;
    let received = events.into_iter().map(|event| {
        let payload = event.get().as_bytes().to_vec();
        let event = formats::object(&payload).ok();
        event.as_ref().map_or(Ok(()), members::check)?;
        let id = event.and_then(|event| id(&event)).filter(usable);
        Ok(Received { id: id.unwrap_or_else(|| format!("sha256:{}", request_hash(&payload))), payload })
    });
    received.collect()
}

#[cfg(test)]
mod tests;
