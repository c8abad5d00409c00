//! `generated.rs` and `operations.rs`: types and operations from the description of the API (`schema/generated/openapi-plain.json`).

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Map, Value};

/// What these types hold is no data of a person: `Debug` shows it.
const SHOWN: [&str; 3] = ["Event", "EventData", "Events"];

fn document() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schema/generated/openapi-plain.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn name_of(reference: &Value) -> Option<&str> {
    reference["$ref"].as_str()?.strip_prefix("#/components/schemas/")
}

/// `changePassword` or `sign_again` in parts, in small letters.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for c in name.chars() {
        if !c.is_ascii_alphanumeric() || c.is_ascii_uppercase() {
            words.push(String::new());
        }
        if c.is_ascii_alphanumeric() {
            words.last_mut().unwrap().push(c.to_ascii_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn variant(value: &str) -> String {
    let last = value.rsplit(':').next().unwrap();
    words(last).iter().map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

fn docs(text: &mut String, indent: &str, description: &str) {
    for line in description.lines() {
        writeln!(text, "{}", format!("{indent}/// {line}").trim_end()).unwrap();
    }
}

/// A generator of the types of a document.
struct Types<'a>(&'a Map<String, Value>);

impl Types<'_> {
    /// The names of the schemas that a value refers to, and that those refer to.
    fn reached(&self, value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                if let Some(name) = name_of(value)
                    && name != "ProblemDetails"
                    && found.insert(name.to_owned())
                {
                    self.reached(&self.0[name], found);
                }
                members.values().for_each(|member| self.reached(member, found));
            }
            Value::Array(all) => all.iter().for_each(|one| self.reached(one, found)),
            _ => {}
        }
    }

    /// The Rust type of a schema.
    fn of(schema: &Value) -> String {
        if let Some(name) = name_of(schema) {
            return name.to_owned();
        }
        if let Some(choice) = schema["anyOf"].as_array() {
            let known: Vec<&Value> = choice.iter().filter(|one| one["type"] != "null").collect();
            return if let [one] = known[..] { Self::of(one) } else { "serde_json::Value".into() };
        }
        let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str()).unwrap_or_default();
        match kind {
            "string" => "String".into(),
            "boolean" => "bool".into(),
            "number" => "f64".into(),
            "integer" if schema["minimum"].as_i64().is_some_and(|least| least >= 0) => "u64".into(),
            "integer" => "i64".into(),
            "array" => format!("Vec<{}>", Self::of(&schema["items"])),
            "object" if schema["additionalProperties"].is_object() => {
                format!("BTreeMap<String, {}>", Self::of(&schema["additionalProperties"]))
            }
            "object" => "serde_json::Map<String, serde_json::Value>".into(),
            _ => "serde_json::Value".into(),
        }
    }

    fn required(schema: &Value) -> BTreeSet<&str> {
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// True if all required members have a value that says nothing.
    fn has_default(&self, schema: &Value) -> bool {
        let required = Self::required(schema);
        schema["properties"].as_object().into_iter().flatten().filter(|(name, _)| required.contains(name.as_str())).all(
            |(_, member)| match name_of(member) {
                Some(name) => {
                    let target = &self.0[name];
                    target["enum"].is_null() && (target["type"] != "object" || self.has_default(target))
                }
                None => true,
            },
        )
    }

    fn write(&self, text: &mut String, name: &str) {
        let schema = &self.0[name];
        docs(text, "    ", schema["description"].as_str().unwrap_or(name));
        if let Some(values) = schema["enum"].as_array() {
            let values: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
            return write_enum(text, "    ", name, &values);
        }
        let Some(members) = schema["properties"].as_object() else {
            writeln!(text, "    pub type {name} = {};\n", Self::of(schema)).unwrap();
            return;
        };
        let mut derived = vec!["Clone", "PartialEq", "Serialize", "Deserialize"];
        derived.extend(self.has_default(schema).then_some("Default"));
        derived.extend(SHOWN.contains(&name).then_some("Debug"));
        writeln!(text, "    #[derive({})]\n    pub struct {name} {{", derived.join(", ")).unwrap();
        let required = Self::required(schema);
        for (member, described) in members {
            let about = format!("`{member}`.");
            docs(text, "        ", described["description"].as_str().unwrap_or(&about));
            let (mut kind, mut field) = (Self::of(described), member.replace('-', "_"));
            if field != *member {
                writeln!(text, "        #[serde(rename = \"{member}\")]").unwrap();
            }
            if field == "type" {
                field.insert_str(0, "r#");
            }
            if !required.contains(member.as_str()) {
                // In a patch null removes a member, and an absent one stays.
                kind =
                    if name.ends_with("Patch") { format!("Option<Option<{kind}>>") } else { format!("Option<{kind}>") };
                writeln!(text, "        #[serde(default, skip_serializing_if = \"Option::is_none\")]").unwrap();
            }
            writeln!(text, "        pub {field}: {kind},").unwrap();
        }
        text.push_str("    }\n\n");
        if !SHOWN.contains(&name) {
            writeln!(text, "    hidden!({name});\n").unwrap();
        }
    }
}

fn write_enum(text: &mut String, indent: &str, name: &str, values: &[&str]) {
    let mut lines = vec![
        "#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]".to_owned(),
        "#[serde(from = \"String\", into = \"String\")]".to_owned(),
        format!("pub enum {name} {{"),
    ];
    for value in values {
        lines.push(format!("    /// `{value}`.\n{indent}    {},", variant(value)));
    }
    lines.push("    /// One that this version of the client does not know.".to_owned());
    lines.push("    Other(String),\n}".replace("\n}", &format!("\n{indent}}}")));
    lines.push(format!("\n{indent}impl {name} {{"));
    lines.push("    /// Its spelling.".to_owned());
    lines.push("    pub fn as_str(&self) -> &str {".to_owned());
    lines.push("        match self {".to_owned());
    for value in values {
        lines.push(format!("            Self::{} => \"{value}\",", variant(value)));
    }
    lines.push("            Self::Other(other) => other,\n".to_owned() + indent + "        }");
    lines.push("    }\n".to_owned() + indent + "}\n");
    lines.push(format!("impl From<String> for {name} {{"));
    lines.push("    fn from(text: String) -> Self {".to_owned());
    lines.push("        match text.as_str() {".to_owned());
    for value in values {
        lines.push(format!("            \"{value}\" => Self::{},", variant(value)));
    }
    lines.push("            _ => Self::Other(text),\n".to_owned() + indent + "        }");
    lines.push("    }\n".to_owned() + indent + "}\n");
    lines.push(format!("impl From<{name}> for String {{"));
    lines.push(format!("    fn from(value: {name}) -> Self {{"));
    lines.push("        value.as_str().to_owned()\n".to_owned() + indent + "    }\n" + indent + "}");
    for line in lines {
        writeln!(text, "{}", format!("{indent}{line}").trim_end()).unwrap();
    }
    text.push('\n');
}

/// The codes that a response names.
fn codes(operation: &Value) -> BTreeSet<&str> {
    let responses = operation["responses"].as_object().into_iter().flatten();
    responses
        .flat_map(|(_, response)| response["x-problem-codes"].as_array().into_iter().flatten())
        .filter_map(Value::as_str)
        .collect()
}

fn operations(text: &mut String, document: &Value) {
    let all: Vec<(&String, &Value)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(_, path)| path["post"].is_object())
        .map(|(path, of)| (path, &of["post"]))
        .collect();
    let mut shared = codes(all[0].1);
    for (_, operation) in &all {
        shared = shared.intersection(&codes(operation)).copied().collect();
    }
    text.push_str("/// The operations of the API.\nimpl Client {\n");
    for (path, operation) in all {
        let name = words(operation["operationId"].as_str().unwrap()).join("_");
        let takes = name_of(&operation["requestBody"]["content"]["application/json"]["schema"]).unwrap();
        let responses = operation["responses"].as_object().unwrap();
        let (_, answer) = responses.iter().find(|(status, _)| status.starts_with('2')).unwrap();
        let gives = name_of(&answer["content"]["application/json"]["schema"]).unwrap();
        let own = codes(operation);
        let own: Vec<String> = own.difference(&shared).map(|code| format!("`{code}`")).collect();
        let own = if own.is_empty() { "none".to_owned() } else { own.join(", ") };
        let (summary, scope) = (operation["summary"].as_str().unwrap(), operation["description"].as_str().unwrap());
        let description = format!("{summary} {scope}\n\n# Errors\n[`Error`]. The codes of its own: {own}.");
        docs(text, "    ", &description);
        write!(
            text,
            "    pub async fn {name}(&self, body: &types::{takes}) -> Result<Answer<types::{gives}>, Error> {{\n        \
             self.call(\"{path}\", body).await\n    }}\n\n"
        )
        .unwrap();
    }
    text.truncate(text.trim_end().len());
    text.push_str("\n}\n\n");
}

fn problem_codes(text: &mut String, document: &Value) {
    let schema = &document["components"]["schemas"]["ProblemCode"];
    let values: Vec<&str> = schema["enum"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    docs(text, "", "The code of a problem: docs/errors.md explains each.");
    write_enum(text, "", "ProblemCode", &values);
    text.push_str("impl ProblemCode {\n    /// Whether a repetition can help.\n    pub fn retry(&self) -> Retry {\n        match self {\n");
    for kind in ["later", "elsewhere", "person", "sign_again"] {
        let of_kind = values.iter().filter(|code| schema["x-retry"][**code] == kind);
        let of_kind: Vec<String> = of_kind.map(|code| format!("Self::{}", variant(code))).collect();
        writeln!(text, "            {} => Retry::{},", of_kind.join(" | "), variant(kind)).unwrap();
    }
    text.push_str("            _ => Retry::No,\n        }\n    }\n}\n\n");
}

const HEAD: &str =
    "//! Generated from schema/generated/openapi-plain.json: `UPDATE=1 cargo test -p umoja-client openapi`.

#![allow(clippy::pedantic, reason = \"generated\")]

";

const OF_OPERATIONS: &str = "use crate::client::{Answer, Client};
use crate::error::Error;
use crate::generated::types;

";

const OF_TYPES: &str = "use serde::{Deserialize, Serialize};

use crate::retry::Retry;

";

const TYPES: &str =
    "/// The bodies of requests and answers. `Debug` shows nothing of those that hold the data of a person.
pub mod types {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Serialize};

    macro_rules! hidden {
        ($name:ident) => {
            impl std::fmt::Debug for $name {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str(concat!(stringify!($name), \"(..)\"))
                }
            }
        };
    }

";

#[test]
fn the_types_are_those_of_the_openapi_document() {
    let document = document();
    let types = Types(document["components"]["schemas"].as_object().unwrap());
    let mut text = HEAD.to_owned() + OF_OPERATIONS;
    operations(&mut text, &document);
    check("operations.rs", text.trim_end());
    let mut text = HEAD.to_owned() + OF_TYPES;
    problem_codes(&mut text, &document);
    text.push_str(TYPES);
    let mut names = BTreeSet::new();
    for path in document["paths"].as_object().unwrap().values().filter(|path| path["post"].is_object()) {
        types.reached(path, &mut names);
    }
    for name in &names {
        types.write(&mut text, name);
    }
    text.truncate(text.trim_end().len());
    text.push_str("\n}\n");
    check("generated.rs", text.trim_end());
}

/// The committed file must equal the generated one.
fn check(file: &str, text: &str) {
    let (path, text) = (Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(file), format!("{text}\n"));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(stored == text, "{file}: run UPDATE=1 cargo test -p umoja-client openapi");
}
