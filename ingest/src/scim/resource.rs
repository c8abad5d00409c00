//! A user as a client writes it: read leniently, kept in the spelling of the schemas.
//!
//! # What is not kept
//!
//! `id`, `meta`, `schemas` and `groups` are the server's. A password is dropped at once. Attributes that no schema has
//! are dropped, but whole extensions of other schemas stay as they are.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::error::ScimError;
use super::path::get;
use super::schema::{self, Attribute, Kind, USER};

/// The most levels of objects and lists in a body.
pub const MAX_DEPTH: usize = 12;

/// The most characters of a user name.
pub const MAX_USER_NAME: usize = 128;

/// The most values of an attribute that has a list of them, such as `emails`.
pub const MAX_VALUES: usize = 100;

/// The most bytes of the attributes of a user as JSON.
pub const MAX_RESOURCE: usize = 64 * 1024;

/// By how many bytes a change may make a user larger that is over [`MAX_RESOURCE`].
const ROOM: usize = 1024;

const NOT_OBJECT: ScimError = ScimError::syntax("The body has to be a JSON object.");
const NO_SCHEMA: ScimError = ScimError::syntax("`schemas` has to name the schema of a user.");
const TOO_DEEP: ScimError = ScimError::syntax("The body nests objects and lists too deeply.");
const TOO_MANY_VALUES: ScimError = ScimError::value("An attribute may have at most 100 values.");
const TOO_LARGE: ScimError = ScimError::value("The attributes of a user may take at most 64 KiB as JSON.");

/// The attributes of a user that its client owns, in the spelling of the schemas.
#[derive(Clone, Default, PartialEq)]
pub struct Resource(pub Map<String, Value>);

/// The attributes are personal data, so `Debug` shows none.
impl std::fmt::Debug for Resource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Resource(..)")
    }
}

impl Resource {
    /// Reads the body of a request that creates or replaces a user.
    ///
    /// # Errors
    /// If it is no user, or if a value does not fit its attribute.
    pub fn read(body: &Value) -> Result<Self, ScimError> {
        let members = body.as_object().ok_or(NOT_OBJECT)?;
        let schemas = get(members, "schemas").and_then(Value::as_array).ok_or(NO_SCHEMA)?;
        if !schemas.iter().any(|schema| schema.as_str().is_some_and(|urn| urn.eq_ignore_ascii_case(USER))) {
            return Err(NO_SCHEMA);
        }
        let mut resource = Self::default();
        for (name, value) in members {
            resource.take(name, value)?;
        }
        resource.check_size(MAX_RESOURCE)?;
        resource.checked()
    }

    /// Reads stored attributes. What does not fit its attribute, or is the server's, is left out.
    pub(super) fn stored(members: &Map<String, Value>) -> Self {
        let mut resource = Self::default();
        for (name, value) in members {
            // What cannot be taken changes nothing.
            let _ = resource.take(name, value);
        }
        resource
    }

    /// Takes a member of a user, unless it is the server's or unknown.
    fn take(&mut self, name: &str, value: &Value) -> Result<(), ScimError> {
        if name.contains(':') && !name.eq_ignore_ascii_case(USER) {
            return self.set_extension(name, value);
        }
        match schema::attribute(None, name).filter(|own| !own.is_read_only()) {
            Some(attribute) => self.set(attribute, value),
            None => Ok(()),
        }
    }

    /// The resource, if it is a complete user.
    ///
    /// # Errors
    /// If it has no usable user name.
    pub fn checked(self) -> Result<Self, ScimError> {
        match self.text("userName").map(str::trim) {
            None | Some("") => Err(ScimError::value("`userName` is required.")),
            Some(name) if name.chars().count() > MAX_USER_NAME => {
                Err(ScimError::value("`userName` has more than 128 characters."))
            }
            Some(_) => Ok(self),
        }
    }

    /// The most bytes that a change may make of the user. A user that is larger already, because another system wrote its
    /// profile, can still be disabled.
    pub(super) fn most_bytes(&self) -> usize {
        let bytes = self.bytes();
        if bytes > MAX_RESOURCE { bytes.saturating_add(ROOM) } else { MAX_RESOURCE }
    }

    /// Checks the size of the user.
    ///
    /// # Errors
    /// If the attributes take more bytes.
    pub(super) fn check_size(&self, most: usize) -> Result<(), ScimError> {
        if self.bytes() > most { Err(TOO_LARGE) } else { Ok(()) }
    }

    fn bytes(&self) -> usize {
        serde_json::to_vec(&self.0).map_or(usize::MAX, |json| json.len())
    }

    /// A text of the user.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// Whether the user may log in at the company. It may unless the client says otherwise.
    pub fn is_active(&self) -> bool {
        self.0.get("active").and_then(Value::as_bool).unwrap_or(true)
    }

    /// The user with a value of `active`, unless it has one.
    #[must_use]
    pub(super) fn active_or(mut self, value: Option<Value>) -> Self {
        if !self.0.contains_key("active") {
            put(&mut self.0, "active", value);
        }
        self
    }

    /// The schemas of the user, as its representation lists them.
    pub fn schemas(&self) -> Vec<&str> {
        std::iter::once(USER).chain(self.0.keys().map(String::as_str).filter(|name| name.contains(':'))).collect()
    }

    fn set(&mut self, attribute: &Attribute, value: &Value) -> Result<(), ScimError> {
        put(&mut self.0, &attribute.name, fitted(attribute, value)?);
        Ok(())
    }

    /// Replaces an extension.
    ///
    /// # Errors
    /// If it is no object, or if a value does not fit its attribute.
    pub fn set_extension(&mut self, urn: &str, value: &Value) -> Result<(), ScimError> {
        let urn = schema::extension(urn);
        if value.is_null() {
            self.0.remove(urn);
            return Ok(());
        }
        let members = value.as_object().ok_or(ScimError::value("An extension has to be an object."))?;
        let mut kept = Map::new();
        for (name, value) in members {
            match schema::attribute(Some(urn), name) {
                Some(attribute) => put(&mut kept, &attribute.name, fitted(attribute, value)?),
                None if urn == schema::ENTERPRISE => {}
                None => put(&mut kept, name, Some(value.clone())),
            }
        }
        put(&mut self.0, urn, Some(Value::Object(kept)));
        Ok(())
    }
}

/// Checks the depth of a body.
///
/// # Errors
/// If it is deeper than [`MAX_DEPTH`].
pub(super) fn check_depth(body: &Value) -> Result<(), ScimError> {
    fn depth(value: &Value) -> usize {
        match value {
            Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
            Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
            _ => 0,
        }
    }
    if depth(body) > MAX_DEPTH { Err(TOO_DEEP) } else { Ok(()) }
}

/// Sets a member, or removes it if the value is none: null, an empty list or an empty object (RFC 7643 section 2.5).
pub(super) fn put(members: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    match value {
        None | Some(Value::Null) => drop(members.remove(name)),
        Some(Value::Array(values)) if values.is_empty() => drop(members.remove(name)),
        Some(Value::Object(object)) if object.is_empty() => drop(members.remove(name)),
        Some(value) => drop(members.insert(name.to_owned(), value)),
    }
}

/// The value in the form of its attribute. `None` for no value.
pub(super) fn fitted(attribute: &Attribute, value: &Value) -> Result<Option<Value>, ScimError> {
    if !attribute.multi_valued {
        return fitted_one(attribute, value);
    }
    let values = match value {
        Value::Array(values) => values.as_slice(),
        value => std::slice::from_ref(value),
    };
    check_values(values)?;
    let mut kept = Vec::new();
    for value in values {
        kept.extend(fitted_one(attribute, value)?);
    }
    let mut kept = once_each(kept);
    one_primary(&mut kept, 0);
    Ok(Some(Value::Array(kept)))
}

/// Checks how many values an attribute has.
///
/// # Errors
/// If it has more than [`MAX_VALUES`].
pub(super) fn check_values(values: &[Value]) -> Result<(), ScimError> {
    if values.len() > MAX_VALUES { Err(TOO_MANY_VALUES) } else { Ok(()) }
}

/// The values without those that are there before. Fitted values are equal exactly if their JSON is.
pub(super) fn once_each(mut values: Vec<Value>) -> Vec<Value> {
    let mut seen = BTreeSet::new();
    values.retain(|value| seen.insert(value.to_string()));
    values
}

/// One value in the form of its attribute, also if the attribute has a list of them.
pub(super) fn fitted_one(attribute: &Attribute, value: &Value) -> Result<Option<Value>, ScimError> {
    let wrong = |form: &str| {
        let detail = format!("`{}` has to be {form}.", attribute.name).into();
        ScimError { detail, ..ScimError::value("") }
    };
    match (attribute.kind, value) {
        (_, Value::Null) => Ok(None),
        (Kind::Boolean, Value::Bool(_)) | (Kind::String, Value::String(_)) => Ok(Some(value.clone())),
        // Entra writes truth values as texts.
        (Kind::Boolean, Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true.into())),
        (Kind::Boolean, Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false.into())),
        (Kind::Boolean, _) => Err(wrong("true or false")),
        // Some clients write the number of an employee as a number.
        (Kind::String, Value::Number(number)) => Ok(Some(number.to_string().into())),
        (Kind::String, _) => Err(wrong("a text")),
        (Kind::Complex, Value::Object(members)) => {
            let mut kept = Map::new();
            for (name, value) in members {
                if let Some(sub) = attribute.sub(name).filter(|sub| !sub.is_read_only()) {
                    put(&mut kept, &sub.name, fitted(sub, value)?);
                }
            }
            Ok(Some(Value::Object(kept)).filter(|value| value.as_object().is_some_and(|kept| !kept.is_empty())))
        }
        // Entra writes a manager, and Okta a role, as its id alone.
        (Kind::Complex, Value::String(_)) => match attribute.sub("value") {
            Some(sub) => {
                Ok(fitted(sub, value)?.map(|value| Value::Object(Map::from_iter([(sub.name.clone(), value)]))))
            }
            None => Err(wrong("an object")),
        },
        (Kind::Complex, _) => Err(wrong("an object")),
    }
}

/// Leaves one primary value (RFC 7643 section 2.4): the last one that is primary from `newest` on, or else the first.
pub(super) fn one_primary(values: &mut [Value], newest: usize) {
    let is_primary = |value: &Value| value.get("primary") == Some(&Value::Bool(true));
    let newest = values.iter().enumerate().rposition(|(n, value)| n >= newest && is_primary(value));
    let Some(kept) = newest.or_else(|| values.iter().position(is_primary)) else { return };
    for (n, value) in values.iter_mut().enumerate() {
        if n != kept && is_primary(value) {
            value["primary"] = Value::Bool(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::schema::ENTERPRISE;
    use super::*;
    use serde_json::json;

    fn read(mut body: Value) -> Result<Value, ScimError> {
        body["schemas"] = json!([USER]);
        Resource::read(&body).map(|resource| Value::Object(resource.0))
    }

    #[test]
    fn what_the_server_owns_and_passwords_are_not_kept() {
        let body = json!({
            "userName": "ada", "id": "x", "meta": {}, "groups": [{ "value": "g" }], "password": "secret", "shoe": 42,
            "PassWord": "secret",
        });
        assert_eq!(read(body), Ok(json!({ "userName": "ada" })));
    }

    #[test]
    fn values_are_kept_in_the_form_of_the_schema() {
        let body = json!({
            "USERNAME": "ada", "Active": "False", "externalId": 7, "emails": { "Value": "a@b.example", "Primary": "True" },
            "name": { "GivenName": "Ada", "shoe": 1 }, "roles": ["admin", "admin"], "title": null, "photos": [],
            ENTERPRISE.to_uppercase(): { "manager": "26118915", "Department": "R&D" },
            "urn:example:2.0:User": { "nick": "A", "none": null },
        });
        let expected = json!({
            "userName": "ada", "active": false, "externalId": "7",
            "emails": [{ "value": "a@b.example", "primary": true }],
            "name": { "givenName": "Ada" }, "roles": [{ "value": "admin" }],
            ENTERPRISE: { "manager": { "value": "26118915" }, "department": "R&D" },
            "urn:example:2.0:User": { "nick": "A" },
        });
        assert_eq!(read(body), Ok(expected));
    }

    #[test]
    fn a_body_that_is_no_user_is_rejected() {
        for (body, kind) in [
            (json!([]), "invalidSyntax"),
            (json!({ "userName": "ada" }), "invalidSyntax"),
            (json!({ "schemas": ["x"], "userName": "ada" }), "invalidSyntax"),
            (json!({ "schemas": [USER] }), "invalidValue"),
            (json!({ "schemas": [USER], "userName": " " }), "invalidValue"),
            (json!({ "schemas": [USER], "userName": "a".repeat(MAX_USER_NAME + 1) }), "invalidValue"),
            (json!({ "schemas": [USER], "userName": "ada", "active": "perhaps" }), "invalidValue"),
            (json!({ "schemas": [USER], "userName": "ada", "name": ["Ada"] }), "invalidValue"),
            (json!({ "schemas": [USER], "userName": "ada", ENTERPRISE: "R&D" }), "invalidValue"),
        ] {
            assert_eq!(Resource::read(&body).map_err(|error| error.kind), Err(Some(kind)), "{body}");
        }
    }

    #[test]
    fn one_value_is_primary() {
        let two = json!([{ "value": "a", "primary": true }, { "value": "b", "primary": true }]);
        let Ok(read) = read(json!({ "userName": "ada", "emails": two })) else { panic!("a user") };
        assert_eq!(read["emails"][0]["primary"], false);
        assert_eq!(read["emails"][1]["primary"], true);
    }

    #[test]
    fn an_attribute_has_a_limited_number_of_values() {
        let emails = |count: usize| json!({ "userName": "ada", "emails": vec![json!("a@b.example"); count] });
        assert_eq!(read(emails(MAX_VALUES)).unwrap()["emails"], json!([{ "value": "a@b.example" }]));
        assert_eq!(read(emails(MAX_VALUES + 1)), Err(TOO_MANY_VALUES), "also if they are equal");
        assert_eq!(TOO_MANY_VALUES.kind, Some("invalidValue"));
    }

    #[test]
    fn a_user_has_a_limited_size() {
        let user = |bytes: usize| json!({ "userName": "ada", "title": "x".repeat(bytes) });
        let around = user(0).to_string().len();
        assert!(read(user(MAX_RESOURCE - around)).is_ok());
        assert_eq!(read(user(MAX_RESOURCE - around + 1)), Err(TOO_LARGE));
        let extension = json!({ "userName": "ada", "urn:example:2.0:User": { "list": vec![0; MAX_RESOURCE / 2] } });
        assert_eq!(read(extension), Err(TOO_LARGE));
        assert_eq!(TOO_LARGE.kind, Some("invalidValue"));
    }

    #[test]
    fn a_stored_value_that_does_not_fit_takes_nothing_with_it() {
        let stored = json!({ "emails": vec!["a"; MAX_VALUES + 1], ENTERPRISE: "R&D", "name": [], "userName": "ada" });
        let stored = Resource::stored(stored.as_object().unwrap());
        assert_eq!(Value::Object(stored.0), json!({ "userName": "ada" }));
    }

    #[test]
    fn deep_bodies_are_rejected() {
        let deep = (0..MAX_DEPTH).fold(json!(1), |value, _| json!([value]));
        assert_eq!(check_depth(&deep), Ok(()));
        assert!(check_depth(&json!([deep])).is_err());
    }
}
