//! The section `events` of a mapping: how the events of a source are read that posts its changes.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value};
use umoja_schema::Millis;

use super::error::MappingError;
use super::place::Place;
use super::rules::Time;
use crate::Rejected;

/// The places of an event's own values, and what its types mean.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::formats) struct EventRules {
    id: Option<Place>,
    time: Option<Time>,
    #[serde(rename = "type")]
    kind: Option<Place>,
    /// The id of the user, for events without the user.
    subject: Option<Place>,
    #[serde(default)]
    state: Vec<String>,
    #[serde(default)]
    login: Vec<String>,
    #[serde(default)]
    suspended: Vec<String>,
    #[serde(default)]
    activated: Vec<String>,
    #[serde(default)]
    deleted: Vec<String>,
    #[serde(default)]
    password_changed: Vec<String>,
}

/// What an event says of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// The user is now as the event has it.
    State,
    /// The same, and the user has logged in.
    Login,
    /// The user may not log in.
    Suspended,
    /// The user may log in again.
    Activated,
    /// The user no longer exists.
    Deleted,
    /// The user has another password.
    PasswordChanged,
}

impl EventRules {
    /// The types of each kind of event.
    fn types(&self) -> [(EventKind, &[String]); 6] {
        [
            (EventKind::State, &self.state),
            (EventKind::Login, &self.login),
            (EventKind::Suspended, &self.suspended),
            (EventKind::Activated, &self.activated),
            (EventKind::Deleted, &self.deleted),
            (EventKind::PasswordChanged, &self.password_changed),
        ]
    }

    /// Without types every event is a state, and a place of the type means nothing. A type means one thing.
    pub(super) fn check(&self) -> Result<(), MappingError> {
        let types: Vec<&String> = self.types().iter().flat_map(|(_, types)| *types).collect();
        let is_one_each = types.iter().collect::<BTreeSet<_>>().len() == types.len();
        let is_used = self.kind.is_none() || !types.is_empty();
        if is_one_each && is_used { Ok(()) } else { Err(MappingError::Member("events")) }
    }

    pub(in crate::formats) fn id(&self, event: &Map<String, Value>) -> Option<String> {
        self.id.as_ref()?.text(event).ok().flatten()
    }

    pub(in crate::formats) fn time(&self, event: &Map<String, Value>) -> Result<Option<Millis>, Rejected> {
        let Some(rule) = &self.time else { return Ok(None) };
        rule.read(event)?.map(Some).ok_or_else(|| rule.place().rejected())
    }

    pub(in crate::formats) fn kind(&self, event: &Map<String, Value>) -> Result<Option<EventKind>, Rejected> {
        let types = self.types();
        if types.iter().all(|(_, types)| types.is_empty()) {
            return Ok(Some(EventKind::State));
        }
        let word = match &self.kind {
            Some(place) => place.word(event)?,
            None => event.get("type").and_then(Value::as_str).map(str::to_owned),
        };
        let word = word.ok_or_else(|| Rejected::Field("type".to_owned()))?;
        Ok(types.into_iter().find(|(_, types)| types.contains(&word)).map(|(kind, _)| kind))
    }

    pub(in crate::formats) fn subject(&self, event: &Map<String, Value>) -> Option<Result<String, Rejected>> {
        self.subject.as_ref().map(|place| place.needed(event))
    }
}
