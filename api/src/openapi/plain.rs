//! The document for tools that generate clients and cannot sign: the bodies as JSON, without the messages around them.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::bodies::each;
use super::parts::PROBLEM;

/// What the components of [`super::document`] have that only a signed message needs.
const OF_MESSAGES: [&str; 4] = ["RequestHeader", "RequestClaims", "ResponseHeader", "ResponseClaims"];

const DESCRIPTION: &str = "The bodies of the operations, for tools that generate clients and cannot sign. A region takes no such request: between the \
generated client and the network, put the body into the claim `body` of a signed request, and hand the client the claim `body` \
of the verified answer, with its status. `/openapi.json` of a region describes the signed messages.";

/// The document of [`super::document`] with a JSON body instead of each signed message.
///
/// Generators take an `anyOf` or a `oneOf` for a choice of types. Where it only constrains the members of one type (exactly
/// one of them), it is left out: the description says the same, and the region checks it.
pub fn plain_document(base_url: &str, min_password_chars: usize) -> Value {
    let mut document = super::document(base_url, min_password_chars);
    document["info"]["description"] = DESCRIPTION.into();
    for part in ["paths", "components"] {
        each(&mut document[part], &name_codes);
    }
    for path in document["paths"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        let Some(operation) = path.get_mut("post") else { continue };
        unsign(&mut operation["requestBody"], "application/json");
        for (status, response) in operation["responses"].as_object_mut().into_iter().flatten() {
            unsign(response, if status.starts_with('2') { "application/json" } else { "application/problem+json" });
        }
    }
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        schemas.retain(|name, _| !OF_MESSAGES.contains(&name.as_str()));
    }
    each(&mut document["components"]["schemas"], &|schema| {
        if schema.contains_key("type") {
            schema.remove("anyOf");
            schema.remove("oneOf");
        }
    });
    document
}

/// Names the codes of a response beside its content: generators would make a type of each narrowed schema.
fn name_codes(response: &mut Map<String, Value>) {
    let Some(content) = response.get_mut("content") else { return };
    let codes = RefCell::new(BTreeSet::new());
    each(content, &|schema| {
        if schema.get("$ref").is_some_and(|target| target == PROBLEM)
            && let Some(narrowed) = schema.remove("properties")
        {
            let named = narrowed["code"]["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
            codes.borrow_mut().extend(named.map(str::to_owned));
        }
    });
    let codes = codes.into_inner();
    if !codes.is_empty() {
        response.insert("x-problem-codes".into(), Vec::from_iter(codes).into());
    }
}

/// Puts the schema of the body in the place of the signed message. A reference to a shared response stays as it is.
fn unsign(message: &mut Value, media_type: &str) {
    let signed = &message["content"]["application/jwt"]["schema"]["contentSchema"]["prefixItems"][1];
    let body = signed["properties"]["body"].clone();
    if !body.is_null() {
        message["content"] = json!({ media_type: { "schema": body } });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openapi::MIN_PASSWORD_CHARS;

    fn plain() -> Value {
        plain_document("https://example.com", MIN_PASSWORD_CHARS)
    }

    #[test]
    fn no_message_of_the_plain_document_is_signed() {
        let document = plain();
        let text = document.to_string();
        assert!(!text.contains("application/jwt"));
        assert!(!text.contains("contentSchema"));
        for name in OF_MESSAGES {
            assert!(!text.contains(name), "{name}");
        }
    }

    #[test]
    fn an_operation_of_the_plain_document_has_the_same_bodies_and_statuses() {
        let signed = crate::openapi::document("https://example.com", MIN_PASSWORD_CHARS);
        let plain = plain();
        let schema = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
        let lookup = &plain["paths"]["/v1/users/lookup"]["post"];
        assert_eq!(lookup["requestBody"]["content"]["application/json"]["schema"], schema("Lookup"));
        assert_eq!(lookup["responses"]["200"]["content"]["application/json"]["schema"], schema("Found"));
        assert_eq!(
            lookup["responses"]["404"]["content"]["application/problem+json"]["schema"],
            schema("ProblemDetails")
        );
        assert_eq!(lookup["responses"]["401"], json!({ "$ref": "#/components/responses/Unsigned401" }));
        let statuses = |document: &Value, path: &str| -> Vec<String> {
            let operation = document["paths"][path].as_object().unwrap().values().next().unwrap();
            operation["responses"].as_object().unwrap().keys().cloned().collect()
        };
        let paths: Vec<&String> = signed["paths"].as_object().unwrap().keys().collect();
        assert_eq!(plain["paths"].as_object().unwrap().keys().collect::<Vec<_>>(), paths);
        for path in paths {
            assert_eq!(statuses(&plain, path), statuses(&signed, path), "{path}");
        }
    }

    #[test]
    fn a_choice_in_the_plain_document_is_a_choice_of_types() {
        let plain = plain();
        let schemas = &plain["components"]["schemas"];
        assert_eq!(schemas["Lookup"]["oneOf"], Value::Null);
        assert_eq!(schemas["Register"]["anyOf"], Value::Null);
        assert_eq!(schemas["Client"]["properties"]["ip"]["anyOf"], Value::Null);
        assert_eq!(schemas["Register"]["properties"]["profile"]["anyOf"][1]["type"], "null");
    }
}
