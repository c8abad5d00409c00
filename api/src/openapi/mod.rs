//! The OpenAPI 3.1 document, made from the table of operations and the bodies in [`umoja_schema::api`].
//!
//! A signed body is a string to OpenAPI: `contentMediaType: application/jwt` with `contentSchema` says what it
//! decodes to (JSON Schema 2020-12 Validation section 8.5, whose example is a JWT too).

mod bodies;
mod discovery;
mod parts;
mod plain;

use serde_json::{Map, Value, json};

use umoja_schema::api;

use crate::kinds::{NOWHERE, ProblemKind, UNSIGNED};
use crate::operation::Described;
use crate::operations::described;

use self::bodies::Bodies;
use self::parts::{codes, header, meaning, object, problem, problem_code, schema};

pub use self::plain::plain_document;

/// A signed request as it goes over the wire. It is signed with the Ed25519 key of RFC 8037 appendix A.1, so every
/// reader can verify it. It has expired long ago.
pub const EXAMPLE_TOKEN: &str = include_str!("example.jwt");

/// The least characters of a new password in a deployment that sets no other number (NIST SP 800-63B section 3.1.1.2).
pub const MIN_PASSWORD_CHARS: usize = 8;

/// The path of the operation that [`EXAMPLE_TOKEN`] requests.
const EXAMPLE_PATH: &str = "/v1/users/lookup";

/// The document of a region, where a new password has at least this number of characters.
pub fn document(base_url: &str, min_password_chars: usize) -> Value {
    let mut bodies = Bodies::new();
    let mut paths = Map::new();
    for operation in described(&mut bodies.requests, &mut bodies.answers) {
        paths.insert(operation.path.into(), json!({ "post": describe(&operation) }));
    }
    for document in discovery::documents() {
        paths.insert(document.path.into(), json!({ "get": document.describe() }));
    }
    bodies.answers.subschema_for::<api::ProblemDetails>();
    let mut schemas = bodies.into_schemas(min_password_chars);
    schemas.extend(discovery::schemas());
    schemas.insert("ProblemCode".into(), problem_code());
    schemas["ProblemDetails"]["properties"]["code"] = json!({ "$ref": "#/components/schemas/ProblemCode" });
    schemas.insert("RequestHeader".into(), request_header());
    schemas.insert("RequestClaims".into(), request_claims());
    schemas.insert("ResponseHeader".into(), response_header());
    schemas.insert("ResponseClaims".into(), response_claims());
    json!({
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": "Umoja",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "One account for a person everywhere.",
            "description": DESCRIPTION,
            "license": { "name": env!("CARGO_PKG_LICENSE"), "identifier": env!("CARGO_PKG_LICENSE") },
        },
        "servers": [{ "url": base_url }],
        "security": [{ "apiKey": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "apiKey": { "type": "apiKey", "in": "header", "name": "x-api-key", "description": "The company's API key, sent beside the signature; the signed claim `akh` is its SHA-256." },
            },
            "headers": headers(),
            "responses": unsigned_responses(),
        },
    })
}

const DESCRIPTION: &str = "Every operation is a POST whose body is the request: a compact JWS (`Content-Type: application/jwt`) signed with the \
company's key, with the operation's parameters in the claim `body`. Answers are JWSs too, errors included (RFC 9457 in `body`, \
the HTTP status the same), signed with a key of `/.well-known/jwks.json`; check `rjti` and `rqh` against the request. `aud` \
differs from region to region: to fail over, sign the request for the next region.";

fn describe(operation: &Described) -> Value {
    let mut responses = Map::new();
    let answered = operation.answered.clone().to_value();
    for (status, description) in operation.answers {
        responses.insert(status.to_string(), signed_answer(description, &answered));
    }
    let all: Vec<&ProblemKind> = UNSIGNED.iter().chain(&operation.problems).copied().collect();
    for status in all.iter().map(|kind| kind.status) {
        let (signed, unsigned) = (codes(&operation.problems, status), codes(UNSIGNED, status));
        if signed.is_empty() {
            responses.insert(status.to_string(), json!({ "$ref": format!("#/components/responses/Unsigned{status}") }));
            continue;
        }
        let mut answer = signed_answer(&meaning(&codes(&all, status)), &problem(&signed));
        if matches!(status, 429 | 503) {
            answer["headers"]["Retry-After"] = header("Retry-After");
        }
        if !unsigned.is_empty() {
            // Also before the caller is known, when the answer is not signed.
            answer["content"]["application/problem+json"] = json!({ "schema": problem(&unsigned) });
        }
        responses.insert(status.to_string(), answer);
    }
    let mut request = json!({ "schema": signed("RequestHeader", "RequestClaims", &operation.body.clone().to_value()) });
    if operation.path == EXAMPLE_PATH {
        request["example"] = EXAMPLE_TOKEN.trim().into();
    }
    json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "description": format!("Needs the scope `{}`.", operation.scope.as_str()),
        "requestBody": {
            "required": true,
            "content": { "application/jwt": request },
        },
        "responses": responses,
    })
}

/// The answers to a caller that is not known, each by its status, and those to a request for no operation.
fn unsigned_responses() -> Value {
    let unsigned = |problems: &[&ProblemKind], status| {
        let codes = codes(problems, status);
        let description = format!("The caller is not known, so the answer is not signed.\n\n{}", meaning(&codes));
        let content = json!({ "application/problem+json": { "schema": problem(&codes) } });
        json!({ "description": description, "headers": { "Request-Id": header("Request-Id") }, "content": content })
    };
    let by_status = [400, 401, 413, 415].map(|status| (format!("Unsigned{status}"), unsigned(UNSIGNED, status)));
    let nowhere = [404, 405, 503].map(|status| (format!("NoOperation{status}"), unsigned(NOWHERE, status)));
    by_status.into_iter().chain(nowhere).collect::<Map<_, _>>().into()
}

fn signed_answer(description: &str, body: &Value) -> Value {
    json!({
        "description": description,
        "headers": {
            "RateLimit-Policy": header("RateLimit-Policy"),
            "RateLimit": header("RateLimit"),
            "Request-Id": header("Request-Id"),
        },
        "content": { "application/jwt": { "schema": signed("ResponseHeader", "ResponseClaims", body) } },
    })
}

fn headers() -> Value {
    let described = |schema: Value, example: Value, description: &str| json!({ "description": description, "schema": schema, "example": example });
    let text = || json!({ "type": "string" });
    let mut request_id = described(
        json!({ "type": "string", "pattern": "^[A-Za-z0-9._:-]{1,64}$" }),
        "3f1c2a9e5b7d4c608e1f0a2b3c4d5e6f".into(),
        "The id of the request, which the region chooses and logs. Every answer has one.",
    );
    request_id["required"] = true.into();
    json!({
        "RateLimit-Policy": described(
            text(),
            "\"company\";q=10000;w=10".into(),
            "The number of requests (`q`) that the company may make in this region in `w` seconds (draft-ietf-httpapi-ratelimit-headers-11).",
        ),
        "RateLimit": described(
            text(),
            "\"company\";r=9999;t=7".into(),
            "The number of requests left (`r`) for the next `t` seconds, as far as this instance knows. There is no `t` \
             if `Retry-After` has another reason and is earlier.",
        ),
        "Request-Id": request_id,
        "Retry-After": described(
            json!({ "type": "integer", "minimum": 1 }),
            7.into(),
            "The number of seconds after which to try again.",
        ),
    })
}

/// The schema of a compact JWS, with the header and the claims that it decodes to.
fn signed(header: &str, claims: &str, body: &Value) -> Value {
    let claims = json!({
        "allOf": [schema(claims)],
        "properties": { "body": body },
    });
    json!({
        "type": "string",
        "contentMediaType": "application/jwt",
        "contentSchema": {
            "type": "array",
            "minItems": 2,
            "prefixItems": [schema(header), claims],
        },
    })
}

fn request_header() -> Value {
    let properties = json!({
        "alg": { "type": "string", "enum": ["ES256", "EdDSA", "RS256", "PS256"], "description": "The algorithm that the key is registered with." },
        "kid": { "type": "string", "description": "The id of the company's key." },
        "typ": { "type": "string", "enum": ["umoja-req+jwt"] },
    });
    object(&properties, &[])
}

fn request_claims() -> Value {
    let properties = json!({
        "iss": { "type": "string", "description": "Company id." },
        "aud": { "type": "string", "description": "The region's base URL, without trailing slash." },
        "iat": { "type": "integer", "description": "Seconds since the Unix epoch." },
        "exp": { "type": "integer", "description": "At most `iat` + 60." },
        "jti": { "type": "string", "minLength": 1, "maxLength": 64, "description": "Unique for each request." },
        "htm": { "type": "string", "enum": ["POST"] },
        "htu": { "type": "string", "description": "`aud` and the path." },
        "akh": { "type": "string", "description": "Unpadded base64url of SHA-256(API key)." },
        "idk": { "type": "string", "minLength": 1, "maxLength": 64, "description": "Idempotency key: the same for each retry of a request." },
        "body": { "type": "object", "description": "The operation's parameters." },
    });
    object(&properties, &["idk"])
}

fn response_header() -> Value {
    let properties = json!({
        "alg": { "type": "string", "enum": ["EdDSA"] },
        "kid": { "type": "string", "description": "A key of `/.well-known/jwks.json`." },
        "typ": { "type": "string", "enum": ["umoja-res+jwt"] },
    });
    object(&properties, &[])
}

fn response_claims() -> Value {
    let properties = json!({
        "iss": { "type": "string", "description": "The `aud` of the request." },
        "aud": { "type": "string", "description": "Company id." },
        "iat": { "type": "integer" },
        "exp": { "type": "integer" },
        "rjti": { "type": "string", "description": "The `jti` of the request." },
        "rqh": { "type": "string", "description": "Unpadded base64url of SHA-256 over the exact bytes of the request's body." },
        "status": { "type": "integer", "description": "The HTTP status." },
        "body": { "type": "object", "description": "The operation's result, or a problem." },
    });
    object(&properties, &[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    /// Asserts that every `$ref` of the document resolves within it.
    fn check_refs(value: &Value, root: &Value) {
        match value {
            Value::Object(map) => {
                if let Some(Value::String(target)) = map.get("$ref") {
                    assert!(root.pointer(target.trim_start_matches('#')).is_some(), "{target}");
                }
                map.values().for_each(|value| check_refs(value, root));
            }
            Value::Array(list) => list.iter().for_each(|value| check_refs(value, root)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_of_the_document_resolves() {
        let document = document("https://example.com", MIN_PASSWORD_CHARS);
        check_refs(&document, &document);
        let plain = plain_document("https://example.com", MIN_PASSWORD_CHARS);
        check_refs(&plain, &plain);
        assert_eq!(document["paths"].as_object().unwrap().len(), 21 + 7);
    }

    #[test]
    fn a_list_of_an_answer_is_required_and_no_member_of_an_answer_is_null() {
        let document = document("https://example.com", MIN_PASSWORD_CHARS);
        let schema = |name: &str| &document["components"]["schemas"][name];
        for (name, member) in [
            ("User", "linked_accounts"),
            ("User", "filled_from"),
            ("Receipt", "left"),
            ("Receipt", "erased_with"),
            ("Exported", "linked_accounts"),
            ("ExportedCredentials", "legacy_hashes_of"),
            ("AuditEntry", "identifiers"),
        ] {
            assert!(schema(name)["required"].as_array().unwrap().contains(&member.into()), "{name}.{member}");
        }
        assert!(!schema("User")["required"].as_array().unwrap().contains(&"email".into()));
        assert_eq!(schema("User")["properties"]["email"]["type"], "string");
        assert_eq!(schema("UserPatch")["properties"]["email"]["type"], json!(["string", "null"]));
        assert_eq!(schema("Profile")["properties"]["address"]["$ref"], "#/components/schemas/Address");
    }

    #[test]
    fn a_client_may_find_members_that_it_does_not_know() {
        let document = document("https://example.com", MIN_PASSWORD_CHARS);
        for (name, closed) in [("Profile", Value::Null), ("User", Value::Null), ("ProfilePatch", false.into())] {
            assert_eq!(document["components"]["schemas"][name]["additionalProperties"], closed, "{name}");
        }
    }

    #[test]
    fn constants_are_enums_and_no_member_has_a_default() {
        let text = document("https://example.com", MIN_PASSWORD_CHARS);
        assert_eq!(text["components"]["schemas"]["AccountStatus"]["enum"], json!(["active", "disabled"]));
        let text = text.to_string();
        assert!(!text.contains("\"default\":"));
        assert!(!text.contains("\"const\""));
    }

    #[test]
    fn a_new_password_has_the_length_of_the_deployment() {
        let document = document("https://example.com", 15);
        for (schema, member) in
            [("Register", "password"), ("PasswordChange", "new_password"), ("ResetFinish", "new_password")]
        {
            assert_eq!(document["components"]["schemas"][schema]["properties"][member]["minLength"], 15, "{schema}");
        }
    }

    #[test]
    fn the_example_is_a_request_with_the_described_claims() {
        let mut segments = EXAMPLE_TOKEN.trim().split('.');
        let mut decode =
            || serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(segments.next().unwrap()).unwrap()).unwrap();
        let (header, claims) = (decode(), decode());
        assert_eq!(header["typ"], "umoja-req+jwt");
        assert!(claims["htu"].as_str().unwrap().ends_with(EXAMPLE_PATH));
        for name in request_claims()["required"].as_array().unwrap() {
            assert!(claims.get(name.as_str().unwrap()).is_some(), "{name}");
        }
    }

    #[test]
    fn a_constant_has_a_type_and_a_number_a_size_that_generators_know() {
        let mut document = document("https://example.com", MIN_PASSWORD_CHARS);
        bodies::each(&mut document, &|schema| {
            assert!(!schema.contains_key("enum") || schema["type"] == "string", "{schema:?}");
            let format = schema.get("format").and_then(Value::as_str).unwrap_or_default();
            assert!(!format.starts_with("uint"), "{schema:?}");
        });
    }

    /// The committed documents are what this code generates. `UPDATE=1 cargo test -p umoja-api openapi` updates them.
    #[test]
    fn the_committed_documents_are_up_to_date() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema/generated");
        let base_url = "https://eu-west-1.example.com";
        for (file, document) in [
            ("openapi.json", document(base_url, MIN_PASSWORD_CHARS)),
            ("openapi-plain.json", plain_document(base_url, MIN_PASSWORD_CHARS)),
        ] {
            let text = serde_json::to_string_pretty(&document).unwrap() + "\n";
            if std::env::var_os("UPDATE").is_some() {
                std::fs::write(folder.join(file), &text).unwrap();
            }
            let stored = std::fs::read_to_string(folder.join(file)).unwrap_or_default();
            assert!(stored == text, "{file}: run UPDATE=1 cargo test -p umoja-api openapi");
        }
    }
}
