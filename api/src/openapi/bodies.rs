//! The schemas of the bodies. A request and an answer differ: a request may send null for an absent member, and an
//! answer leaves the member out.

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// The members with which a caller sets a password.
const NEW_PASSWORDS: [&str; 3] = [
    "/Register/properties/password/minLength",
    "/PasswordChange/properties/new_password/minLength",
    "/ResetFinish/properties/new_password/minLength",
];

/// The generators of both kinds of body.
pub(super) struct Bodies {
    pub(super) requests: SchemaGenerator,
    pub(super) answers: SchemaGenerator,
}

impl Bodies {
    pub(super) fn new() -> Self {
        let settings =
            || SchemaSettings::draft2020_12().with(|settings| settings.definitions_path = "/components/schemas".into());
        Self { requests: settings().into_generator(), answers: settings().for_serialize().into_generator() }
    }

    /// The schemas of both, by name.
    pub(super) fn into_schemas(mut self, min_password_chars: usize) -> Map<String, Value> {
        let mut answers = Value::Object(self.answers.take_definitions(true));
        without_null(&mut answers);
        open(&mut answers);
        let mut schemas = Value::Object(self.requests.take_definitions(true));
        if let (Value::Object(schemas), Value::Object(answers)) = (&mut schemas, answers) {
            schemas.extend(answers);
        }
        for length in NEW_PASSWORDS {
            if let Some(length) = schemas.pointer_mut(length) {
                *length = min_password_chars.into();
            }
        }
        simplify(&mut schemas);
        if let Value::Object(schemas) = schemas { schemas } else { Map::new() }
    }
}

/// Calls `change` for a schema and all schemas in it, the inner ones first.
pub(super) fn each(schema: &mut Value, change: &impl Fn(&mut Map<String, Value>)) {
    match schema {
        Value::Object(keywords) => {
            keywords.values_mut().for_each(|value| each(value, change));
            change(keywords);
        }
        Value::Array(values) => values.iter_mut().for_each(|value| each(value, change)),
        _ => {}
    }
}

/// Removes null from the types of all members.
fn without_null(schemas: &mut Value) {
    each(schemas, &|schema| {
        if let Some(Value::Array(types)) = schema.get_mut("type") {
            types.retain(|name| name != "null");
            if let [only] = &types[..] {
                let only = only.clone();
                schema.insert("type".into(), only);
            }
        }
        if let Some(Value::Array(any)) = schema.get_mut("anyOf") {
            any.retain(|one| *one != json!({ "type": "null" }));
            if let [Value::Object(only)] = &mut any[..] {
                let only = std::mem::take(only);
                schema.remove("anyOf");
                schema.extend(only);
            }
        }
    });
}

/// Lets answers have members that a client does not know: a newer version may send them.
fn open(schemas: &mut Value) {
    each(schemas, &|schema| {
        if schema.get("additionalProperties") == Some(&Value::Bool(false)) {
            schema.remove("additionalProperties");
        }
    });
}

/// Writes schemas as generators of clients understand them.
fn simplify(schemas: &mut Value) {
    each(schemas, &|schema| {
        // A generated client would send the default, and null removes a member; or it would demand a member that has one.
        if schema.get("default").is_some_and(|default| default.is_null() || default.is_boolean()) {
            schema.remove("default");
        }
        if let Some(Value::Array(constants)) = schema.get("oneOf")
            && constants.iter().all(|one| one.get("const").is_some())
        {
            let values: Vec<Value> = constants.iter().map(|one| one["const"].clone()).collect();
            let means = |one: &Value| format!("`{}`: {}", text(&one["const"]), text(&one["description"]));
            let means: Vec<String> = constants.iter().map(means).collect();
            let description = schema.get("description").map_or("", text);
            let description = format!("{description}\n\n{}", means.join("\n\n"));
            schema.remove("oneOf");
            schema.insert("type".into(), "string".into());
            schema.insert("enum".into(), values.into());
            schema.insert("description".into(), description.trim().into());
        }
        // Generators know the sizes of the OpenAPI specification, and take another one for the smallest.
        let size = match schema.get("format").and_then(Value::as_str) {
            Some("uint" | "uint64") => Some("int64"),
            Some("uint16" | "uint32") => Some("int32"),
            _ => None,
        };
        if let Some(size) = size {
            schema.insert("format".into(), size.into());
        }
        if let Some(Value::Object(patterns)) = schema.get("patternProperties")
            && let Some((pattern, value)) = patterns.iter().next()
        {
            let (names, values) = (json!({ "pattern": pattern }), value.clone());
            schema.remove("patternProperties");
            schema.insert("propertyNames".into(), names);
            schema.insert("additionalProperties".into(), values);
        }
    });
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
