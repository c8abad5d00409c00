//! What the server can do, as its documents say it (RFC 7643 sections 5 to 7).

use serde_json::{Value, json};

use super::error::ScimError;
use super::list::{MAX_COUNT, envelope};
use super::schema::{self, ENTERPRISE, USER};

/// What the server can do.
pub(super) fn service_provider_config(base: &str) -> Value {
    let scheme = json!({
        "type": "oauthbearertoken", "name": "Bearer token", "primary": true,
        "description": "An API key of the company's source, as an OAuth 2.0 bearer token (RFC 6750).",
    });
    let unsupported = json!({ "supported": false });
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": { "supported": true },
        "bulk": { "supported": false, "maxOperations": 0, "maxPayloadSize": 0 },
        "filter": { "supported": true, "maxResults": MAX_COUNT },
        "changePassword": unsupported,
        "sort": unsupported,
        "etag": { "supported": true },
        "pagination": {
            "cursor": true, "index": true, "defaultPaginationMethod": "index",
            "defaultPageSize": MAX_COUNT, "maxPageSize": MAX_COUNT,
        },
        "authenticationSchemes": [scheme],
        "meta": { "resourceType": "ServiceProviderConfig", "location": format!("{base}/ServiceProviderConfig") },
    })
}

fn user_type(base: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
        "id": "User", "name": "User", "endpoint": "/Users", "description": "User account", "schema": USER,
        "schemaExtensions": [{ "schema": ENTERPRISE, "required": false }],
        "meta": { "resourceType": "ResourceType", "location": format!("{base}/ResourceTypes/User") },
    })
}

/// The types of resources.
pub(super) fn resource_types(base: &str) -> Value {
    Value::Object(envelope(Some(1), Some(1), vec![user_type(base)]))
}

/// One type of resource.
pub(super) fn resource_type(base: &str, id: &str) -> Result<Value, ScimError> {
    if id == "User" { Ok(user_type(base)) } else { Err(ScimError::not_found()) }
}

fn described(base: &str, document: &Value) -> Value {
    let mut document = document.clone();
    let location = format!("{base}/Schemas/{}", document["id"].as_str().unwrap_or_default());
    document["meta"] = json!({ "resourceType": "Schema", "location": location });
    document
}

/// The schemas.
pub(super) fn schemas(base: &str) -> Value {
    let all: Vec<_> = schema::documents().map(|document| described(base, document)).collect();
    Value::Object(envelope(Some(all.len()), Some(1), all))
}

/// One schema.
pub(super) fn schema(base: &str, id: &str) -> Result<Value, ScimError> {
    let found =
        schema::documents().find(|document| document["id"].as_str().is_some_and(|own| own.eq_ignore_ascii_case(id)));
    found.map(|document| described(base, document)).ok_or(ScimError::not_found())
}
