//! Cursors of events, which are not stored: a position, and a tag that every region can check. A cursor is of one
//! company, and no caller can invent one.
//!
//! The format is `<content>.<tag>`, both in unpadded base64url. The content is the time from which on events are read,
//! in Unix milliseconds, and for each region `~<region>~<place>`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use umoja_schema::api::MAX_CURSOR;
use umoja_schema::{CompanyId, Millis};
use umoja_store::events::Position;
use umoja_store::secrets::Secrets;

/// The text of a cursor of a company.
pub fn seal(secrets: &Secrets, company: &CompanyId, position: &Position) -> String {
    let read = position.read.iter().flat_map(|(region, place)| [region.to_string(), place.to_string()]);
    let content = std::iter::once(position.from.0.to_string()).chain(read).collect::<Vec<_>>().join("~");
    let tag = secrets.event_cursor_tag(&[company.as_str(), &content]);
    format!("{}.{}", URL_SAFE_NO_PAD.encode(content), URL_SAFE_NO_PAD.encode(tag))
}

/// Reads a cursor of a company. `None` if this deployment did not issue it for the company.
pub fn open(secrets: &Secrets, company: &CompanyId, text: &str) -> Option<Position> {
    if text.len() > MAX_CURSOR {
        return None;
    }
    let (content, tag) = text.split_once('.')?;
    let (content, tag) = (URL_SAFE_NO_PAD.decode(content).ok()?, URL_SAFE_NO_PAD.decode(tag).ok()?);
    let content = String::from_utf8(content).ok()?;
    if !secrets.is_event_cursor_tag(&[company.as_str(), &content], &tag) {
        return None;
    }
    let mut parts = content.split('~');
    let mut position = Position { from: Millis(parts.next()?.parse().ok()?), ..Position::default() };
    while let Some(region) = parts.next() {
        position.read.insert(region.parse().ok()?, parts.next()?.parse().ok()?);
    }
    Some(position)
}
