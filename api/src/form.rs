//! The form of a body: an object that has the required members, only known members, and values of the right types. A
//! problem names the wrong member and never repeats its value.

use std::collections::{BTreeMap, BTreeSet};

use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::problem::Problem;

/// The members of an object.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Form {
    /// Every member. A member that is an object of a fixed form has that form.
    members: BTreeMap<String, Option<Form>>,
    /// The members that are lists.
    lists: BTreeSet<String>,
    required: BTreeSet<String>,
}

const MISSING: &str = "Add this member, which the operation requires.";
const UNKNOWN: &str = "Remove this member, which the operation does not have.";
const TYPE: &str = "Give this member a value of the type that the operation takes.";

impl Form {
    /// The form of a type, from its JSON Schema.
    pub(crate) fn of<T: schemars::JsonSchema>() -> Self {
        let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>().to_value();
        Self::read(&schema, &schema).unwrap_or_default()
    }

    /// Reads the form from a schema. `None` if the schema is not that of an object with a fixed set of members.
    fn read(schema: &Value, root: &Value) -> Option<Self> {
        if schema["additionalProperties"] != Value::Bool(false) {
            return None;
        }
        let member = |(name, schema): (&String, &Value)| {
            // The profile is a merge patch (RFC 7396) and has its own rules.
            let form = (name != "profile").then(|| Self::referred(schema, root)).flatten();
            (name.clone(), form)
        };
        let required = schema["required"].as_array().into_iter().flatten();
        let properties = schema["properties"].as_object()?;
        let is_list = |schema: &Value| {
            let types = &schema["type"];
            types == "array" || types.as_array().is_some_and(|types| types.contains(&"array".into()))
        };
        Some(Self {
            members: properties.iter().map(member).collect(),
            lists: properties.iter().filter(|(_, schema)| is_list(schema)).map(|(name, _)| name.clone()).collect(),
            required: required.filter_map(|name| name.as_str().map(str::to_owned)).collect(),
        })
    }

    /// The form that the schema of a member refers to, directly or as the alternative to null.
    fn referred(schema: &Value, root: &Value) -> Option<Self> {
        let mut alternatives = schema["anyOf"].as_array().into_iter().flatten().chain([schema]);
        let target = alternatives.find_map(|schema| schema["$ref"].as_str())?;
        Self::read(root.pointer(target.trim_start_matches('#'))?, root)
    }

    /// Reads a body.
    pub(crate) fn parse<T: DeserializeOwned>(&self, value: Value) -> Result<T, Problem> {
        // Serde also reads a struct from an array of its members, but no operation takes an array as its body.
        if !value.is_object() {
            return Err(Problem::invalid("body", "Send a JSON object as the body."));
        }
        self.check(&value, "")?;
        serde_path_to_error::deserialize(value).map_err(|error| {
            let path = error.path().to_string();
            let path = path.trim_matches('.');
            Problem::invalid(if path.is_empty() { "body" } else { path }, TYPE)
        })
    }

    fn check(&self, value: &Value, prefix: &str) -> Result<(), Problem> {
        let Value::Object(given) = value else { return Ok(()) };
        let reject = |name: &str, rule| Err(Problem::invalid(&format!("{prefix}{name}"), rule));
        for (name, member) in given {
            match self.members.get(name) {
                None => return reject(name, UNKNOWN),
                Some(_) if member.is_array() && !self.lists.contains(name) => return reject(name, TYPE),
                Some(Some(form)) => form.check(member, &format!("{prefix}{name}."))?,
                Some(None) => {}
            }
        }
        match self.required.iter().find(|name| !given.contains_key(*name)) {
            Some(name) => reject(name, MISSING),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use umoja_schema::api;

    fn rejected<T: DeserializeOwned + schemars::JsonSchema>(body: Value) -> (Option<String>, String) {
        let problem = Form::of::<T>().parse::<T>(body).err().expect("a problem").details();
        (problem.field, problem.detail)
    }

    #[test]
    fn a_missing_unknown_or_mistyped_member_is_named() {
        let of = |body| rejected::<api::Authenticate>(body);
        assert_eq!(of(json!({ "email": "a@b" })), (Some("password".into()), MISSING.into()));
        assert_eq!(of(json!({ "password": "x", "emial": "a" })), (Some("emial".into()), UNKNOWN.into()));
        assert_eq!(of(json!({ "password": 1 })), (Some("password".into()), TYPE.into()));
        assert_eq!(of(json!({ "password": ["x"] })), (Some("password".into()), TYPE.into()));
        assert_eq!(of(json!({ "password": "x", "client": { "pi": 1 } })), (Some("client.pi".into()), UNKNOWN.into()));
        assert_eq!(of(json!({ "password": "x", "client": "x" })), (Some("client".into()), TYPE.into()));
        assert_eq!(of(json!({ "password": "x", "provision": "crm" })), (Some("provision".into()), TYPE.into()));
        assert_eq!(of(json!({ "password": "x", "provision": ["@"] })), (Some("provision[0]".into()), TYPE.into()));
        assert_eq!(of(json!([])), (Some("body".into()), "Send a JSON object as the body.".into()));
    }

    #[test]
    fn a_nested_member_is_named_with_its_path() {
        let id = "0190a5c4-7c00-7000-8000-000000000000";
        let of = |set: Value| rejected::<api::Update>(json!({ "id": id, "set": set }));
        assert_eq!(of(json!({ "password": "x" })), (Some("set.password".into()), UNKNOWN.into()));
        assert_eq!(of(json!({ "email_verified": 1 })), (Some("set.email_verified".into()), TYPE.into()));
    }
}
