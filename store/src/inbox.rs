//! What the inbox of a region holds: events that it accepted from sources, and marks of users that no part
//! remembers.
//!
//! A key is a keyed hash of what it stands for, so the table names no user. Each function works on the inbox of any
//! region: a region puts what it accepted for a source with another home into the inbox of that home.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};
use umoja_schema::ingest::StoredMark;
use umoja_schema::{InboxEvent, InboxState, ItemError, Mark, Marked, Message, Millis};

use crate::ports::{Etag, Inbox, InboxDocument, InboxPage, StoreError};
use crate::proof::members;

/// How many days an event waits at most. An event waits without an end; this only bounds what no region ever applies.
pub const WAITING_DAYS: u64 = 365;

/// How many days an event is kept after it is done. It bounds how far back events can be applied again.
pub const KEPT_DAYS: u64 = 7;

/// How many days an event is kept that is parked or ignored.
pub const PARKED_DAYS: u64 = 30;

/// How many days a sign-up waits for its confirmation.
pub const OPEN_DAYS: u64 = 1;

/// How many days the mark of a user is remembered.
pub const MARK_DAYS: u64 = 90;

/// The reason of a done event that an operator gave up. It has no payload any more, so it cannot be applied.
pub const DROPPED: &str = "dropped";

/// How often a write is repeated that others overtake.
const ROUNDS: usize = 16;

/// An event of an inbox.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEvent {
    /// Its key.
    pub key: [u8; 32],
    /// The event.
    pub event: InboxEvent,
    /// When it expires.
    pub expires_at: Millis,
    /// What was stored when it was read.
    pub etag: Etag,
}

/// What an inbox holds under the key of an event after [`accept`].
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "there is one value at a time")]
pub enum Accepted {
    /// This event.
    New,
    /// An event that was accepted earlier under the same key.
    Known(StoredEvent),
}

/// A page of the events of an inbox.
#[derive(Debug, Clone, PartialEq)]
pub struct EventPage {
    /// The events, in any state.
    pub events: Vec<StoredEvent>,
    /// The number of rows that hold neither an event nor a mark.
    pub unreadable: usize,
    /// Where the next page starts; `None` on the last page.
    pub next: Option<String>,
}

/// When an event expires that is stored in this state now.
pub const fn expiry(state: InboxState, now: Millis) -> Millis {
    let days = match state {
        InboxState::Waiting => WAITING_DAYS,
        InboxState::Done => KEPT_DAYS,
        InboxState::Ignored | InboxState::Parked => PARKED_DAYS,
        InboxState::Open => OPEN_DAYS,
    };
    now.plus(days * Millis::DAY_MS)
}

/// The message that an event waits under this key.
pub fn message(key: &[u8; 32]) -> Message {
    Message::Ingest { key: URL_SAFE_NO_PAD.encode(key) }
}

/// The key that [`Message::Ingest`] names.
pub fn key_of(text: &str) -> Option<[u8; 32]> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// The event under a key.
///
/// # Errors
/// If the inbox fails. [`StoreError::Unreadable`] if the document is no event, or does not verify.
pub async fn event(inbox: &dyn Inbox, key: &[u8; 32], now: Millis) -> Result<Option<StoredEvent>, StoreError> {
    inbox.inbox_document(key, now).await?.map(|document| Ok(stored_event(*key, document)?)).transpose()
}

/// Stores an event unless one is stored under its key. A document that is damaged or does not verify is no event, and
/// is replaced.
///
/// # Errors
/// If the inbox fails. The event may have been stored then; the caller can do the same again.
/// [`StoreError::Unreadable`] if a newer version of Umoja stored the event in another form.
pub async fn accept(
    inbox: &dyn Inbox,
    key: &[u8; 32],
    event: &InboxEvent,
    now: Millis,
    expires_at: Millis,
) -> Result<Accepted, StoreError> {
    let (event, mut stored) = (members(event)?, None);
    for _ in 0..ROUNDS {
        if inbox.replace_inbox_document(key, stored.as_ref(), &event, now, expires_at).await? {
            return Ok(Accepted::New);
        }
        stored = match inbox.inbox_document(key, now).await? {
            None => None,
            Some(damaged) if damaged.members.is_none() => Some(damaged.etag),
            Some(document) => return Ok(Accepted::Known(stored_event(*key, document)?)),
        };
    }
    Err(overtaken())
}

/// Replaces an event as it was read, and returns whether it did. If not, another writer was earlier.
///
/// # Errors
/// If the inbox fails. The event may have been stored then.
pub async fn replace_event(
    inbox: &dyn Inbox,
    read: &StoredEvent,
    event: &InboxEvent,
    now: Millis,
    expires_at: Millis,
) -> Result<bool, StoreError> {
    inbox.replace_inbox_document(&read.key, Some(&read.etag), &members(event)?, now, expires_at).await
}

/// The marks under a key.
///
/// # Errors
/// If the inbox fails. [`StoreError::Unreadable`] if the document has no marks, or does not verify.
pub async fn marked(inbox: &dyn Inbox, key: &[u8; 32], now: Millis) -> Result<Option<Marked>, StoreError> {
    let stored = inbox.inbox_document(key, now).await?;
    stored.map(|document| Ok(read::<StoredMark>(document.members.as_ref())?.marked)).transpose()
}

/// Remembers a mark beside those before, and returns them all. A document that is damaged or does not verify is
/// replaced.
///
/// # Errors
/// If the inbox fails. The mark may have been stored then; the caller can do the same again.
pub async fn raise_mark(inbox: &dyn Inbox, key: &[u8; 32], mark: Mark, now: Millis) -> Result<Marked, StoreError> {
    for _ in 0..ROUNDS {
        let stored = inbox.inbox_document(key, now).await?;
        let (before, etag) = stored.map_or((None, None), |stored| (stored.members, Some(stored.etag)));
        let document = match before {
            Some(before) => {
                let before: StoredMark = read(Some(&before))?;
                StoredMark { marked: before.marked.and(mark), ..before }
            }
            None => StoredMark { marked: Marked::new(mark), unknown: Map::new() },
        };
        let (raised, expires_at) = (members(&document)?, now.plus(MARK_DAYS * Millis::DAY_MS));
        if inbox.replace_inbox_document(key, etag.as_ref(), &raised, now, expires_at).await? {
            return Ok(document.marked);
        }
    }
    Err(overtaken())
}

/// Events in the order of the adapter, starting after `after`. A page may hold fewer than `limit`.
///
/// # Errors
/// If the inbox fails.
pub async fn page(
    inbox: &dyn Inbox,
    after: Option<String>,
    limit: usize,
    now: Millis,
) -> Result<EventPage, StoreError> {
    Ok(events_of(inbox.scan_inbox(after, limit, now).await?))
}

/// As [`page`], of the events alone that wait.
///
/// # Errors
/// If the inbox fails.
pub async fn waiting_page(
    inbox: &dyn Inbox,
    after: Option<String>,
    limit: usize,
    now: Millis,
) -> Result<EventPage, StoreError> {
    let mut page = events_of(inbox.scan_waiting(after, limit, now).await?);
    page.events.retain(|stored| stored.event.state == InboxState::Waiting);
    Ok(page)
}

fn events_of(page: InboxPage) -> EventPage {
    let (mut events, mut unreadable) = (Vec::new(), page.strays);
    for (key, document) in page.documents {
        match read(document.members.as_ref()) {
            Ok(event) => {
                events.push(StoredEvent { key, event, expires_at: document.expires_at, etag: document.etag });
            }
            Err(_) if read::<StoredMark>(document.members.as_ref()).is_ok() => {}
            Err(_) => unreadable += 1,
        }
    }
    EventPage { events, unreadable, next: page.next }
}

fn stored_event(key: [u8; 32], document: InboxDocument) -> Result<StoredEvent, ItemError> {
    let InboxDocument { members, expires_at, etag } = document;
    Ok(StoredEvent { key, event: read(members.as_ref())?, expires_at, etag })
}

fn read<'m, T: Deserialize<'m>>(members: Option<&'m Map<String, Value>>) -> Result<T, ItemError> {
    T::deserialize(members.ok_or(ItemError::new("document"))?).map_err(|_| ItemError::new("document"))
}

fn overtaken() -> StoreError {
    StoreError::Unavailable("a row of the inbox that others write".into())
}

#[cfg(test)]
mod tests;
