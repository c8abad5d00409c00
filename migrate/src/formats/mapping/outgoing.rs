//! A mapping the other way: a template that makes a document of a user, in the language of import mappings.
//!
//! ```json
//! {
//!   "userName": ["email", "username"],
//!   "active": {"from": "status", "is": ["active"]},
//!   "name": {"givenName": "/profile/given_name"},
//!   "emails": [{"value": "email", "type": {"const": "work"}, "primary": true}],
//!   "locale": {"from": "/profile/locale", "default": "en"},
//!   "costCentre": {"const": "KE-1", "when": {"from": "/profile/address/country", "is": ["KE"]}}
//! }
//! ```
//!
//! A text is a place, a list of texts are places of which the first one with a value counts, and any other value is
//! itself. An object with `from` or `const` is a rule; any other object or list is made of what is in it, without
//! what has no value. A list or an object in which nothing has a value is left out: the example makes no `emails` for a
//! user without an address. Constants alone are no value.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::MappingError;
use super::place::Place;
use super::rules::Switch;
use crate::Rejected;

/// A template of documents.
#[derive(Clone, Debug)]
pub struct Template(Vec<(String, Node)>);

/// A condition on a user.
#[derive(Clone, Debug)]
pub struct Condition(Switch);

#[derive(Clone, Debug)]
enum Node {
    Rule(Box<Rule>),
    Object(Vec<(String, Node)>),
    List(Vec<Node>),
    Constant(Value),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    from: Option<Place>,
    #[serde(rename = "const")]
    constant: Option<Value>,
    /// The value is whether the place has one of these words.
    is: Option<Vec<String>>,
    /// The value is whether the place has a value.
    present: Option<bool>,
    default: Option<Value>,
    when: Option<Switch>,
}

/// What a node makes.
struct Made {
    value: Value,
    /// False if it is made of constants alone.
    is_of_user: bool,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// If it is no object, or a rule in it is malformed.
    pub fn parse(template: &Value) -> Result<Self, MappingError> {
        let members = template.as_object().filter(|members| !members.is_empty());
        members.ok_or(MappingError::Member("mapping")).and_then(nodes).map(Self)
    }

    /// The names of the members of a document.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// The document of a user. A member without a value is left out.
    ///
    /// # Errors
    /// If a value of the user has another type than the template needs.
    pub fn document(&self, user: &Map<String, Value>) -> Result<Map<String, Value>, Rejected> {
        let mut document = Map::new();
        for (name, node) in &self.0 {
            document.extend(node.made(user)?.map(|made| (name.clone(), made.value)));
        }
        Ok(document)
    }
}

impl Condition {
    /// Reads a condition, such as `{"from": "/profile/address/country", "is": ["KE", "UG"]}`.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(condition: &Value) -> Result<Self, MappingError> {
        Ok(Self(Switch::deserialize(condition)?))
    }

    /// Whether it holds for a user.
    ///
    /// # Errors
    /// If a value of the user has another type than the condition needs.
    pub fn holds(&self, user: &Map<String, Value>) -> Result<bool, Rejected> {
        self.0.is_on(user)
    }
}

fn nodes(members: &Map<String, Value>) -> Result<Vec<(String, Node)>, MappingError> {
    members.iter().map(|(name, value)| Ok((name.clone(), Node::parse(value)?))).collect()
}

impl Node {
    fn parse(value: &Value) -> Result<Self, MappingError> {
        Ok(match value {
            Value::Null => return Err(MappingError::Member("mapping")),
            Value::String(_) => Self::place(value)?,
            Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_string) => Self::place(value)?,
            Value::Array(items) => Self::List(items.iter().map(Self::parse).collect::<Result<_, _>>()?),
            Value::Object(members) if members.contains_key("from") || members.contains_key("const") => {
                let rule = Rule::deserialize(value)?;
                let is_switch = usize::from(rule.is.is_some()) + usize::from(rule.present.is_some());
                if rule.from.is_some() == rule.constant.is_some() || is_switch > usize::from(rule.from.is_some()) {
                    return Err(MappingError::Member("mapping"));
                }
                Self::Rule(Box::new(rule))
            }
            Value::Object(members) => Self::Object(nodes(members)?),
            Value::Bool(_) | Value::Number(_) => Self::Constant(value.clone()),
        })
    }

    fn place(value: &Value) -> Result<Self, MappingError> {
        let from = Some(Place::deserialize(value)?);
        let rule = Rule { from, constant: None, is: None, present: None, default: None, when: None };
        Ok(Self::Rule(Box::new(rule)))
    }

    fn made(&self, user: &Map<String, Value>) -> Result<Option<Made>, Rejected> {
        match self {
            Self::Rule(rule) => rule.made(user),
            Self::Constant(value) => Ok(Some(Made { value: value.clone(), is_of_user: false })),
            Self::Object(members) => {
                let (mut object, mut is_of_user) = (Map::new(), false);
                for (name, node) in members {
                    if let Some(made) = node.made(user)? {
                        is_of_user |= made.is_of_user;
                        object.insert(name.clone(), made.value);
                    }
                }
                Ok(is_of_user.then(|| Made { value: object.into(), is_of_user }))
            }
            Self::List(items) => {
                let (mut list, mut is_of_user) = (Vec::new(), items.is_empty());
                for node in items {
                    if let Some(made) = node.made(user)? {
                        is_of_user |= made.is_of_user;
                        list.push(made.value);
                    }
                }
                Ok(is_of_user.then(|| Made { value: list.into(), is_of_user }))
            }
        }
    }
}

impl Rule {
    fn made(&self, user: &Map<String, Value>) -> Result<Option<Made>, Rejected> {
        if let Some(when) = &self.when
            && !when.is_on(user)?
        {
            return Ok(None);
        }
        let value = match (&self.from, &self.constant) {
            (Some(from), _) => self.value(from, user)?,
            (None, Some(constant)) => {
                return Ok(Some(Made { value: constant.clone(), is_of_user: self.when.is_some() }));
            }
            (None, None) => None,
        };
        Ok(value.or_else(|| self.default.clone()).map(|value| Made { value, is_of_user: true }))
    }

    fn value(&self, from: &Place, user: &Map<String, Value>) -> Result<Option<Value>, Rejected> {
        if let Some(present) = self.present {
            return Ok(Some(Value::Bool(from.value(user)?.is_some() == present)));
        }
        if let Some(words) = &self.is {
            return Ok(Some(Value::Bool(from.word(user)?.is_some_and(|word| words.contains(&word)))));
        }
        Ok(from.value(user)?.map(std::borrow::Cow::into_owned))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn user(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn made(template: Value, of: Value) -> Value {
        Template::parse(&template).unwrap().document(&user(of)).unwrap().into()
    }

    #[test]
    fn a_text_is_a_place_and_a_list_of_texts_the_first_with_a_value() {
        let template = json!({"userName": ["email", "username"], "name": {"givenName": "/profile/given_name"}});
        let ada = json!({"email": "ada@example.com", "username": "ada", "profile": {"given_name": "Ada"}});
        assert_eq!(made(template.clone(), ada), json!({"userName": "ada@example.com", "name": {"givenName": "Ada"}}));
        assert_eq!(made(template, json!({"username": "ada", "profile": {}})), json!({"userName": "ada"}));
    }

    #[test]
    fn what_has_no_value_is_left_out_with_the_constants_beside_it() {
        let template = json!({"emails": [{"value": "email", "type": {"const": "work"}, "primary": true}]});
        let with = json!({"emails": [{"value": "a@example.com", "type": "work", "primary": true}]});
        assert_eq!(made(template.clone(), json!({"email": "a@example.com"})), with);
        assert_eq!(made(template, json!({})), json!({}));
    }

    #[test]
    fn a_default_stands_for_an_absent_value_and_a_condition_decides() {
        let template = json!({
            "locale": {"from": "/profile/locale", "default": "en"},
            "active": {"from": "status", "is": ["active"]},
            "hasPhone": {"from": "phone_number", "present": true},
            "costCentre": {"const": "KE-1", "when": {"from": "/profile/country", "is": ["KE"]}},
        });
        let kenyan = json!({"status": "active", "profile": {"country": "KE", "locale": "sw"}});
        let made_of_kenyan = json!({"locale": "sw", "active": true, "hasPhone": false, "costCentre": "KE-1"});
        assert_eq!(made(template.clone(), kenyan), made_of_kenyan);
        let other = json!({"status": "disabled", "profile": {}, "phone_number": "+254711111111"});
        assert_eq!(made(template, other), json!({"locale": "en", "active": false, "hasPhone": true}));
    }

    #[test]
    fn a_malformed_template_is_rejected() {
        for template in [
            json!([]),
            json!({}),
            json!({"a": null}),
            json!({"a": {"from": "x", "const": 1}}),
            json!({"a": {"from": "x", "is": ["y"], "present": true}}),
            json!({"a": {"const": 1, "is": ["y"]}}),
            json!({"a": {"from": "x", "unit": "seconds"}}),
            json!({"a": ""}),
        ] {
            assert!(Template::parse(&template).is_err(), "{template}");
        }
    }

    #[test]
    fn a_condition_is_a_flag_of_the_import_language() {
        let country = Condition::parse(&json!({"from": "/profile/country", "is": ["KE"]})).unwrap();
        assert!(country.holds(&user(json!({"profile": {"country": "KE"}}))).unwrap());
        assert!(!country.holds(&user(json!({"profile": {}}))).unwrap());
        assert!(Condition::parse(&json!({"from": "x", "words": []})).is_err());
    }
}
