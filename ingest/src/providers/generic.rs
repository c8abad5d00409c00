//! Any system that posts JSON, by a mapping in the language of import mappings (`docs/migrate.md`) with the section
//! `events`. Its values default to the attributes of CloudEvents 1.0 in structured mode, one or a batch
//! (<https://github.com/cloudevents/spec/blob/v1.0/json-format.md>).

use serde_json::{Map, Value};
use umoja_accounts::import::Row;
use umoja_accounts::incoming::{Change, IncomingChange};
use umoja_migrate::Rejected;
use umoja_migrate::formats::{EventKind, Events, Mapping, MappingError};
use umoja_schema::Millis;

use super::event::{Malformed, Read, Reading};
use super::members::{optional_time, state, text};

/// Reads a mapping.
pub(super) fn parsed(mapping: &Value) -> Result<Mapping, MappingError> {
    Mapping::parse(mapping.to_string().as_bytes())
}

/// The mapping of a source. It was checked when the source was added.
pub(super) fn mapping(mapping: Option<&Value>) -> Result<Mapping, Malformed> {
    mapping.and_then(|mapping| parsed(mapping).ok()).ok_or(Malformed::Member("mapping"))
}

/// The id of an event where the mapping says, or that of a CloudEvent, which is unique for its source only.
pub(super) fn id(mapping: &Mapping, event: &Map<String, Value>) -> Option<String> {
    let named = Events::of(mapping).ok()?.id(event);
    let of_cloud_event = || {
        text(event, "specversion")?;
        Some(format!("{} {}", text(event, "source")?, text(event, "id")?))
    };
    named.or_else(of_cloud_event)
}

pub(super) fn read(event: Map<String, Value>, reading: &Reading<'_>) -> Result<Read, Malformed> {
    let mapping = mapping(reading.mapping)?;
    let events = Events::of(&mapping).map_err(|_| Malformed::Member("events"))?;
    let kind = events.kind(&event).map_err(|_| Malformed::Member("type"))?;
    let Some(kind) = kind else { return Ok(Read::Unknown) };
    let at = reading.at(time_of(&events, &event)?);
    let changes = match kind {
        EventKind::State => states(&events, event, at, false)?,
        EventKind::Login => states(&events, event, at, true)?,
        EventKind::Suspended => of_subjects(&events, event, at, &Change::Suspended)?,
        EventKind::Activated => of_subjects(&events, event, at, &Change::Activated)?,
        EventKind::Deleted => of_subjects(&events, event, at, &Change::Deleted)?,
        EventKind::PasswordChanged => of_subjects(&events, event, at, &Change::PasswordChanged)?,
    };
    if changes.is_empty() { Err(Malformed::Member("records")) } else { Ok(Read::Changes(changes)) }
}

/// The time where the mapping says, or that of a CloudEvent, which need not have one.
fn time_of(events: &Events<'_>, event: &Map<String, Value>) -> Result<Option<Millis>, Malformed> {
    match events.time(event).map_err(|_| Malformed::Member("time"))? {
        None if event.contains_key("specversion") => optional_time(event, "time"),
        named => Ok(named),
    }
}

fn states(
    events: &Events<'_>,
    event: Map<String, Value>,
    at: Millis,
    logged_in: bool,
) -> Result<Vec<IncomingChange>, Malformed> {
    let users = events.users(event).map_err(|_| Malformed::Member("records"))?;
    let changes = users.into_iter().map(|user| match events.row(&user).and_then(Row::sound) {
        Ok(row) => state(row, at, logged_in, "external_id"),
        Err(Rejected::Deleted) => {
            let subject = events.subject(&user).map_err(|_| Malformed::Member("external_id"))?;
            Ok(IncomingChange { subject, at, change: Change::Deleted })
        }
        Err(_) => Err(Malformed::Member("records")),
    });
    changes.collect()
}

fn of_subjects(
    events: &Events<'_>,
    event: Map<String, Value>,
    at: Millis,
    change: &Change,
) -> Result<Vec<IncomingChange>, Malformed> {
    let subjects = events.subjects(event).map_err(|_| Malformed::Member("external_id"))?;
    Ok(subjects.into_iter().map(|subject| IncomingChange { subject, at, change: change.clone() }).collect())
}
