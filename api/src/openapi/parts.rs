//! Pieces of the description that several parts of it use.

use serde_json::{Map, Value, json};

/// What an answer with a status that is a problem means.
pub(super) fn problem_description(status: u16) -> &'static str {
    match status {
        403 => "The company lacks the scope, is disabled, or is not linked to the user.",
        404 => "There is no such user.",
        409 => {
            "The `jti` was used before, the identifier belongs to another user, the version is not current, the users \
             are merged in another way, the user is disabled or suspended, or the token or the code is not valid; see `code`."
        }
        410 => "The cursor, the ticket or the token of the request has expired; see `code`.",
        422 => {
            "The body does not have the form of the operation, or the policy rejects the password; `field` names the \
             member, and `code` the rule."
        }
        429 => {
            "The company has made too many requests (`rate_limited`), too many password attempts failed and this one was \
             not checked (`too_many_attempts`), or too many mails were asked for (`too_many_mails`); see `Retry-After`."
        }
        500 => "The service has an internal error, which the operator finds by the `Request-Id`.",
        _ => "The region cannot answer now; see `Retry-After`.",
    }
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
