//! Events: what they are, what they say, and why one cannot be read.

use serde_json::Value;
use umoja_accounts::incoming::IncomingChange;
use umoja_schema::Millis;

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
    /// It is compressed.
    #[error("the body is compressed, and `Content-Encoding` is not supported")]
    Compressed,
    /// It has no bytes.
    #[error("the body is empty")]
    Empty,
    /// It is JSON, and no object or array of objects.
    #[error("the body is JSON, and neither an object nor an array of objects")]
    NoObjects,
    /// It is JSON, and not the form of the provider, which has this member.
    #[error("the body has no usable `{0}`")]
    Body(&'static str),
    /// A member is absent or of another type.
    #[error("the event has no usable `{0}`")]
    Member(&'static str),
    /// A body has more events than are taken at once, or an event more users.
    #[error("there are more than {MAX_EVENTS} events or users")]
    TooMany,
    /// An object or a list of an event is too long.
    #[error("an object or a list of the event has more than {MAX_MEMBERS} members")]
    TooManyMembers,
    /// It has more bytes than are taken at once.
    #[error("the body is larger than a mebibyte")]
    TooLarge,
    /// The source is of a kind that posts no events.
    #[error("a SCIM client sends requests and posts no events")]
    NoEvents,
}

/// The most events of one body, and the most users of one event.
pub const MAX_EVENTS: usize = 100;

/// The most members of an object, and the most elements of a list, in an event.
pub const MAX_MEMBERS: usize = 1_000;

/// The most bytes of a body.
pub const MAX_BODY: usize = 1 << 20;

/// What reading an event needs besides the event.
pub struct Reading<'a> {
    /// When the event was accepted. No time of an event counts as later than five minutes after it.
    pub received_at: Millis,
    /// The mapping of a generic source.
    pub mapping: Option<&'a Value>,
}
