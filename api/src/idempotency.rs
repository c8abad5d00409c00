//! Idempotency keys: a repeated request with the same body gives the same outcome, another body under the same key
//! is refused. What is kept is a hash of the request, the status, the user's id and version: no personal data.
//!
//! Answered from memory: a repetition of a request whose operation has `CHANGES`, and whose answer was made with
//! `Answer::of`. Run again: `erase`, operations without `CHANGES`, and requests that ended in a problem.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use umoja_accounts::{Context, People};
use umoja_schema::UserId;
use umoja_store::ports::Outcome;
use umoja_store::secrets::Secrets;

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

/// What two requests have in common if one is a retry of the other: operation and body, whatever the order of
/// members and the white space. Keyed, because the body may hold a password: a plain hash of it, in a table for a
/// day, would be a fast hash to guess at.
pub(crate) fn fingerprint(secrets: &Secrets, path: &str, body: &Value) -> String {
    URL_SAFE_NO_PAD.encode(secrets.request_hash(&["request", path, &canonical(body).to_string()]))
}

/// A request with an idempotency key.
pub(crate) struct Remembered {
    key: [u8; 32],
    outcome: Outcome,
    /// True if a request with this key and body was begun before.
    pub(crate) is_repeat: bool,
}

impl Remembered {
    /// Remembers that a request has begun, or finds out what became of it. `None` without an idempotency key.
    pub(crate) async fn begin(people: &People, context: &Context) -> Result<Option<Self>, Refusal> {
        let Some(request) = &context.request else { return Ok(None) };
        let key = people.secrets.request_hash(&["idk", context.company.id.as_str(), &request.key]);
        let begun = Outcome { request: request.fingerprint.clone(), status: None, id: None, version: None };
        let until = context.now.plus(REMEMBER_MS);
        let stored = people.home.requests.begin(&key, &begun, context.now, until).await?;
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
    pub(crate) async fn finish(
        mut self,
        people: &People,
        context: &Context,
        status: u16,
        id: UserId,
        version: Option<String>,
    ) {
        self.outcome.status = Some(status);
        self.outcome.id = Some(id);
        self.outcome.version = version;
        if let Err(error) = people.home.requests.finish(&self.key, &self.outcome, context.now.plus(REMEMBER_MS)).await {
            tracing::warn!(%error, "the outcome of a request was not remembered");
        }
    }
}
