//! A filter, and what it selects.

use std::fmt;

use serde_json::{Map, Value};

use super::super::path::Name;
use super::super::schema;

/// A filter.
#[derive(Clone, PartialEq)]
pub enum Filter {
    /// Both hold.
    And(Box<Filter>, Box<Filter>),
    /// One of them holds.
    Or(Box<Filter>, Box<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// The attribute has a value.
    Present(Name),
    /// A value of the attribute compares so.
    Compare(Name, Operator, Value),
    /// One value of a list of objects satisfies a filter over its members.
    Any(Name, Box<Filter>),
}

/// How two values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of RFC 7644")]
pub enum Operator {
    Eq,
    Ne,
    Co,
    Sw,
    Ew,
    Gt,
    Ge,
    Lt,
    Le,
}

/// A value by which users are found without reading all of them.
#[derive(Clone, PartialEq, Eq)]
pub enum Key {
    /// The id.
    Id(String),
    /// The user name.
    UserName(String),
    /// The e-mail address that identifies the user.
    Email(String),
    /// The phone number that identifies the user.
    PhoneNumber(String),
}

/// The value is personal data, so `Debug` shows none.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// The values are personal data, so `Debug` shows none.
impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Filter(..)")
    }
}

impl Filter {
    /// True if an object satisfies the filter: a user, or one value of a list of objects of the attribute `of`.
    pub fn holds(&self, object: &Map<String, Value>, of: Option<&Name>) -> bool {
        match self {
            Self::And(a, b) => a.holds(object, of) && b.holds(object, of),
            Self::Or(a, b) => a.holds(object, of) || b.holds(object, of),
            Self::Not(filter) => !filter.holds(object, of),
            Self::Present(name) => name.values(object).iter().any(|value| is_present(value)),
            Self::Compare(name, operator, wanted) => {
                let case_exact = is_case_exact(name, of);
                let values = name.values(object);
                // An attribute without a value differs from every value.
                if *operator == Operator::Ne {
                    return !values.iter().any(|value| compares(value, Operator::Eq, wanted, case_exact));
                }
                values.iter().any(|value| compares(value, *operator, wanted, case_exact))
            }
            Self::Any(name, filter) => name
                .values(object)
                .into_iter()
                .filter_map(Value::as_object)
                .any(|value| filter.holds(value, Some(name))),
        }
    }

    /// The keys of which every selected user has one. `None` if the filter does not name any.
    pub fn keys(&self) -> Option<Vec<Key>> {
        match self {
            Self::And(a, b) => a.keys().or_else(|| b.keys()),
            Self::Or(a, b) => Some([a.keys()?, b.keys()?].concat()),
            Self::Compare(name, Operator::Eq, Value::String(text)) => key(name, text).map(|key| vec![key]),
            Self::Any(list, filter) => filter.list_keys(list),
            _ => None,
        }
    }

    fn list_keys(&self, list: &Name) -> Option<Vec<Key>> {
        match self {
            Self::And(a, b) => a.list_keys(list).or_else(|| b.list_keys(list)),
            Self::Compare(member, Operator::Eq, Value::String(text)) if member.is("value") => {
                key(list, text).map(|key| vec![key])
            }
            _ => None,
        }
    }

    /// The members of a value that satisfies the filter, if the filter says what they are.
    pub fn members(&self) -> Option<Map<String, Value>> {
        match self {
            Self::And(a, b) => {
                let mut members = a.members()?;
                members.extend(b.members()?);
                Some(members)
            }
            Self::Compare(Name { extension: None, attribute: Some(name), sub: None }, Operator::Eq, value) => {
                Some(Map::from_iter([(name.clone(), value.clone())]))
            }
            _ => None,
        }
    }
}

fn key(name: &Name, text: &str) -> Option<Key> {
    let is_value = name.sub.as_deref().is_none_or(|sub| sub.eq_ignore_ascii_case("value"));
    let key: fn(String) -> Key = match name {
        name if name.sub.is_none() && name.is("id") => Key::Id,
        name if name.sub.is_none() && name.is("userName") => Key::UserName,
        name if is_value && name.is("emails") => Key::Email,
        name if is_value && name.is("phoneNumbers") => Key::PhoneNumber,
        _ => return None,
    };
    Some(key(text.to_owned()))
}

fn is_present(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(values) => values.iter().any(is_present),
        Value::Object(members) => members.values().any(is_present),
        _ => true,
    }
}

/// True if texts of an attribute that differ in case are different values.
fn is_case_exact(name: &Name, of: Option<&Name>) -> bool {
    let find = |name: &Name| schema::attribute(name.extension.as_deref(), name.attribute.as_deref()?);
    let exact = match of {
        Some(list) => find(list).and_then(|list| list.sub(name.attribute.as_deref()?)).map(|sub| sub.case_exact),
        None => find(name).map(|attribute| match &name.sub {
            Some(sub) => attribute.sub(sub).is_some_and(|sub| sub.case_exact),
            None => attribute.case_exact,
        }),
    };
    exact.unwrap_or(false)
}

fn compares(value: &Value, operator: Operator, wanted: &Value, case_exact: bool) -> bool {
    match (value, wanted) {
        // A list of objects is compared by their values.
        (Value::Object(members), _) => {
            members.get("value").is_some_and(|value| compares(value, operator, wanted, case_exact))
        }
        (Value::String(own), Value::String(wanted)) if case_exact => texts(own, operator, wanted),
        (Value::String(own), Value::String(wanted)) => texts(&own.to_lowercase(), operator, &wanted.to_lowercase()),
        // Entra writes truth values as texts.
        (Value::Bool(own), Value::String(wanted)) => {
            operator == Operator::Eq && wanted.eq_ignore_ascii_case(if *own { "true" } else { "false" })
        }
        (Value::Number(own), Value::Number(wanted)) => {
            let (Some(own), Some(wanted)) = (own.as_f64(), wanted.as_f64()) else { return false };
            own.partial_cmp(&wanted).is_some_and(|order| ordered(order, operator))
        }
        (own, wanted) => operator == Operator::Eq && own == wanted,
    }
}

fn texts(own: &str, operator: Operator, wanted: &str) -> bool {
    match operator {
        Operator::Co => own.contains(wanted),
        Operator::Sw => own.starts_with(wanted),
        Operator::Ew => own.ends_with(wanted),
        operator => ordered(own.cmp(wanted), operator),
    }
}

fn ordered(order: std::cmp::Ordering, operator: Operator) -> bool {
    match operator {
        Operator::Eq => order.is_eq(),
        Operator::Ne => order.is_ne(),
        Operator::Gt => order.is_gt(),
        Operator::Ge => order.is_ge(),
        Operator::Lt => order.is_lt(),
        Operator::Le => order.is_le(),
        Operator::Co | Operator::Sw | Operator::Ew => false,
    }
}
