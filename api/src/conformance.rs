//! Exchanges held against the description of the API, for tests: every request that is accepted and every answer is as
//! `/openapi.json` says. The clients of the tests call [`check`] for each exchange, so no test can leave it out.
//!
//! [`check`] appends the bodies of an exchange to the file that the variable `UMOJA_TEST_EXCHANGES` names, if it is set:
//! `.ci/clients` has generated clients read them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use axum::http::{HeaderMap, Method, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonschema::Validator;
use serde_json::{Value, json};

use crate::openapi;

/// A request and its answer, as they went over the wire.
#[derive(Debug)]
pub struct Exchange<'a> {
    /// The method of the request.
    pub method: &'a Method,
    /// Its path.
    pub path: &'a str,
    /// Its body.
    pub request: &'a [u8],
    /// The HTTP status of the answer.
    pub status: u16,
    /// The headers of the answer.
    pub headers: &'a HeaderMap,
    /// The body of the answer.
    pub answer: &'a [u8],
}

/// Says how an exchange differs from the description.
///
/// # Errors
/// A sentence for the developer, with the values.
pub fn check(exchange: &Exchange<'_>) -> Result<(), String> {
    let method = exchange.method.as_str().to_lowercase();
    let operation = &DOCUMENT.root["paths"][exchange.path][&method];
    let differs = |what: String| Err(format!("{} {} {}: {what}", exchange.method, exchange.path, exchange.status));
    let response = if operation.is_null() {
        // No operation: all that is described is the problem.
        let response = &DOCUMENT.root["components"]["responses"][format!("NoOperation{}", exchange.status)];
        if response.is_null() {
            return differs("the status is not described".into());
        }
        response
    } else {
        let response = &operation["responses"][exchange.status.to_string()];
        if response.is_null() {
            return differs(format!("the status is not described: {}", lossy(exchange.answer)));
        }
        DOCUMENT.resolved(response)
    };
    let answered = match headers(response, exchange.headers).and_then(|()| answer(response, exchange)) {
        Ok(answered) => answered,
        Err(what) => return differs(what),
    };
    let requested = &operation["requestBody"]["content"]["application/jwt"]["schema"]["contentSchema"];
    if exchange.status < 400 && !requested.is_null() {
        let request = signed(exchange.request).ok_or("it accepted a request that is no signed message")?;
        if let Err(what) = DOCUMENT.validate(requested, &request) {
            return differs(format!("it accepted a request that is not as described: {what}"));
        }
    }
    if !operation.is_null() {
        record(&method, exchange, &answered);
    }
    Ok(())
}

/// Appends the bodies to the file of recorded exchanges, a line of JSON each.
fn record(method: &str, exchange: &Exchange<'_>, answered: &Value) {
    static RECORDED: LazyLock<Option<Mutex<File>>> = LazyLock::new(|| {
        let path = std::env::var_os("UMOJA_TEST_EXCHANGES")?;
        let file = File::options().create(true).append(true).open(path);
        Some(Mutex::new(file.unwrap_or_else(|error| panic!("UMOJA_TEST_EXCHANGES: {error}"))))
    });
    let Some(file) = &*RECORDED else { return };
    let request = signed(exchange.request).filter(|_| exchange.status < 400).map(|token| token[1]["body"].clone());
    let mut line = json!({
        "method": method,
        "path": exchange.path,
        "status": exchange.status,
        "request": request,
        "answer": answered,
    })
    .to_string();
    line.push('\n');
    // One write, because another process may append to the same file.
    let written = file.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
    written.unwrap_or_else(|error| panic!("UMOJA_TEST_EXCHANGES: {error}"));
}

/// True if a value is a body of the operation at this path, as it is described.
pub fn takes(path: &str, body: &Value) -> bool {
    let schema = &DOCUMENT.root["paths"][path]["post"]["requestBody"]["content"]["application/jwt"]["schema"];
    let claims = &schema["contentSchema"]["prefixItems"][1]["properties"]["body"];
    DOCUMENT.validate(claims, body).is_ok()
}

fn headers(response: &Value, headers: &HeaderMap) -> Result<(), String> {
    for (name, described) in response["headers"].as_object().into_iter().flatten() {
        let described = DOCUMENT.resolved(described);
        let Some(value) = headers.get(name) else {
            if described["required"] == true {
                return Err(format!("the header {name} is missing"));
            }
            continue;
        };
        let value = value.to_str().map_err(|_| format!("the header {name} is no text"))?;
        let value = match described["schema"]["type"].as_str() {
            Some("integer") => value.parse::<u64>().map_or_else(|_| value.into(), Value::from),
            _ => value.into(),
        };
        DOCUMENT.validate(&described["schema"], &value).map_err(|what| format!("the header {name}: {what}"))?;
    }
    Ok(())
}

/// Checks an answer, and returns its body.
fn answer(response: &Value, exchange: &Exchange<'_>) -> Result<Value, String> {
    let media_type = exchange.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = media_type.and_then(|value| value.split(';').next()).unwrap_or_default();
    let schema = &response["content"][media_type]["schema"];
    let (schema, value) = if media_type == "application/jwt" {
        (&schema["contentSchema"], signed(exchange.answer))
    } else if media_type == "text/html" {
        (schema, Some(lossy(exchange.answer).into()))
    } else {
        (schema, serde_json::from_slice(exchange.answer).ok())
    };
    if schema.is_null() {
        return Err(format!("the media type {media_type:?} is not described: {}", lossy(exchange.answer)));
    }
    let value = value.ok_or_else(|| format!("the answer is no {media_type}: {}", lossy(exchange.answer)))?;
    DOCUMENT.validate(schema, &value)?;
    Ok(if media_type == "application/jwt" { value[1]["body"].clone() } else { value })
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The header and the claims of a compact JWS.
fn signed(token: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(token).ok()?;
    let decode = |segment: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(segment).ok()?).ok();
    let mut segments = text.split('.');
    Some(json!([decode(segments.next()?)?, decode(segments.next()?)?]))
}

static DOCUMENT: LazyLock<Document> = LazyLock::new(|| Document {
    root: openapi::document("https://region.example", crate::openapi::MIN_PASSWORD_CHARS),
    validators: Mutex::default(),
});

/// The description, and a validator for each schema of it that was needed.
struct Document {
    root: Value,
    validators: Mutex<BTreeMap<String, Arc<Validator>>>,
}

impl Document {
    /// The target of a reference, or the value itself.
    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        let target = value["$ref"].as_str().and_then(|target| self.root.pointer(target.trim_start_matches('#')));
        target.unwrap_or(value)
    }

    fn validate(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let validator = self.validator(schema);
        let errors: Vec<String> = validator
            .iter_errors(value)
            .map(|error| format!("{} is not as described: {error}", error.instance_path()))
            .collect();
        if errors.is_empty() { Ok(()) } else { Err(format!("{}: {value}", errors.join("; "))) }
    }

    fn validator(&self, schema: &Value) -> Arc<Validator> {
        let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
        let build = || {
            let root = json!({ "allOf": [schema], "components": self.root["components"] });
            let options = jsonschema::draft202012::options().should_validate_formats(true);
            Arc::new(
                options.build(&root).unwrap_or_else(|error| panic!("the description has no valid schema: {error}")),
            )
        };
        Arc::clone(validators.entry(schema.to_string()).or_insert_with(build))
    }
}
