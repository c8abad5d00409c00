//! The events of each kind of source, one file each.
//!
//! [`split`] divides what a source posts into events, each with an id, when it is accepted; [`read`] reads one event
//! later, when it is applied.

use serde_json::Value;
use umoja_accounts::incoming::IncomingChange;
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
    /// It has more events than are taken at once.
    #[error("the body has more than {MAX_EVENTS} events")]
    TooMany,
}

/// The most events of one body.
pub const MAX_EVENTS: usize = 100;

/// What reading an event needs besides the event.
pub struct Reading<'a> {
    /// When the event was accepted. No time of an event counts as later than five minutes after it.
    pub received_at: Millis,
    /// The mapping of a generic source.
    pub mapping: Option<&'a Value>,
}

/// The events of a body.
///
/// # Errors
/// If the body is not what such a source posts.
pub fn split(kind: SourceKind, body: &[u8]) -> Result<Vec<Received>, Malformed> {
    let _ = (kind, body);
    Err(Malformed::Json)
}

/// What an event says.
///
/// # Errors
/// If a member that the change needs is absent or unusable.
pub fn read(kind: SourceKind, payload: &[u8], reading: &Reading<'_>) -> Result<Read, Malformed> {
    let _ = (kind, payload, reading);
    Err(Malformed::Json)
}
