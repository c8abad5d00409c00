//! What a source posts that a mapping describes: its events, and the users in them.

use serde_json::{Map, Value};
use umoja_schema::Millis;

use super::json::{self, Segment};
use super::keys::Keys;
use super::mapping::{EventKind, EventRules, Mapping, MappingError};
use crate::{Rejected, Row};

/// The events of a source by its mapping.
#[derive(Clone, Copy, Debug)]
pub struct Events<'a> {
    mapping: &'a Mapping,
    rules: &'a EventRules,
}

impl<'a> Events<'a> {
    /// How events are read by this mapping.
    ///
    /// # Errors
    /// [`MappingError`] if the mapping has no `events`, or has `hash`: a source sets no password.
    pub fn of(mapping: &'a Mapping) -> Result<Self, MappingError> {
        let rules = mapping.event_rules().ok_or(MappingError::Missing("events"))?;
        if mapping.has_hash() { Err(MappingError::Password) } else { Ok(Self { mapping, rules }) }
    }

    /// The id of the event, if the mapping names its place and the event has one.
    pub fn id(&self, event: &Map<String, Value>) -> Option<String> {
        self.rules.id(event)
    }

    /// The time of the event; `None` if the mapping names no place for it.
    ///
    /// # Errors
    /// If the place has no time.
    pub fn time(&self, event: &Map<String, Value>) -> Result<Option<Millis>, Rejected> {
        self.rules.time(event)
    }

    /// What the event says; `None` if its type is on no list. The type is in `type` unless the mapping names a place.
    ///
    /// # Errors
    /// If the place has no type.
    pub fn kind(&self, event: &Map<String, Value>) -> Result<Option<EventKind>, Rejected> {
        self.rules.kind(event)
    }

    /// The users of the event: at `records`, or without it in `data` of a CloudEvent (one with `specversion`), else the
    /// event itself.
    ///
    /// # Errors
    /// If there is something else than objects.
    pub fn users(&self, event: Map<String, Value>) -> Result<Vec<Map<String, Value>>, Rejected> {
        let of_cloud_event = [Segment::Member("data".to_owned())];
        let path = match self.mapping.records() {
            Some(path) => path,
            None if event.contains_key("specversion") => &of_cloud_event,
            None => &[],
        };
        let mut users = Vec::new();
        collect(Value::Object(event), path, &mut users)?;
        Ok(users)
    }

    /// The ids of the users whom an event is about that says nothing else of them.
    ///
    /// # Errors
    /// If it has none.
    pub fn subjects(&self, event: Map<String, Value>) -> Result<Vec<String>, Rejected> {
        match self.rules.subject(&event) {
            Some(subject) => Ok(vec![subject?]),
            None => self.users(event)?.iter().map(|user| self.subject(user)).collect(),
        }
    }

    /// The id of a user of an event.
    ///
    /// # Errors
    /// If it has none.
    pub fn subject(&self, user: &Map<String, Value>) -> Result<String, Rejected> {
        self.mapping.id(user)
    }

    /// A user of an event.
    ///
    /// # Errors
    /// [`Rejected`], as for a record of a file.
    pub fn row(&self, user: &Map<String, Value>) -> Result<Row, Rejected> {
        self.mapping.row(user, &Keys::default())
    }
}

/// Adds the objects at the end of a path. A text on the way that is JSON is read as JSON.
fn collect(value: Value, path: &[Segment], users: &mut Vec<Map<String, Value>>) -> Result<(), Rejected> {
    let strange = || Rejected::Field("records".to_owned());
    let value = match value {
        Value::String(text) => json::value(text.as_bytes()).map_err(|_| strange())?,
        other => other,
    };
    match (value, path) {
        (Value::Null, _) => Ok(()),
        (Value::Object(mut members), [Segment::Member(name), rest @ ..]) => match members.remove(name) {
            Some(value) => collect(value, rest, users),
            None => Ok(()),
        },
        (Value::Array(items), [Segment::Each, rest @ ..]) => {
            items.into_iter().try_for_each(|item| collect(item, rest, users))
        }
        (Value::Object(user), []) => {
            users.push(user);
            Ok(())
        }
        (Value::Array(items), []) => items.into_iter().try_for_each(|item| match item {
            Value::Object(user) => {
                users.push(user);
                Ok(())
            }
            _ => Err(strange()),
        }),
        _ => Err(strange()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn mapping(mut file: Value, events: Value) -> Result<Mapping, MappingError> {
        file["external_id"] = "id".into();
        file["events"] = events;
        Mapping::parse(file.to_string().as_bytes())
    }

    fn event(value: Value) -> Map<String, Value> {
        let Value::Object(event) = value else { panic!("an object") };
        event
    }

    fn ids(records: Option<&str>, posted: Value) -> Result<Vec<String>, Rejected> {
        let file = records.map_or(json!({}), |records| json!({"records": records}));
        Events::of(&mapping(file, json!({})).unwrap()).unwrap().subjects(event(posted))
    }

    #[test]
    fn a_type_has_one_meaning() {
        let both = json!({"state": ["a"], "deleted": ["a"]});
        assert!(matches!(mapping(json!({}), both), Err(MappingError::Member("events"))));
        let none = json!({"type": "/kind"});
        assert!(matches!(mapping(json!({}), none), Err(MappingError::Member("events"))));
        assert!(matches!(mapping(json!({}), json!({"erased": ["a"]})), Err(MappingError::Form(_))));
    }

    #[test]
    fn a_source_needs_events_and_sets_no_password() {
        let plain = Mapping::parse(br#"{"external_id": "id"}"#).unwrap();
        assert!(matches!(Events::of(&plain), Err(MappingError::Missing("events"))));
        for hash in [json!({"family": "parse", "from": "h"}), json!({"family": "parse", "from": "h", "key": "k"})] {
            let mapping = mapping(json!({ "hash": hash }), json!({})).unwrap();
            assert!(matches!(Events::of(&mapping), Err(MappingError::Password)));
        }
    }

    #[test]
    fn users_are_where_the_mapping_says() {
        assert_eq!(ids(None, json!({"id": 7})), Ok(vec!["7".to_owned()]));
        assert_eq!(ids(None, json!({"specversion": "1.0", "id": 1, "data": {"id": 2}})), Ok(vec!["2".to_owned()]));
        assert_eq!(ids(Some("/a/b"), json!({"a": {"b": {"id": "x"}}})), Ok(vec!["x".to_owned()]));
        let several = json!({"a": [{"b": [{"id": "x"}]}, {"b": {"id": "y"}}, {"c": 1}, null]});
        assert_eq!(ids(Some("/a/*/b"), several), Ok(vec!["x".to_owned(), "y".to_owned()]));
        assert_eq!(ids(Some("/a"), json!({"a": "{\"id\": 3}"})), Ok(vec!["3".to_owned()]));
        for strange in [json!({"a": 1}), json!({"a": [1]}), json!({"a": "text"})] {
            assert_eq!(ids(Some("/a"), strange), Err(Rejected::Field("records".to_owned())));
        }
    }

    #[test]
    fn a_place_that_the_mapping_names_must_have_a_time() {
        let named = mapping(json!({}), json!({"time": {"from": "at", "unit": "seconds"}})).unwrap();
        let events = Events::of(&named).unwrap();
        assert_eq!(events.time(&event(json!({"at": 3}))), Ok(Some(Millis(3000))));
        assert_eq!(events.time(&event(json!({}))), Err(Rejected::Field("at".to_owned())));
        let unnamed = mapping(json!({}), json!({})).unwrap();
        assert_eq!(Events::of(&unnamed).unwrap().time(&event(json!({"at": 3}))), Ok(None));
    }
}
