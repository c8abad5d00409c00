//! The members of an event, and the changes that they make.

use serde_json::{Map, Value};
use umoja_accounts::import::Row;
use umoja_accounts::incoming::{Change, IncomingChange};
use umoja_migrate::formats::{self, Format, Options};
use umoja_schema::Millis;

use super::event::{MAX_MEMBERS, Malformed, Reading};

/// The most that an event may be ahead of its receipt, in milliseconds: clocks differ, and an event from the future
/// would win over all later ones.
const MAX_AHEAD: u64 = 5 * 60 * 1000;

impl Reading<'_> {
    /// The provider's time, or that of the receipt if the provider says none.
    pub(super) fn at(&self, said: Option<Millis>) -> Millis {
        let latest = self.received_at.plus(MAX_AHEAD);
        said.map_or(self.received_at, |said| said.min(latest))
    }
}

/// Checks the length of every object and list of an event, so that no reader works on a long one.
///
/// # Errors
/// [`Malformed::TooManyMembers`].
pub(super) fn check(event: &Map<String, Value>) -> Result<(), Malformed> {
    fn inside(value: &Value) -> Result<(), Malformed> {
        match value {
            Value::Object(members) => check(members),
            Value::Array(elements) if elements.len() > MAX_MEMBERS => Err(Malformed::TooManyMembers),
            Value::Array(elements) => elements.iter().try_for_each(inside),
            _ => Ok(()),
        }
    }
    if event.len() > MAX_MEMBERS {
        return Err(Malformed::TooManyMembers);
    }
    event.values().try_for_each(inside)
}

/// A text that is not empty.
pub(super) fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    members.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// A text that the event must have.
pub(super) fn required(members: &Map<String, Value>, name: &'static str) -> Result<String, Malformed> {
    text(members, name).map(str::to_owned).ok_or(Malformed::Member(name))
}

/// Takes an object out of its members.
pub(super) fn take(members: &mut Map<String, Value>, name: &'static str) -> Result<Map<String, Value>, Malformed> {
    match members.remove(name) {
        Some(Value::Object(object)) => Ok(object),
        _ => Err(Malformed::Member(name)),
    }
}

/// Numbers below this are seconds since the epoch, others milliseconds: it is in the year 5138, or in 1973.
const FIRST_MILLIS: u64 = 100_000_000_000;

/// A time as a text (RFC 3339) or as a number or digits since the epoch.
pub(super) fn time(members: &Map<String, Value>, name: &str) -> Option<Millis> {
    let since_epoch = |count: u64| Millis(if count < FIRST_MILLIS { count * 1000 } else { count });
    match members.get(name)? {
        Value::Number(number) => number.as_u64().map(since_epoch),
        Value::String(text) => text.parse().map(since_epoch).ok().or_else(|| formats::instant(text)),
        _ => None,
    }
}

/// A time that need not be there, and is usable if it is.
pub(super) fn optional_time(members: &Map<String, Value>, name: &'static str) -> Result<Option<Millis>, Malformed> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(_) => time(members, name).map(Some).ok_or(Malformed::Member(name)),
    }
}

/// A user as an import reads the same record.
pub(super) fn user(format: Format, record: Map<String, Value>, member: &'static str) -> Result<Row, Malformed> {
    let row = formats::record(format, record, &Options::default()).ok().flatten();
    row.and_then(|row| row.sound().ok()).ok_or(Malformed::Member(member))
}

/// The state of a user; `id` is the member of its id.
pub(super) fn state(row: Row, at: Millis, logged_in: bool, id: &'static str) -> Result<IncomingChange, Malformed> {
    let subject = row.external_id.clone().ok_or(Malformed::Member(id))?;
    Ok(IncomingChange { subject, at, change: Change::State { row: Box::new(row), logged_in } })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_object_and_list_of_an_event_has_a_limited_length() {
        let list = |length: usize| Value::from(vec![0; length]);
        let object = |length: usize| Value::Object((0..length).map(|n| (n.to_string(), Value::Null)).collect());
        for of in [&list as &dyn Fn(usize) -> Value, &object] {
            let event = |length| Map::from_iter([("a".to_owned(), json!([of(MAX_MEMBERS), { "b": of(length) }]))]);
            assert_eq!(check(&event(MAX_MEMBERS)), Ok(()));
            assert_eq!(check(&event(MAX_MEMBERS + 1)), Err(Malformed::TooManyMembers));
        }
    }

    #[test]
    fn times_are_texts_seconds_or_milliseconds() {
        let read = |value: Value| time(&Map::from_iter([("t".to_owned(), value)]), "t");
        let expected = Some(Millis(1_582_979_405_000));
        assert_eq!(read(json!("2020-02-29T12:30:05Z")), expected);
        assert_eq!(read(json!(1_582_979_405)), expected);
        assert_eq!(read(json!(1_582_979_405_000_u64)), expected);
        assert_eq!(read(json!("1582979405000")), expected);
        for none in [json!(null), json!(-1), json!(1.5), json!("yesterday"), json!({}), json!("0001-01-01T00:00:00Z")] {
            assert_eq!(read(none), None);
        }
    }

    #[test]
    fn no_event_is_later_than_five_minutes_after_its_receipt() {
        let reading = Reading { received_at: Millis(1_000_000), mapping: None };
        assert_eq!(reading.at(Some(Millis(7))), Millis(7));
        assert_eq!(reading.at(Some(Millis(u64::MAX))), Millis(1_300_000));
        assert_eq!(reading.at(None), Millis(1_000_000));
    }
}
