//! Changes of a user (RFC 7644 section 3.5.2), with the habits of Okta and Entra: names of operations in any case,
//! values without a path, and dotted names within them.

use serde_json::{Map, Value};

use super::error::ScimError;
use super::filter::{self, Filter};
use super::path::{Name, get};
use super::resource::{Resource, check_values, fitted, fitted_one, once_each, one_primary, put};
use super::schema::{self, Attribute, ENTERPRISE, Kind};

/// The most operations of one request. Each member of a value without a path counts as one.
const MAX_OPERATIONS: usize = 256;

const NO_OPERATIONS: ScimError = ScimError::syntax("`Operations` has to be a list of operations.");
const TOO_MANY: ScimError = ScimError::syntax("A request may have at most 256 operations and members of their values.");
const OPERATION: ScimError = ScimError::syntax("`op` has to be add, replace or remove.");
const PATH: ScimError = ScimError::path("The path names no attribute of a user.");
const NO_PATH: ScimError = ScimError::no_target("A removal needs a path.");
const SELECTS_NONE: ScimError = ScimError::no_target("The path selects no value.");
const READ_ONLY: ScimError = ScimError::mutability("Only the server sets this attribute.");
const NOT_OBJECT: ScimError = ScimError::value("A change without a path needs an object.");
const NO_VALUE: ScimError = ScimError::value("The operation needs a value.");

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Add,
    Replace,
    Remove,
}

/// Where a path points: an attribute, some of its values, a member of them.
struct Path {
    name: Name,
    filter: Option<Filter>,
}

/// The user after the changes of a body.
///
/// # Errors
/// If a change is not possible. No change is done then.
pub fn apply(user: &Resource, body: &Value) -> Result<Resource, ScimError> {
    let members = body.as_object().ok_or(NO_OPERATIONS)?;
    let operations = get(members, "Operations").and_then(Value::as_array).ok_or(NO_OPERATIONS)?;
    if operations.is_empty() {
        return Err(NO_OPERATIONS);
    }
    if operations.iter().map(changes).sum::<usize>() > MAX_OPERATIONS {
        return Err(TOO_MANY);
    }
    let most = user.most_bytes();
    let mut user = user.clone();
    // The limits hold after each operation: every one works on all that those before it have made.
    for operation in operations {
        let members = operation.as_object().ok_or(NO_OPERATIONS)?;
        let name = get(members, "op").and_then(Value::as_str).ok_or(OPERATION)?;
        let operation = match name.to_ascii_lowercase().as_str() {
            "add" => Operation::Add,
            "replace" => Operation::Replace,
            "remove" => Operation::Remove,
            _ => return Err(OPERATION),
        };
        let value = get(members, "value");
        match get(members, "path") {
            Some(Value::String(path)) if !path.is_empty() => {
                change(&mut user, operation, path, value)?;
                user.check_size(most)?;
            }
            None | Some(Value::Null | Value::String(_)) => {
                if operation == Operation::Remove {
                    return Err(NO_PATH);
                }
                let values = value.and_then(Value::as_object).ok_or(NOT_OBJECT)?;
                for (name, value) in values {
                    match change_member(&mut user, operation, name, value) {
                        // As in a new user, what no schema has is not kept, and what the server owns stays.
                        Err(error) if error == PATH || error == READ_ONLY => {}
                        other => other?,
                    }
                    user.check_size(most)?;
                }
            }
            Some(_) => return Err(PATH),
        }
    }
    user.checked()
}

/// How many changes an operation makes.
fn changes(operation: &Value) -> usize {
    let member = |name| operation.as_object().and_then(|members| get(members, name));
    let has_path = matches!(member("path"), Some(Value::String(path)) if !path.is_empty());
    let members = member("value").and_then(Value::as_object).filter(|_| !has_path);
    members.map_or(1, |members| members.len().max(1))
}

/// A member of a change without a path.
fn change_member(user: &mut Resource, operation: Operation, name: &str, value: &Value) -> Result<(), ScimError> {
    let is_extension = name.contains(':') && value.is_object() && user_attribute(name).is_none();
    if is_extension {
        change_extension(user, operation, name, Some(value))
    } else {
        change(user, operation, name, Some(value))
    }
}

/// The attribute of a known schema that a name with a URN has.
fn user_attribute(name: &str) -> Option<&'static Attribute> {
    let name = Name::parse(name)?;
    schema::attribute(name.extension.as_deref(), name.attribute.as_deref()?)
}

fn change(user: &mut Resource, operation: Operation, path: &str, value: Option<&Value>) -> Result<(), ScimError> {
    let Path { name, filter } = parse(path)?;
    let Some(attribute) = name.attribute.as_deref() else {
        return change_extension(user, operation, name.extension.as_deref().unwrap_or_default(), value);
    };
    if name.is("password") {
        return Ok(());
    }
    let operation =
        if value.is_none_or(Value::is_null) && operation == Operation::Replace { Operation::Remove } else { operation };
    let known = schema::attribute(name.extension.as_deref(), attribute);
    let Some(urn) = name.extension.as_deref() else {
        let known = known.ok_or(PATH)?;
        return change_attribute(&mut user.0, known, operation, &name, filter.as_ref(), value);
    };
    let mut extension = user.0.get(urn).and_then(Value::as_object).cloned().unwrap_or_default();
    match known {
        Some(known) => change_attribute(&mut extension, known, operation, &name, filter.as_ref(), value)?,
        None if urn == ENTERPRISE => return Err(PATH),
        None if filter.is_some() || name.sub.is_some() => return Err(PATH),
        None => put(&mut extension, attribute, value.filter(|_| operation != Operation::Remove).cloned()),
    }
    put(&mut user.0, urn, Some(Value::Object(extension)));
    Ok(())
}

/// Splits a path into its name and the filter in its brackets.
fn parse(path: &str) -> Result<Path, ScimError> {
    let Some((list, rest)) = path.split_once('[') else {
        return Ok(Path { name: Name::parse(path).ok_or(PATH)?, filter: None });
    };
    let (filter, sub) = rest.rsplit_once(']').ok_or(PATH)?;
    let filter = filter::parse(filter).map_err(|_| ScimError::path("The filter of the path cannot be read."))?;
    let name = Name::parse(&format!("{list}{sub}")).filter(|name| name.attribute.is_some()).ok_or(PATH)?;
    Ok(Path { name, filter: Some(filter) })
}

fn change_extension(
    user: &mut Resource,
    operation: Operation,
    urn: &str,
    value: Option<&Value>,
) -> Result<(), ScimError> {
    let urn = schema::extension(urn);
    if operation == Operation::Remove {
        user.0.remove(urn);
        return Ok(());
    }
    let mut members = user.0.get(urn).and_then(Value::as_object).cloned().unwrap_or_default();
    for (name, value) in value.and_then(Value::as_object).ok_or(NOT_OBJECT)? {
        match schema::attribute(Some(urn), name) {
            Some(known) => put(&mut members, &known.name, fitted(known, value)?),
            None => put(&mut members, name, Some(value.clone())),
        }
    }
    user.set_extension(urn, &Value::Object(members))
}

fn change_attribute(
    members: &mut Map<String, Value>,
    attribute: &Attribute,
    operation: Operation,
    name: &Name,
    filter: Option<&Filter>,
    value: Option<&Value>,
) -> Result<(), ScimError> {
    if attribute.is_read_only() {
        return Err(READ_ONLY);
    }
    let sub = match &name.sub {
        Some(sub) => Some(attribute.sub(sub).ok_or(PATH)?),
        None => None,
    };
    if attribute.multi_valued {
        return change_list(members, attribute, operation, (sub, filter), value);
    }
    if filter.is_some() {
        return Err(PATH);
    }
    let Some(sub) = sub else {
        let new = match operation {
            Operation::Remove => None,
            _ => fitted_one(attribute, value.ok_or(NO_VALUE)?)?,
        };
        let merged = match (members.get(&attribute.name), new) {
            (Some(Value::Object(old)), Some(Value::Object(new))) if attribute.kind == Kind::Complex => {
                let mut merged = old.clone();
                merged.extend(new);
                Some(Value::Object(merged))
            }
            (_, new) => new,
        };
        put(members, &attribute.name, merged);
        return Ok(());
    };
    let mut object = members.get(&attribute.name).and_then(Value::as_object).cloned().unwrap_or_default();
    change_member_of(&mut object, sub, operation, value)?;
    put(members, &attribute.name, Some(Value::Object(object)));
    Ok(())
}

/// Sets or removes a member of a complex value.
fn change_member_of(
    object: &mut Map<String, Value>,
    sub: &Attribute,
    operation: Operation,
    value: Option<&Value>,
) -> Result<(), ScimError> {
    let new = if operation == Operation::Remove { None } else { fitted(sub, value.ok_or(NO_VALUE)?)? };
    put(object, &sub.name, new);
    Ok(())
}

fn change_list(
    members: &mut Map<String, Value>,
    attribute: &Attribute,
    operation: Operation,
    (sub, filter): (Option<&Attribute>, Option<&Filter>),
    value: Option<&Value>,
) -> Result<(), ScimError> {
    let mut values = members.get(&attribute.name).and_then(Value::as_array).cloned().unwrap_or_default();
    let before = values.len();
    let selected: Vec<usize> = (0..before).filter(|n| selects(attribute, filter, &values[*n])).collect();
    match (operation, sub) {
        (Operation::Remove, None) => match (filter, value) {
            // Some clients name the values to remove instead of selecting them.
            (None, Some(named)) if !named.is_null() => {
                let named = fitted(attribute, named)?.unwrap_or_default();
                let named = named.as_array().map(Vec::as_slice).unwrap_or_default();
                values.retain(|value| {
                    !named.iter().any(|named| {
                        named == value || named.get("value").is_some_and(|id| value.get("value") == Some(id))
                    })
                });
            }
            (None, _) => values.clear(),
            (Some(_), _) if selected.is_empty() => return Err(SELECTS_NONE),
            (Some(_), _) => {
                values = values
                    .into_iter()
                    .enumerate()
                    .filter(|(n, _)| !selected.contains(n))
                    .map(|(_, value)| value)
                    .collect();
            }
        },
        (Operation::Remove, Some(sub)) => {
            if selected.is_empty() && filter.is_some() {
                return Err(SELECTS_NONE);
            }
            for n in selected {
                if let Value::Object(object) = &mut values[n] {
                    object.remove(&sub.name);
                }
            }
        }
        (Operation::Replace, None) if filter.is_none() => {
            values = match fitted(attribute, value.ok_or(NO_VALUE)?)? {
                Some(Value::Array(values)) => values,
                _ => Vec::new(),
            };
        }
        (Operation::Add, None) if filter.is_none() => {
            let Some(Value::Array(new)) = fitted(attribute, value.ok_or(NO_VALUE)?)? else { return Ok(()) };
            values.extend(new);
            values = once_each(values);
            one_primary(&mut values, before);
        }
        (_, sub) => {
            let value = value.ok_or(NO_VALUE)?;
            let newest = if selected.is_empty() {
                values.push(Value::Object(selected_by(attribute, filter)?));
                before
            } else {
                selected[0]
            };
            let places = if selected.is_empty() { vec![before] } else { selected };
            for place in places {
                let Value::Object(object) = &mut values[place] else { return Err(SELECTS_NONE) };
                match sub {
                    Some(sub) => change_member_of(object, sub, operation, Some(value))?,
                    None => match fitted_one(attribute, value)? {
                        Some(Value::Object(new)) => object.extend(new),
                        _ => return Err(NO_VALUE),
                    },
                }
            }
            one_primary(&mut values, newest);
        }
    }
    // As in a new user, no value is empty or there twice.
    values.retain(|value| value.as_object().is_some_and(|object| !object.is_empty()));
    let values = once_each(values);
    check_values(&values)?;
    put(members, &attribute.name, Some(Value::Array(values)));
    Ok(())
}

fn selects(attribute: &Attribute, filter: Option<&Filter>, value: &Value) -> bool {
    let Some(filter) = filter else { return true };
    let list = Name { extension: None, attribute: Some(attribute.name.clone()), sub: None };
    value.as_object().is_some_and(|object| filter.holds(object, Some(&list)))
}

/// A new value that a filter selects. Entra sets the e-mail address of a type that the user does not have yet.
fn selected_by(attribute: &Attribute, filter: Option<&Filter>) -> Result<Map<String, Value>, ScimError> {
    let Some(filter) = filter else { return Ok(Map::new()) };
    let members = filter.members().ok_or(SELECTS_NONE)?;
    match fitted_one(attribute, &Value::Object(members))? {
        Some(Value::Object(members)) => Ok(members),
        _ => Err(SELECTS_NONE),
    }
}

#[cfg(test)]
mod tests;
