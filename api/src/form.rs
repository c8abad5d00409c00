//! The form of a body: an object with members that the operation knows, those among them that it needs, and values of the
//! right types. What is wrong is named by its member; the value is never repeated.

use std::collections::{BTreeMap, BTreeSet};

use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::problem::Refusal;

/// The members of an object.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Form {
    /// Every member; those that are objects of a fixed form with that form.
    members: BTreeMap<String, Option<Form>>,
    required: BTreeSet<String>,
}

const MISSING: &str = "The member is missing.";
const UNKNOWN: &str = "The operation has no such member.";
const TYPE: &str = "The member is of another type than the operation takes.";

impl Form {
    /// The form of a type, from its JSON Schema.
    pub(crate) fn of<T: schemars::JsonSchema>() -> Self {
        let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>().to_value();
        Self::read(&schema, &schema).unwrap_or_default()
    }

    /// `None` if the schema is not that of an object with a fixed set of members.
    fn read(schema: &Value, root: &Value) -> Option<Self> {
        if schema["additionalProperties"] != Value::Bool(false) {
            return None;
        }
        let member = |(name, schema): (&String, &Value)| {
            // A merge patch has rules of its own (RFC 7396), which are the profile's.
            let form = (name != "profile").then(|| Self::referred(schema, root)).flatten();
            (name.clone(), form)
        };
        let required = schema["required"].as_array().into_iter().flatten();
        Some(Self {
            members: schema["properties"].as_object()?.iter().map(member).collect(),
            required: required.filter_map(|name| name.as_str().map(str::to_owned)).collect(),
        })
    }

    /// The form that a member's schema refers to, which may be null as well.
    fn referred(schema: &Value, root: &Value) -> Option<Self> {
        let mut alternatives = schema["anyOf"].as_array().into_iter().flatten().chain([schema]);
        let target = alternatives.find_map(|schema| schema["$ref"].as_str())?;
        Self::read(root.pointer(target.trim_start_matches('#'))?, root)
    }

    /// Reads a body.
    pub(crate) fn parse<T: DeserializeOwned>(&self, value: Value) -> Result<T, Refusal> {
        // Serde reads a struct from an array of its members too; no operation takes an array.
        if !value.is_object() {
            return Err(Refusal::invalid("body", "The body is an object."));
        }
        self.check(&value, "")?;
        serde_path_to_error::deserialize(value).map_err(|error| {
            let path = error.path().to_string();
            let path = path.trim_matches('.');
            Refusal::invalid(if path.is_empty() { "body" } else { path }, TYPE)
        })
    }

    fn check(&self, value: &Value, prefix: &str) -> Result<(), Refusal> {
        let Value::Object(given) = value else { return Ok(()) };
        let refuse = |name: &str, rule| Err(Refusal::invalid(&format!("{prefix}{name}"), rule));
        for (name, member) in given {
            match self.members.get(name) {
                None => return refuse(name, UNKNOWN),
                Some(_) if member.is_array() => return refuse(name, TYPE),
                Some(Some(form)) => form.check(member, &format!("{prefix}{name}."))?,
                Some(None) => {}
            }
        }
        match self.required.iter().find(|name| !given.contains_key(*name)) {
            Some(name) => refuse(name, MISSING),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use umoja_schema::api;

    fn refused<T: DeserializeOwned + schemars::JsonSchema>(body: Value) -> (Option<String>, String) {
        let problem = Form::of::<T>().parse::<T>(body).err().expect("a refusal").problem();
        (problem.field, problem.detail)
    }

    #[test]
    fn a_missing_an_unknown_and_a_mistyped_member_are_named() {
        let of = |body| refused::<api::Authenticate>(body);
        assert_eq!(of(json!({ "email": "a@b" })), (Some("password".into()), MISSING.into()));
        assert_eq!(of(json!({ "password": "x", "emial": "a" })), (Some("emial".into()), UNKNOWN.into()));
        assert_eq!(of(json!({ "password": 1 })), (Some("password".into()), TYPE.into()));
        assert_eq!(of(json!({ "password": ["x"] })), (Some("password".into()), TYPE.into()));
        assert_eq!(of(json!({ "password": "x", "client": { "pi": 1 } })), (Some("client.pi".into()), UNKNOWN.into()));
        assert_eq!(of(json!({ "password": "x", "client": "x" })), (Some("client".into()), TYPE.into()));
        assert_eq!(of(json!([])), (Some("body".into()), "The body is an object.".into()));
    }

    #[test]
    fn a_member_of_a_member_is_named_with_its_path() {
        let id = "0190a5c4-7c00-7000-8000-000000000000";
        let of = |set: Value| refused::<api::Update>(json!({ "id": id, "set": set }));
        assert_eq!(of(json!({ "password": "x" })), (Some("set.password".into()), UNKNOWN.into()));
        assert_eq!(of(json!({ "email_verified": 1 })), (Some("set.email_verified".into()), TYPE.into()));
    }
}
