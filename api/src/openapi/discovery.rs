//! The public documents of a region, in the description.

use serde_json::{Value, json};

use super::parts::{header, object, problem_description, schema};

/// A document that any client can get.
pub(super) struct Document {
    pub(super) path: &'static str,
    id: &'static str,
    summary: &'static str,
    schema: Value,
}

/// All of them.
pub(super) fn documents() -> [Document; 6] {
    let of = |path, id, summary, schema| Document { path, id, summary, schema };
    [
        of("/healthz", "healthz", "The process runs.", schema("Health")),
        of("/readyz", "readyz", "200 when requests can be served.", schema("Readiness")),
        of("/.well-known/jwks.json", "jwks", "The public keys of answers (RFC 7517).", schema("PublicKeys")),
        of(
            "/.well-known/retired-jwks.json",
            "retiredJwks",
            "The public keys that sign no answers any more: they verify what you have kept, and no new answer.",
            schema("RetiredKeys"),
        ),
        of("/.well-known/umoja.json", "deployment", "The regions and their base URLs.", schema("Deployment")),
        of("/openapi.json", "openapi", "This document.", json!({ "type": "object" })),
    ]
}

/// The schemas of the documents, by name.
pub(super) fn schemas() -> [(String, Value); 8] {
    let text = |description: &str| json!({ "type": "string", "description": description });
    let only = |constant: &str| json!({ "type": "string", "enum": [constant] });
    let list = |name: &str| json!({ "type": "array", "items": schema(name) });
    let key = json!({
        "kty": only("OKP"),
        "crv": only("Ed25519"),
        "alg": only("EdDSA"),
        "use": only("sig"),
        "kid": text("The `kid` of answers that it verifies."),
        "x": text("The public key, in unpadded base64url."),
    });
    let mut retired = key.clone();
    retired["exp"] =
        json!({ "type": "integer", "description": "When it was retired, in seconds since the Unix epoch." });
    let deployment = json!({
        "region": text("This region."),
        "issuer": text("The `iss` of its answers."),
        "jwks_uri": text("Where its public keys are."),
        "openapi_uri": text("Where this document is."),
        "regions": list("RegionUrl"),
    });
    let region = json!({ "name": text("Region."), "url": text("Its base URL, the `aud` of requests.") });
    [
        ("Health", json!({ "status": only("ok") })),
        ("Readiness", json!({ "status": only("ready"), "region": text("This region.") })),
        ("PublicKeys", json!({ "keys": list("PublicKey") })),
        ("PublicKey", key),
        ("RetiredKeys", json!({ "keys": list("RetiredKey") })),
        ("RetiredKey", retired),
        ("Deployment", deployment),
        ("RegionUrl", region),
    ]
    .map(|(name, properties)| (name.to_owned(), object(&properties, &[])))
}

impl Document {
    pub(super) fn describe(&self) -> Value {
        let answer = |description: &str, media_type: &str, schema: Value| {
            json!({
                "description": description,
                "headers": { "Request-Id": header("Request-Id") },
                "content": { media_type: { "schema": schema } },
            })
        };
        let problem = schema("ProblemDetails");
        let mut unavailable = answer(problem_description(503), "application/problem+json", problem);
        unavailable["headers"]["Retry-After"] = header("Retry-After");
        let responses = json!({
            "200": answer(self.summary, "application/json", self.schema.clone()),
            "503": unavailable,
        });
        json!({ "operationId": self.id, "summary": self.summary, "security": [], "responses": responses })
    }
}
