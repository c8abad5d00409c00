//! The place of a value in a record.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::Rejected;
use crate::formats::json;

/// One or several places. The first one with a value counts.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Written")]
pub(super) struct Place(Vec<Pointer>);

#[derive(Deserialize)]
#[serde(untagged, expecting = "a place is the name of a column or a JSON pointer, or a list of them")]
enum Written {
    One(String),
    Several(Vec<String>),
}

/// The name of a column, or from the slash on a JSON pointer (RFC 6901) in which `[name=text]` is the first element of
/// an array whose member has this text. A text on the way that is JSON is read as JSON.
#[derive(Clone, Debug)]
struct Pointer {
    written: String,
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
enum Step {
    Token(String),
    Select { member: String, text: String },
}

impl TryFrom<Written> for Place {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, &'static str> {
        let places = match written {
            Written::One(place) => vec![place],
            Written::Several(places) => places,
        };
        if places.is_empty() || places.iter().any(|place| place.is_empty() || place == "/") {
            return Err("a place is the name of a column or a JSON pointer, or a list of them");
        }
        Ok(Self(places.into_iter().map(Pointer::new).collect()))
    }
}

pub(super) fn unescaped(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

impl Pointer {
    fn new(written: String) -> Self {
        let Some(path) = written.strip_prefix('/') else {
            return Self { steps: vec![Step::Token(written.clone())], written };
        };
        let steps = path.split('/').map(|token| {
            let inside = token.strip_prefix('[').and_then(|token| token.strip_suffix(']'));
            match inside.and_then(|inside| inside.split_once('=')) {
                Some((member, text)) => Step::Select { member: unescaped(member), text: unescaped(text) },
                None => Step::Token(unescaped(token)),
            }
        });
        Self { steps: steps.collect(), written }
    }

    /// `None` if it is absent, null or an empty text.
    fn find<'a>(&self, record: &'a Map<String, Value>) -> Result<Option<Cow<'a, Value>>, Rejected> {
        let mut steps = self.steps.iter();
        let Some(Step::Token(first)) = steps.next() else { return Err(self.rejected()) };
        let mut value = record.get(first).map(Cow::Borrowed);
        for step in steps {
            let Some(from) = value.filter(|value| !value.is_null()) else { return Ok(None) };
            // Databases export their columns of JSON as texts.
            let inner = match from.as_str() {
                Some(text) => Some(json::value(text.as_bytes()).map_err(|_| self.rejected())?),
                None => None,
            };
            value = match (inner, from) {
                (Some(inner), _) | (None, Cow::Owned(inner)) => self.inside(&inner, step)?.cloned().map(Cow::Owned),
                (None, Cow::Borrowed(from)) => self.inside(from, step)?.map(Cow::Borrowed),
            };
        }
        Ok(value.filter(|value| !value.is_null() && value.as_str() != Some("")))
    }

    /// One step into a value.
    fn inside<'a>(&self, value: &'a Value, step: &Step) -> Result<Option<&'a Value>, Rejected> {
        match (value, step) {
            (Value::Null, _) => Ok(None),
            (Value::Object(members), Step::Token(name)) => Ok(members.get(name)),
            (Value::Array(items), Step::Token(index)) => {
                Ok(items.get(index.parse::<usize>().map_err(|_| self.rejected())?))
            }
            (Value::Array(items), Step::Select { member, text }) => {
                Ok(items.iter().find(|item| item.get(member).and_then(Value::as_str) == Some(text)))
            }
            _ => Err(self.rejected()),
        }
    }

    fn rejected(&self) -> Rejected {
        Rejected::Field(self.written.clone())
    }
}

impl Place {
    pub(super) fn value<'a>(&self, record: &'a Map<String, Value>) -> Result<Option<Cow<'a, Value>>, Rejected> {
        for pointer in &self.0 {
            if let Some(value) = pointer.find(record)? {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// A text, or a whole number as one.
    pub(super) fn text(&self, record: &Map<String, Value>) -> Result<Option<String>, Rejected> {
        match self.value(record)?.as_deref() {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) if !number.is_f64() => Ok(Some(number.to_string())),
            Some(_) => Err(self.rejected()),
        }
    }

    /// A text that the record must have.
    pub(super) fn needed(&self, record: &Map<String, Value>) -> Result<String, Rejected> {
        self.text(record)?.ok_or_else(|| self.rejected())
    }

    /// A text, number or flag as it is written.
    pub(super) fn word(&self, record: &Map<String, Value>) -> Result<Option<String>, Rejected> {
        match self.value(record)?.as_deref() {
            Some(Value::Bool(flag)) => Ok(Some(flag.to_string())),
            _ => self.text(record),
        }
    }

    pub(super) fn rejected(&self) -> Rejected {
        self.0[0].rejected()
    }

    /// The name that a value which cannot be used is counted by.
    pub(super) fn name(&self) -> &str {
        &self.0[0].written
    }

    /// The members of a record in which the places are.
    pub(super) fn members(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|pointer| match pointer.steps.first() {
            Some(Step::Token(name)) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The missing column, if none of the places has one.
    pub(super) fn missing_column(&self, has: &impl Fn(&str) -> bool) -> Option<&str> {
        let there = |pointer: &Pointer| matches!(pointer.steps.first(), Some(Step::Token(name)) if has(name));
        if self.0.iter().any(there) { None } else { Some(&self.0[0].written) }
    }
}
