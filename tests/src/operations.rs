//! The operations of the API, from the table of operations.

use std::collections::BTreeSet;

use schemars::SchemaGenerator;
use serde_json::{Map, Value};

/// The beginning of every operation's path.
const BEFORE: &str = "/v1/";
/// What follows it in the paths of operations on users, whose names are without it.
const USERS: &str = "users/";

/// The path of an operation, by its name.
pub fn path(operation: &str) -> String {
    let users = if ["events/", "requests/"].iter().any(|of| operation.starts_with(of)) { "" } else { USERS };
    format!("{BEFORE}{users}{operation}")
}

/// The operations, as [`crate::caller::Caller::call`] names them.
pub fn all() -> Vec<&'static str> {
    let described = umoja_api::described(&mut SchemaGenerator::default(), &mut SchemaGenerator::default());
    described.iter().map(|operation| name(operation.path)).collect()
}

/// The operations that accept a value as their body.
pub fn that_take(body: &Value) -> Vec<&'static str> {
    umoja_api::parses(body).into_iter().map(name).collect()
}

fn name(path: &'static str) -> &'static str {
    let name = path.strip_prefix(BEFORE).expect("every operation is of this version of the API");
    name.strip_prefix(USERS).unwrap_or(name)
}

/// The names of all members of all bodies.
pub fn members() -> BTreeSet<String> {
    let mut generator = SchemaGenerator::default();
    let described = umoja_api::described(&mut generator, &mut SchemaGenerator::default());
    let mut names = BTreeSet::new();
    for operation in described {
        add_members(operation.body.as_value(), generator.definitions(), &mut names);
    }
    names
}

fn add_members(schema: &Value, definitions: &Map<String, Value>, names: &mut BTreeSet<String>) {
    match schema {
        Value::Object(keywords) => {
            for (keyword, value) in keywords {
                if let Some(properties) = value.as_object().filter(|_| keyword == "properties") {
                    names.extend(properties.keys().cloned());
                }
                if let Some(target) = value.as_str().filter(|_| keyword == "$ref") {
                    let target = target.rsplit('/').next().and_then(|target| definitions.get(target));
                    add_members(target.expect("a reference is to a definition"), definitions, names);
                }
                add_members(value, definitions, names);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| add_members(value, definitions, names)),
        _ => {}
    }
}
