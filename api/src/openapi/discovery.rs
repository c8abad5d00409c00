//! The public documents of a region, in the description.

use serde_json::{Value, json};

use super::parts::{header, object, problem_description};

/// A document that any client can get.
pub(super) struct Document {
    pub(super) path: &'static str,
    id: &'static str,
    summary: &'static str,
    schema: Value,
}

/// All of them.
pub(super) fn documents() -> [Document; 5] {
    let text = |description: &str| json!({ "type": "string", "description": description });
    let list = |item: Value| json!({ "type": "array", "items": item });
    let region = object(&json!({ "name": text("Region."), "url": text("Its base URL, the `aud` of requests.") }), &[]);
    let key = object(
        &json!({
            "kty": { "enum": ["OKP"] },
            "crv": { "enum": ["Ed25519"] },
            "alg": { "enum": ["EdDSA"] },
            "use": { "enum": ["sig"] },
            "kid": text("The `kid` of answers that it verifies."),
            "x": text("The public key, in unpadded base64url."),
        }),
        &[],
    );
    let deployment = json!({
        "region": text("This region."),
        "issuer": text("The `iss` of its answers."),
        "jwks_uri": text("Where its public keys are."),
        "openapi_uri": text("Where this document is."),
        "regions": list(region),
    });
    let of = |path, id, summary, schema| Document { path, id, summary, schema };
    [
        of("/healthz", "healthz", "The process runs.", object(&json!({ "status": { "enum": ["ok"] } }), &[])),
        of(
            "/readyz",
            "readyz",
            "200 when requests can be served.",
            object(&json!({ "status": { "enum": ["ready"] }, "region": text("This region.") }), &[]),
        ),
        of(
            "/.well-known/jwks.json",
            "jwks",
            "The public keys of answers (RFC 7517).",
            object(&json!({ "keys": list(key) }), &[]),
        ),
        of("/.well-known/umoja.json", "deployment", "The regions and their base URLs.", object(&deployment, &[])),
        of("/openapi.json", "openapi", "This document.", json!({ "type": "object" })),
    ]
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
        let problem = json!({ "$ref": "#/components/schemas/ProblemDetails" });
        let mut unavailable = answer(problem_description(503), "application/problem+json", problem);
        unavailable["headers"]["Retry-After"] = header("Retry-After");
        let responses = json!({
            "200": answer(self.summary, "application/json", self.schema.clone()),
            "503": unavailable,
        });
        json!({ "operationId": self.id, "summary": self.summary, "security": [], "responses": responses })
    }
}
