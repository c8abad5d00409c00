//! Idempotency keys: a repeated request with the same body gives the same outcome, another body under the same key
//! is refused. What is kept is a hash of the request, the status, the user's id and version: no personal data.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use umoja_schema::UserId;
use umoja_store::ports::Outcome;

use crate::app::App;
use crate::caller::Caller;
use crate::problem::{IDK_REUSED, Refusal};

/// The value with the members of every object in the order of their names.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let sorted: BTreeMap<&String, &Value> = map.iter().collect();
            Value::Object(sorted.into_iter().map(|(name, value)| (name.clone(), canonical(value))).collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(canonical).collect()),
        other => other.clone(),
    }
}

/// How long an outcome is remembered, in milliseconds: a day, as retries are counted in minutes.
const REMEMBER_MS: u64 = 24 * 60 * 60 * 1000;

/// A request with an idempotency key.
pub(crate) struct Remembered {
    key: [u8; 32],
    outcome: Outcome,
    /// True if a request with this key and body was begun before.
    pub(crate) is_repeat: bool,
}

impl Remembered {
    /// What two requests have in common if one is a retry of the other: operation and body, whatever the order of
    /// members and the white space. Keyed, because the body may hold a password: a plain hash of it, in a table for a
    /// day, would be a fast hash to guess at.
    pub(crate) fn request_of(app: &App, path: &str, body: &Value) -> String {
        URL_SAFE_NO_PAD.encode(app.secrets.request_hash(&["request", path, &canonical(body).to_string()]))
    }

    /// Remembers that a request has begun, or finds out what became of it. Nothing without an idempotency key.
    pub(crate) async fn begin(app: &App, caller: &Caller) -> Result<Option<Self>, Refusal> {
        let (Some(idk), Some(request)) = (&caller.idk, &caller.request) else { return Ok(None) };
        let key = app.secrets.request_hash(&["idk", caller.company.id.as_str(), idk]);
        let begun = Outcome { request: request.clone(), status: None, id: None, version: None };
        let stored = app.home.requests.begin(&key, &begun, caller.now, caller.now.plus(REMEMBER_MS)).await?;
        match stored {
            Some(stored) if stored.request != begun.request => Err(Refusal::from(&IDK_REUSED)),
            Some(stored) => Ok(Some(Self { key, outcome: stored, is_repeat: true })),
            None => Ok(Some(Self { key, outcome: begun, is_repeat: false })),
        }
    }

    /// What the earlier request ended with, if it did.
    pub(crate) fn done(&self) -> Option<(u16, UserId, Option<String>)> {
        Some((self.outcome.status?, self.outcome.id?, self.outcome.version.clone()))
    }

    /// Remembers the outcome. If that fails the request is done all the same: a retry runs it again, and every
    /// operation can be run again.
    pub(crate) async fn finish(mut self, app: &App, caller: &Caller, status: u16, id: UserId, version: Option<String>) {
        self.outcome.status = Some(status);
        self.outcome.id = Some(id);
        self.outcome.version = version;
        if let Err(error) = app.home.requests.finish(&self.key, &self.outcome, caller.now.plus(REMEMBER_MS)).await {
            tracing::warn!(%error, "the outcome of a request was not remembered");
        }
    }
}
