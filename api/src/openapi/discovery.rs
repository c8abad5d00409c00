//! The public documents of a region, in the description.

use serde_json::{Value, json};
use umoja_schema::api::ERRORS_PATH;

use super::parts::{codes, header, meaning, object, problem, schema};
use crate::kinds::{NOT_SERVING, ProblemKind, UNAVAILABLE};

/// A document that any client can get.
pub(super) struct Document {
    pub(super) path: &'static str,
    id: &'static str,
    summary: &'static str,
    media_type: &'static str,
    schema: Value,
}

/// Why a region does not answer with a document.
const PROBLEMS: &[&ProblemKind] = &[&NOT_SERVING, &UNAVAILABLE];

/// All of them.
pub(super) fn documents() -> [Document; 7] {
    let of = |path, id, summary, schema| Document { path, id, summary, media_type: "application/json", schema };
    let page = json!({ "type": "string" });
    let errors = of(ERRORS_PATH, "errors", "What each code of a problem means, as a page in HTML.", page);
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
        Document { media_type: "text/html", ..errors },
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
        let codes = codes(PROBLEMS, 503);
        let mut unavailable = answer(&meaning(&codes), "application/problem+json", problem(&codes));
        unavailable["headers"]["Retry-After"] = header("Retry-After");
        let responses = json!({
            "200": answer(self.summary, self.media_type, self.schema.clone()),
            "503": unavailable,
        });
        json!({ "operationId": self.id, "summary": self.summary, "security": [], "responses": responses })
    }
}
