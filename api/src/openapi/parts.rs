//! Pieces of the description that several parts of it use.

use serde_json::{Map, Value, json};

use crate::kinds::{PROBLEMS, ProblemKind, Retry};

/// The codes of these problems that have this status.
pub(super) fn codes(problems: &[&ProblemKind], status: u16) -> Vec<&'static str> {
    problems.iter().filter(|kind| kind.status == status).map(|kind| kind.code).collect()
}

/// What an answer with these codes means.
pub(super) fn meaning(codes: &[&str]) -> String {
    let all = PROBLEMS.iter().filter(|kind| codes.contains(&kind.code));
    let lines: Vec<String> = all.map(|kind| format!("`{}`: {}.", kind.code, kind.title)).collect();
    lines.join("\n\n")
}

/// The schema of a problem with one of these codes.
pub(super) fn problem(codes: &[&str]) -> Value {
    json!({ "$ref": PROBLEM, "properties": { "code": { "type": "string", "enum": codes } } })
}

/// Where the schema of all problems is.
pub(super) const PROBLEM: &str = "#/components/schemas/ProblemDetails";

/// The schema of the code of a problem: all that there are, and for each whether a repetition can help.
pub(super) fn problem_code() -> Value {
    let mut all = PROBLEMS.to_vec();
    all.sort_by_key(|kind| kind.code);
    let codes: Vec<&str> = all.iter().map(|kind| kind.code).collect();
    let retries: Map<String, Value> = all.iter().map(|kind| (kind.code.into(), kind.retry.as_str().into())).collect();
    let about = "The code of a problem, for programs; `/errors` of a region explains each. A newer version may answer with further codes. \
        `x-retry` says whether a repetition can help.";
    let means = Retry::ALL.map(|retry| format!("`{}`: {}", retry.as_str(), retry.meaning())).join("\n\n");
    json!({ "type": "string", "enum": codes, "description": format!("{about}\n\n{means}"), "x-retry": retries })
}

/// A header that [`super::document`] describes.
pub(super) fn header(name: &str) -> Value {
    json!({ "$ref": format!("#/components/headers/{name}") })
}

/// A schema that [`super::document`] has by name.
pub(super) fn schema(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// The schema of an object whose members are required, except `optional`.
pub(super) fn object(properties: &Value, optional: &[&str]) -> Value {
    let names = properties.as_object().into_iter().flat_map(Map::keys);
    let required: Vec<&String> = names.filter(|name| !optional.contains(&name.as_str())).collect();
    json!({ "type": "object", "properties": properties, "required": required })
}
